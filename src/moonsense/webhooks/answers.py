"""What a receiver answers, and what it refuses before it has read a body."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Answer", "refusal", "too_large"]


@dataclass(frozen=True)
class Answer:
    """What to answer the cloud.

    Attributes:
        status: 200 when it is handled, was handled before, or is nothing to us; anything
            else has the cloud try again.
        text: a line for whoever looks at the cloud's deliveries.
        headers: beside those of a plain text.
    """

    status: int
    text: str
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def body(self) -> bytes:
        """The text with a newline, in UTF-8."""
        return f"{self.text}\n".encode("utf-8", "backslashreplace")

    @property
    def all_headers(self) -> list[tuple[str, str]]:
        """The headers with those of the body."""
        own = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(self.body)))]
        return [*own, *self.headers.items()]


def refusal(method: str, headers: Mapping[str, str], most: int) -> Answer | None:
    """Why a request cannot be a delivery, if it cannot. Header names are in lower case."""
    if method != "POST":
        return Answer(405, "deliveries are POSTed", {"Allow": "POST"})
    if headers.get("content-encoding", "identity").strip().lower() not in ("identity", ""):
        return Answer(415, "deliveries are not compressed")
    length = headers.get("content-length", "0")
    if not (length.isascii() and length.isdigit()):
        return Answer(400, "Content-Length is no length")
    # By its digits first: Python refuses to read thousands of them.
    if len(length) > 18 or int(length) > most:
        return too_large(most)
    return None


def too_large(most: int) -> Answer:
    """The answer to a body that is larger than what is taken."""
    return Answer(413, f"the body is larger than {most:,} bytes")
