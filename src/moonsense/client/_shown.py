"""How lists show themselves in a notebook."""

from __future__ import annotations

from typing import Any, Protocol


class _Peeking(Protocol):
    def peek(self, count: int = 1) -> list[Any]: ...


class Shown:
    """A list for ``for``: shows the items that come next, without taking them."""

    def _repr_html_(self: _Peeking) -> str:
        from moonsense.display import html  # noqa: PLC0415 (only notebooks need it)

        items = self.peek(html.SHOWN + 1)
        return html.listing(items[: html.SHOWN], more=len(items) > html.SHOWN)


class AsyncShown:
    """A list for ``async for``: asks for nothing by itself, so it can only say what it is."""

    def _repr_html_(self) -> str:
        from moonsense.display import html  # noqa: PLC0415 (only notebooks need it)

        return f"<div>{html.caption('List', 'its items come by async for')}</div>"
