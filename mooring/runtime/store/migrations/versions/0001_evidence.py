"""Evidence, from runs to manifests, with its append-only triggers.

Written out and frozen: what a later version of the code says of tables or triggers does not change this.
"""

from __future__ import annotations

from string import Template
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.schema import SchemaItem

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ZERO = "0" * 64

NEXT = Template(
    "SELECT RAISE(ABORT, '$table is append-only, seq is not the next') "
    "WHERE NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM $table);"
)
FOLLOWS = Template(
    "SELECT RAISE(ABORT, '$table does not follow the last row') "
    "WHERE NEW.prev_hash IS NOT coalesce((SELECT row_hash FROM $table WHERE seq = NEW.seq - 1), '$zero');"
)
ONCE = Template("SELECT RAISE(ABORT, '$table has this $key already') WHERE EXISTS (SELECT 1 FROM $table WHERE $same);")
APPEND = Template("CREATE TRIGGER tg_${table}_append BEFORE INSERT ON $table BEGIN $checks END")
REFUSE = Template(
    "CREATE TRIGGER tg_${table}_$word BEFORE $upper ON $table "
    "BEGIN SELECT RAISE(ABORT, '$table is append-only, $word refused'); END"
)
EMPTY = sa.text("INSERT INTO chain_heads (table_name, count, head) VALUES (:table, 0, :zero)")

STATUSES = (
    "'INTENT', 'SUBMITTING', 'UNKNOWN', 'OPEN', 'PARTIAL', 'FILLED', 'CANCELLED', 'EXPIRED', 'REJECTED', 'WITHHELD'"
)

# Evidence table: the unique keys that INSERT OR REPLACE must not get past.
EVIDENCE: dict[str, tuple[tuple[str, ...], ...]] = {
    "runs": (("run_id",),),
    "run_events": (),
    "control_actions": (),
    "controls": (),
    "bars": (("run_id", "hour_ts", "symbol"),),
    "cycles": (("run_id", "hour_ts"),),
    "signals": (("run_id", "hour_ts", "symbol", "producer"),),
    "decisions": (("run_id", "hour_ts", "symbol"),),
    "order_intents": (("client_order_id",),),
    "order_events": (),
    "fills": (("fill_id",),),
    "trades": (("trade_id",),),
    "ledger": (("txn_id", "line"),),
    "positions": (("run_id", "hour_ts", "symbol"),),
    "equity": (("run_id", "hour_ts"),),
    "alerts": (("alert_id",),),
    "alert_acks": (),
    "snapshots": (),
    "manifests": (("run_id", "hour_ts"),),
}


def upgrade() -> None:
    """Make every table, the triggers, and the empty end of each chain."""
    _runs()
    _decided()
    _ordered()
    _booked()
    _told()
    _current()
    for table, keys in EVIDENCE.items():
        _guard(table, keys)
        op.execute(EMPTY.bindparams(table=table, zero=ZERO))


def _whole(name: str, *, null: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=null)


def _text(name: str, *, null: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Text(), nullable=null)


def _blob(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.LargeBinary(), nullable=False)


def _wholes(*names: str) -> list[sa.Column[Any]]:
    return [_whole(name) for name in names]


def _texts(*names: str) -> list[sa.Column[Any]]:
    return [_text(name) for name in names]


