"""Which account a run has: that of the run before it, or a new one, of which a person is told."""

from __future__ import annotations

from typing import Any, Final

import orjson

from mooring.runtime.domain.ids import derived_id
from mooring.runtime.domain.money import MONEY_DECIMALS, to_text
from mooring.runtime.engine.desk import TableRow
from mooring.runtime.store.reader import Reader
from mooring.runtime.store.types import Row, StoredState

# What an account hangs on, in the words of a person, and the columns of the table of runs that say it.
PARTS: Final = {"market": ("market", "market_hash"), "seed": ("seed",)}
LIVE_NUMBER: Final = "number of the live account"  # what the seed is where no market is made up
UNIVERSE: Final = "universe"
UNITS: Final = ("symbol", "pair_decimals", "lot_decimals")  # what amounts mean; minimums drift and change nothing held
CASH: Final = "starting cash"


def params_of(row: Row) -> dict[str, Any]:
    """The parameters in a run's row."""
    return dict(orjson.loads(row["params"]))


def differences(before: Row, now: Row) -> list[str]:
    """What an account hangs on and differs between two runs of one mode, in the words of a person."""
    names = {"seed": LIVE_NUMBER if before["mode"] == "live" else "market"}
    changed = [
        names.get(name, name)
        for name, columns in PARTS.items()
        if any(before[column] != now[column] for column in columns)
    ]
    if _units(before) != _units(now):
        changed.append(UNIVERSE)
    changed = list(dict.fromkeys(changed))
    return changed + ([CASH] if params_of(before)["starting_cash"] != params_of(now)["starting_cash"] else [])


def same_account(before: Row, now: Row) -> bool:
    """Whether a run may carry on the account of the one before it."""
    return before["mode"] == now["mode"] and not differences(before, now)


def new_account_rows(opened: Row, before: Row, stored: StoredState | None, reader: Reader) -> list[TableRow]:
    """The event and the alert of a run that opens an account where its mode had one that did an hour.

    Args:
        opened, before: rows of the new run and of the latest of its mode.
        stored: last state of the account before; None where it never did an hour, so that nothing is left behind.
    """
    if stored is None:
        return []
    changed = _listed(differences(before, opened))
    left = reader.find("equity", run_id=stored.run_id, hour_ts_utc=stored.hour_ts_utc) or {
        "cash": 0,
        "positions_value": 0,
    }
    cash, value = (f"{to_text(left[name], MONEY_DECIMALS)} {before['quote']}" for name in ("cash", "positions_value"))
    text = (
        f"A new {opened['mode']} account was opened because the {changed} changed; "
        f"the account before it has {cash} in cash and {value} in positions."
    )
    if opened["mode"] == "live":
        text += " Its orders at the venue, stops among them, are yours now: Mooring no longer looks after them."
    event: Row = {
        "run_id": opened["run_id"],
        "at": opened["created_at"],
        "kind": "new_account",
        "detail": f"{changed} changed; the account before it is {before['account_id']}",
    }
    alert: Row = {
        "run_id": opened["run_id"],
        "hour_ts_utc": stored.hour_ts_utc,
        "alert_id": derived_id("alert", opened["run_id"], stored.hour_ts_utc, "new_account"),
        "severity": "critical" if opened["mode"] == "live" else "warning",
        "code": "new_account",
        "text": text,
    }
    return [("run_events", event), ("alerts", alert)]


def _units(row: Row) -> list[list[Any]]:
    return [[one[name] for name in UNITS] for one in orjson.loads(row["universe"])]


def _listed(names: list[str]) -> str:
    return " and the ".join([", the ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
