"""Answers as they came, beside what was read out of them."""

from __future__ import annotations

import pytest
from support.wire import WireServer, connect, reply

from moonsense.client import AsyncClient, RawResponse
from moonsense.errors import NotFoundError

pytestmark = pytest.mark.anyio


async def test_status_headers_and_body_beside_the_message() -> None:
    answer = reply({"session_id": "s", "a_new_field": 1}, X_Request_Id="r-1", X_Of_The_Cloud="yes")
    with WireServer(answer) as server:
        async with connect(AsyncClient, server) as client:
            raw = await client.with_raw_response.describe_session("s", minimal=False)
            assert isinstance(raw, RawResponse)
            assert (raw.status, raw.request_id, raw.headers["x-of-the-cloud"]) == (200, "r-1", "yes")
            assert b"a_new_field" in raw.content
            assert raw.parse().session_id == "s"
            assert "r-1" in repr(raw)
            assert (await client.describe_session("s")).session_id == "s"
    assert server.requests[0].target == "/v2/sessions/s?view=full"


async def test_a_call_without_an_answer_of_its_own() -> None:
    with WireServer(reply({}, X_Request_Id="r-1")) as server:
        async with connect(AsyncClient, server) as client:
            raw = await client.with_raw_response.delete_session("s")
    assert (raw.status, raw.request_id, raw.parse()) == (200, "r-1", None)


async def test_errors_are_raised_as_ever() -> None:
    with WireServer(reply({}, 404)) as server:
        async with connect(AsyncClient, server) as client:
            with pytest.raises(NotFoundError):
                await client.with_raw_response.describe_session("s")


@pytest.mark.parametrize("name", ["list_sessions", "list_journeys"])
async def test_lists_have_no_raw_answer(name: str) -> None:
    with WireServer(reply({})) as server:
        async with connect(AsyncClient, server) as client:
            with pytest.raises(TypeError, match="many answers"):
                await getattr(client.with_raw_response, name)()
            with pytest.raises(AttributeError, match="no call 'describe'"):
                client.with_raw_response.describe  # noqa: B018
    assert server.requests == []
