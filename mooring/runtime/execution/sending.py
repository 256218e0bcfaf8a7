"""Orders sent: once each, after what they wait for has ended and the books let them go."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Final

from mooring.errors import Denied, Invalid, Retry
from mooring.runtime.domain.codes import Role
from mooring.runtime.domain.orders import Order, Status
from mooring.runtime.execution.board import Board, Call, Sleep
from mooring.runtime.execution.cancelling import Cancelling
from mooring.runtime.execution.dead_man import DeadManSwitch
from mooring.runtime.execution.gate import Gate
from mooring.runtime.execution.lookup import Lookups
from mooring.runtime.execution.options import Options
from mooring.runtime.execution.orders import Track, reached, released, withheld
from mooring.runtime.execution.ports import Books
from mooring.runtime.venues.protocol import Venue

SINCE_MARGIN_MS: Final = 60_000  # by which a clock of ours may be ahead of the venue's
RELEASE_TRIES: Final = 3
WAIT_MAX: Final = 30.0
PLACE_SECONDS: Final = 120.0  # for one request with all its waiting for room; then nobody knows
NOT_SENT: Final = "not_sent"


class _BooksFailed(Exception):  # noqa: N818 -- what happened, not a fault
    """The books did not say whether an order may leave."""


class _TooLateError(Exception):
    """Nothing is tried again any more."""


class Sending:
    """Takes orders from INTENT to the venue's answer."""

    def __init__(
        self,
        venue: Venue,
        books: Books,
        board: Board,
        gate: Gate,
        lookups: Lookups,
        cancelling: Cancelling,
        switch: DeadManSwitch,
        options: Options,
        *,
        call: Call,
        sleep: Sleep,
    ) -> None:
        self._venue = venue
        self._books = books
        self._board = board
        self._gate = gate
        self._lookups = lookups
        self._cancelling = cancelling
        self._switch = switch
        self._options = options
        self._call = call
        self._sleep = sleep
        self._slots = asyncio.Semaphore(options.at_once)
        self.winding_down = False  # whether nothing new is bought any more
        self.stopped = False  # whether nothing at all is sent any more
        self._tried_out = asyncio.Event()

    async def run(self, group: asyncio.TaskGroup) -> None:
        """Send what is ready, as it gets ready, for ever; what is ready at once is released at once."""
        while True:
            await self._board.until(lambda: bool(self._drop() or self._ready()))
            batch = self._ready()
            if not batch or self._gate.look():
                continue
            for track in await self._release(batch):
                group.create_task(self._send(track.order.client_id), name=f"send {track.order.client_id}")

    def waiting(self) -> list[Track]:
        """Orders that have not left, oldest first."""
        return [track for track in self._board.live() if track.reached is Status.INTENT and track.end is None]

    def try_no_more(self) -> None:
        """End what is between two tries, which certainly did not leave; what is on its way is waited for."""
        self._tried_out.set()

    def _drop(self) -> bool:
        """End what is not to leave any more: what a person or the engine took back, and what is too old."""
        now_ms = self._venue.now_ms()
        dropped = False
        for track in self.waiting():
            expires = track.order.expires_at
            if self._taken_back(track):
                dropped = True
            elif expires is not None and expires * 1000 <= now_ms:
                self._board.put(reached(track, Status.EXPIRED, reason="expired_before_sending"))
                dropped = True
        return dropped

    def _taken_back(self, track: Track) -> bool:
        """Whether an order that has certainly not left is not to leave any more; it is ended then."""
        if self._cancelling.asked(track.order.client_id):
            reason = "cancelled_before_sending"
        elif self.winding_down and track.is_entry:
            reason = "not_sent_at_stop"
        else:
            return False
        self._board.put(reached(track, Status.CANCELLED, reason=reason))
        return True

    def _killed(self, track: Track) -> bool:
        """Whether the kill switch was pressed since the books let it go, in a moment in which nothing here ran."""
        if track.order.role is Role.EXIT or not self._books.killed():
            return False
        self._board.put(reached(track, Status.CANCELLED, reason="killed_before_sending"))
        return True

    def _ready(self) -> list[Track]:
        if self.stopped:
            return []
        return [track for track in self.waiting() if self._gate.lets(track.order) and self._free(track.order)]

    def _free(self, order: Order) -> bool:
        """Whether all that it waits for has ended, as the books know; asks for the end of what has not."""
        free = True
        for client_id in order.after:
            before = self._board.get(client_id)
            if before is not None and not before.settled:
                free = False
                self._cancelling.ask(client_id)
        return free

    async def _release(self, batch: list[Track]) -> list[Track]:
        since_ms = self._venue.now_ms() - SINCE_MARGIN_MS
        attempt = 0
        while True:
            attempt += 1
            try:
                orders = await self._call(self._books.release, [track.order for track in batch])
                break
            except Exception as error:  # noqa: BLE001 -- the books decide; without their word nothing leaves
                why = str(error)
            if attempt >= RELEASE_TRIES:
                # What protects or ends a position is asked for until the books answer.
                for track in batch:
                    if track.is_entry:
                        self._give_up(track, f"the books did not let it go: {why}")
                batch = [track for track in batch if not track.is_entry]
                if not batch:
                    return []
            await self._sleep(min(WAIT_MAX, float(attempt)))
        by_id = {order.client_id: order for order in orders}
        out = []
        for old in batch:
            client_id = old.order.client_id
            order = by_id.get(client_id)
            track = self._board.get(client_id) or old
            # It was ended, or taken back, while the books were asked: what they let go stays here.
            if track.end is not None or (order is not None and self._taken_back(track)):
                continue
            track = withheld(track) if order is None else released(track, order, since_ms=since_ms)
            self._board.put(track)
            out += [track] if order is not None else []
        return out

    async def _send(self, client_id: str) -> None:
        track = self._board.get(client_id)
        assert track is not None
        try:
            async with self._slots:
                if track.order.role is Role.STOP:
                    await self._switch.before_stop()
                if not (self._taken_back(track) or self._killed(track)):  # while it waited for its turn
                    await self._tries(track.order)
        except BaseException:
            # Also a cancellation of this task: the order may have left, and nobody will hear of it here.
            self._unknown(client_id)
            raise

    async def _tries(self, order: Order) -> None:
        """Place it; what certainly did not leave, or was refused, is tried again where it protects or ends a position.

        The venue may still hold what was just bought, or be in a mode that passes: no position stays bare for that.
        """
        tries = 1 if order.role is Role.ENTRY else self._options.not_sent_tries
        why, reason = "", NOT_SENT
        for attempt in range(tries):
            if attempt and (self._cancelling.asked(order.client_id) or self._tried_out.is_set()):
                break
            if attempt and await self._is_there(order.client_id):
                return
            try:
                if attempt:
                    again = await self._let_go_again(order)
                    if again is None:
                        return
                    order = again
                async with asyncio.timeout(PLACE_SECONDS):
                    order_id = await self._venue.place(order, deadline_ms=self._options.deadline_ms)
            except (Denied, Invalid) as error:
                why, reason, wait = str(error), error.what, min(WAIT_MAX, 2.0 ** (attempt + 1))
                if tries == 1 or isinstance(error, Invalid):
                    break
            except (Retry, _BooksFailed, _TooLateError) as error:
                why, reason = str(error), NOT_SENT
                asked = error.retry_after_seconds if isinstance(error, Retry) else 0.0
                wait = max(asked, min(WAIT_MAX, 2.0**attempt))
            except Exception:  # noqa: BLE001 -- whatever it was, the order may have arrived
                self._unknown(order.client_id)
                self._lookups.look(order.client_id, delay=1.0)
                return
            else:
                self._reach(order.client_id, Status.OPEN, order_id=order_id)
                return
            if attempt + 1 < tries:
                await self._pause(min(wait, WAIT_MAX))
        track = self._board.get(order.client_id)
        assert track is not None
        self._give_up(track, why, reason=reason)

    async def _pause(self, seconds: float) -> None:
        """Wait before another try, or until there is none."""
        waits = [asyncio.ensure_future(self._sleep(seconds)), asyncio.ensure_future(self._tried_out.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waits:
                one.cancel()

    async def _let_go_again(self, order: Order) -> Order | None:
        """The order, as the books let it go before another try; None where a gate closed since.

        Raises:
            _BooksFailed: without their word nothing leaves. _TooLateError: it ends.
        """
        try:
            orders: tuple[Order, ...] = await self._call(self._books.release, [order])
        except Exception as error:
            raise _BooksFailed(f"the books did not let it go again: {error}") from error
        if self._tried_out.is_set():
            raise _TooLateError("there was no time for another try")
        track = self._board.get(order.client_id)
        if orders:
            if track is not None and self._killed(track):  # since the books let it go
                return None
            if track is not None:
                self._board.put(replace(track, order=orders[0]))  # it may be another size by now
            return orders[0]
        if track is not None and track.end is None:
            self._board.put(reached(track, Status.REJECTED, reason=NOT_SENT))
        return None

    async def _is_there(self, client_id: str) -> bool:
        """Whether the venue has it after all; it did not leave, so no answer means no."""
        try:
            return await self._lookups.once(client_id)
        except Exception:  # noqa: BLE001 -- the venue may be out of reach for the same reason
            return False

    def _reach(self, client_id: str, status: Status, *, reason: str = "", order_id: str = "") -> None:
        track = self._board.get(client_id)
        assert track is not None
        if order_id and track.order_id and track.order_id != order_id:
            self._lookups.look(client_id)
        self._board.put(self._dated(reached(track, status, reason=reason, order_id=order_id)))

    def _unknown(self, client_id: str) -> None:
        track = self._board.get(client_id)
        if track is not None and track.end is None:
            self._board.put(self._dated(reached(track, Status.UNKNOWN)))

    def _dated(self, track: Track) -> Track:
        # Counted from when the call was over: it may have waited for room before it left.
        return replace(track, deadline_ms=self._venue.now_ms() + self._options.deadline_ms)

    def _give_up(self, track: Track, why: str, *, reason: str = NOT_SENT) -> None:
        self._board.put(reached(track, Status.REJECTED, reason=reason))
        if track.order.role is not Role.ENTRY:
            self._board.alert(
                "critical",
                "order_not_sent",
                f"An order that protects or ends a position was not sent ({track.order.side} {track.order.symbol}): "
                f"{why}",
                about=track.order.client_id,
            )
