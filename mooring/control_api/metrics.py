"""Metrics in Prometheus' words: what the daemon measured, and the calls that came through the doors.

The library that writes the format is imported at the first scrape, as most people never scrape. Its registry is made
anew for each answer; what is counted is counted here and in the daemon.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, Final, Literal, Protocol

from starlette.types import ASGIApp, Message, Receive, Scope, Send

Labels = tuple[tuple[str, str], ...]
Kind = Literal["counter", "gauge", "histogram"]

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
NO_ROUTE: Final = "none"
STREAM: Final = "/v1/events"
TOO_MANY: Final = 429


@dataclass(frozen=True, kw_only=True)
class Family:
    """One metric with its samples.

    Attributes:
        name: as Prometheus wants it, a counter without its `_total`.
        samples: value by labels, for a counter or gauge.
        histogram: of a histogram.
    """

    name: str
    kind: Kind
    help: str
    samples: Sequence[tuple[Labels, float]] = ()
    histogram: Histogram | None = None


class Histogram:
    """How often something took how long. Safe to use from any thread.

    Args:
        bounds: upper ends of the buckets in seconds, ascending; the last one without end is added.
    """

    def __init__(self, bounds: Sequence[float] = SECONDS) -> None:
        self._bounds = tuple(bounds)
        self._lock = threading.Lock()
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, seconds: float) -> None:
        """It took so long once."""
        with self._lock:
            self._counts[bisect_left(self._bounds, seconds)] += 1
            self._sum += seconds

    def buckets(self) -> tuple[list[tuple[str, float]], float]:
        """(upper end, how often at most that long) of each bucket, and the sum of all in seconds."""
        with self._lock:
            counts, total = [*self._counts], self._sum
        ends = [*map(str, self._bounds), "+Inf"]
        return list(zip(ends, map(float, accumulate(counts)), strict=True)), total


class Measured(Protocol):
    """What the daemon measured."""

    def families(self) -> Iterable[Family]:
        """All of it now; called in a worker thread."""
        ...


@dataclass(frozen=True, kw_only=True)
class Calls:
    """Calls through the doors since the start; labels are our own words, so that nobody can make them many."""

    answered: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    limited: Counter[str] = field(default_factory=Counter)
    seconds: Histogram = field(default_factory=Histogram)

    def families(self) -> list[Family]:
        """As metrics."""
        answered = [
            ((("method", method), ("route", route), ("status", str(status))), float(count))
            for (method, route, status), count in sorted(self.answered.copy().items())
        ]
        limited = [((("door", door),), float(self.limited[door])) for door in ("socket", "tcp")]
        return [
            Family(
                name="mooring_api_requests",
                kind="counter",
                help="Calls that were answered, by method, template of the route, and status.",
                samples=answered,
            ),
            Family(
                name="mooring_api_rate_limited",
                kind="counter",
                help="Calls that were refused because there were too many in a minute, by door.",
                samples=limited,
            ),
            Family(
                name="mooring_api_request_seconds",
                kind="histogram",
                help="How long answers took, event streams left out.",
                histogram=self.seconds,
            ),
        ]


class Counted:
    """The ASGI app around all others: counts what is answered, also what the guard refuses.

    Args:
        app: what is counted.
        calls: where.
        clock: seconds from any origin.
    """

    def __init__(self, app: ASGIApp, calls: Calls, clock: Callable[[], float] = time.perf_counter) -> None:
        self._app = app
        self._calls = calls
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on, and note the status."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = self._clock()

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._note(scope, message["status"], self._clock() - begun)
            await send(message)

        await self._app(scope, receive, noted)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", NO_ROUTE)
        method = scope["method"] if scope["method"] in METHODS else "other"
        self._calls.answered[method, route, status] += 1
        if status == TOO_MANY:
            self._calls.limited["socket" if scope.get("state", {}).get("door") == "socket" else "tcp"] += 1
        if route != STREAM:
            self._calls.seconds.observe(seconds)


def rendered(families: Iterable[Family]) -> bytes:
    """The text format, with what the system says of this process."""
    from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest  # noqa: PLC0415 -- see above
    from prometheus_client import metrics_core as core  # noqa: PLC0415

    made: list[Any] = []
    for family in families:
        if family.histogram is not None:
            buckets, total = family.histogram.buckets()
            made.append(core.HistogramMetricFamily(family.name, family.help, buckets=buckets, sum_value=total))
            continue
        names = [name for name, _ in family.samples[0][0]] if family.samples else []
        kind = core.CounterMetricFamily if family.kind == "counter" else core.GaugeMetricFamily
        metric = kind(family.name, family.help, labels=names)
        for labels, value in family.samples:
            metric.add_metric([text for _, text in labels], value)
        made.append(metric)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Given(made))
    ProcessCollector(registry=registry)
    return generate_latest(registry)


def one(name: str, kind: Kind, text: str, value: float) -> Family:
    """A metric without labels."""
    return Family(name=name, kind=kind, help=text, samples=(((), value),))


def by(name: str, kind: Kind, text: str, label: str, values: Mapping[str, float]) -> Family:
    """A metric with one label."""
    return Family(name=name, kind=kind, help=text, samples=[(((label, key),), value) for key, value in values.items()])


class _Given:
    """A collector of what was collected already."""

    def __init__(self, metrics: list[Any]) -> None:
        self._metrics = metrics

    def collect(self) -> list[Any]:
        return self._metrics
