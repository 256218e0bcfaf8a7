from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import orjson
import pytest

from mooring.control_api.events import EventHub
from mooring.control_api.operations import (
    KEPT_MAX,
    RESULT_BYTES_MAX,
    WAITING_MAX,
    Cancelled,
    Operations,
    Task,
)
from mooring.errors import Conflict, Denied, NotFound, Retry

ENDED = {"done", "failed", "cancelled"}


class Listening(EventHub):
    """A hub that remembers what was published, and lets a test wait for it."""

    def __init__(self) -> None:
        super().__init__()
        self.changed = threading.Condition()
        self.seen: list[dict[str, Any]] = []

    def publish(self, type: str, data: Mapping[str, Any]) -> None:  # noqa: A002
        assert type == "progress"
        with self.changed:
            self.seen.append(orjson.loads(orjson.dumps(data)))
            self.changed.notify_all()

    def wait(self, operation_id: str, *states: str) -> None:
        with self.changed:
            assert self.changed.wait_for(
                lambda: any(one["id"] == operation_id and one["state"] in states for one in self.seen), 20
            )

    def of(self, operation_id: str) -> list[tuple[str, int]]:
        return [(one["state"], one["progress"]) for one in self.seen if one["id"] == operation_id]


@pytest.fixture
def hub() -> Listening:
    return Listening()


@pytest.fixture
def operations(hub: Listening) -> Iterator[Operations]:
    ids, times = itertools.count(1), itertools.count(0)
    made = Operations(hub, lambda: f"op-{next(ids)}", lambda: f"2026-11-21T06:00:{next(times):02d}Z")
    yield made
    made.close()


def until(gate: threading.Event) -> Any:
    def work(task: Task) -> dict[str, Any]:
        task.when_cancelled(gate.set)
        assert gate.wait(20)
        task.tell(1, 1)
        return {"ok": True}

    return work


def test_work_goes_from_queued_over_running_to_done(operations: Operations, hub: Listening) -> None:
    begun = operations.begin("check", lambda task: task.tell(1, 4) or {"rows": 4})  # type: ignore[func-returns-value]
    assert (begun.state, begun.progress, begun.result) == ("queued", 0, None)
    hub.wait(begun.id, "done")
    ended = operations.get(begun.id)
    assert (ended.state, ended.progress, ended.result, ended.problem) == ("done", 100, {"rows": 4}, None)
    assert ended.created_at < (ended.started_at or "") < (ended.ended_at or "")
    assert hub.of(begun.id) == [("queued", 0), ("running", 0), ("running", 25), ("done", 100)]
    assert all("result" not in one for one in hub.seen)


def test_each_whole_per_cent_is_told_once_and_never_goes_back(operations: Operations, hub: Listening) -> None:
    def work(task: Task) -> dict[str, Any]:
        for done in range(10_001):
            task.tell(done, 10_000)
        task.tell(5, 10_000)
        task.tell(3, 0)
        return {}

    begun = operations.begin("check", work)
    hub.wait(begun.id, "done")
    told = [percent for state, percent in hub.of(begun.id) if state == "running"][1:]
    assert told == [*range(100)]


def test_one_runs_at_a_time_in_the_order_asked_for(operations: Operations, hub: Listening) -> None:
    gate, order = threading.Event(), []
    first = operations.begin("check", until(gate))
    hub.wait(first.id, "running")
    later = [operations.begin("check", lambda _, n=n: order.append(n) or {}) for n in range(WAITING_MAX)]
    assert [operations.get(one.id).state for one in later] == ["queued"] * WAITING_MAX
    gate.set()
    hub.wait(later[-1].id, "done")
    assert order == [*range(WAITING_MAX)]


def test_more_than_may_wait_are_refused_and_nothing_is_begun(operations: Operations, hub: Listening) -> None:
    gate = threading.Event()
    first = operations.begin("check", until(gate))
    hub.wait(first.id, "running")
    for _ in range(WAITING_MAX):
        operations.begin("check", lambda _: {})
    with pytest.raises(Retry) as caught:
        operations.begin("check", lambda _: {})
    assert (caught.value.code, caught.value.retry_after_seconds) == ("operations_waiting", 30.0)
    assert len(operations.all()) == WAITING_MAX + 1
    gate.set()
    hub.wait(operations.all()[0].id, "done")
    assert operations.begin("check", lambda _: {}).state == "queued"


