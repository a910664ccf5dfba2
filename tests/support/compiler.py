"""Whether the package's compiled part can be built here."""

from __future__ import annotations

import shutil
import sysconfig
from pathlib import Path


def can_compile() -> bool:
    """Whether there is a compiler of C++, and what it needs of Python."""
    return shutil.which("c++") is not None and (Path(sysconfig.get_path("include")) / "Python.h").exists()
