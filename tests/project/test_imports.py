"""What an import loads, in a fresh process: nothing that was not asked for."""

from __future__ import annotations

import json
import pkgutil
import subprocess
import sys

import pytest

import moonsense

HTTP_CLIENT = {"httpx2", "httpcore2", "requests", "urllib3", "aiohttp"}
SERVER = {"starlette", "uvicorn", "sqlalchemy", "alembic", "pysqlite3", "obstore", "pydantic_settings"}
TABLES = {"pyarrow", "pandas", "polars", "numpy", "matplotlib"}
COMMAND_LINE = {"typer", "rich", "click"}

ROOMS = {room.name for room in pkgutil.iter_modules(moonsense.__path__)}

PROGRAM = """
import sys
before = set(sys.modules)
import {module}
import json, logging, threading
print(json.dumps({{
    "loaded": sorted({{name.partition(".")[0] for name in set(sys.modules) - before}}),
    "threads": threading.active_count(),
    "handlers": len(logging.getLogger("moonsense").handlers) + len(logging.getLogger().handlers),
}}))
"""


# What each must not load.
ABSENT = {
    "moonsense": HTTP_CLIENT | SERVER | TABLES | COMMAND_LINE | {"orjson", "google"},
    "moonsense.errors": HTTP_CLIENT | SERVER | TABLES | COMMAND_LINE | {"orjson", "google"},
    "moonsense.models": HTTP_CLIENT | SERVER | TABLES | COMMAND_LINE | {"orjson"},
    "moonsense.display": HTTP_CLIENT | SERVER | TABLES | COMMAND_LINE,
    "moonsense.contract.routes": HTTP_CLIENT | SERVER | TABLES | COMMAND_LINE,
    "moonsense.client": HTTP_CLIENT | SERVER | TABLES | COMMAND_LINE,
    "moonsense.recorder": HTTP_CLIENT | SERVER | TABLES | COMMAND_LINE,
    "moonsense.consumer": HTTP_CLIENT | SERVER | TABLES | COMMAND_LINE | {"psycopg"},
    "moonsense.webhooks": HTTP_CLIENT | SERVER | TABLES | COMMAND_LINE,
    "moonsense.cli": HTTP_CLIENT | SERVER | TABLES,
    "moonsense.clock": HTTP_CLIENT | SERVER | TABLES | COMMAND_LINE,
    "moonsense.download": HTTP_CLIENT | SERVER | TABLES | COMMAND_LINE,
    "moonsense.frames": HTTP_CLIENT | SERVER | COMMAND_LINE | {"matplotlib", "pandas", "polars"},
    "moonsense.cloud.app": HTTP_CLIENT | TABLES | COMMAND_LINE,
}


@pytest.mark.parametrize(
    "module", [name for name in ABSENT if name.count(".") == 0 or name.split(".")[1] in ROOMS]
)
def test_an_import_loads_no_more_than_it_must(module: str) -> None:
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM.format(module=module)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("\n") == 1, "an import prints nothing"
    report = json.loads(result.stdout)
    assert not ABSENT[module] & set(report["loaded"])
    assert report["threads"] == 1, "an import starts no thread"
    assert report["handlers"] == 0, "an import sets no log handler"


def test_every_room_can_be_imported_first() -> None:
    """Each one where nothing of the package is there yet: no import depends on another's."""
    names = [f"moonsense.{room}" for room in sorted(ROOMS)]
    program = (
        "import importlib, sys\n"
        "for name in sys.argv[1:]:\n"
        "    for loaded in list(sys.modules):\n"
        "        if loaded.partition('.')[0] == 'moonsense' and '_pb2' not in loaded:\n"
        "            del sys.modules[loaded]\n"
        "    importlib.import_module(name)\n"
    )
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, *names],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
