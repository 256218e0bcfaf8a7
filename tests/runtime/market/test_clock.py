from __future__ import annotations

import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mooring.errors import Invalid
from mooring.runtime.market import clock as clock_module
from mooring.runtime.market.clock import ManualClock, MarketClock, SystemClock

START = 1_620_777_600


@pytest.fixture
def stop():
    return threading.Event()


def set_event():
    event = threading.Event()
    event.set()
    return event


def test_the_system_clock_tells_the_machines_time():
    clock = SystemClock()
    before = time.time_ns() // 1_000_000
    assert before <= clock.now_ms() <= time.time_ns() // 1_000_000
    assert abs(clock.now() * 1000 - before) < 60_000
    assert clock.monotonic() <= clock.monotonic()


def test_the_system_clock_waits_until_the_time_and_not_less(stop):
    clock = SystemClock()
    goal = clock.now() + 1
    assert clock.wait_until(goal, stop)
    assert clock.now() >= goal
    assert clock.wait_until(goal - 100, stop)


def test_the_system_clock_follows_a_wall_clock_that_jumps(stop, monkeypatch):
    clock = SystemClock()
    wall = iter([1_000, 1_000, 9_000_000])  # as after a night with the lid closed
    monkeypatch.setattr(clock, "now_ms", lambda: next(wall))
    monkeypatch.setattr(clock_module, "SLICE_SECONDS", 0.001)
    assert clock.wait_until(9_000, stop)
    assert next(wall, "used up") == "used up"


def test_a_stop_ends_every_wait_at_once():
    for clock in (
        SystemClock(),
        MarketClock(SystemClock(), start_ts=0, speed=1),
        ManualClock(jumps=False),
        ManualClock(),
    ):
        assert not clock.wait_until(clock.now() + 10_000, set_event())
        assert not clock.wait_until(clock.now() - 10, set_event())
        assert not clock.sleep(10_000, set_event())
    assert not MarketClock(ManualClock(), start_ts=0, speed=0).wait_until(5, set_event())


def test_a_stop_from_another_thread_wakes_a_long_wait(stop):
    threading.Timer(0.02, stop.set).start()
    assert not SystemClock().wait_until(2**40, stop)
    assert stop.is_set()


def test_sleeping_passes_real_time(stop):
    clock = SystemClock()
    before = clock.monotonic()
    assert clock.sleep(0.01, stop)
    assert clock.monotonic() - before >= 0.009
    assert clock.sleep(-1, stop)


def test_market_time_runs_at_its_speed():
    system = ManualClock(5)
    market = MarketClock(system, start_ts=START, speed=3600)
    assert market.now() == START
    system.advance(0.5)
    assert (market.now(), market.now_ms()) == (START + 1800, (START + 1800) * 1000)
    system.advance(10)
    assert market.now() == START + 37_800
    assert market.monotonic() == 10.5


@given(speed=st.integers(1, 10_000_000), waits=st.lists(st.integers(0, 1_000_000), min_size=1, max_size=10))
def test_a_wait_takes_its_length_divided_by_the_speed(speed, waits):
    system = ManualClock()
    market = MarketClock(system, start_ts=START, speed=speed)
    goal = START
    for wait in waits:
        goal += wait
        assert market.wait_until(goal, threading.Event())
        assert market.now() >= goal
    real = (goal - START) / speed
    assert real - 0.001 <= market.monotonic() <= real + 0.002 * (len(waits) + 1)


def test_as_fast_as_possible_jumps_and_never_back(stop):
    system = ManualClock()
    market = MarketClock(system, start_ts=START, speed=0)
    assert market.wait_until(START + 7200, stop)
    assert market.now() == START + 7200
    assert market.wait_until(START, stop)
    assert market.now() == START + 7200
    assert system.monotonic() == 0
    system.advance(100)
    assert market.now() == START + 7200


def test_market_time_ignores_a_wall_clock_that_is_set_back():
    system = ManualClock(1_000_000)
    market = MarketClock(system, start_ts=START, speed=1)
    system.set(5)
    system.advance(3)
    assert market.now() == START + 3


@pytest.mark.parametrize("speed", [-1, 10_000_001, float("nan"), float("inf")])
def test_an_impossible_speed_is_refused(speed):
    with pytest.raises(Invalid) as caught:
        MarketClock(ManualClock(), start_ts=0, speed=speed)
    assert caught.value.code == "bad_speed"


def test_a_manual_clock_moves_only_when_told(stop):
    clock = ManualClock(100)
    assert (clock.now(), clock.monotonic()) == (100, 0)
    clock.advance(1.5)
    assert (clock.now(), clock.now_ms(), clock.monotonic()) == (101, 101_500, 1.5)
    clock.set(50)
    assert (clock.now(), clock.monotonic()) == (50, 1.5)
    assert clock.wait_until(200, stop)
    assert clock.now() == 200
    assert clock.wait_until(150, stop)
    assert clock.now() == 200


def test_a_manual_clock_without_jumps_waits_for_another_thread(stop):
    clock = ManualClock(100, jumps=False)
    done = []
    waiter = threading.Thread(target=lambda: done.append((clock.wait_until(110, stop), clock.sleep(5, stop))))
    waiter.start()
    clock.advance(9)
    waiter.join(0.03)
    assert waiter.is_alive()
    assert done == []
    while waiter.is_alive():
        clock.advance(1)
        waiter.join(0.005)
    assert done == [(True, True)]
    assert clock.now() >= 115