def _check(name: str, rule: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(rule, name=op.f(name))


def _evidence(name: str, *items: SchemaItem, refs: dict[str, str] | None = None, hourly: bool = False) -> None:
    """A table with its chain; `refs` maps a column to what it refers to."""
    hour = [_text("run_id"), _whole("hour_ts")] if hourly else []
    wanted = ({"run_id": "runs.run_id"} if hourly else {}) | (refs or {})
    op.create_table(
        name,
        _whole("seq"),
        *_texts("prev_hash", "row_hash"),
        *hour,
        *items,
        sa.PrimaryKeyConstraint("seq", name=f"pk_{name}"),
        *(_refer(name, column, to) for column, to in wanted.items()),
        sqlite_strict=True,
    )


def _refer(table: str, column: str, to: str) -> sa.ForeignKeyConstraint:
    # A parent order may come later in the same batch, so it is looked for at commit.
    later: dict[str, Any] = {"deferrable": True, "initially": "DEFERRED"} if column == "parent_id" else {}
    return sa.ForeignKeyConstraint([column], [to], name=f"fk_{table}_{column}", **later)


def _guard(table: str, keys: tuple[tuple[str, ...], ...]) -> None:
    name = {"table": table, "zero": ZERO}
    checks = [NEXT.substitute(name), FOLLOWS.substitute(name)]
    for key in keys:
        same = " AND ".join(f"{column} = NEW.{column}" for column in key)
        checks.append(ONCE.substitute(name, key=" + ".join(key), same=same))
    op.execute(APPEND.substitute(name, checks=" ".join(checks)))
    for word in ("update", "delete"):
        op.execute(REFUSE.substitute(name, word=word, upper=word.upper()))


def _runs() -> None:
    _evidence(
        "runs",
        *_texts("run_id", "account_id", "mode"),
        _whole("created_at"),
        *_texts("code_version", "settings_hash", "market", "market_hash"),
        _whole("seed"),
        *_texts("universe", "params"),
        _text("parent_run_id", null=True),
        _text("quote"),
        _whole("starting_cash"),
        sa.UniqueConstraint("run_id", name="uq_runs_run_id"),
        _check("ck_runs_mode", "mode IN ('paper', 'shadow', 'live')"),
        _check("ck_runs_starting_cash", "starting_cash >= 0"),
        refs={"parent_run_id": "runs.run_id"},
    )
    _evidence(
        "run_events",
        _text("run_id"),
        _whole("at"),
        *_texts("kind", "detail"),
        refs={"run_id": "runs.run_id"},
    )
    op.create_index("ix_run_events_run_id", "run_events", ["run_id"])
    _evidence(
        "control_actions",
        _whole("at"),
        *_texts("actor", "action", "reason", "result"),
    )
    _evidence(
        "controls",
        _whole("kill_active"),
        _text("kill_reason"),
        _whole("kill_since", null=True),
        _whole("paused"),
        _text("pause_reason"),
        _whole("pause_since", null=True),
        _text("wanted"),
        *_wholes("rebase", "updated_at"),
        *(_check(f"ck_controls_{name}", f"{name} IN (0, 1)") for name in ("kill_active", "paused", "rebase")),
    )


def _decided() -> None:
    _evidence(
        "bars",
        _text("symbol"),
        *_wholes("open", "high", "low", "close", "volume"),
        _check("ck_bars_prices", "low > 0 AND low <= open AND low <= close AND high >= open AND high >= close"),
        _check("ck_bars_volume", "volume >= 0"),
        sa.UniqueConstraint("run_id", "hour_ts", "symbol", name="uq_bars_run_id_hour_ts_symbol"),
        hourly=True,
    )
    _evidence(
        "cycles",
        *_wholes("kill", "paused", "cancel_all", "rebase", "flatten", "bars_present", "warmed_up"),
        _check("ck_cycles_kill", "kill IN (0, 1)"),
        _check("ck_cycles_paused", "paused IN (0, 1)"),
        _check("ck_cycles_cancel_all", "cancel_all IN (0, 1)"),
        _check("ck_cycles_rebase", "rebase IN (0, 1)"),
        _check("ck_cycles_flatten", "flatten IN (0, 1)"),
        _check("ck_cycles_counts", "bars_present >= 0 AND warmed_up >= 0"),
        sa.UniqueConstraint("run_id", "hour_ts", name="uq_cycles_run_id_hour_ts"),
        hourly=True,
    )
    _evidence(
        "signals",
        *_texts("symbol", "producer"),
        *_wholes("direction", "conviction", "value_micro"),
        _text("reason"),
        _check("ck_signals_direction", "direction IN (-1, 0, 1)"),
        _check("ck_signals_conviction", "conviction BETWEEN 0 AND 10"),
        sa.UniqueConstraint(
            "run_id", "hour_ts", "symbol", "producer", name="uq_signals_run_id_hour_ts_symbol_producer"
        ),
        hourly=True,
    )
    _evidence(
        "decisions",
        *_texts("symbol", "action", "reason"),
        *_wholes("score", "quantity", "price", "stop", "target", "limit_value", "observed"),
        _check("ck_decisions_quantity", "quantity >= 0"),
        sa.UniqueConstraint("run_id", "hour_ts", "symbol", name="uq_decisions_run_id_hour_ts_symbol"),
        hourly=True,
    )


def _ordered() -> None:
    _evidence(
        "order_intents",
        *_texts("client_order_id", "symbol", "side", "order_type"),
        *_wholes("quantity", "price", "stop_price", "target_price"),
        _text("reason"),
        _text("parent_id", null=True),
        _text("intent_hash"),
        sa.UniqueConstraint("client_order_id", name="uq_order_intents_client_order_id"),
        _check("ck_order_intents_side", "side IN ('buy', 'sell')"),
        _check("ck_order_intents_quantity", "quantity > 0"),
        _check("ck_order_intents_prices", "price >= 0 AND stop_price >= 0 AND target_price >= 0"),
        refs={"parent_id": "order_intents.client_order_id"},
        hourly=True,
    )
    op.create_index("ix_order_intents_run_id_hour_ts", "order_intents", ["run_id", "hour_ts"])
    _evidence(
        "order_events",
        *_texts("client_order_id", "status"),
        _whole("filled_quantity"),
        _text("reason"),
        _check("ck_order_events_status", f"status IN ({STATUSES})"),
        _check("ck_order_events_filled_quantity", "filled_quantity >= 0"),
        refs={"client_order_id": "order_intents.client_order_id"},
        hourly=True,
    )
    op.create_index("ix_order_events_client_order_id", "order_events", ["client_order_id"])
    op.create_index("ix_order_events_run_id_hour_ts", "order_events", ["run_id", "hour_ts"])
    _evidence(
        "fills",
        *_texts("fill_id", "client_order_id", "symbol", "side"),
        *_wholes("quantity", "price", "notional", "fee"),
        _text("liquidity"),
        _whole("filled_ts"),
        sa.UniqueConstraint("fill_id", name="uq_fills_fill_id"),
        _check("ck_fills_side", "side IN ('buy', 'sell')"),
        _check("ck_fills_liquidity", "liquidity IN ('maker', 'taker')"),
        _check("ck_fills_amounts", "quantity > 0 AND price > 0 AND notional >= 0"),
        refs={"client_order_id": "order_intents.client_order_id"},
        hourly=True,
    )
    op.create_index("ix_fills_client_order_id", "fills", ["client_order_id"])
    op.create_index("ix_fills_run_id_hour_ts", "fills", ["run_id", "hour_ts"])


def _booked() -> None:
    _evidence(
        "trades",
        *_texts("trade_id", "symbol"),
        *_wholes("quantity", "cost", "proceeds", "pnl", "opened_ts", "closed_ts"),
        *_texts("open_fill_id", "close_fill_id"),
        sa.UniqueConstraint("trade_id", name="uq_trades_trade_id"),
        _check("ck_trades_quantity", "quantity > 0"),
        _check("ck_trades_pnl", "pnl = proceeds - cost"),
        _check("ck_trades_times", "closed_ts >= opened_ts"),
        refs={"open_fill_id": "fills.fill_id", "close_fill_id": "fills.fill_id"},
        hourly=True,
    )
    op.create_index("ix_trades_run_id_hour_ts", "trades", ["run_id", "hour_ts"])
    _evidence(
        "ledger",
        _text("txn_id"),
        _whole("line"),
        *_texts("kind", "account", "asset"),
        _whole("amount"),
        sa.UniqueConstraint("txn_id", "line", name="uq_ledger_txn_id_line"),
        hourly=True,
    )
    op.create_index("ix_ledger_run_id_hour_ts", "ledger", ["run_id", "hour_ts"])
    _evidence(
        "positions",
        _text("symbol"),
        *_wholes("quantity", "cost", "price", "value"),
        _check("ck_positions_quantity", "quantity >= 0"),
        _check("ck_positions_amounts", "cost >= 0 AND price >= 0 AND value >= 0"),
        sa.UniqueConstraint("run_id", "hour_ts", "symbol", name="uq_positions_run_id_hour_ts_symbol"),
        hourly=True,
    )
    _evidence(
        "equity",
        *_wholes("cash", "positions_value", "equity", "peak", "drawdown_bps"),
        _text("tier"),
        *_wholes("realised_pnl", "fees_paid"),
        _check("ck_equity_cash", "cash >= 0"),
        _check("ck_equity_positions_value", "positions_value >= 0"),
        _check("ck_equity_total", "equity = cash + positions_value"),
        _check("ck_equity_drawdown_bps", "drawdown_bps BETWEEN 0 AND 10000"),
        _check("ck_equity_tier", "tier IN ('normal', 'caution', 'defensive', 'halt')"),
        sa.UniqueConstraint("run_id", "hour_ts", name="uq_equity_run_id_hour_ts"),
        hourly=True,
    )


def _told() -> None:
    _evidence(
        "alerts",
        *_texts("alert_id", "severity", "code", "text"),
        sa.UniqueConstraint("alert_id", name="uq_alerts_alert_id"),
        _check("ck_alerts_severity", "severity IN ('info', 'warning', 'critical')"),
        hourly=True,
    )
    op.create_index("ix_alerts_run_id_hour_ts", "alerts", ["run_id", "hour_ts"])
    _evidence(
        "alert_acks",
        _text("alert_id"),
        _whole("at"),
        _text("actor"),
        refs={"alert_id": "alerts.alert_id"},
    )
    op.create_index("ix_alert_acks_alert_id", "alert_acks", ["alert_id"])
    _evidence(
        "snapshots",
        _blob("state"),
        hourly=True,
    )
    op.create_index("ix_snapshots_run_id_hour_ts", "snapshots", ["run_id", "hour_ts"])
    _evidence(
        "manifests",
        *_texts("decision_hash", "state_hash"),
        _text("blob_hash", null=True),
        _text("heads"),
        sa.UniqueConstraint("run_id", "hour_ts", name="uq_manifests_run_id_hour_ts"),
        hourly=True,
    )


def _current() -> None:
    op.create_table(
        "chain_heads",
        _text("table_name"),
        _whole("count"),
        _text("head"),
        sa.PrimaryKeyConstraint("table_name", name="pk_chain_heads"),
        sqlite_strict=True,
    )
    op.create_table(
        "state_latest",
        _text("run_id"),
        *_wholes("hour_ts", "cycles"),
        _blob("state"),
        _text("state_hash"),
        _text("manifest_hash", null=True),
        sa.PrimaryKeyConstraint("run_id", name="pk_state_latest"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.run_id"], name="fk_state_latest_run_id"),
        sqlite_strict=True,
    )
