"""Without the extra, the cloud says what is missing."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("missing", ["starlette", "uvicorn", "sqlalchemy", "zstandard"])
def test_a_missing_dependency_names_the_extra(missing: str) -> None:
    program = f"import sys; sys.modules[{missing!r}] = None; import moonsense.cloud"

    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)

    assert done.stderr.splitlines()[-1] == (
        "moonsense.errors.MissingExtraError: "
        "moonsense.cloud needs the extra 'cloud': pip install 'moonsense[cloud]'"
    )
