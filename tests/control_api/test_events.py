from __future__ import annotations

import asyncio
import threading
import tracemalloc
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mooring.control_api.client import Client, StreamEvent
from mooring.control_api.events import RESET, Event, EventHub
from mooring.control_api.limits import Limits
from mooring.errors import Conflict, Invalid, Retry
from tests.control_api.api_harness import MASTER, Running, is_closed, read_answer, running

AUTH = f"Authorization: Bearer {MASTER}"


def in_loop(hub: EventHub, last_id: int | None, count: int) -> list[Event]:
    async def collect() -> list[Event]:
        listener = hub.subscribe(last_id)
        got: list[Event] = []
        while len(got) < count and (batch := await listener.next_batch(0.01)):
            got += batch
        listener.close()
        return got

    return asyncio.run(collect())


@given(first=st.integers(1, 10**9), published=st.integers(0, 40), behind=st.integers(-3, 45), ring=st.integers(1, 16))
def test_a_listener_misses_nothing_or_is_told_to_reload(first: int, published: int, behind: int, ring: int) -> None:
    hub = EventHub(first_id=first, ring=ring)
    for n in range(published):
        hub.publish("price", {"n": n})
    newest = first + published - 1
    got = in_loop(hub, newest - behind, 100)
    if behind < 0 or behind > min(ring, published):
        assert [(event.type, event.id) for event in got] == [(RESET, newest)]
    else:
        assert [event.id for event in got] == list(range(newest - behind + 1, newest + 1))


@given(st.lists(st.integers(1, 60), max_size=30), st.integers(10, 200))
def test_what_is_kept_for_listeners_is_bounded_in_bytes_too(sizes: list[int], most: int) -> None:
    hub = EventHub(ring=10, ring_bytes=most)
    for size in sizes:
        hub.publish("price", {"x": "y" * size})
    kept, left = 0, most
    for size in reversed(sizes[-10:]):
        left -= len('{"x":""}') + size
        if left < 0:
            break
        kept += 1
    newest = len(sizes)
    assert [event.id for event in in_loop(hub, newest - kept, 100)] == list(range(newest - kept + 1, newest + 1))
    if kept < newest:
        assert [event.type for event in in_loop(hub, newest - kept - 1, 100)] == [RESET]


def test_an_event_that_is_kept_takes_no_more_room_than_it_has_data() -> None:
    hub = EventHub()
    hub.publish("price", {"n": 0})
    tracemalloc.start()
    try:
        for n in range(1000):
            hub.publish("price", {"n": n, "symbol": "BTC-USDT"})
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 1000 * 400  # orjson leaves each in a room of 4 KiB


def test_events_are_spelled_in_one_line_each() -> None:
    hub = EventHub()
    hub.publish("alert", {"text": "two\nlines"})
    (event,) = in_loop(hub, 0, 1)
    assert event.encoded() == b'id: 1\nevent: alert\ndata: {"text":"two\\nlines"}\n\n'


def test_a_listener_that_does_not_read_is_dropped_and_never_waited_for() -> None:
    hub = EventHub(queue=3)

    async def slow() -> tuple[list[Event] | None, list[Event] | None]:
        listener, other = hub.subscribe(), hub.subscribe()
        for n in range(3):
            hub.publish("price", {"n": n})
        first = await other.next_batch(1)
        hub.publish("price", {"n": 3})
        assert first is not None
        assert len(first) == 3
        return await listener.next_batch(1), await other.next_batch(1)

    dropped, kept = asyncio.run(slow())
    assert dropped is None
    assert kept is not None
    assert [event.id for event in kept] == [4]


def test_what_waits_for_a_listener_is_bounded_in_bytes_too() -> None:
    hub = EventHub(queue_bytes=100)

    async def slow() -> tuple[list[Event] | None, list[Event] | None]:
        for n in range(2):
            hub.publish("price", {"x": f"{n}" * 24})  # 32 bytes of data
        listener, other = hub.subscribe(0), hub.subscribe()
        for n in range(2, 4):
            hub.publish("price", {"x": f"{n}" * 24})
            assert len(await other.next_batch(1) or ()) == 1
        for n in range(4, 7):
            hub.publish("price", {"x": f"{n}" * 24})
        return await listener.next_batch(1), await other.next_batch(1)

    dropped, kept = asyncio.run(slow())
    assert dropped is None
    assert kept is not None
    assert [event.id for event in kept] == [5, 6, 7]


