"""What Kraken lists of a pair by now, held against the figures that a run counts with."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from mooring.runtime.domain.instruments import Instrument
from mooring.runtime.domain.money import MONEY_DECIMALS
from mooring.runtime.venues.kraken.errors import safe_text
from mooring.runtime.venues.kraken.names import Pair

ONLINE = "online"


@dataclass(frozen=True, kw_only=True)
class Change:
    """How a pair differs from what the run knows.

    Attributes:
        recounted: whether its prices or quantities have other places, so that nothing is bought of it until a restart.
        text: for people, in a sentence for each difference.
    """

    symbol: str
    recounted: bool
    text: str


def change_of(counted: Instrument, told: Pair) -> Change | None:
    """What is different; None where nothing is that matters for orders.

    Args:
        counted: as the run has it.
        told: as Kraken lists it now.
    """
    found = []
    recounted = (told.pair_decimals, told.lot_decimals) != (counted.pair_decimals, counted.lot_decimals)
    if recounted:
        found.append(
            f"Prices have {told.pair_decimals} decimals (were {counted.pair_decimals}), "
            f"quantities {told.lot_decimals} (were {counted.lot_decimals})."
        )
    order_min = Decimal(counted.order_min).scaleb(-counted.lot_decimals)
    if told.order_min != order_min:
        found.append(f"The least quantity is {_plain(told.order_min)} {counted.base} (was {_plain(order_min)}).")
    cost_min = Decimal(counted.cost_min).scaleb(-MONEY_DECIMALS)
    if told.cost_min != cost_min:
        found.append(f"The least cost is {_plain(told.cost_min)} {counted.quote} (was {_plain(cost_min)}).")
    if told.status != ONLINE:
        found.append(f"The pair is {safe_text(told.status)}.")
    return Change(symbol=counted.symbol, recounted=recounted, text=" ".join(found)) if found else None


def _plain(value: Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
