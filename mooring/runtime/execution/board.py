"""The orders on their way, and the one place from which the books are told of them."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Protocol

from mooring.runtime.domain.orders import Update
from mooring.runtime.execution.orders import Track, after, due
from mooring.runtime.execution.ports import Books

LIVE_MAX: Final = 1_000
DOUBLED_MAX: Final = 1_000
SETTLED_MAX: Final = 4_096  # orders that ended, remembered for what is told of them late
ALERTS_MAX: Final = 1_000
WAIT_MAX: Final = 30.0


class Call(Protocol):
    """How a call of the books, which may block, is made from the loop: `asyncio.to_thread`, or directly."""

    def __call__(self, func: Callable[..., Any], /, *args: Any) -> Awaitable[Any]: ...


Sleep = Callable[[float], Awaitable[None]]


class Board:
    """Every order that was not heard the last of; changes are told to the books in their order, in batches.

    Belongs to one event loop. What the books do not take is told again until they do; nothing of it is forgotten.
    """

    def __init__(self, books: Books, *, call: Call, sleep: Sleep) -> None:
        self._books = books
        self._call = call
        self._sleep = sleep
        self._live: dict[str, Track] = {}
        self._settled: OrderedDict[str, Track] = OrderedDict()
        self._names: dict[str, str] = {}  # client id by order id
        self._dirty: dict[str, None] = {}
        self._alerts: deque[tuple[str, str, str]] = deque(maxlen=ALERTS_MAX)
        self._alerted: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._work = asyncio.Event()
        self._changed = asyncio.Event()
        self._telling = asyncio.Lock()
        self.doubled: dict[str, str] = {}  # further orders of the venue under one of our ids: order id, client id
        self.doubled_open: dict[str, str] = {}

    @property
    def full(self) -> bool:
        return len(self._live) >= LIVE_MAX

    def live(self) -> list[Track]:
        """Orders that have not ended, or of which something is missing, oldest first."""
        return list(self._live.values())

    def get(self, client_id: str) -> Track | None:
        """An order that is on its way, or ended not long ago."""
        return self._live.get(client_id) or self._settled.get(client_id)

    def named(self, order_id: str) -> Track | None:
        """The same by the venue's id."""
        client_id = self._names.get(order_id)
        return None if client_id is None else self.get(client_id)

    def put(self, track: Track) -> None:
        """Keep an order as it is known now, and have the books told of what they do not know."""
        client_id = track.order.client_id
        if track.order_id:
            self._names[track.order_id] = client_id
        if track.settled:
            self._live.pop(client_id, None)
            self._settled[client_id] = track
            self._forget_oldest()
        else:
            self._settled.pop(client_id, None)
            self._live[client_id] = track
        if due(track) is not None:
            self._dirty[client_id] = None
            self._work.set()
        self.notify()

    def notify(self) -> None:
        """Let those who wait look again."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def until(self, test: Callable[[], bool], *, seconds: float | None = None) -> bool:
        """Wait for something to hold of the board; False after so many seconds without."""
        try:
            async with asyncio.timeout(seconds):
                while not test():
                    await self._changed.wait()
        except TimeoutError:
            return False
        return True

    async def changed(self) -> None:
        """The next change of anything."""
        await self._changed.wait()

    def alert(self, severity: str, code: str, text: str, *, about: str = "", again: bool = False) -> None:
        """Have the person told; of one code about the same thing once, unless `again`."""
        if (code, about) in self._alerted and not again:
            return
        self._alerted[code, about] = None
        if len(self._alerted) > ALERTS_MAX:
            self._alerted.popitem(last=False)
        self._alerts.append((severity, code, text))
        self._work.set()

    def calm(self, code: str, *, about: str = "") -> None:
        """What an alert was about is over: the next time is told again."""
        self._alerted.pop((code, about), None)

    async def run(self) -> None:
        """Tell the books what they do not know, for ever."""
        wait = 1.0
        while True:
            await self._work.wait()
            self._work.clear()
            if await self.flush():
                wait = 1.0
            else:
                self._work.set()
                await self._sleep(wait)
                wait = min(2 * wait, WAIT_MAX)

    async def flush(self) -> bool:
        """Tell the books all of it now; whether they took everything."""
        async with self._telling:
            good = await self._tell_alerts()
            refused: set[str] = set()
            while batch := self._batch(refused):
                if not await self._take(batch):
                    # One that the books refuse must not keep the others back.
                    for update in batch:
                        if len(batch) == 1 or not await self._take([update]):
                            refused.add(update.client_id)
            return good and not refused

    def _batch(self, refused: set[str]) -> list[Update]:
        found = []
        for client_id in list(self._dirty):
            track = self.get(client_id)
            update = due(track) if track else None
            if update is None:
                del self._dirty[client_id]
            elif client_id not in refused:
                found.append(update)
        return found

    async def _take(self, updates: Sequence[Update]) -> bool:
        try:
            await self._call(self._books.take, list(updates))
        except Exception as error:  # noqa: BLE001 -- whatever it was, what is known must reach the books
            if len(updates) == 1:
                text = f"The books did not take what became of order {updates[0].client_id}: {error}"
                self.alert("critical", "books_refused", text, about=updates[0].client_id)
            return False
        for update in updates:
            self.calm("books_refused", about=update.client_id)
            track = self.get(update.client_id)
            assert track is not None
            self.put(after(track, update))
        return True

    async def _tell_alerts(self) -> bool:
        while self._alerts:
            try:
                await self._call(self._books.alert, *self._alerts[0])
            except Exception:  # noqa: BLE001 -- told again later; orders must not wait for it
                return False
            self._alerts.popleft()
        return True

    def second(self, order_id: str, client_id: str) -> bool:
        """Remember another order of the venue under one of our ids; whether it was not known before."""
        if order_id in self.doubled:
            return False
        while len(self.doubled) >= DOUBLED_MAX:
            self.doubled_open.pop(oldest := next(iter(self.doubled)), None)
            del self.doubled[oldest]
        self.doubled[order_id] = client_id
        return True

    def _forget_oldest(self) -> None:
        while len(self._settled) > SETTLED_MAX:
            _, track = self._settled.popitem(last=False)
            self._names.pop(track.order_id, None)
