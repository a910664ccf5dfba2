# Made from src/moonsense/client/_async/raw.py by scripts/generate_sync.py: do not edit.
"""Answers as they came, beside what was read out of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from moonsense.client._core.answers import Answer
from moonsense.client._core.raw import RawResponse
from moonsense.client._sync.base import Base
from moonsense.errors import MoonsenseError


class RawCalls:
    """The calls of a client by their names, each giving a ``RawResponse``.

    It is of the last request that the call made. Errors are raised as ever;
    lists and readers, which take many answers, are not among these calls.
    """

    def __init__(self, client: Base) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Callable[..., RawResponse[Any]]:
        if name.startswith("_") or not callable(getattr(type(self._client), name, None)):
            raise AttributeError(f"there is no call {name!r}")

        def call(*args: Any, **options: Any) -> RawResponse[Any]:
            answers: list[Answer] = []
            noting = self._client._noting(answers.append)  # noqa: SLF001
            result = getattr(noting, name)(*args, **options)
            if isinstance(result, Iterator):
                result.close()  # type: ignore[attr-defined]
                raise TypeError(f"{name} takes many answers, so there is no raw one")
            value = result
            if not answers:
                raise MoonsenseError(f"{name} asked the cloud for nothing")
            return RawResponse(answers[-1], value)

        return call
