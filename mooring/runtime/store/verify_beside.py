"""Questions that a database answers by itself, asked on a second connection while the rows are walked on the first.

Where there are two processors a check takes about half as long so: SQLite and a server work without Python's lock. The
second connection has a transaction of its own, which may show a later state; each question is about one state, so its
answer is as good.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, Self

from sqlalchemy import Connection, Engine

from mooring.runtime.store.failures import DAMAGE
from mooring.runtime.store.source import Source

Rows = Sequence[Sequence[Any]]
Answer = Callable[[], Rows]

INTERRUPT_EVERY_S: Final = 0.05


class Beside:
    """Asks one question after the other, until the end of its context.

    Args:
        engine: of readers.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None
        self._asked: list[Future[Rows]] = []
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="mooring-check")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for question in self._asked:
            question.cancel()
        # More than once: the one at hand may have been about to begin.
        while wait(self._asked, timeout=INTERRUPT_EVERY_S).not_done:
            self._interrupt()
        self._thread.shutdown()
        if self._connection is not None:
            with suppress(*DAMAGE):
                self._connection.close()

    def ask(self, sql: str) -> Answer:
        """Ask; calling what is returned waits for the answer, which is every row of it.

        The call raises what the question raised.
        """
        self._asked.append(self._thread.submit(self._answer, sql))
        return self._asked[-1].result

    def _interrupt(self) -> None:
        connection = self._connection
        if connection is not None:
            with suppress(Exception):  # nobody waits for the answer, however it ends
                raw: Any = connection.connection.driver_connection
                (raw.interrupt if connection.dialect.name == "sqlite" else raw.cancel)()

    def _answer(self, sql: str) -> Rows:
        if self._connection is None:
            self._connection = self._engine.connect()
            self._connection.begin()
        source = Source(self._connection)
        with source.apart():
            return source.all(sql)
