"""A server that does nothing but read the body: what ingest is held to.

    python -m benchmarks.bare

Prints its port. The same uvicorn as the cloud's, with the same loop and parser,
and one Starlette route.
"""

from __future__ import annotations

import socket

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from moonsense.contract import media
from moonsense.models import BundleCreateResponse

PATH = "/v2/bundles"


async def receive(request: Request) -> Response:
    """Read the body and answer."""
    await request.body()
    return Response(_ANSWER, media_type=media.PROTOBUF)


_ANSWER = BundleCreateResponse(success_count=1).SerializeToString()


def main() -> None:
    listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
    config = uvicorn.Config(
        Starlette(routes=[Route(PATH, receive, methods=["POST"])]),
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
    )
    print(listener.getsockname()[1], flush=True)
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
