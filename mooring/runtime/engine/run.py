"""What is run: the manifest of a run, and how one run carries on from another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from mooring.errors import Unverified
from mooring.runtime.domain.bars import HOUR_SECONDS
from mooring.runtime.domain.ids import canonical_json, content_hash, derived_id
from mooring.runtime.domain.instruments import Instrument
from mooring.runtime.engine.accounts import new_account_rows, params_of, same_account
from mooring.runtime.engine.carry import carried, described
from mooring.runtime.engine.opening import opening_rows, settings_version
from mooring.runtime.engine.world import Machine, World
from mooring.runtime.store.store import Store
from mooring.runtime.store.types import Batch, Row, StoredState

IDENTITY: Final = ("mode", "code_version", "settings_hash", "market", "market_hash", "seed", "universe", "params")
SIGNAL_PARTS: Final = ("features", "producers")  # of `params`: what features and producers have learnt hangs on these


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run: instruments and machine that stay the same from its first hour to its last.

    Attributes:
        run_id: derived from everything below and the parent.
        account_id: the run that opened the account; runs that carry it on share it.
        manifest: the row of the table of runs.
        opening_world: the world before the run's first hour.
        is_new_account: whether this run opens the account.
        resumes_after: close of the account's last hour before this run, UTC unix seconds; None where it opens one.
    """

    run_id: str
    account_id: str
    mode: str
    quote: str
    instruments: tuple[Instrument, ...]
    machine: Machine
    manifest: Row
    opening_world: World
    is_new_account: bool
    resumes_after: int | None


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a run is to be.

    Attributes:
        mode: paper or shadow.
        market: text naming the source of bars; market_hash: sha256 of what identifies it.
        settings_hash: sha256 of `settings_text`: every setting that can change a decision, as canonical JSON.
        lock_hash: sha256 of the locked requirements this build was tested with.
    """

    mode: str
    code_version: str
    settings_hash: str
    settings_text: str
    lock_hash: str
    market: str
    market_hash: str
    seed: int
    instruments: tuple[Instrument, ...]
    machine: Machine

    @property
    def quote(self) -> str:
        return self.instruments[0].quote

    def identity(self) -> dict[str, Any]:
        """The columns that make a run what it is."""
        return {
            "mode": self.mode,
            "code_version": self.code_version,
            "settings_hash": self.settings_hash,
            "market": self.market,
            "market_hash": self.market_hash,
            "seed": self.seed,
            "universe": canonical_json([_described(i) for i in self.instruments]).decode(),
            "params": canonical_json(
                described(self.machine.decider) | {"starting_cash": self.machine.starting_cash}
            ).decode(),
        }


def open_run(plan: Plan, store: Store, *, now: int) -> Run:
    """The latest run, where it is what `plan` says; else a new one, recorded before anything of it happens.

    A new run carries the account of the latest on where market, universe and opening cash are the same; otherwise it
    opens a new account, and says so in an event and an alert.

    Args:
        now: UTC unix seconds of the wall clock, for the record.

    Raises:
        Unverified: the stored account is damaged, of another layout, or missing.
    """
    identity = plan.identity()
    latest = store.reader().find("runs", mode=plan.mode)
    if latest is not None and all(latest[name] == identity[name] for name in IDENTITY):
        return _opened(plan, latest, store)
    parent = None if latest is None else str(latest["run_id"])
    run_id = derived_id("run", content_hash(identity | {"parent_run_id": parent}))
    carries = latest is not None and same_account(latest, identity) and _account_state(latest, store) is not None
    manifest: Row = identity | {
        "run_id": run_id,
        "account_id": latest["account_id"] if carries and latest is not None else run_id,
        "created_at": now,
        "parent_run_id": parent,
        "quote": plan.quote,
        "starting_cash": plan.machine.starting_cash,
        "lock_hash": plan.lock_hash,
        "settings_version": settings_version(plan.settings_hash, store.reader())[0],
        "bundle": None,
    }
    rows: list[tuple[str, Row]] = [
        *opening_rows(manifest, plan.instruments, plan.settings_text, store.reader(), venue="paper"),
        ("runs", manifest),
    ]
    if latest is not None:
        rows += ending_rows(latest, store, reason="run_ended", sells_too=True)
        rows += [] if carries else new_account_rows(manifest, latest, _account_state(latest, store), store.reader())
    store.commit(Batch(rows=rows))
    return _opened(plan, manifest, store)


def _opened(plan: Plan, manifest: Row, store: Store) -> Run:
    world, resumes_after = _opening(plan, manifest, store)
    return Run(
        run_id=manifest["run_id"],
        account_id=manifest["account_id"],
        mode=plan.mode,
        quote=plan.quote,
        instruments=plan.instruments,
        machine=plan.machine,
        manifest=manifest,
        opening_world=world,
        is_new_account=resumes_after is None,
        resumes_after=resumes_after,
    )


def _opening(plan: Plan, manifest: Row, store: Store) -> tuple[World, int | None]:
    """(world before the run's first hour, close of the account's last hour; None where the run opens the account)."""
    fresh = plan.machine.init()
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
    same = before is not None and all(params_of(before)[part] == params_of(manifest)[part] for part in SIGNAL_PARTS)
    return carried(fresh, stored.state, same_signals=same), stored.hour_ts_utc


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
