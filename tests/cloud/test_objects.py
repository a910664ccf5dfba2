"""Objects in a folder: written whole, and gone without a trace."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from moonsense.cloud.objects import Objects

Made = tuple[Objects, Path]


@pytest.fixture(params=["folder", "address"])
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Made:
    """Objects in a folder with a name that an address must quote, opened by its path and by its address."""
    folder = tmp_path / "some objects"
    folder.mkdir()
    return Objects(folder) if request.param == "folder" else Objects(tmp_path / "x", folder.as_uri()), folder


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_an_object_comes_back(made: Made) -> None:
    objects, folder = made
    objects.put("p/s/c.frames", b"0123456789")

    async def read(offset: int) -> bytes:
        return b"".join([piece async for piece in objects.stream("p/s/c.frames", offset)])

    assert (asyncio.run(read(0)), asyncio.run(read(7))) == (b"0123456789", b"789")
    assert files(folder) == {"p/s/c.frames"}


def test_it_is_synced_with_its_folders(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    objects, folder = made
    synced: list[Path] = []
    sync: Callable[[Path], None] = objects._sync
    monkeypatch.setattr(objects, "_sync", lambda path: (synced.append(path), sync(path)))
    objects.put("p/s/c.frames", b"1")
    assert synced == [folder / "p/s/c.frames"]


def test_what_a_killed_write_left_goes_with_its_object(made: Made) -> None:
    objects, folder = made
    for name in ("c.frames", "d.frames"):
        objects.put(f"p/s/{name}", b"1")
        (folder / f"p/s/{name}#1").write_bytes(b"hal")
    (folder / "p/s/e.frames#2").write_bytes(b"ha")

    objects.delete("p/s/c.frames")
    objects.delete("p/s/e.frames")
    objects.delete("p/s/never.frames")
    objects.delete("p/gone/never.frames")
    assert files(folder) == {"p/s/d.frames", "p/s/d.frames#1"}
    objects.delete("p/s/d.frames")
    assert files(folder) == set()
