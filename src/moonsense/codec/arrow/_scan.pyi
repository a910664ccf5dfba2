"""The compiled part of ``scan.py``."""

_Field = tuple[str, str, bool]
_List = tuple[str, int, bool, tuple[_Field, ...]]
_Columns = tuple[bytes, list[bytes]]

def scan(
    texts: list[tuple[bytes | memoryview, str]],
    lists: tuple[_List, ...],
    singles: tuple[str, ...],
    rests: bool,
    /,
) -> tuple[bytes, bytes, list[str], list[_Columns | list[bytes] | None], list[bytes], list[int]] | None: ...
