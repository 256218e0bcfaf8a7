from __future__ import annotations

import re
import threading
from bisect import bisect_left
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mooring.control_api.client import Client
from mooring.control_api.limits import Limits
from mooring.control_api.metrics import SECONDS, Histogram, by, one, rendered
from mooring.control_api.openapi import document
from tests.control_api.api_harness import MASTER, Running, running

SAMPLE = re.compile(r"^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{([^}]*)\})? (\S+)$")


def requests_of(text: str) -> dict[tuple[str, str, str], float]:
    found = re.findall(
        r'^mooring_api_requests_total\{method="(.*?)",route="(.*?)",status="(.*?)"\} (\S+)$', text, re.MULTILINE
    )
    return {(method, route, status): float(count) for method, route, status, count in found}


def test_calls_are_counted_by_the_template_of_their_route(fresh: Running) -> None:
    with fresh.tcp() as http:
        for n in range(5):
            http.post(f"/v1/alerts/a{n}/acknowledge")
        http.get("/v1/orders?symbol=BTC-USDT")
        text = http.get("/metrics").text
    counted = requests_of(text)
    assert counted["POST", "/v1/alerts/{alert_id}/acknowledge", "404"] == 4
    assert counted["POST", "/v1/alerts/{alert_id}/acknowledge", "200"] == 1
    assert counted["GET", "/v1/orders", "200"] == 1
    assert "BTC" not in text


def test_no_caller_can_make_labels_many(fresh: Running) -> None:
    known = set(document()["paths"])
    with fresh.tcp() as http:
        for n in range(40):
            http.get(f"/v1/made-up-{n}")
            http.request(f"VERB{n}", "/v1/status")
        http.get("/healthz", headers={"origin": "http://evil.example"})
        counted = requests_of(http.get("/metrics").text)
    assert {route for _, route, _ in counted} <= known | {"none"}
    assert {method for method, _, _ in counted} <= {"GET", "POST", "DELETE", "other"}
    assert counted["GET", "none", "404"] == 40
    assert counted["GET", "none", "403"] == 1


def test_calls_above_the_bound_are_counted_by_door(run_dir: Path) -> None:
    with running(run_dir, limits=Limits(calls_per_minute=3)) as served, served.tcp() as http:
        statuses = [http.get("/v1/health").status_code for _ in range(5)]
        with Client.connect(served.run_dir) as client:
            text = client.metrics()
    limited = statuses.count(429)
    assert limited
    assert f'mooring_api_rate_limited_total{{door="tcp"}} {float(limited)}' in text
    assert 'mooring_api_rate_limited_total{door="socket"} 0.0' in text


def test_open_streams_are_counted_and_their_length_is_not(fresh: Running) -> None:
    with fresh.tcp() as http, http.stream("GET", "/v1/events") as stream:
        lines = stream.iter_lines()
        next(lines)
        with fresh.tcp() as other:
            text = other.get("/metrics").text
    assert "mooring_stream_clients 1.0" in text
    assert "mooring_api_request_seconds_count 0.0" in text, "the stream is no answer whose time says anything"


def test_it_is_the_text_format_and_holds_no_token(fresh: Running) -> None:
    with fresh.tcp() as http:
        answer = http.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert MASTER not in answer.text
    lines = [line for line in answer.text.splitlines() if not line.startswith("#")]
    assert lines
    assert all(SAMPLE.match(line) for line in lines)


def test_a_metric_without_samples_yet_is_written_all_the_same() -> None:
    text = rendered([by("mooring_x", "counter", "Text.", "label", {}), one("mooring_y", "gauge", "Text.", 2)]).decode()
    assert "# TYPE mooring_x_total counter" in text or "# TYPE mooring_x counter" in text
    assert "mooring_y 2.0" in text


@given(st.lists(st.floats(0, 20), max_size=60))
def test_buckets_hold_what_took_at_most_so_long(times: list[float]) -> None:
    histogram = Histogram()
    for time in times:
        histogram.observe(time)
    buckets, total = histogram.buckets()
    assert total == pytest.approx(sum(times))
    ends = [float(end) for end, _ in buckets]
    assert ends == [*SECONDS, float("inf")]
    assert [count for _, count in buckets] == [sum(time <= end for time in times) for end in ends]
    assert all(bisect_left(SECONDS, time) <= len(SECONDS) for time in times)


def test_counting_from_many_threads_loses_nothing() -> None:
    histogram = Histogram()
    threads = [threading.Thread(target=lambda: [histogram.observe(0.1) for _ in range(2000)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert histogram.buckets()[0][-1] == ("+Inf", 8000.0)
