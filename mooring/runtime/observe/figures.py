"""Figures as a person reads them. Cut and never rounded, as what is shown must be there; made of whole numbers only."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from mooring.runtime.domain.money import MONEY_DECIMALS

FIGURE_SPACE: Final = "\N{FIGURE SPACE}"
POINT_SPACE: Final = "\N{PUNCTUATION SPACE}"
MINUS: Final = "\N{MINUS SIGN}"
# Quote assets whose hundredth is the smallest thing anybody counts; others are shown with all their places.
TWO_PLACES: Final = frozenset("USD EUR GBP CHF AUD CAD USDT USDC DAI USDG PYUSD EURC RLUSD".split())
WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS: Final = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)  # fmt: skip -- not strftime's, which follow the machine's language


def decimal(units: int, decimals: int, places: int | None = None, *, signed: bool = False) -> str:
    """Units of 10^-decimals with thousands apart, cut to `places` (None: all of them).

    A figure that is cut to nothing has no sign.
    """
    shown = decimals if places is None else min(places, decimals)
    size = abs(units) // 10 ** (decimals - shown)
    whole, rest = divmod(size, 10**shown)
    sign = "" if size == 0 else MINUS if units < 0 else "+" if signed else ""
    return f"{sign}{whole:,}" + (f".{rest:0{shown}}" if shown else "")


def money(units: int, quote: str, *, signed: bool = False) -> str:
    """Money (10^-8 quote) without its currency: two places, or all eight where the asset needs more."""
    return decimal(units, MONEY_DECIMALS, 2 if quote in TWO_PLACES else None, signed=signed)


def exact(units: int, *, signed: bool = False) -> str:
    """Money with all its places."""
    return decimal(units, MONEY_DECIMALS, signed=signed)


def quantity(lots: int, lot_decimals: int) -> str:
    """A quantity with no more places than it needs."""
    text = decimal(lots, lot_decimals)
    return text.rstrip("0").removesuffix(".") if "." in text else text


def aligned(rows: list[dict[str, str]], *names: str) -> list[dict[str, str]]:
    """The rows with spaces as wide as figures after the texts of these columns: right-aligned, point under point."""
    padded = [dict(row) for row in rows]
    for name in names:
        places = [len(row[name].partition(".")[2]) for row in rows]
        for row, own in zip(padded, places, strict=True):
            point = "" if own or not max(places) else POINT_SPACE
            row[name] += point + FIGURE_SPACE * (max(places) - own)
    return padded


def percent(bps: int, *, signed: bool = False) -> str:
    """Basis points as percent with two places."""
    return f"{decimal(bps, 2, signed=signed)} %"


def share_bps(part: int, whole: int) -> int:
    """Part in basis points of whole, towards zero; 0 where there is no whole."""
    if whole <= 0:
        return 0
    size = abs(part) * 10_000 // whole
    return size if part >= 0 else -size


def moment(ts: int) -> str:
    """`5 Jan 14:00`: the close of an hour, in UTC."""
    at = datetime.fromtimestamp(ts, UTC)
    return f"{at.day} {MONTHS[at.month - 1][:3]} {at:%H:%M}"


def clock(ts: int) -> str:
    """`14:00`, in UTC."""
    return f"{datetime.fromtimestamp(ts, UTC):%H:%M}"


def long_date(ts: int) -> str:
    """`Friday, 5 January 2024`, of a moment in UTC."""
    at = datetime.fromtimestamp(ts, UTC)
    return f"{WEEKDAYS[at.weekday()]}, {at.day} {MONTHS[at.month - 1]} {at.year}"


def count(number: int, one: str, many: str) -> str:
    """`1 trade`, `2 trades`."""
    return f"{number:,} {one if number == 1 else many}"
