"""Orders over the private WebSocket: the same orders, limits and errors as over REST, without nonces.

A request that left and got no reply is `Unknown`. Replies and executions are independent; either may come first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Final, TypeVar

from mooring.errors import Halt, MooringError, Retry
from mooring.runtime.market.clock import Clock
from mooring.runtime.venues.kraken.errors import Call, Effect, no_answer, not_sent, refusal, safe_text, unreadable
from mooring.runtime.venues.kraken.events import Reply
from mooring.runtime.venues.kraken.fields import Fields
from mooring.runtime.venues.kraken.limits import Action, Lane, Limits, batch_add_cost, engine_cost
from mooring.runtime.venues.kraken.names import Pair
from mooring.runtime.venues.kraken.numbers import price_text, quantity_text
from mooring.runtime.venues.kraken.orders import (
    SOCKET_DEADLINE_LEAST_MS,
    Amendment,
    BatchPlaced,
    Cancelled,
    DeadMan,
    NewOrder,
    Placed,
    TimeInForce,
    check_batch,
    check_client_id,
    deadline_text,
    read_dead_man,
    rfc3339,
)
from mooring.runtime.venues.kraken.requests import ConnectionLost
from mooring.runtime.venues.kraken.sender import believe, refuse_held
from mooring.runtime.venues.kraken.sockets import SocketClosed, Wire, wire_json
from mooring.runtime.venues.kraken.ws import PrivateLink

T = TypeVar("T")

REPLY_SECONDS: Final = 10.0
_ADD: Final = Call(name="add_order", effect=Effect.ADDS)
_BATCH: Final = Call(name="batch_add", effect=Effect.ADDS)
_AMEND: Final = Call(name="amend_order", effect=Effect.TOUCHES)
_CANCEL: Final = Call(name="cancel_order", effect=Effect.TOUCHES)
_CANCEL_ALL: Final = Call(name="cancel_all", effect=Effect.TOUCHES)
_DEAD_MAN: Final = Call(name="cancel_all_orders_after", effect=Effect.TOUCHES)


def order_params(order: NewOrder) -> dict[str, Wire]:
    """An order as parameters of `add_order`, without symbol and deadline."""
    places = order.pair.pair_decimals
    params: dict[str, Wire] = {
        "order_type": order.order_type.value,
        "side": order.side.value,
        "order_qty": Decimal(quantity_text(order.lots, order.pair.lot_decimals)),
        "cl_ord_id": order.client_id,
        "fee_preference": "quote",
        "time_in_force": order.time_in_force.value.lower(),
    }
    if order.limit is not None:
        params["limit_price"] = Decimal(price_text(order.limit, places))
    if order.trigger is not None:
        params["triggers"] = {"reference": "last", "price": Decimal(price_text(order.trigger, places))}
    if order.post_only:
        params["post_only"] = True
    if order.time_in_force is TimeInForce.GTD and order.expires_at is not None:
        params["expire_time"] = rfc3339(1_000 * order.expires_at)
    return params


class SocketTrading:
    """Changes orders over a `PrivateLink`.

    Args:
        link: that somebody runs.
        limits: shared with REST: the engine counts both together.
        clock: for deadlines and limits.
    """

    def __init__(self, link: PrivateLink, limits: Limits, clock: Clock) -> None:
        self._link = link
        self._limits = limits
        self._clock = clock

    async def add(self, order: NewOrder, *, lane: Lane = Lane.ENTRY, until_ms: int | None = None) -> Placed:
        """Place an order. Arguments and errors as `rest.Trading.add`."""
        cost = engine_cost(Action.ADD)
        replies = await self._counted(
            _ADD,
            {"symbol": order.pair.ws, **order_params(order), **self._deadline(_ADD, until_ms)},
            order.pair,
            cost,
            lane,
        )
        return self._read(_ADD, lambda: Placed(txid=self._result(_ADD, replies[0]).text("order_id"), description=""))

    async def add_batch(self, orders: tuple[NewOrder, ...], *, lane: Lane = Lane.ENTRY) -> BatchPlaced:
        """Place 2 to 15 orders of one pair; each is accepted or refused by itself."""
        check_batch(orders)
        pair = orders[0].pair
        listed: list[Wire] = [dict(order_params(order)) for order in orders]
        params = {"symbol": pair.ws, "orders": listed, **self._deadline(_BATCH)}
        replies = await self._counted(_BATCH, params, pair, batch_add_cost(len(orders)), lane)
        return self._read(_BATCH, lambda: self._batch(replies[0], len(orders)))

    async def amend(self, change: Amendment, *, age_us: int = 0, lane: Lane = Lane.EXIT) -> str:
        """Change an open order in place, and give back the amendment's id."""
        places = change.pair.pair_decimals
        params: dict[str, Wire] = {"cl_ord_id": change.client_id, **self._deadline(_AMEND)}
        if change.lots is not None:
            params["order_qty"] = Decimal(quantity_text(change.lots, change.pair.lot_decimals))
        if change.limit is not None:
            params["limit_price"] = Decimal(price_text(change.limit, places))
        if change.trigger is not None:
            params["trigger_price"] = Decimal(price_text(change.trigger, places))
        if change.post_only:
            params["post_only"] = True
        cost = engine_cost(Action.AMEND, age_us=age_us)
        replies = await self._counted(_AMEND, params, change.pair, cost, lane)
        return self._read(_AMEND, lambda: self._result(_AMEND, replies[0]).text("amend_id"))

    async def cancel(self, client_id: str, *, pair: Pair, age_us: int = 0) -> None:
        """Cancel one order by its client id. Accepted is not final.

        Raises:
            NotFound: it is not open; look up how it ended.
            Unknown: it may have been cancelled.
        """
        params: dict[str, Wire] = {"cl_ord_id": [check_client_id(client_id)]}
        await self._counted(_CANCEL, params, pair, engine_cost(Action.CANCEL, age_us=age_us), Lane.EXIT)

    async def cancel_all(self) -> Cancelled:
        """Cancel every order of the account, also those of others."""
        replies = await self._ask(_CANCEL_ALL, {})
        return self._read(_CANCEL_ALL, lambda: Cancelled(count=self._result(_CANCEL_ALL, replies[0]).whole("count")))

    async def cancel_all_after(self, seconds: int) -> DeadMan:
        """Arm the dead man's switch, or disarm it with 0."""
        replies = await self._ask(_DEAD_MAN, {"timeout": seconds})
        return self._read(_DEAD_MAN, lambda: read_dead_man(replies[0].result))

    async def _counted(
        self, call: Call, params: dict[str, Wire], pair: Pair, cost: int, lane: Lane
    ) -> tuple[Reply, ...]:
        counter = self._limits.engine(pair.id)
        if not counter.take(cost, lane, self._now_us()):
            seconds = counter.wait_us(cost, lane, self._now_us()) / 1e6
            raise not_sent(call, "Kraken's rate limit leaves no room now", retry_after_seconds=seconds)
        try:
            return await self._ask(call, params)
        except Retry as error:
            if error.code == "kraken_rate_limited":
                counter.exceeded(self._now_us())
            raise
        finally:
            counter.settle(cost, self._now_us())

    async def _ask(self, call: Call, params: dict[str, Wire]) -> tuple[Reply, ...]:
        """Send once; every outcome is an answer or one error that says what is known."""
        refuse_held(self._limits, call, self._now_us())
        socket, token = self._link.socket, self._link.token
        if socket is None or not token:
            raise not_sent(call, "the private connection is down")
        if self._link.replies.full:
            raise not_sent(call, "too many requests wait for their replies")
        req_id = self._link.next_id()
        done = self._link.replies.expect(req_id)
        text = wire_json({"method": call.name, "params": {**params, "token": token}, "req_id": req_id})
        failure: MooringError | None = None
        replies: tuple[Reply, ...] = ()
        try:
            async with asyncio.timeout(REPLY_SECONDS):
                await socket.send(text)
                replies = await done
        except TimeoutError:
            failure = no_answer(call, f"no reply within {REPLY_SECONDS:g} seconds")
        except (SocketClosed, ConnectionLost):
            failure = no_answer(call, "the connection broke")
        finally:
            self._link.replies.forget(req_id)
            done.cancel()
        if failure is None and not replies[0].success:
            failure = refusal([replies[0].error], call, now=self._clock.now())
        if isinstance(failure, Retry):
            believe(self._limits, None, failure, self._now_us())
        if failure is not None:
            raise failure
        return replies

    def _batch(self, reply: Reply, count: int) -> BatchPlaced:
        # Kraken's page shows a list; a recording of others shows an object with `orders`.
        listed = reply.result if isinstance(reply.result, list) else self._result(_BATCH, reply).array("orders")
        placed: list[Placed | MooringError] = []
        for each in (Fields(raw, "batch_add") for raw in listed):
            if each.has("error"):
                placed.append(refusal([each.text("error")], _ADD, now=self._clock.now()))
            else:
                placed.append(Placed(txid=each.text("order_id"), description=""))
        if len(placed) != count:
            raise unreadable("batch_add", f"speaks of {len(placed)} orders instead of {count}")
        return BatchPlaced(orders=tuple(placed))

    @staticmethod
    def _result(call: Call, reply: Reply) -> Fields:
        return Fields(reply.result, call.name)

    @staticmethod
    def _read(call: Call, read: Callable[[], T]) -> T:
        try:
            return read()
        except Halt as halted:
            raise no_answer(call, f"the answer cannot be read ({safe_text(halted.what)})") from halted

    def _deadline(self, call: Call, until_ms: int | None = None) -> dict[str, Wire]:
        now_ms = self._clock.now_ms()
        return {"deadline": deadline_text(now_ms, until_ms, least_ms=SOCKET_DEADLINE_LEAST_MS, call=call)}

    def _now_us(self) -> int:
        return round(self._clock.monotonic() * 1e6)
