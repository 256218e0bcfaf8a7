"""What is run: the manifest of a run, and how one run carries on from another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import orjson

from mooring.errors import Denied, Unverified
from mooring.runtime.domain.bars import HOUR_SECONDS
from mooring.runtime.domain.ids import canonical_json, content_hash, derived_id
from mooring.runtime.domain.instruments import Instrument
from mooring.runtime.engine.accounts import differences, new_account_rows, params_of, same_account
from mooring.runtime.engine.carry import carried, described
from mooring.runtime.engine.kept import Kept, opened
from mooring.runtime.engine.lives import replaced_rows, started_rows
from mooring.runtime.engine.opening import (
    PROFILE,
    limits_of,
    opening_rows,
    profile_rows,
    profile_version,
    settings_version,
)
from mooring.runtime.engine.warming import warmed
from mooring.runtime.engine.world import Machine
from mooring.runtime.models.predicted import Models
from mooring.runtime.portfolio.treasury import TreasuryParams
from mooring.runtime.store.spans import Spans
from mooring.runtime.store.store import Store
from mooring.runtime.store.types import Batch, Row, StoredState

IDENTITY: Final = ("mode", "code_version", "settings_hash", "market", "market_hash", "seed", "universe", "params")
LIVE: Final = "live"
FOR_EVER: Final = 2**62
# Of `params`: what features and producers have learnt hangs on these, and on this what models are shown.
SIGNAL_PARTS: Final = ("features", "producers")
MODEL_PART: Final = "models"


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run: instruments and machine that stay the same from its first hour to its last.

    Attributes:
        run_id: derived from everything below and the parent.
        account_id: the run that opened the account; runs that carry it on share it.
        manifest: the row of the table of runs.
        opening: what the run's first hour goes on from.
        treasury: what a person has set for the treasury now; it may change while the run stays the same, so each hour's
            row of the treasury says what it was.
        is_new_account: whether this run opens the account.
        resumes_after: close of the account's last hour before this run, UTC unix seconds; None where it opens one.
        models: what its hours ask, of the bundle that its row names; None where there is none, or it is done again.
    """

    run_id: str
    account_id: str
    mode: str
    quote: str
    instruments: tuple[Instrument, ...]
    machine: Machine
    manifest: Row
    opening: Kept
    treasury: TreasuryParams
    is_new_account: bool
    resumes_after: int | None
    models: Models | None = None

    @property
    def risk_profile(self) -> tuple[str, int]:
        """Name and version of the risk profile in force, as the run's row has them."""
        profile = params_of(self.manifest)["risk_profile"]
        return str(profile["name"]), int(profile["version"])


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a run is to be.

    Attributes:
        mode: paper, shadow or live. venue: name of the venue of a new account.
        market: text naming the source of bars; market_hash: sha256 of what identifies it.
        settings_hash: sha256 of `settings_text`: every setting that can change a decision, as canonical JSON.
        bounds: what no limit of risk may exceed, as canonical JSON.
        treasury: what a person has set for the treasury; changes no decision, so it makes no other run.
        lock_hash: sha256 of the locked requirements this build was tested with.
        models: of the active bundle; None: there is none. Not asked, nor recorded, where no producer asks models.
    """

    mode: str
    code_version: str
    settings_hash: str
    settings_text: str
    bounds: str
    treasury: TreasuryParams
    lock_hash: str
    market: str
    market_hash: str
    seed: int
    instruments: tuple[Instrument, ...]
    machine: Machine
    venue: str = "paper"
    models: Models | None = None

    @property
    def asked(self) -> Models | None:
        """The models that its hours will ask."""
        return self.models if self.machine.decider.reads_models else None

    @property
    def bundle(self) -> str | None:
        """The reference of the bundle that its hours will ask: another one is another run."""
        return None if self.asked is None else self.asked.reference

    @property
    def quote(self) -> str:
        return self.instruments[0].quote

    def identity(self, profile_version: int) -> dict[str, Any]:
        """The columns that make a run what it is; profile_version: that of its risk profile."""
        return {
            "mode": self.mode,
            "code_version": self.code_version,
            "settings_hash": self.settings_hash,
            "market": self.market,
            "market_hash": self.market_hash,
            "seed": self.seed,
            "universe": canonical_json([_described(i) for i in self.instruments]).decode(),
            "params": run_params(self.machine, profile_version),
        }


def run_params(machine: Machine, profile_version: int) -> str:
    """The column `params` of a run, canonical JSON: what decides, the opening cash, and the risk profile in force."""
    params = described(machine.decider) | {
        "starting_cash": machine.starting_cash,
        "risk_profile": {"name": PROFILE, "version": profile_version},
    }
    return canonical_json(params).decode()


def open_run(plan: Plan, store: Store, *, now: int, goes_on: bool = False) -> Run:
    """The latest run, where it is what `plan` says; else a new one, recorded before anything of it happens.

    Either way it is recorded that a process takes the run up now, and first that the last one crashed where it did.

    A new run carries the account of the latest on where market, universe and opening cash are the same; otherwise it
    opens a new account, and says so in an event and an alert.

    Args:
        now: UTC unix seconds of the wall clock, for the record.
        goes_on: this process has the latest run already, and lays it down for a new one; the same one just goes on.

    Raises:
        Unverified: the stored account is damaged, of another layout, or missing.
    """
    reader = store.reader()
    limits = limits_of(plan.machine.decider.params.risk)
    identity = plan.identity(profile_version(limits, plan.bounds, reader)[0])
    latest = reader.find("runs", mode=plan.mode)
    same = latest is not None and all(latest[name] == identity[name] for name in IDENTITY)
    if latest is not None and same and latest["bundle"] == plan.bundle:
        run = _opened(plan, latest, store)
        if not goes_on:
            store.commit(Batch(rows=started_rows(run.run_id, reader, now, _version(plan))))
        return run
    if latest is not None and plan.mode == LIVE and not same_account(latest, identity):
        _require_nothing_held(latest, identity, store)
    parent = None if latest is None else str(latest["run_id"])
    run_id = run_id_of(identity | {"parent_run_id": parent, "bundle": plan.bundle})
    carries = latest is not None and same_account(latest, identity) and _account_state(latest, store) is not None
    manifest: Row = identity | {
        "run_id": run_id,
        "account_id": latest["account_id"] if carries and latest is not None else run_id,
        "created_at": now,
        "parent_run_id": parent,
        "quote": plan.quote,
        "starting_cash": plan.machine.starting_cash,
        "lock_hash": plan.lock_hash,
        "settings_version": settings_version(plan.settings_hash, reader)[0],
        "bundle": plan.bundle,
    }
    rows: list[tuple[str, Row]] = [
        *opening_rows(manifest, plan.instruments, plan.settings_text, reader, venue=plan.venue),
        *profile_rows(limits, plan.bounds, reader, now),
        ("runs", manifest),
    ]
    if latest is not None:
        rows += replaced_rows(latest["run_id"], reader, now, run_id, crashed=not goes_on)
        if plan.mode != LIVE:  # orders at a venue go on, and the new run takes them over
            rows += ending_rows(latest, store, reason="run_ended", sells_too=True)
        rows += [] if carries else new_account_rows(manifest, latest, _account_state(latest, store), reader)
    store.commit(Batch(rows=[*rows, *started_rows(run_id, reader, now, _version(plan))]))
    return _opened(plan, manifest, store)


def run_id_of(row: Row) -> str:
    """The id of a run by the columns that make it what it is; its bundle counts where it has one."""
    named = {name: row[name] for name in (*IDENTITY, "parent_run_id")}
    return derived_id("run", content_hash(named if row["bundle"] is None else named | {"bundle": row["bundle"]}))


def parts_of(before: Row | None, now: Row) -> dict[str, bool]:
    """What a run has in common with the one whose state it carries on, as `carried` wants it; from their rows."""
    if before is None:
        return {"same_signals": False, "same_models": False}
    old, new = params_of(before), params_of(now)
    return {
        "same_signals": all(old[part] == new[part] for part in SIGNAL_PARTS),
        "same_models": old.get(MODEL_PART) == new.get(MODEL_PART),
    }


def _version(plan: Plan) -> str:
    return f"mooring {plan.code_version}"


def _opened(plan: Plan, manifest: Row, store: Store) -> Run:
    opening, resumes_after = _opening(plan, manifest, store)
    return Run(
        run_id=manifest["run_id"],
        account_id=manifest["account_id"],
        mode=plan.mode,
        quote=plan.quote,
        instruments=plan.instruments,
        machine=plan.machine,
        manifest=manifest,
        opening=opening,
        treasury=plan.treasury,
        is_new_account=resumes_after is None,
        resumes_after=resumes_after,
        models=plan.asked,
    )


def _opening(plan: Plan, manifest: Row, store: Store) -> tuple[Kept, int | None]:
    """(what the first hour goes on from, close of the account's last hour; None where the run opens the account)."""
    fresh = opened(plan.machine)
    if manifest["account_id"] == manifest["run_id"]:
        return fresh, None
    parent = store.reader().run(manifest["parent_run_id"])
    stored = None if parent is None else _account_state(parent, store)
    if stored is None:
        raise Unverified(
            "account_missing",
            "The run carries an account on whose last state is not in the database.",
            money="What is held and how much cash is left cannot be known, so nothing is traded.",
            todo="Run `mooring db check`; restore a backup.",
        )
    before = store.reader().run(stored.run_id)
    parts = parts_of(before, manifest)
    kept = carried(fresh, stored.state, same_orders=plan.mode == LIVE, **parts)
    begins = store.reader().latest_state(manifest["run_id"]) is None  # else it goes on from what it has seen itself
    if begins and not parts["same_models"]:
        kept = warmed(kept, store.reader(), manifest["account_id"], stored.hour_ts_utc, plan.instruments)
    return kept, stored.hour_ts_utc


def _require_nothing_held(latest: Row, identity: Row, store: Store) -> None:
    """See that a live account is left behind empty: what it holds would otherwise be nobody's.

    Not where the person asks for another account by its number: that says that what is held is theirs from now on.

    Raises:
        Denied: it holds something, or has orders at the venue.
    """
    if latest["seed"] != identity["seed"]:
        return
    reader = store.reader()
    smallest = {one["symbol"].split("-")[0]: one["order_min"] for one in orjson.loads(latest["universe"])}
    held = any(  # less than the venue sells is dust, and stays where it is
        amount >= smallest.get(asset, 1)
        for (name, asset), amount in reader.balances_of_account(latest["account_id"]).items()
        if name == "position" and amount > 0
    )
    spans = Spans(reader, run_id=latest["run_id"], account_id=latest["account_id"])
    if held or spans.working_of_account(FOR_EVER):
        changed = " and the ".join(differences(latest, identity))
        raise Denied(
            "live_account_not_empty",
            f"The {changed} changed, which would open a new live account, and the one before still holds something.",
            money="Nothing was changed or sent; orders and positions are as they were.",
            todo="Set it back, sell what is held and cancel all orders before you change it; or raise "
            "trading.live_account, which leaves what is held and all orders to you.",
        )


def _account_state(row: Row, store: Store) -> StoredState | None:
    """The last state of a run's account: the run's own, or of the nearest before it that did an hour."""
    reader = store.reader()
    at: Row | None = row
    while at is not None:
        stored = reader.latest_state(at["run_id"])
        if stored is not None or at["account_id"] == at["run_id"]:
            return stored
        at = reader.run(at["parent_run_id"])
    return None


def killing_rows(mode: str, store: Store) -> list[tuple[str, Row]]:
    """Rows that cancel what the latest run of a mode that is not at hand has working, as a kill switch does."""
    latest = store.reader().find("runs", mode=mode)
    return [] if latest is None else ending_rows(latest, store, reason="killed", sells_too=False)


def ending_rows(latest: Row, store: Store, *, reason: str, sells_too: bool) -> list[tuple[str, Row]]:
    """Rows that cancel what a run still has working; without `sells_too` market sells, which only reduce, stay."""
    reader = store.reader()
    stored = reader.latest_state(latest["run_id"])
    hour_ts_utc = HOUR_SECONDS if stored is None else stored.hour_ts_utc + HOUR_SECONDS
    return [
        (
            "order_events",
            {
                "run_id": latest["run_id"],
                "hour_ts_utc": hour_ts_utc,
                "client_order_id": order["client_order_id"],
                "status": "CANCELLED",
                "filled_quantity": order["filled_quantity"],
                "reason": reason,
            },
        )
        for order in reader.unresolved_intents(latest["run_id"])
        if sells_too or order["order_type"] != "market"
    ]


def _described(instrument: Instrument) -> dict[str, Any]:
    return {
        "symbol": instrument.symbol,
        "pair_decimals": instrument.pair_decimals,
        "lot_decimals": instrument.lot_decimals,
        "order_min": instrument.order_min,
        "cost_min": instrument.cost_min,
        "estimated": instrument.estimated,
    }
