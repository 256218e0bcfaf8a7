"""What is run: the manifest of a run, and how one run carries on from another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import orjson

from mooring.errors import Unverified
from mooring.runtime.domain.bars import HOUR_SECONDS
from mooring.runtime.domain.ids import canonical_json, content_hash, derived_id
from mooring.runtime.domain.instruments import Instrument
from mooring.runtime.domain.state_codec import MAGIC, dump, load
from mooring.runtime.engine.world import Machine, World
from mooring.runtime.store.store import Store
from mooring.runtime.store.types import Batch, Row
from mooring.runtime.venues.paper.matching import init_paper

IDENTITY: Final = ("mode", "code_version", "settings_hash", "market", "market_hash", "seed", "universe", "params")


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run: instruments and machine that stay the same from its first hour to its last.

    Attributes:
        run_id: derived from everything below and the parent.
        account_id: the run that opened the account; runs that carry it on share it.
        manifest: the row of the table of runs.
        opening_world: the world before the run's first hour.
        is_new_account: whether this run opens the account.
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


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a run is to be.

    Attributes:
        mode: paper or shadow.
        market: text naming the source of bars; market_hash: sha256 of what identifies it.
        settings_hash: sha256 of every setting that can change a decision.
    """

    mode: str
    code_version: str
    settings_hash: str
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
                {
                    "producers": list(self.machine.decider.producers),
                    "strategy": self.machine.decider.strategy,
                    "starting_cash": self.machine.starting_cash,
                }
            ).decode(),
        }


def open_run(plan: Plan, store: Store, *, now: int) -> Run:
    """The latest run, where it is what `plan` says; else a new one, recorded before anything of it happens.

    A new run carries the account of the latest on where market, universe and opening cash are the same; otherwise it
    opens a new account.

    Args:
        now: UTC unix seconds of the wall clock, for the record.
    """
    identity = plan.identity()
    latest = store.reader().find("runs", mode=plan.mode)
    if latest is not None and all(latest[name] == identity[name] for name in IDENTITY):
        return _run(plan, latest, *_opening(plan, latest, store))
    parent = None if latest is None else str(latest["run_id"])
    run_id = derived_id("run", content_hash(identity | {"parent_run_id": parent}))
    carried = latest is not None and _same_account(latest, identity) and _has_state(latest, store)
    manifest: Row = identity | {
        "run_id": run_id,
        "account_id": latest["account_id"] if carried and latest is not None else run_id,
        "created_at": now,
        "parent_run_id": parent,
        "quote": plan.quote,
        "starting_cash": plan.machine.starting_cash,
    }
    rows: list[tuple[str, Row]] = [("runs", manifest)]
    if latest is not None:
        rows += _end_orders(latest, store)
    store.commit(Batch(rows=rows))
    return _run(plan, manifest, *_opening(plan, manifest, store))


def _run(plan: Plan, manifest: Row, world: World, is_new_account: bool) -> Run:
    return Run(
        run_id=manifest["run_id"],
        account_id=manifest["account_id"],
        mode=plan.mode,
        quote=plan.quote,
        instruments=plan.instruments,
        machine=plan.machine,
        manifest=manifest,
        opening_world=world,
        is_new_account=is_new_account,
    )


def _opening(plan: Plan, manifest: Row, store: Store) -> tuple[World, bool]:
    """(world before the run's first hour, whether the run opens the account)."""
    fresh = plan.machine.init()
    if manifest["account_id"] == manifest["run_id"] or manifest["parent_run_id"] is None:
        return fresh, True
    stored = store.reader().latest_state(manifest["parent_run_id"])
    if stored is None:
        return fresh, True
    try:
        parent = load(fresh, stored.state)
    except Unverified:
        # Other producers, so another layout: the account is carried on, what the step remembered is not.
        parent = _load_account(fresh, stored.state)
    # Orders of the parent were cancelled when this run was recorded.
    return parent._replace(paper=init_paper(len(plan.instruments)), wanted=fresh.wanted), False


def _load_account(fresh: World, data: bytes) -> World:
    """The account out of a state whose decision part has another layout; the account's leaves stand after it."""
    tail = dump(fresh._replace(decision=()))[len(MAGIC) :]  # type: ignore[arg-type]
    account_bytes = data[len(data) - len(tail) :]
    template: Any = fresh._replace(decision=())  # type: ignore[arg-type]
    found: World = load(template, MAGIC + account_bytes)
    return found._replace(decision=fresh.decision)


def _same_account(latest: Row, identity: Row) -> bool:
    return all(latest[name] == identity[name] for name in ("mode", "market", "market_hash", "seed", "universe")) and (
        _starting_cash(latest) == _starting_cash(identity)
    )


def _starting_cash(row: Row) -> int:
    return int(orjson.loads(row["params"])["starting_cash"])


def _has_state(latest: Row, store: Store) -> bool:
    return store.reader().latest_state(latest["run_id"]) is not None


def _end_orders(latest: Row, store: Store) -> list[tuple[str, Row]]:
    """Cancel what the latest run still has working; the new run places its own stops."""
    reader = store.reader()
    stored = reader.latest_state(latest["run_id"])
    hour_ts = HOUR_SECONDS if stored is None else stored.hour_ts + HOUR_SECONDS
    return [
        (
            "order_events",
            {
                "run_id": latest["run_id"],
                "hour_ts": hour_ts,
                "client_order_id": order["client_order_id"],
                "status": "CANCELLED",
                "filled_quantity": order["filled_quantity"],
                "reason": "run_ended",
            },
        )
        for order in reader.unresolved_intents(latest["run_id"])
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
