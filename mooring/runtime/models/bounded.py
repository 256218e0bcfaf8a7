"""Models that are asked in a thread of their own, so that one that hangs holds up an hour only so long."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Final

from mooring.errors import Unverified
from mooring.runtime.domain.bars import Bools, Float64s
from mooring.runtime.domain.codes import ModelState
from mooring.runtime.domain.scores import without_scores
from mooring.runtime.models.predicted import Models, Predicted

ANSWER_SECONDS: Final = 2.0  # a hundred times what an answer takes on a slow machine
US: Final = 1_000_000


def loaded_within(load: Callable[[], Models], seconds: float) -> Models:
    """What `load` makes, in a thread of its own, so that models that hang while they load hold up an hour only so long.

    Raises:
        Exception: whatever `load` raised. Unverified: it took longer; its thread, a daemon, is left to itself.
    """
    made: list[Models] = []
    failed: list[Exception] = []

    def work() -> None:
        try:
            made.append(load())
        except Exception as error:  # noqa: BLE001 -- handed to who asked
            failed.append(error)

    thread = threading.Thread(target=work, name="models-load", daemon=True)
    thread.start()
    thread.join(seconds)
    if failed:
        raise failed[0]
    if not made:
        raise Unverified(
            "model_unusable",
            f"The models cannot be used: they did not load within {seconds:g} s.",
            money="Nothing is traded on their word.",
            todo="Report this to whoever published the bundle; go back to an earlier one.",
        )
    return made[0]


class Bounded:
    """`Models` that answer in time or are a fault.

    While an answer is overdue, nobody waits again: every hour is a fault at once, until the overdue one has come, which
    is thrown away. Stops, exits and the kill switch wait at most `seconds` for an hour that hangs. The thread is a
    daemon: one that never comes back does not keep the process from ending. ONNX Runtime lets other threads run.

    Args:
        inner: asked by this object's thread only.
        seconds: how long an answer may take.
    """

    def __init__(self, inner: Models, *, seconds: float = ANSWER_SECONDS) -> None:
        self._inner = inner
        self._seconds = seconds
        self._asked: queue.SimpleQueue[_Question | None] = queue.SimpleQueue()
        self._overdue: _Question | None = None
        self._thread: threading.Thread | None = None

    @property
    def reference(self) -> str:
        """Of the models inside."""
        return self._inner.reference

    def predict(self, values: Float64s, present: Bools) -> Predicted:
        """As `Models.predict`, within `seconds`.

        Raises:
            Exception: whatever the models inside raised.
        """
        if self._overdue is not None and not self._overdue.done.is_set():
            return self._late(len(present), 0)
        self._overdue = None
        question = _Question(values.copy(), present.copy())
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="models", daemon=True)
            self._thread.start()
        self._asked.put(question)
        if not question.done.wait(self._seconds):
            self._overdue = question
            return self._late(len(present), round(self._seconds * US))
        if question.error is not None:
            raise question.error
        assert question.answer is not None
        return question.answer

    def close(self) -> None:
        """Let the thread end, once it has answered what it was asked."""
        self._asked.put(None)
        if self._thread is not None:
            self._thread.join(self._seconds)

    def _late(self, symbols: int, latency_us: int) -> Predicted:
        return Predicted(
            outputs=without_scores(symbols, ModelState.FAULT),
            latency_us=latency_us,
            faults=(f"no answer within {self._seconds:g} s",),
        )

    def _work(self) -> None:
        while (question := self._asked.get()) is not None:
            try:
                question.answer = self._inner.predict(question.values, question.present)
            except Exception as error:  # noqa: BLE001 -- handed to who asked
                question.error = error
            question.done.set()


class _Question:
    def __init__(self, values: Float64s, present: Bools) -> None:
        self.values, self.present = values, present
        self.answer: Predicted | None = None
        self.error: Exception | None = None
        self.done = threading.Event()
