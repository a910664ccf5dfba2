"""HTTP on a connection, with the one error that no application sees answered as the contract has it."""

from __future__ import annotations

import os

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from moonsense.cloud.responses import problem_response
from moonsense.contract import headers
from moonsense.contract.problems import Problem


class Protocol(HttpToolsProtocol):
    """uvicorn's protocol; what is no HTTP is answered with our error body instead of plain text."""

    def send_400_response(self, msg: str) -> None:
        """Answer and close; there is no telling where a next request would begin."""
        response = problem_response(Problem(400, "the request is not HTTP"))
        response.headers[headers.REQUEST_ID] = os.urandom(8).hex()
        response.headers["Connection"] = "close"
        lines = [b"HTTP/1.1 400 Bad Request"]
        lines += [name + b": " + value for name, value in response.raw_headers]
        self.transport.write(b"\r\n".join([*lines, b"", bytes(response.body)]))
        self.transport.close()
