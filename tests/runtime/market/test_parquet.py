"""Without polars, as in the application: a plain word from whoever needs it, before anything is written."""

from __future__ import annotations

import importlib.util

import pytest

from mooring.errors import Invalid
from mooring.runtime.domain.instruments import Instrument
from mooring.runtime.market.bar_file import read_bar_file
from mooring.runtime.observe.exports import ExportRequest, write_export
from mooring.runtime.venues.simulator import sources

PAIR = Instrument(symbol="BTC-USD", pair_decimals=1, lot_decimals=8, order_min=1, cost_min=1)


@pytest.fixture(autouse=True)
def without_polars(monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "polars" else real(name))


@pytest.mark.parametrize(
    "wants",
    [
        lambda root: read_bar_file(root / "1h.parquet", PAIR),
        lambda root: sources._read_trades(None, root / "trades.parquet"),
        lambda root: write_export(None, ExportRequest(kind="ledger", format="parquet", out=root / "x.parquet")),
    ],
    ids=["bars", "trades", "export"],
)
def test_it_is_said_what_is_missing_and_nothing_is_left_behind(wants, tmp_path):
    with pytest.raises(Invalid) as caught:
        wants(tmp_path)
    assert caught.value.code == "parquet_not_installed"
    assert not list(tmp_path.iterdir())