def test_publishing_from_many_threads_gives_each_event_its_own_id() -> None:
    hub = EventHub(ring=1000)
    threads = [threading.Thread(target=lambda: [hub.publish("price", {}) for _ in range(50)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [event.id for event in in_loop(hub, 0, 400)] == list(range(1, 401))


def test_listening_on_a_loop_that_has_ended_harms_nobody() -> None:
    hub = EventHub()

    async def leave() -> None:
        hub.subscribe()

    asyncio.run(leave())
    hub.publish("price", {})
    hub.publish("price", {})
    assert hub._listeners == {}


def test_data_too_large_are_left_out() -> None:
    hub = EventHub()
    hub.publish("price", {"x": "y" * 70_000})
    assert in_loop(hub, 0, 1)[0].data == b'{"omitted_bytes":70008}'


@pytest.mark.parametrize(("type_", "data"), [("gossip", {}), ("price", {"price": Decimal(1)}), (RESET, {})])
def test_what_cannot_be_published_is_refused(type_: str, data: dict[str, object]) -> None:
    with pytest.raises(Invalid):
        EventHub().publish(type_, data)


def test_a_closed_hub_takes_nobody_and_ends_everybody() -> None:
    hub = EventHub()

    async def listen() -> list[Event] | None:
        listener = hub.subscribe()
        hub.close()
        return await listener.next_batch(5)

    assert asyncio.run(listen()) is None
    hub.publish("price", {})

    async def again() -> None:
        hub.subscribe()

    with pytest.raises(Conflict):
        asyncio.run(again())


def test_no_more_listeners_than_streams() -> None:
    async def many() -> None:
        hub = EventHub(streams=2)
        hub.subscribe()
        hub.subscribe().close()
        hub.subscribe()
        hub.subscribe()

    with pytest.raises(Retry):
        asyncio.run(many())


def test_a_stream_resumes_after_the_last_event_that_was_seen(fresh: Running) -> None:
    for n in range(3):
        fresh.hub.publish("decision", {"n": n})
    with Client.connect(fresh.run_dir) as client:
        stream = client.events(last_id=1000)
        assert next(stream) == StreamEvent(id=1001, type="decision", data={"n": 1})
        assert next(stream) == StreamEvent(id=1002, type="decision", data={"n": 2})
        fresh.hub.publish("alert", {"n": 3})
        assert next(stream) == StreamEvent(id=1003, type="alert", data={"n": 3})
        stream.close()


def test_a_stream_that_missed_too_much_is_reset(fresh: Running) -> None:
    for n in range(40):
        fresh.hub.publish("price", {"n": n})
    with Client.connect(fresh.run_dir) as client:
        stream = client.events(last_id=7)
        assert next(stream) == StreamEvent(id=1039, type="reset", data={})
        stream.close()


def test_a_silent_stream_gives_signs_of_life(run_dir: Path) -> None:
    with running(run_dir, limits=Limits(heartbeat_seconds=0.05)) as served:
        sock = served.raw()
        sock.sendall(served.request(AUTH, path="/v1/events"))
        data = b""
        while data.count(b": alive") < 3:
            data += sock.recv(4096)
        assert b"content-type: text/event-stream" in data
        assert b"retry: 2000" in data


def test_a_listener_that_goes_away_frees_its_place(run_dir: Path) -> None:
    with running(run_dir, limits=Limits(streams=1)) as served:
        for _ in range(3):
            sock = served.raw()
            sock.sendall(served.request(AUTH, path="/v1/events"))
            assert read_answer(sock).status == 200
            answer = served.ask(served.request(AUTH, path="/v1/events"))
            assert (answer.status, answer.code) == (503, "too_many_streams")
            sock.close()
            while served.hub._listeners:
                threading.Event().wait(0.005)


@pytest.mark.parametrize("last", ["x", "-1", "1" * 19])
def test_an_id_that_is_none_is_refused(served: Running, last: str) -> None:
    assert served.ask(served.request(AUTH, f"Last-Event-ID: {last}", path="/v1/events")).status == 422


def test_the_stream_needs_a_token(served: Running) -> None:
    assert served.ask(served.request(path="/v1/events")).status == 401


def test_the_end_of_the_daemon_ends_the_stream(run_dir: Path) -> None:
    with running(run_dir) as served:
        sock = served.raw()
        sock.sendall(served.request(AUTH, path="/v1/events"))
        assert read_answer(sock).status == 200
        served.opened.remove(sock)
    with sock:
        assert is_closed(sock)
