"""The time of a look-alike, over real sockets."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from mooring.daemon.look_alike import deadline_seconds, look_alike_clock, scaled, speed_of
from mooring.errors import Invalid, Retry
from mooring.hosts import REST_URL
from mooring.runtime.market.clock import ManualClock, SystemClock
from tests.support.served import served


@contextmanager
def answering(status: int, body: bytes) -> Iterator[str]:
    """Something on this machine that answers every question alike."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("speed", [1, 600])
def test_its_clock_is_the_time_of_the_look_alike_at_its_speed(speed: int) -> None:
    real = ManualClock(1_000)
    with served(speed=speed, clock=real) as it:
        real.advance(3)
        clock = look_alike_clock(it.urls["rest"], real)
        assert clock is not None
        assert clock.speed == speed_of(clock) == speed
        venue = it.simulation.venue
        assert clock.now_ms() == venue.now // 10**6
        before = clock.now_ms()
        real.advance(2.5)
        assert clock.now_ms() - before == 2500 * speed
        assert clock.error_ms == 1, "no real time passed between question and answer"


def test_on_the_machines_own_clock_it_is_wrong_by_no_more_than_it_says() -> None:
    system = SystemClock()
    with served(speed=60) as it:
        clock = look_alike_clock(it.urls["rest"], system)
        assert clock is not None
        again = look_alike_clock(it.urls["rest"], system)
        assert again is not None
        assert abs(clock.now_ms() - again.now_ms()) <= clock.error_ms + again.error_ms + 1


def test_kraken_itself_is_never_asked() -> None:
    class Deaf:
        """A clock that nobody may look at."""

    assert look_alike_clock(REST_URL, Deaf()) is None  # type: ignore[arg-type]
    assert speed_of(SystemClock()) == 1


def test_another_host_is_refused() -> None:
    with pytest.raises(Invalid) as caught:
        look_alike_clock("http://192.168.1.9:80", SystemClock())
    assert caught.value.code == "kraken_bad_address"


def test_time_that_stands_still_is_refused_with_the_way_to_move_it() -> None:
    with served(speed=0) as it, pytest.raises(Invalid) as caught:
        look_alike_clock(it.urls["rest"], SystemClock())
    assert caught.value.code == "look_alike_stands_still"
    assert "--speed" in caught.value.todo


def test_where_nothing_answers_it_is_said_and_no_other_time_is_taken() -> None:
    with answering(200, b"{}") as url:
        pass
    with pytest.raises(Retry) as caught:
        look_alike_clock(url, SystemClock())
    assert caught.value.code == "look_alike_silent"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, b'{"time": "2024-01-31T00:00:00.000000000Z", "speed": "1"}'),
        (200, b""),
        (200, b"[]"),
        (200, b'{"time": "yesterday", "speed": "1"}'),
        (200, b'{"time": "2024-01-31T00:00:00.000000000Z", "speed": "fast"}'),
        (200, b'{"time": "2024-01-31T00:00:00.000000000Z", "speed": "nan"}'),
        (200, b'{"time": "2024-01-31T00:00:00.000000000Z", "speed": "-1"}'),
        (200, json.dumps({"time": "2024-01-31T00:00:00.000000000Z", "speed": "1", "x": "x" * 1_100_000}).encode()),
    ],
)
def test_what_is_no_look_alike_has_no_clock(status: int, body: bytes) -> None:
    with answering(status, body) as url:
        assert look_alike_clock(url, SystemClock()) is None


def test_limits_grow_where_time_runs_so_fast_that_the_machine_could_not_keep_them() -> None:
    assert [scaled(30, speed) for speed in (1, 10, 60, 600)] == [30, 30, 180, 1800]
    assert [deadline_seconds(5, speed) for speed in (1, 10, 60, 600)] == [5, 5, 30, 60]
