"""Fee tiers and fees, as Kraken's schedule of 2026-07-09 has them for spot pairs without rebates."""

from __future__ import annotations

from typing import Final, NamedTuple

RATE_UNIT: Final = 1_000_000  # rates are in millionths: 8_000 is 0.80 %


class Tier(NamedTuple):
    """volume: whole USD traded in 30 days from which it holds; maker and taker: millionths of the cost."""

    volume: int
    maker: int
    taker: int


TIERS: Final = (
    Tier(0, 4000, 8000),
    Tier(2_500, 3000, 6000),
    Tier(10_000, 2200, 3800),
    Tier(25_000, 2000, 3500),
    Tier(50_000, 1500, 3000),
    Tier(100_000, 1200, 2500),
    Tier(250_000, 1000, 2200),
    Tier(500_000, 800, 2000),
    Tier(1_000_000, 600, 1800),
    Tier(2_500_000, 400, 1500),
    Tier(5_000_000, 200, 1200),
    Tier(10_000_000, 0, 1000),
    Tier(50_000_000, 0, 900),
    Tier(100_000_000, 0, 800),
    Tier(250_000_000, 0, 700),
    Tier(400_000_000, 0, 600),
    Tier(500_000_000, 0, 500),
)


def tier_of(volume_usd: int) -> tuple[Tier, Tier | None]:
    """The tier of a 30-day volume in whole USD, and the next one."""
    at = max(index for index, tier in enumerate(TIERS) if tier.volume <= volume_usd)
    return TIERS[at], TIERS[at + 1] if at + 1 < len(TIERS) else None
