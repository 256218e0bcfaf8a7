"""Long work: begun by a call that answers 202 at once, followed on the event stream or by asking.

One operation runs at a time, a few wait, and the last ones are remembered. All of it ends with the process: an id from
before a restart is unknown, and says so. What works is handed in as a callable, so that this knows of no area.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import orjson
import structlog

from mooring.control_api.events import EventHub
from mooring.control_api.models_evidence import Operation
from mooring.control_api.problems import problem_of
from mooring.errors import Conflict, MooringError, NotFound, Retry

KEPT_MAX: Final = 64
WAITING_MAX: Final = 4
RESULT_BYTES_MAX: Final = 1_048_576
CLOSE_SECONDS: Final = 10.0
RETRY_SECONDS: Final = 30.0
ENDED: Final = frozenset({"done", "failed", "cancelled"})

log = structlog.get_logger("mooring.control_api")


class Cancelled(Exception):  # noqa: N818 -- no error: somebody wanted it
    """The work was asked to end, and did."""


class Work(Protocol):
    """What is done; called in a thread of its own."""

    def __call__(self, task: Task) -> Mapping[str, Any]:
        """Do it, and give back what came of it, as JSON can say it.

        Raises:
            Cancelled: it ended because it was asked to.
            MooringError: what kept it from its end.
        """
        ...


class Task:
    """What the work is handed: to say how far it is, and to learn that it should end."""

    def __init__(self, told: Callable[[int, int], None]) -> None:
        self._told = told
        self._lock = threading.Lock()
        self._cancelled = False
        self._callbacks: list[Callable[[], None]] = []

    @property
    def cancelled(self) -> bool:
        """Whether it should end."""
        return self._cancelled

    def tell(self, done: int, total: int) -> None:
        """So many steps of so many are done.

        Raises:
            Cancelled: it should end.
        """
        if self._cancelled:
            raise Cancelled
        self._told(done, total)

    def when_cancelled(self, call: Callable[[], None]) -> None:
        """Call this once it should end, from another thread; at once where it should already."""
        with self._lock:
            if not self._cancelled:
                self._callbacks.append(call)
                return
        call()

    def cancel(self) -> None:
        """Ask it to end; safe to call twice."""
        with self._lock:
            self._cancelled = True
            calls, self._callbacks = self._callbacks, []
        for call in calls:
            call()


@dataclass(kw_only=True)
class _Known:
    seen: Operation
    task: Task
    percent_told: int = field(default=-1)


class Operations:
    """The operations of this process. Safe to use from any thread.

    Args:
        hub: where progress is told.
        ids: makes ids that cannot be guessed, of `A-Z a-z 0-9 _ -`.
        now: the time as RFC 3339 in UTC.
        kept: how many are remembered; of those that have ended the oldest are forgotten first.
        waiting: how many may wait for the one that runs.
    """

    def __init__(
        self,
        hub: EventHub,
        ids: Callable[[], str],
        now: Callable[[], str],
        *,
        kept: int = KEPT_MAX,
        waiting: int = WAITING_MAX,
    ) -> None:
        self._hub = hub
        self._ids = ids
        self._now = now
        self._kept = kept
        self._waiting = waiting
        self._lock = threading.Lock()
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="operation")
        self._closed = False

    def begin(self, kind: str, work: Work, *, cancellable: bool = False) -> Operation:
        """Have something done; it runs once those before it have ended.

        Args:
            kind: stable snake_case name of what is done.
            cancellable: whether the work heeds `Task.cancelled`.

        Raises:
            Retry: too many wait already.
            Conflict: the daemon is stopping.
        """
        with self._lock:
            if self._closed:
                raise Conflict("stopping", "The daemon is stopping.", todo="Ask again once it runs.")
            under_way = sum(known.seen.state not in ENDED for known in self._known.values())
            if under_way > self._waiting:
                raise Retry(
                    "operations_waiting",
                    f"{under_way} operations run or wait already.",
                    retry_after_seconds=RETRY_SECONDS,
                    money="Nothing was begun.",
                    todo="Ask again once one has ended.",
                )
            seen = Operation(id=self._ids(), kind=kind, state="queued", cancellable=cancellable, created_at=self._now())
            known = _Known(seen=seen, task=Task(lambda done, total: self._tell(seen.id, done, total)))
            self._known[seen.id] = known
            self._forget()
            future = self._pool.submit(self._run, seen.id, work, known.task)
            del future  # it never raises: what came of it stands in the operation
        self._publish(seen)
        return seen

    def get(self, operation_id: str) -> Operation:
        """How it stands.

        Raises:
            NotFound: there is none of this id in this start of the daemon, or it was too long ago.
        """
        with self._lock:
            return self._find(operation_id).seen

    def all(self) -> list[Operation]:
        """Those that are remembered, newest first."""
        with self._lock:
            return [known.seen for known in reversed(self._known.values())]

    def cancel(self, operation_id: str) -> Operation:
        """Ask it to end; no effect where it has.

        Raises:
            NotFound: as `get`.
            Conflict: it cannot be ended halfway.
        """
        with self._lock:
            known = self._find(operation_id)
            if known.seen.state not in ENDED and not known.seen.cancellable:
                raise Conflict(
                    "not_cancellable",
                    "This operation cannot be ended halfway.",
                    money="It goes on as it was.",
                    todo="Wait for its end.",
                )
        known.task.cancel()
        return self.get(operation_id)

    def close(self, seconds: float = CLOSE_SECONDS) -> None:
        """Begin nothing more, ask all to end, and wait no longer than so many seconds until they have."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            tasks = [known.task for known in self._known.values() if known.seen.state not in ENDED]
        for task in tasks:
            task.cancel()
        last = self._pool.submit(lambda: None)  # behind all others, as there is one thread
        wait_for([last], timeout=seconds)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _run(self, operation_id: str, work: Work, task: Task) -> None:
        if task.cancelled:
            self._change(operation_id, state="cancelled", ended_at=self._now())
            return
        self._change(operation_id, state="running", started_at=self._now())
        try:
            result = _bounded(work(task))
        except Cancelled:
            self._change(operation_id, state="cancelled", ended_at=self._now())
        except MooringError as error:
            self._change(operation_id, state="failed", problem=problem_of(error), ended_at=self._now())
        except Exception as error:
            log.exception("operation_failed", operation=operation_id)
            self._change(operation_id, state="failed", problem=problem_of(error), ended_at=self._now())
        else:
            self._change(operation_id, state="done", progress=100, result=result, ended_at=self._now())

    def _tell(self, operation_id: str, done: int, total: int) -> None:
        percent = min(99, 100 * done // total) if total > 0 else 0
        with self._lock:
            known = self._find(operation_id)
            percent = max(percent, known.seen.progress)  # a total that grows takes nothing back
            known.seen = known.seen.model_copy(update={"progress": percent, "done": done, "total": total})
            tell = percent > known.percent_told
            known.percent_told = percent
            seen = known.seen
        if tell:
            self._publish(seen)

    def _change(self, operation_id: str, **changes: Any) -> None:
        with self._lock:
            known = self._find(operation_id)
            known.seen = known.seen.model_copy(update=changes)
            seen = known.seen
        self._publish(seen)

    def _publish(self, seen: Operation) -> None:
        """Without its result, which can be long: whoever wants it asks."""
        told = seen.model_dump(include={"id", "kind", "state", "progress", "done", "total"})
        self._hub.publish("progress", told | ({"code": seen.problem.code} if seen.problem else {}))

    def _find(self, operation_id: str) -> _Known:
        known = self._known.get(operation_id)
        if known is None:
            raise NotFound(
                "no_such_operation",
                f"No such operation is known: all end with the daemon, and the last {self._kept} are remembered.",
                todo="Look at the state that it was to change, and begin it again where it is still wanted.",
            )
        return known

    def _forget(self) -> None:
        ended = [key for key, known in self._known.items() if known.seen.state in ENDED]
        for key in ended[: max(0, len(self._known) - self._kept)]:
            del self._known[key]


def _bounded(result: Mapping[str, Any]) -> dict[str, Any]:
    """The result, or where it is too long to be kept only how long it was and whether all was well."""
    size = len(orjson.dumps(result))
    return dict(result) if size <= RESULT_BYTES_MAX else {"ok": result.get("ok"), "omitted_bytes": size}
