"""An event loop that looks names up in threads of their own, which no end waits for.

asyncio does it in the pool of its loop. While no resolver answers, each name keeps one of the pool's few threads for
ten to thirty seconds: what else is done there waits for one, as calls of the books are, and so does the process's end.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, Final, TypeVar

T = TypeVar("T")

LOOKUPS_MAX: Final = 32  # under way at once


class Loop(asyncio.SelectorEventLoop):
    """asyncio's own loop but for `getaddrinfo`, which is refused while LOOKUPS_MAX are under way."""

    def __init__(self) -> None:
        super().__init__()
        self._looking: set[threading.Thread] = set()  # belongs to the loop

    async def getaddrinfo(
        self,
        host: bytes | str | None,
        port: bytes | str | int | None,
        *,
        family: int = 0,
        type: int = 0,  # noqa: A002 -- asyncio's own name
        proto: int = 0,
        flags: int = 0,
    ) -> list[Any]:
        """As asyncio's. Raises OSError where the name is not found, or too many are looked up already."""
        self._looking = {thread for thread in self._looking if thread.is_alive()}
        if len(self._looking) >= LOOKUPS_MAX:
            raise socket.gaierror(socket.EAI_AGAIN, "too many names are being looked up")
        answer: asyncio.Future[list[Any]] = self.create_future()

        def tell(found: list[Any] | None, error: BaseException | None) -> None:
            if answer.done():  # nobody waits any more
                return
            if error is not None:
                answer.set_exception(error)
            else:
                answer.set_result(found or [])

        def look() -> None:
            found, failed = None, None
            try:
                found = socket.getaddrinfo(host, port, family, type, proto, flags)
            except Exception as error:  # noqa: BLE001 -- raised again where it is waited for
                failed = error
            with suppress(RuntimeError):  # the loop may be over
                self.call_soon_threadsafe(tell, found, failed)

        thread = threading.Thread(target=look, name="name-lookup", daemon=True)
        thread.start()
        self._looking.add(thread)
        return await answer


def run(work: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run` in such a loop."""
    with asyncio.Runner(loop_factory=Loop) as runner:
        return runner.run(work)
