"""The time of a look-alike of Kraken: where one answers on this machine, its time is the time that counts.

It is asked a few times, and the quickest answer is believed: it is wrong by no more than its way there and back. From
then on both count the same machine's monotonic clock, so they do not drift apart, and nothing has to be asked again.
A look-alike that was started anew is another market; a daemon that knew the former must be started anew too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import httpx

from mooring.errors import Invalid, Retry
from mooring.hosts import checked_url, is_local
from mooring.runtime.market.clock import SPEED_MAX, Clock, MarketClock

READINGS: Final = 5
ANSWER_SECONDS: Final = 5.0
ANSWER_MAX: Final = 1_000_000
REAL_SPEED: Final = 10.0
DEADLINE_MOST: Final = 60.0
_OK: Final = 200
_NOTHING: Final = "Nothing was started and no order was sent."


class LookAlikeClock(MarketClock):
    """The time of a look-alike, at its speed.

    Args:
        system: counts real time.
        at_ms: its time, UTC unix milliseconds, when `system.monotonic()` said `at`.
        speed: its seconds a real second.
        error_ms: how far its time may be from what is told here.
    """

    def __init__(self, system: Clock, *, at_ms: int, at: float, speed: float, error_ms: int) -> None:
        super().__init__(system, start_ts=0, speed=speed)
        self._start_ms = at_ms
        self._begun = at
        self.error_ms = error_ms


@dataclass(frozen=True, kw_only=True)
class _Reading:
    at_ms: int
    at: float
    speed: float
    way: float


def look_alike_clock(rest_url: str, system: Clock) -> LookAlikeClock | None:
    """The clock of the look-alike at an address; None where none is there. Kraken's own hosts are never asked.

    Args:
        rest_url: as in the settings.
        system: the machine's clock.

    Raises:
        Invalid: the address is not allowed, or the look-alike's time stands still.
        Retry: nothing answers at an address of this machine.
    """
    url = checked_url(rest_url, scheme="http")
    if not is_local(url):
        return None
    with httpx.Client(base_url=url, trust_env=False, follow_redirects=False, timeout=ANSWER_SECONDS) as client:
        readings: list[_Reading] = []
        for _ in range(READINGS):
            reading = _read(client, system, url)
            if reading is None:
                return None
            readings.append(reading)
    best = min(readings, key=lambda one: one.way)
    if best.speed == 0:
        raise Invalid(
            "look_alike_stands_still",
            f"The time of the look-alike at {url} stands still until it is moved by hand.",
            money=_NOTHING,
            todo="Start it with a --speed above 0.",
        )
    error_ms = math.ceil(best.way / 2 * best.speed * 1000) + 1
    return LookAlikeClock(system, at_ms=best.at_ms, at=best.at, speed=best.speed, error_ms=error_ms)


def scaled(seconds: float, speed: float, *, most: float = math.inf) -> float:
    """Seconds of a venue's time that are to be given where its time runs at `speed`.

    A machine needs real time to send a request: at 600 times, 5 seconds of the venue are 8 ms. So above 10 times a
    limit grows with the speed: it never is less than a tenth of its seconds in real time, up to `most`.
    """
    return min(most, seconds * max(1.0, speed / REAL_SPEED))


def deadline_seconds(seconds: float, speed: float) -> float:
    """`scaled` for deadlines of orders, of which Kraken takes none beyond a minute."""
    return scaled(seconds, speed, most=DEADLINE_MOST)


def speed_of(clock: Clock) -> float:
    """Seconds of a venue's time in a real second, by its clock."""
    return clock.speed if isinstance(clock, LookAlikeClock) else 1.0


def _read(client: httpx.Client, system: Clock, url: str) -> _Reading | None:
    before = system.monotonic()
    try:
        with client.stream("GET", "/sim/state") as answer:
            data = bytearray()
            for chunk in answer.iter_bytes():
                data += chunk
                if len(data) > ANSWER_MAX:
                    return None
            status = answer.status_code
    except httpx.HTTPError:
        raise Retry(
            "look_alike_silent",
            f"Nothing answers at {url}.",
            money=_NOTHING,
            todo="Start the look-alike first (mooring simulate kraken --port …), or unset the addresses of venue.",
        ) from None
    after = system.monotonic()
    said = _understood(bytes(data)) if status == _OK else None
    if said is None:
        return None
    return _Reading(at_ms=said[0], at=(before + after) / 2, speed=said[1], way=after - before)


def _understood(data: bytes) -> tuple[int, float] | None:
    """Time in unix milliseconds and speed, or None where it is no answer of a look-alike."""
    from orjson import JSONDecodeError, loads  # noqa: PLC0415 -- only where there is a look-alike

    try:
        said: Any = loads(data)
        time, speed = str(said["time"]), float(said["speed"])
        at = datetime.fromisoformat(f"{time[:19]}+00:00")
        milliseconds = int(time[20:23]) if time[19] == "." else 0
    except (JSONDecodeError, KeyError, TypeError, ValueError, IndexError):
        return None
    if not 0 <= speed <= SPEED_MAX:
        return None
    return round(at.timestamp()) * 1000 + milliseconds, speed
