"""What is recorded when a run is opened, against what its parts give: row, account, instruments, limits, settings."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from mooring.runtime.domain.ids import content_hash
from mooring.runtime.domain.money import MONEY_DECIMALS
from mooring.runtime.engine.accounts import params_of, same_account
from mooring.runtime.engine.opening import PROFILE, limits_of
from mooring.runtime.engine.run import Run, run_id_of, run_params
from mooring.runtime.replay.found import Difference
from mooring.runtime.store.types import Row

OPENING_TABLES: Final = ("accounts", "assets", "instruments", "settings_versions", "risk_profiles")
Tables = Mapping[str, Sequence[Row]]
Wanted = Iterator[tuple[str, dict[str, Any], dict[str, Any]]]
Checked = Iterator[tuple[str, dict[str, Any], Row, str, Any]]


def opening_differences(run: Run, parent: Row | None, tables: Tables, *, carries: bool) -> Iterator[Difference]:
    """Where the rows about a run's opening differ from what its parts give.

    Args:
        parent: row of the run before it in its mode.
        tables: every row of OPENING_TABLES.
        carries: whether the account of the run before it did an hour, so that it may be carried on.
    """
    row = run.manifest
    for field, value in _run_row(run, parent, carries=carries).items():
        if row[field] != value:
            yield _difference(run, "runs", {"run_id": run.run_id}, row, field, value)
    for table, key, fields in _around(run):
        known = [each for each in tables[table] if all(each[name] == value for name, value in key.items())]
        # Versions of one thing: the one that fits, or the newest, which then differs.
        if any(all(each[name] == value for name, value in fields.items()) for each in known):
            continue
        if not known:
            yield _missing(run, table, key, fields)
        for field, value in fields.items():
            if known and known[-1][field] != value:
                yield _difference(run, table, key, known[-1], field, value)
    for table, key, each, field, value in [*_texts(run, tables), *_numbers(run, tables)]:
        if each[field] != value:
            yield _difference(run, table, key, each, field, value)


def _run_row(run: Run, parent: Row | None, *, carries: bool) -> dict[str, Any]:
    row = run.manifest
    account = run.run_id
    if carries and parent is not None and same_account(parent, row):
        account = parent["account_id"]
    return {
        "params": run_params(run.machine, int(params_of(row)["risk_profile"]["version"])),
        "run_id": run_id_of(row),
        "account_id": account,
        "starting_cash": run.machine.starting_cash,
        "quote": run.instruments[0].quote,
    }


def _around(run: Run) -> Wanted:
    """(table, key, fields) of the rows that the run's own refers to."""
    row = run.manifest
    if row["account_id"] == row["run_id"]:
        fields = {"mode": row["mode"], "quote": row["quote"], "principal": row["starting_cash"]}
        yield "accounts", {"account_id": row["account_id"]}, fields | {"opened_at": row["created_at"]}
    units = {(run.quote, MONEY_DECIMALS)} | {(one.base, one.lot_decimals) for one in run.instruments}
    for asset, decimals in sorted(units):
        yield "assets", {"asset": asset}, {"decimals": decimals}
    for one in run.instruments:
        names = ("base", "quote", "pair_decimals", "lot_decimals", "order_min", "cost_min")
        fields = {name: getattr(one, name) for name in names} | {"estimated": int(one.estimated)}
        yield "instruments", {"symbol": one.symbol}, fields
    yield "settings_versions", {"version": row["settings_version"]}, {"settings_hash": row["settings_hash"]}
    limits = limits_of(run.machine.decider.params.risk)
    yield "risk_profiles", {"profile": PROFILE, "version": run.risk_profile[1]}, {"limits": limits}


def _texts(run: Run, tables: Tables) -> Checked:
    """(table, key, row, field, what its own texts hash to) of the versions that the run names."""
    row = run.manifest
    for each in tables["settings_versions"]:
        if each["version"] == row["settings_version"]:
            hashed = hashlib.sha256(each["settings"].encode()).hexdigest()
            yield "settings_versions", {"version": each["version"]}, each, "settings_hash", hashed
    for each in tables["risk_profiles"]:
        if (each["profile"], each["version"]) == run.risk_profile:
            key = {"profile": each["profile"], "version": each["version"]}
            hashed = content_hash({"limits": each["limits"], "bounds": each["bounds"]})
            yield "risk_profiles", key, each, "profile_hash", hashed


def _numbers(run: Run, tables: Tables) -> Checked:
    """(table, key, row, field, number) of the versions of the run's instruments, which count from 1."""
    for one in run.instruments:
        versions = [each for each in tables["instruments"] if each["symbol"] == one.symbol]
        for number, each in enumerate(versions, start=1):
            yield "instruments", {"symbol": one.symbol}, each, "version", number


def _difference(run: Run, table: str, key: dict[str, Any], row: Row, field: str, value: Any) -> Difference:
    return Difference(
        run_id=run.run_id,
        hour_ts_utc=None,
        table=table,
        key=key,
        kind="value",
        field=field,
        recorded=row[field],
        recomputed=value,
        seq=row["seq"],
    )


def _missing(run: Run, table: str, key: dict[str, Any], fields: dict[str, Any]) -> Difference:
    return Difference(
        run_id=run.run_id,
        hour_ts_utc=None,
        table=table,
        key=key,
        kind="missing",
        field="",
        recorded=None,
        recomputed=key | fields,
    )
