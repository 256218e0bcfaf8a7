"""The rules that the database itself holds, whoever writes: each refuses the row that breaks it, and stores nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import CheckConstraint

from mooring.errors import Halt
from mooring.runtime.store.columns import metadata
from mooring.runtime.store.schema import EVIDENCE
from mooring.runtime.store.store import Store
from mooring.runtime.store.types import Batch, ControlRow
from mooring.runtime.store.verify import verify
from tests.runtime.store import book
from tests.support.forge import forge

pytestmark = pytest.mark.sampled

# Table, rule, and columns that break this rule and no other.
BROKEN = [
    ("accounts", "mode", {"mode": "real"}),
    ("accounts", "principal", {"principal": -1}),
    ("assets", "decimals", {"decimals": -1}),
    ("assets", "decimals", {"decimals": 19}),
    ("instruments", "amounts", {"order_min": -1}),
    ("instruments", "amounts", {"cost_min": -1}),
    ("instruments", "amounts", {"pair_decimals": -1}),
    ("instruments", "amounts", {"lot_decimals": -1}),
    ("instruments", "estimated", {"estimated": 2}),
    ("instruments", "version", {"version": 0}),
    ("settings_versions", "version", {"version": 0}),
    ("risk_profiles", "version", {"version": 0}),
    ("runs", "mode", {"mode": "real"}),
    ("runs", "starting_cash", {"starting_cash": -1}),
    ("bars", "prices", {"open": 0, "high": 0, "low": 0, "close": 0}),
    ("bars", "prices", {"low": 1_000_000}),
    ("bars", "prices", {"high": 1}),
    ("bars", "prices", {"open": 1}),
    ("bars", "prices", {"close": 1_000_000}),
    ("bars", "volume", {"volume": -1}),
    *(
        ("cycles", flag, {flag: 2})
        for flag in ("kill", "paused", "cancel_all", "rebase", "flatten", "catch_up", "blocked")
    ),
    ("cycles", "counts", {"bars_present": -1}),
    ("cycles", "counts", {"warmed_up": -1}),
    ("model_outputs", "state", {"state": "odd", "global_score": None, "ensemble_score": None}),
    ("model_outputs", "bundle", {"bundle": ""}),
    ("model_outputs", "scores", {"global_score": 1_000_001}),
    ("model_outputs", "scores", {"specialist_score": -1_000_001}),
    ("model_outputs", "scores", {"ensemble_score": 1_000_001}),
    ("model_outputs", "ok_has_scores", {"state": "fault"}),
    ("model_outputs", "ok_has_scores", {"global_score": None, "ensemble_score": None}),
    ("signals", "conviction", {"conviction": 11}),
    ("signals", "conviction", {"conviction": -1}),
    ("signals", "direction", {"direction": 2}),
    ("decisions", "quantity", {"quantity": -1}),
    ("risk_states", "halted", {"halted": 2}),
    ("risk_states", "halted_cap", {"halted": 1, "tier": "halt", "cap_bps": 1}),
    ("risk_states", "halt_latches", {"tier": "defensive", "drawdown_bps": 1500}),
    ("risk_states", "tier", {"tier": "fine"}),
    ("risk_states", "tier_of_drawdown", {"drawdown_bps": 499, "tier": "caution"}),
    ("risk_states", "tier_of_drawdown", {"drawdown_bps": 500, "tier": "normal"}),
    ("risk_states", "tier_of_drawdown", {"drawdown_bps": 1000, "tier": "caution"}),
    ("risk_states", "tier_of_drawdown", {"halted": 1, "cap_bps": 0, "tier": "normal"}),
    ("risk_states", "within_cap", {"exposure": 60, "entry_value": 41, "cap_value": 100}),
    ("risk_states", "amounts", {"exposure": -1}),
    ("risk_states", "amounts", {"entry_value": -1}),
    ("risk_states", "amounts", {"entries_today": -1}),
    ("risk_states", "cap", {"cap_bps": 10_001}),
    ("risk_states", "cap", {"cap_bps": -1}),
    ("risk_states", "cap", {"cap_value": -1}),
    ("order_intents", "quantity", {"quantity": 0}),
    ("order_intents", "prices", {"price": -1}),
    ("order_intents", "prices", {"stop_price": -1}),
    ("order_intents", "prices", {"target_price": -1}),
    ("order_intents", "side", {"side": "short"}),
    ("order_events", "filled_quantity", {"filled_quantity": -1}),
    ("order_events", "status", {"status": "DONE"}),
    ("fills", "amounts", {"quantity": 0}),
    ("fills", "amounts", {"price": 0}),
    ("fills", "amounts", {"notional": -1}),
    ("fills", "liquidity", {"liquidity": "free"}),
    ("fills", "side", {"side": "short"}),
    ("lots", "amounts", {"quantity": 0}),
    ("lots", "amounts", {"cost": -1}),
    ("trades", "pnl", {"pnl": 1}),
    ("trades", "quantity", {"quantity": 0}),
    ("trades", "times", {"opened_ts": book.hour_ts_utc(2)}),
    ("campaigns", "amounts", {"quantity": -1}),
    ("campaigns", "amounts", {"cost": -1}),
    ("campaigns", "amounts", {"stop": -1}),
    ("campaigns", "amounts", {"target": -1}),
    ("campaigns", "closed_is_empty", {"event": "closed", "quantity": 1, "cost": 0}),
    ("campaigns", "closed_is_empty", {"event": "closed", "quantity": 0, "cost": 1}),
    ("campaigns", "event", {"event": "grown"}),
    ("positions", "quantity", {"quantity": -1}),
    ("positions", "amounts", {"cost": -1}),
    ("positions", "amounts", {"price": -1}),
    ("positions", "amounts", {"value": -1}),
    ("equity", "cash", {"cash": -1, "positions_value": 1, "equity": 0}),
    ("equity", "positions_value", {"cash": 1, "positions_value": -1, "equity": 0}),
    ("equity", "total", {"equity": 5}),
    ("equity", "drawdown_bps", {"drawdown_bps": -1}),
    ("equity", "drawdown_bps", {"drawdown_bps": 10_001}),
    ("equity", "tier", {"tier": "fine"}),
    ("treasury", "amounts", {"principal": -1}),
    ("treasury", "amounts", {"protected": -1}),
    ("treasury", "amounts", {"recommended": -1}),
    ("treasury", "protect", {"protect": 2}),
    ("treasury", "settings", {"monthly_costs": -1}),
    ("treasury", "settings", {"minimum_transfer": -1}),
    ("movements", "kind", {"kind": "gift"}),
    *(
        ("movements", "amount", {"amount": amount})
        for amount in (
            *("", "-", ".", "-.", ".5", "5.", "-.5", "-5.", "--5", "5-", "1-2", "1.2.3", "+5", "1e5", "1E-8"),
            *("1,5", " 1", "1 ", "NaN", "\u0663", "9" * 61),
        )
    ),
    ("reconciles", "equal", {"equal": 2, "breaks": '["too little"]'}),
    ("reconciles", "equal_without_breaks", {"equal": 1, "breaks": '["too little"]'}),
    ("reconciles", "equal_without_breaks", {"equal": 0, "breaks": "[]"}),
    ("alerts", "severity", {"severity": "loud"}),
]
OPENING = {table for table, _row in book.begin().rows}


def spoilt(table, columns):
    """The batch that writes to the table, with the columns of its last row there changed; of an order's first event."""
    batch = book.begin() if table in OPENING else book.hour(1)
    rows = [(name, dict(row)) for name, row in batch.rows]
    found = [row for name, row in rows if name == table]
    found[0 if table == "order_events" else -1].update(columns)
    return replace(batch, rows=rows)


