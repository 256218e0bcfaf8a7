"""Coinbase's list of markets as it was recorded, read by the dialect."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from mooring.errors import Denied, NotFound
from tests.support.coinbase_stage import Stage, play

pytestmark = pytest.mark.data


def test_every_recorded_market_is_stated_exactly_or_refused(market_data: Path) -> None:
    lines = pl.read_ndjson(market_data / "ws-recordings/COINBASE.jsonl.zst")
    recorded = lines.filter((pl.col("t") == "http") & pl.col("url").str.ends_with("/market/products"))["data"][0]
    rows = json.loads(recorded)["products"]

    async def use(stage: Stage) -> None:
        stage.account.faults.append(("products", recorded))
        await stage.venue.refresh()
        stated = refused = 0
        for row in rows:
            symbol = f"{row['base_currency_id']}-{row['quote_currency_id']}"
            try:
                (instrument,) = stage.venue.instruments([symbol])
            except (NotFound, Denied):
                refused += 1
                continue
            stated += 1
            assert Decimal(row["price_increment"]) == Decimal(1).scaleb(-instrument.pair_decimals)
            assert Decimal(row["base_increment"]) == Decimal(1).scaleb(-instrument.lot_decimals)
            assert row["product_type"] == "SPOT"
        assert stated > 2 * refused
        bitcoin, ether = stage.venue.instruments(["BTC-USD", "ETH-USD"])
        assert (bitcoin.pair_decimals, bitcoin.lot_decimals, bitcoin.order_min, bitcoin.cost_min) == (2, 8, 1, 10**8)
        assert ether.pair_decimals == 2

    play(use)
