"""Models that are asked in a thread of their own, so that one that hangs holds up an hour only so long."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Final

import numpy as np

from mooring.errors import Unverified
from mooring.runtime.domain.bars import Bools, Float64s
from mooring.runtime.domain.codes import ModelState
from mooring.runtime.domain.scores import without_scores
from mooring.runtime.models.predicted import Models, Predicted

ANSWER_SECONDS: Final = 2.0  # a hundred times what an answer takes on a slow machine
US: Final = 1_000_000


class Bounded:
    """`Models` that answer in time or are a fault.

    While an answer is overdue, nobody waits again: every hour is a fault at once, until the overdue one has come, which
    is thrown away. Stops, exits and the kill switch wait at most `seconds` for an hour that hangs. The thread is a
    daemon: one that never comes back does not keep the process from ending. ONNX Runtime lets other threads run.

    Args:
        inner: asked by this object's thread only.
        seconds: how long an answer may take.

    Attributes:
        around: what each question that counts is asked within: entered by who asks, which takes nothing of `seconds`,
            and left by the thread once it has come back, however late.
    """

    def __init__(self, inner: Models, *, seconds: float = ANSWER_SECONDS) -> None:
        self.around: Callable[[], AbstractContextManager[None]] = nullcontext
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
        within = self.around()
        within.__enter__()
        try:
            question = self._ask(values.copy(), present.copy(), within)
        except BaseException:
            within.__exit__(None, None, None)
            raise
        if not question.done.wait(self._seconds):
            self._overdue = question
            return self._late(len(present), round(self._seconds * US))
        if question.error is not None:
            raise question.error
        assert question.answer is not None
        return question.answer

    def warm(self, symbols: int, features: int, seconds: float) -> None:
        """Ask once about zeros, so that the first answer that counts is no slower than those after it.

        What is said, and what is raised, says nothing: models were held to known answers before.

        Raises:
            Unverified: nothing was said within the time.
        """
        question = self._ask(np.zeros((symbols, features)), np.ones(symbols, np.bool_), nullcontext())
        if not question.done.wait(seconds):
            self._overdue = question
            self.leave()  # nobody has it: whenever it comes back, its thread ends
            raise Unverified(
                "model_unusable",
                f"The models cannot be used: they did not answer within {seconds:g} s of being loaded.",
                money="Nothing is traded on their word.",
                todo="Report this to whoever published the bundle; go back to an earlier one.",
            )

    def leave(self) -> None:
        """Let the thread end, once it has answered what it was asked; waits for nothing."""
        self._asked.put(None)

    def close(self) -> None:
        """Let the thread end, and wait for that as long as for an answer."""
        self.leave()
        if self._thread is not None:
            self._thread.join(self._seconds)

    def _ask(self, values: Float64s, present: Bools, within: AbstractContextManager[None]) -> _Question:
        question = _Question(values, present, within)
        if self._thread is None:
            thread = threading.Thread(target=self._work, name="models", daemon=True)
            try:
                thread.start()
            except RuntimeError as error:
                raise MemoryError(str(error)) from error  # of this machine, not of the models
            self._thread = thread
        self._asked.put(question)
        return question

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
            question.done.set()  # before the disk: nobody waits for what only says that it is over
            question.within.__exit__(None, None, None)


class _Question:
    def __init__(self, values: Float64s, present: Bools, within: AbstractContextManager[None]) -> None:
        self.values, self.present, self.within = values, present, within
        self.answer: Predicted | None = None
        self.error: Exception | None = None
        self.done = threading.Event()