@pytest.fixture
def ready(tmp_path):
    """A store in which `spoilt` would go on."""

    def opened(table):
        store = Store.open(tmp_path / "m.db")
        made.append(store)
        if table not in OPENING:
            store.commit(book.begin())
            store.commit(book.hour(0))
        return store

    made = []
    yield opened
    for store in made:
        store.close()


def refusal(store, batch):
    """The words with which the database refuses a batch; nothing of it is stored."""
    before = store.reader().heads()
    with pytest.raises(Halt) as caught:
        store.commit(batch)
    assert caught.value.code == "constraint_refused"
    assert store.reader().heads() == before
    return str(caught.value)


@pytest.mark.parametrize(("table", "rule", "columns"), BROKEN, ids=lambda part: str(part).replace(" ", ""))
def test_a_row_that_breaks_a_rule_is_refused_by_that_rule(ready, table, rule, columns):
    assert f"CHECK constraint failed: ck_{table}_{rule})" in refusal(ready(table), spoilt(table, columns))


@pytest.mark.parametrize("flag", ["kill_active", "paused", "rebase"])
def test_a_switch_is_on_or_off(ready, flag):
    batch = Batch(control=replace(ControlRow(), **{flag: 2}))
    assert f"CHECK constraint failed: ck_controls_{flag})" in refusal(ready("bars"), batch)


