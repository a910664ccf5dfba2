"""An answer as it came, beside what was read out of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic, TypeVar

from moonsense.client._core.answers import Answer

T = TypeVar("T")


class RawResponse(Generic[T]):
    """The answer to a call.

    Attributes:
        status: the HTTP status.
        headers: by their names in lower case.
        request_id: the cloud's name for the request, by which its log has it.
        content: the body, decoded from its Content-Encoding; of a download, which
            went to a file, nothing.
    """

    def __init__(self, answer: Answer, value: T) -> None:
        self.status: int = answer.head.status
        self.headers: Mapping[str, str] = answer.head.headers
        self.request_id: str = answer.head.request_id
        self.content: bytes = answer.body
        self._value = value

    def __repr__(self) -> str:
        return f"<RawResponse {self.status}, {len(self.content)} bytes, request id {self.request_id}>"

    def parse(self) -> T:
        """What the call returns without ``with_raw_response``."""
        return self._value
