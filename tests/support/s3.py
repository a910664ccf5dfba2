"""A server of S3 on this machine, as a store that is not a folder."""

from __future__ import annotations

import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from xml.etree import ElementTree

KEY_ID, SECRET, SESSION = "CANARYKEYID", "canary/secret+of=a/key", "canary-session-token"
CANARIES = (KEY_ID, SECRET, SESSION, "canary")


def variables(url: str) -> dict[str, str]:
    """The environment that leads to such a server, with credentials that must never be seen."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ALLOW_HTTP": "true",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": KEY_ID,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_SESSION_TOKEN": SESSION,
    }


@dataclass(frozen=True)
class S3:
    """A server of S3, by its address."""

    url: str

    @property
    def variables(self) -> dict[str, str]:
        """The environment that leads here."""
        return variables(self.url)

    def make(self, bucket: str) -> None:
        """Make a bucket."""
        self._ask("PUT", bucket)

    def keys(self, bucket: str, prefix: str = "") -> list[str]:
        """The keys of the objects in a bucket (fewer than a thousand)."""
        answer = ElementTree.fromstring(self._ask("GET", f"{bucket}?list-type=2&prefix={prefix}"))
        return [key.text or "" for key in answer.iter() if key.tag.endswith("}Key")]

    def content(self, bucket: str, key: str) -> bytes:
        """An object."""
        return self._ask("GET", f"{bucket}/{key}")

    def _ask(self, method: str, path: str) -> bytes:
        credential = "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/s3/aws4_request"
        request = urllib.request.Request(
            f"{self.url}/{path}", method=method, headers={"Authorization": credential}
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            return bytes(answer.read())


@contextmanager
def serving() -> Iterator[S3]:
    """Run a server on a free port."""
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        said = []
        for line in process.stderr:
            said.append(line)
            if found := re.search(r"Running on (http://127\.0\.0\.1:\d+)", line):
                break
        else:
            raise AssertionError("".join(said))
        # It writes a line a request; nobody reads them all.
        drained = subprocess.Popen(["cat"], stdin=process.stderr, stdout=subprocess.DEVNULL)
        process.stderr.close()
        yield S3(found[1])
    finally:
        process.kill()
        process.wait()
    drained.wait(20)
