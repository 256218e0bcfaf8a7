"""What the contract suite of venues shares: who it runs over, and how an order is bought and found."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from mooring.runtime.venues.capabilities import CAPABILITIES
from mooring.runtime.venues.protocol import VenueOrder
from tests.support.venue_desks import KINDS, VenueDesk, on

Use = Callable[[VenueDesk], Awaitable[None]]
DEADLINE_MS = 5000
EVERY = sorted(KINDS)
# The paper account takes orders as well, though none of them is real.
TAKES_ORDERS = [kind for kind in EVERY if kind == "paper" or CAPABILITIES[kind].live]
REFUSES_ORDERS = [kind for kind in EVERY if kind not in TAKES_ORDERS]


def having(what: str) -> list[str]:
    return [kind for kind in TAKES_ORDERS if getattr(CAPABILITIES[kind], what)]


def lacking(what: str) -> list[str]:
    return [kind for kind in TAKES_ORDERS if not getattr(CAPABILITIES[kind], what)]


def play(kind: str, use: Use) -> None:
    on(kind, use)


async def find(desk: VenueDesk, client_id: str) -> tuple[VenueOrder, ...]:
    return await desk.venue.find(client_id, desk.symbol, since_ms=desk.venue.now_ms() - 3_600_000)


async def bought(desk: VenueDesk, quantity: str = "0.01") -> VenueOrder:
    order = desk.buy(quantity, 101)
    await desk.venue.place(order, deadline_ms=DEADLINE_MS)
    await desk.settle()
    (found,) = await find(desk, order.client_id)
    return found
