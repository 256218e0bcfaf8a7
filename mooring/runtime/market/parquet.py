"""Parquet needs polars, which is larger than all else together: the application leaves it out."""

from __future__ import annotations

import importlib.util

from mooring.errors import Invalid


def require_polars() -> None:
    """Refuse to go on without polars; call it before importing that.

    Raises:
        Invalid: this installation does not have it.
    """
    if importlib.util.find_spec("polars") is None:
        raise Invalid(
            "parquet_not_installed",
            "Parquet files need polars, which this installation leaves out.",
            money="Nothing was read, written or traded.",
            todo="Export as CSV; for recorded bars or trades, use a clone of Mooring after `make setup`.",
        )
