"""Whether the package's compiled part can be built here."""

from __future__ import annotations

import shutil
import subprocess
import sysconfig

# What it needs besides C++17: headers of Python, and numbers read by the standard library.
_PROGRAM = """
#include <Python.h>
#include <charconv>
#if !defined(__cpp_lib_to_chars)
#error
#endif
"""


def can_compile() -> bool:
    """Whether there is a compiler of C++, and all that it needs."""
    compiler = shutil.which("c++")
    if compiler is None:
        return False
    command = [
        compiler,
        "-std=c++17",
        "-fsyntax-only",
        "-x",
        "c++",
        f"-I{sysconfig.get_path('include')}",
        "-",
    ]
    return not subprocess.run(command, input=_PROGRAM, text=True, capture_output=True, check=False).returncode
