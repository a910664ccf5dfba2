"""Make the environments that cannot be the project's own, each once.

    python scripts/side_environments.py             all of them
    python scripts/side_environments.py models      one

``.venv-models``        the generator of src/moonsense/models, on the oldest protobuf that is supported
``.venv-peers/0.5.0``   a published client, unchanged, for tests/peers and benchmarks
``.venv-peers/0.13.1``  likewise
``.venv-peers/pyspark``  what reads an exported dataset in tests/export; half a gigabyte, where there is Java

Where one cannot be made, this says why and writes the reason beside it
(``.venv-peers/0.5.0.reason``); what needs it skips with that reason. An
environment is made anew when its requirements or the Python change.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Environment:
    """An environment to make, on Pythons before ``before`` and with Java from ``java`` on, if it says so."""

    name: str
    path: Path
    requirements: tuple[str, ...]
    before: tuple[int, int] | None = None
    java: int | None = None
    needed: bool = False

    @property
    def reason(self) -> Path:
        """Where it says why the environment is not there."""
        return self.path.with_name(self.path.name + ".reason")


ENVIRONMENTS = (
    Environment(
        "models",
        ROOT / ".venv-models",
        ("grpcio-tools==1.71.2", "mypy-protobuf==3.7.0", "protobuf==5.29.*"),
        before=(3, 14),
        needed=True,
    ),
    # Both were made for protobuf 3; the second uses pytz without declaring it.
    Environment(
        "0.5.0",
        ROOT / ".venv-peers" / "0.5.0",
        ("moonsense==0.5.0", "numpy<2", "protobuf<4"),
        before=(3, 12),
    ),
    Environment(
        "0.13.1",
        ROOT / ".venv-peers" / "0.13.1",
        ("moonsense==0.13.1", "pytz", "protobuf<4"),
    ),
    Environment(
        "pyspark",
        ROOT / ".venv-peers" / "pyspark",
        ("pyspark==4.3.0",),
        java=17,
    ),
)


def make(environment: Environment) -> str:
    """Make an environment unless it is there. Returns why it could not be made, or ""."""
    stamp = environment.path / ".requirements"
    wanted = "\n".join([sys.version, *environment.requirements])
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return ""
    print(f"making {environment.path.relative_to(ROOT)}", flush=True)
    environment.path.parent.mkdir(parents=True, exist_ok=True)
    venv.create(environment.path, clear=True, with_pip=True)
    python = str(environment.path / "bin" / "python")
    result = subprocess.run(
        [
            python, "-m", "pip", "--quiet", "--quiet", "--disable-pip-version-check",
            "install", *environment.requirements,
        ],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    if result.returncode:
        shutil.rmtree(environment.path)
        last = (result.stderr.strip() or "no reason given").splitlines()[-1]
        return f"pip could not install {' '.join(environment.requirements)}: {last}"
    stamp.write_text(wanted, encoding="utf-8")
    return ""


def java_version() -> int:
    """The Java on the path, as 17; 0 without one."""
    program = shutil.which("java")
    if program is None:
        return 0
    said = subprocess.run([program, "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(?:1\.)?(\d+)', said)  # "17.0.15", and "1.8.0_442" of old
    return int(found[1]) if found else 0


def hindrance(environment: Environment) -> str:
    """Why an environment cannot be made here, or ""."""
    if environment.before and sys.version_info >= environment.before:
        limit = ".".join(map(str, environment.before))
        return f"it does not install on Python {limit} and later"
    if environment.java and (found := java_version()) < environment.java:
        return (
            f"it needs Java {environment.java} or later, and there is {f'Java {found}' if found else 'none'}"
        )
    return ""


def main() -> int:
    names = sys.argv[1:]
    unknown = set(names) - {environment.name for environment in ENVIRONMENTS}
    if unknown:
        print(f"no such environment: {', '.join(sorted(unknown))}", file=sys.stderr)
        return 2
    failed = False
    for environment in ENVIRONMENTS:
        if names and environment.name not in names:
            continue
        reason = hindrance(environment)
        if not reason:
            reason = make(environment)
            failed = failed or bool(reason and environment.needed)
        if reason:
            print(f"no environment {environment.name}: {reason}", file=sys.stderr)
            environment.reason.parent.mkdir(parents=True, exist_ok=True)
            environment.reason.write_text(reason + "\n", encoding="utf-8")
        else:
            environment.reason.unlink(missing_ok=True)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
