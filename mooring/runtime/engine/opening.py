"""What is recorded before a run begins: account, assets, instruments, settings, limits, each only where it is new."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mooring.runtime.decision.types import RiskParams
from mooring.runtime.domain.ids import canonical_json, content_hash
from mooring.runtime.domain.instruments import Instrument
from mooring.runtime.domain.money import MONEY_DECIMALS
from mooring.runtime.engine.desk import TableRow
from mooring.runtime.store.reader import Reader
from mooring.runtime.store.types import Row

PROFILE: Final = "default"  # the one risk profile there is


def limits_of(risk: RiskParams) -> str:
    """The limits of a risk profile as canonical JSON, in the units of `RiskParams`."""
    return canonical_json(risk._asdict()).decode()


def profile_version(limits: str, bounds: str, reader: Reader) -> tuple[int, bool]:
    """(number of the version of the risk profile with these limits and bounds, whether it is a new one)."""
    last = reader.find("risk_profiles", profile=PROFILE)
    if last is not None and last["profile_hash"] == _profile_hash(limits, bounds):
        return int(last["version"]), False
    return (1 if last is None else int(last["version"]) + 1), True


def profile_rows(limits: str, bounds: str, reader: Reader, now: int) -> list[TableRow]:
    """The version of the risk profile, where it is a new one."""
    version, is_new = profile_version(limits, bounds, reader)
    row: Row = {
        "profile": PROFILE,
        "version": version,
        "at": now,
        "profile_hash": _profile_hash(limits, bounds),
        "limits": limits,
        "bounds": bounds,
    }
    return [("risk_profiles", row)] if is_new else []


def _profile_hash(limits: str, bounds: str) -> str:
    return content_hash({"limits": limits, "bounds": bounds})


def settings_version(settings_hash: str, reader: Reader) -> tuple[int, bool]:
    """(number of the version of these settings, whether it is a new one)."""
    last = reader.find("settings_versions")
    if last is not None and last["settings_hash"] == settings_hash:
        return int(last["version"]), False
    return (1 if last is None else int(last["version"]) + 1), True


def opening_rows(
    run: Row, instruments: Sequence[Instrument], settings_text: str, reader: Reader, *, venue: str
) -> list[TableRow]:
    """The rows that the run's own refers to and that are not there yet.

    Args:
        run: the row of the table of runs.
        settings_text: the settings in force, as canonical JSON.
        venue: name of the venue of a new account.
    """
    rows: list[TableRow] = []
    if run["account_id"] == run["run_id"]:
        rows.append(
            (
                "accounts",
                {
                    "account_id": run["account_id"],
                    "mode": run["mode"],
                    "venue": venue,
                    "quote": run["quote"],
                    "principal": run["starting_cash"],
                    "opened_at": run["created_at"],
                },
            )
        )
    rows += _asset_rows(instruments, reader)
    rows += [row for one in instruments if (row := _instrument_row(one, reader)) is not None]
    version, is_new = settings_version(run["settings_hash"], reader)
    if is_new:
        rows.append(
            (
                "settings_versions",
                {
                    "version": version,
                    "at": run["created_at"],
                    "actor": "daemon",
                    "settings_hash": run["settings_hash"],
                    "settings": settings_text,
                    "note": "in force at the start of a run",
                },
            )
        )
    return rows


def _asset_rows(instruments: Sequence[Instrument], reader: Reader) -> list[TableRow]:
    units = {(instruments[0].quote, MONEY_DECIMALS)} | {(one.base, one.lot_decimals) for one in instruments}
    return [
        ("assets", {"asset": asset, "decimals": decimals})
        for asset, decimals in sorted(units)
        if reader.find("assets", asset=asset, decimals=decimals) is None
    ]


def _instrument_row(one: Instrument, reader: Reader) -> TableRow | None:
    row: Row = {
        "symbol": one.symbol,
        "base": one.base,
        "quote": one.quote,
        "pair_decimals": one.pair_decimals,
        "lot_decimals": one.lot_decimals,
        "order_min": one.order_min,
        "cost_min": one.cost_min,
        "estimated": int(one.estimated),
    }
    last = reader.find("instruments", symbol=one.symbol)
    if last is not None and all(last[name] == value for name, value in row.items()):
        return None
    return "instruments", row | {"version": 1 if last is None else last["version"] + 1}
