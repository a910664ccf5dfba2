"""Answers as they came, beside what was read out of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

from moonsense.client._async.base import AsyncBase
from moonsense.client._core.answers import Answer
from moonsense.client._core.raw import RawResponse
from moonsense.errors import MoonsenseError


class AsyncRawCalls:
    """The calls of a client by their names, each giving a ``RawResponse``.

    It is of the last request that the call made. Errors are raised as ever;
    lists and readers, which take many answers, are not among these calls.
    """

    def __init__(self, client: AsyncBase) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Callable[..., Coroutine[Any, Any, RawResponse[Any]]]:
        if name.startswith("_") or not callable(getattr(type(self._client), name, None)):
            raise AttributeError(f"there is no call {name!r}")

        async def call(*args: Any, **options: Any) -> RawResponse[Any]:
            answers: list[Answer] = []
            noting = self._client._noting(answers.append)  # noqa: SLF001
            result = getattr(noting, name)(*args, **options)
            if isinstance(result, AsyncIterator):
                await result.aclose()  # type: ignore[attr-defined]
                raise TypeError(f"{name} takes many answers, so there is no raw one")
            value = await result
            if not answers:
                raise MoonsenseError(f"{name} asked the cloud for nothing")
            return RawResponse(answers[-1], value)

        return call
