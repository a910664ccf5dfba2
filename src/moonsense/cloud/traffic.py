"""Counts of requests, and all numbers in the text form that Prometheus reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Traffic:
    """Requests answered, and the seconds they took, by route and status."""

    def __init__(self) -> None:
        self._requests: Counter[tuple[str, int]] = Counter()
        self._seconds: Counter[str] = Counter()

    def answered(self, route: str, status: int, seconds: float) -> None:
        """Count one answer."""
        self._requests[route, status] += 1
        self._seconds[route] += seconds  # type: ignore[assignment]

    def text(self, numbers: Mapping[str, float]) -> str:
        """These counts and other numbers; a name that ends in ``_total`` is a counter, any other a gauge."""
        return "".join(f"{line}\n" for line in self._lines(numbers))

    def _lines(self, numbers: Mapping[str, float]) -> Iterator[str]:
        yield "# TYPE moonsense_requests_total counter"
        for (route, status), count in sorted(self._requests.items()):
            yield f'moonsense_requests_total{{route="{route}",status="{status}"}} {count}'
        yield "# TYPE moonsense_request_seconds_total counter"
        for route, seconds in sorted(self._seconds.items()):
            yield f'moonsense_request_seconds_total{{route="{route}"}} {seconds:.6f}'
        for name, number in sorted(numbers.items()):
            kind = "counter" if name.endswith("_total") else "gauge"
            yield f"# TYPE moonsense_{name} {kind}"
            yield f"moonsense_{name} {number:.17g}"