def test_an_error_of_ours_stands_in_the_operation(operations: Operations, hub: Listening) -> None:
    def work(_: Task) -> dict[str, Any]:
        raise Denied("some_code", "It is not allowed.", money="No money moved.", todo="Ask.")

    begun = operations.begin("check", work)
    hub.wait(begun.id, "failed")
    problem = operations.get(begun.id).problem
    assert problem is not None
    assert (problem.status, problem.code, problem.money, problem.todo) == (403, "some_code", "No money moved.", "Ask.")
    assert hub.seen[-1]["code"] == "some_code"


def test_any_other_error_says_nothing_of_itself_and_the_next_one_runs(operations: Operations, hub: Listening) -> None:
    def work(_: Task) -> dict[str, Any]:
        raise RuntimeError("password=hunter2")

    begun = operations.begin("check", work)
    following = operations.begin("check", lambda _: {})
    hub.wait(following.id, "done")
    failed = operations.get(begun.id)
    assert (failed.state, failed.problem and failed.problem.code) == ("failed", "internal_error")
    assert "hunter2" not in failed.model_dump_json()


def test_what_waits_can_be_cancelled_and_never_runs(operations: Operations, hub: Listening) -> None:
    gate, ran = threading.Event(), []
    first = operations.begin("check", until(gate))
    second = operations.begin("check", lambda _: ran.append(1) or {}, cancellable=True)
    assert operations.cancel(second.id).state == "queued"
    gate.set()
    hub.wait(second.id, "cancelled")
    assert operations.get(first.id).state == "done"
    assert ran == []


def test_what_runs_is_told_that_it_should_end(operations: Operations, hub: Listening) -> None:
    gate = threading.Event()
    begun = operations.begin("check", until(gate), cancellable=True)
    hub.wait(begun.id, "running")
    operations.cancel(begun.id)
    hub.wait(begun.id, "cancelled")
    ended = operations.get(begun.id)
    assert (ended.state, ended.result, ended.problem) == ("cancelled", None, None)
    assert operations.cancel(begun.id) == ended, "a second time changes nothing"


def test_what_cannot_be_ended_halfway_goes_on(operations: Operations, hub: Listening) -> None:
    gate = threading.Event()
    begun = operations.begin("activate", until(gate))
    with pytest.raises(Conflict, match="halfway"):
        operations.cancel(begun.id)
    gate.set()
    hub.wait(begun.id, "done")


def test_an_unknown_id_says_that_operations_end_with_the_daemon(operations: Operations) -> None:
    for ask in (operations.get, operations.cancel):
        with pytest.raises(NotFound, match="all end with the daemon") as caught:
            ask("op-of-before")
        assert caught.value.code == "no_such_operation"


def test_only_the_last_ones_are_remembered_and_none_that_is_under_way_is_forgotten(hub: Listening) -> None:
    ids = itertools.count(1)
    operations = Operations(hub, lambda: f"op-{next(ids)}", lambda: "2026-11-21T06:00:00Z", kept=3, waiting=10)
    gate = threading.Event()
    first = operations.begin("check", until(gate))
    others = [operations.begin("check", lambda _: {}) for _ in range(5)]
    assert len(operations.all()) == 6
    gate.set()
    hub.wait(others[-1].id, "done")
    last = operations.begin("check", lambda _: {})
    assert [one.id for one in operations.all()] == [last.id, others[-1].id, others[-2].id]
    with pytest.raises(NotFound):
        operations.get(first.id)
    operations.close()
    assert KEPT_MAX == 64


def test_a_result_that_is_too_long_is_left_out_and_says_so(operations: Operations, hub: Listening) -> None:
    begun = operations.begin("check", lambda _: {"ok": False, "rows": "x" * RESULT_BYTES_MAX})
    hub.wait(begun.id, "done")
    result = operations.get(begun.id).result
    assert result is not None
    assert (result["ok"], result["omitted_bytes"] > RESULT_BYTES_MAX) == (False, True)


def test_at_the_end_of_the_daemon_all_are_ended_and_none_is_begun(operations: Operations, hub: Listening) -> None:
    gate = threading.Event()
    begun = operations.begin("check", until(gate))
    waiting = operations.begin("check", lambda _: {})
    hub.wait(begun.id, "running")
    operations.close()
    assert [operations.get(one.id).state for one in (begun, waiting)] == ["cancelled", "cancelled"]
    with pytest.raises(Conflict, match="stopping"):
        operations.begin("check", lambda _: {})
    operations.close()


def test_who_comes_late_to_a_cancelled_task_is_called_at_once() -> None:
    task, called = Task(lambda _done, _total: None), []
    task.cancel()
    task.when_cancelled(lambda: called.append(1))
    assert called == [1]
    with pytest.raises(Cancelled):
        task.tell(1, 2)