def test_every_rule_of_every_table_has_a_row_that_breaks_it():
    rules = {
        (str(table.name), str(rule.name))
        for table in EVIDENCE
        for rule in table.constraints
        if isinstance(rule, CheckConstraint)
    }
    told = {(table, f"ck_{table}_{rule}") for table, rule, _columns in BROKEN}
    assert told | {("controls", f"ck_controls_{flag}") for flag in ("kill_active", "paused", "rebase")} == rules


@pytest.mark.parametrize(
    "columns",
    [
        {"drawdown_bps": 0},
        {"drawdown_bps": 499, "tier": "normal"},
        {"drawdown_bps": 500, "tier": "caution"},
        {"drawdown_bps": 999, "tier": "caution"},
        {"drawdown_bps": 1000, "tier": "defensive"},
        {"drawdown_bps": 1500, "tier": "halt", "halted": 1, "cap_bps": 0},
        {"drawdown_bps": 0, "tier": "halt", "halted": 1, "cap_bps": 0},
        {"exposure": 60, "entry_value": 40, "cap_value": 100},
        {"exposure": 101, "entry_value": 0, "cap_value": 100},
    ],
    ids=str,
)
def test_what_the_rules_of_risk_allow_is_stored(ready, columns):
    ready("risk_states").commit(spoilt("risk_states", columns))


@pytest.mark.parametrize("amount", ["0", "-0.1", "12", "-1000000000000.000000000000000001", "9" * 60])
def test_plain_amounts_are_stored(ready, amount):
    ready("movements").commit(spoilt("movements", {"amount": amount}))


REFERENCES = sorted(
    (str(table.name), column.name)
    for table in EVIDENCE
    for key in table.foreign_key_constraints
    for column in key.columns
    if table.name not in {"snapshots", "manifests"}  # the writer's own, from what it looked up itself
)


@pytest.mark.parametrize(("table", "column"), REFERENCES)
def test_a_row_that_names_what_is_not_there_is_refused(ready, table, column):
    nowhere = {"settings_version": 99, "profile_version": 99}.get(column, "nowhere")
    columns = {column: nowhere}
    if column == "run_id" and "hour_ts_utc" in metadata.tables[table].c:
        columns["account_id"] = book.ACCOUNT  # which the writer would otherwise look up, and not find
    store, batch = ready(table), spoilt(table, columns)
    assert "FOREIGN KEY constraint failed" in refusal(store, batch)


@pytest.mark.parametrize(("table", "rule", "columns"), BROKEN, ids=lambda part: str(part).replace(" ", ""))
def test_a_row_that_breaks_a_rule_is_found_though_every_hash_was_made_again(run_copy, table, rule, columns):
    sets = ", ".join(f"{name} = ?" for name in columns)
    forge(run_copy, (f"UPDATE {table} SET {sets} WHERE seq = 1", tuple(columns.values())))
    said = f"It breaks the rule ck_{table}_{rule} of its table."
    assert (table, 1, said) in [(b.table, b.seq, b.what) for b in verify(run_copy).breaks]
