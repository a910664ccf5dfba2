"""Which handler a request is for, by the contract's table.

Not Starlette's router, for three reasons: it matches the unquoted path, so
that ``/v2/sessions/a%2Fchunks`` would reach the chunks of ``a``; it names in
``Allow`` the methods of one route and not those of its path; and it tries one
pattern after the other, where most of our paths are found in a dictionary.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from starlette.responses import Response

from moonsense.cloud.requests import Request
from moonsense.contract.problems import Problem
from moonsense.contract.routes import ROUTES, Route

Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True)
class Endpoint:
    """A route and what answers it."""

    route: Route
    handler: Handler


@dataclass
class WrongMethod(Problem):
    """Status 405, with the methods that the path has."""

    allowed: tuple[str, ...] = ()


Methods = dict[str, Endpoint]


class Table:
    """The handlers by path and method. HEAD is answered where GET is."""

    def __init__(self, handlers: Mapping[str, Handler], routes: Iterable[Route] = ROUTES) -> None:
        """Every route needs a handler of its name, and every handler a route; KeyError otherwise."""
        self._plain: dict[bytes, Methods] = {}
        self._patterns: list[tuple[list[str], Methods]] = []
        left = dict(handlers)
        paths: dict[str, Methods] = {}
        for route in routes:
            methods = paths.setdefault(route.path, {})
            methods[route.method] = Endpoint(route, left.pop(route.name))
            if route.method == "GET":
                methods["HEAD"] = methods["GET"]
        if left:
            raise KeyError(f"handlers without a route: {', '.join(left)}")
        for path, methods in paths.items():
            if "{" in path:
                self._patterns.append((path.split("/"), methods))
            else:
                self._plain[path.encode()] = methods

    def find(self, method: str, path: bytes) -> tuple[Endpoint, dict[str, str]]:
        """The endpoint of a raw path, and its placeholders. Raises Problems of status 404 and 405."""
        methods = self._plain.get(path)
        ids: dict[str, str] = {}
        if methods is None:
            methods, ids = self._match(path)
        endpoint = methods.get(method)
        if endpoint is None:
            allowed = tuple(sorted(methods))
            raise WrongMethod(405, f"{method} is not for this path, which has {', '.join(allowed)}",
                              allowed=allowed)  # fmt: skip
        return endpoint, ids

    def _match(self, path: bytes) -> tuple[Methods, dict[str, str]]:
        # A quoted slash is part of a segment, so it is split first and unquoted then.
        segments = [unquote_to_bytes(segment).decode("utf-8", "replace") for segment in path.split(b"/")]
        for pattern, methods in self._patterns:
            if len(pattern) != len(segments):
                continue
            ids = {}
            for wanted, segment in zip(pattern, segments, strict=True):
                if wanted.startswith("{") and segment:
                    ids[wanted[1:-1]] = segment
                elif wanted != segment:
                    break
            else:
                return methods, ids
        raise Problem(404, "there is nothing at this path; /openapi.json lists what there is")
