"""A cloud of your own: it takes recordings, keeps them and serves them.

Needs the extra ``cloud``. ``embed.EmbeddedCloud`` starts one from Python,
``moonsense cloud serve`` from a shell.
"""

from __future__ import annotations

from importlib.util import find_spec

from moonsense.errors import MissingExtraError

for _needed in ("starlette", "uvicorn", "pydantic_settings", "sqlalchemy", "alembic", "obstore", "zstandard"):
    if find_spec(_needed) is None:
        raise MissingExtraError("moonsense.cloud", "cloud")
