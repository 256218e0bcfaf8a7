"""The tables, in SQLAlchemy Core: the one source that databases, migrations and `db check` are compared with.

Every evidence table has `seq` (1, 2, 3 … without gaps), `prev_hash` and `row_hash`; see `hashing`. Tables of the
hour carry `run_id` and `hour_ts_utc` too, and each hour's manifest names their count and last hash.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.schema import SchemaItem

NAMES: Final = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
metadata: Final = MetaData(naming_convention=NAMES)

INT64: Final = BigInteger().with_variant(Integer(), "sqlite")

STATUSES: Final = (
    "INTENT",
    "SUBMITTING",
    "UNKNOWN",
    "OPEN",
    "PARTIAL",
    "FILLED",
    "CANCELLED",
    "EXPIRED",
    "REJECTED",
    "WITHHELD",
)


def whole(name: str, *, null: bool = False, to: str | None = None) -> Column[int]:
    """A column of 64-bit integers."""
    keys = [ForeignKey(to)] if to else []
    return Column(name, INT64, *keys, nullable=null)


def text(name: str, *, null: bool = False, to: str | None = None, later: bool = False) -> Column[str]:
    """A column of text; `later` checks the reference at commit, for rows that name rows of the same batch."""
    keys = [ForeignKey(to, deferrable=True, initially="DEFERRED") if later else ForeignKey(to)] if to else []
    return Column(name, Text, *keys, nullable=null)


def check(name: str, rule: str) -> CheckConstraint:
    """A rule the database itself refuses to break."""
    return CheckConstraint(rule, name=name)


def one_of(name: str, words: tuple[str, ...]) -> CheckConstraint:
    """The column holds one of these words."""
    listed = ", ".join(f"'{word}'" for word in words)
    return CheckConstraint(f"{name} IN ({listed})", name=name)


def flag(name: str) -> tuple[Column[int], CheckConstraint]:
    """A column of 0 or 1."""
    return whole(name), CheckConstraint(f"{name} IN (0, 1)", name=name)


def evidence(name: str, *items: SchemaItem) -> Table:
    """An append-only table with its own chain."""
    return Table(
        name,
        metadata,
        Column("seq", INT64, primary_key=True, autoincrement=False),
        text("prev_hash"),
        text("row_hash"),
        *items,
        sqlite_strict=True,
        info={"evidence": True},
    )


def hourly(name: str, *items: SchemaItem, key: tuple[str, ...] | None = None) -> Table:
    """An evidence table of the hour; `key` makes (run_id, hour_ts_utc, *key) unique, otherwise it is an index."""
    columns = ("run_id", "hour_ts_utc", *(key or ()))
    lookup = UniqueConstraint(*columns) if key is not None else Index(None, *columns)
    return evidence(name, text("run_id", to="runs.run_id"), whole("hour_ts_utc"), *items, lookup)


runs: Final = evidence(
    "runs",
    text("run_id"),
    text("account_id"),
    text("mode"),
    whole("created_at"),
    text("code_version"),
    text("settings_hash"),
    text("market"),
    text("market_hash"),
    whole("seed"),
    text("universe"),
    text("params"),
    text("parent_run_id", null=True, to="runs.run_id"),
    text("quote"),
    whole("starting_cash"),
    UniqueConstraint("run_id"),
    one_of("mode", ("paper", "shadow", "live")),
    check("starting_cash", "starting_cash >= 0"),
)
run_events: Final = evidence(
    "run_events",
    text("run_id", to="runs.run_id"),
    whole("at"),
    text("kind"),
    text("detail"),
    Index(None, "run_id"),
)
control_actions: Final = evidence(
    "control_actions", whole("at"), text("actor"), text("action"), text("reason"), text("result")
)

# What people have decided about the daemon, each version a row: the last one is in force.
controls: Final = evidence(
    "controls",
    *flag("kill_active"),
    text("kill_reason"),
    whole("kill_since", null=True),
    *flag("paused"),
    text("pause_reason"),
    whole("pause_since", null=True),
    text("wanted"),
    *flag("rebase"),
    whole("updated_at"),
)

bars: Final = hourly(
    "bars",
    text("symbol"),
    whole("open"),
    whole("high"),
    whole("low"),
    whole("close"),
    whole("volume"),
    check("prices", "low > 0 AND low <= open AND low <= close AND high >= open AND high >= close"),
    check("volume", "volume >= 0"),
    key=("symbol",),
)
cycles: Final = hourly(
    "cycles",
    *flag("kill"),
    *flag("paused"),
    *flag("cancel_all"),
    *flag("rebase"),
    *flag("flatten"),
    whole("bars_present"),
    whole("warmed_up"),
    check("counts", "bars_present >= 0 AND warmed_up >= 0"),
    key=(),
)
signals: Final = hourly(
    "signals",
    text("symbol"),
    text("producer"),
    whole("direction"),
    whole("conviction"),
    whole("value_micro"),
    text("reason"),
    check("direction", "direction IN (-1, 0, 1)"),
    check("conviction", "conviction BETWEEN 0 AND 10"),
    key=("symbol", "producer"),
)
decisions: Final = hourly(
    "decisions",
    text("symbol"),
    text("action"),
    text("reason"),
    whole("score"),
    whole("quantity"),
    whole("price"),
    whole("stop"),
    whole("target"),
    whole("limit_value"),
    whole("observed"),
    check("quantity", "quantity >= 0"),
    key=("symbol",),
)
order_intents: Final = hourly(
    "order_intents",
    text("client_order_id"),
    text("symbol"),
    text("side"),
    text("order_type"),
    whole("quantity"),
    whole("price"),
    whole("stop_price"),
    whole("target_price"),
    text("reason"),
    text("parent_id", null=True, to="order_intents.client_order_id", later=True),
    text("intent_hash"),
    UniqueConstraint("client_order_id"),
    one_of("side", ("buy", "sell")),
    check("quantity", "quantity > 0"),
    check("prices", "price >= 0 AND stop_price >= 0 AND target_price >= 0"),
)
order_events: Final = hourly(
    "order_events",
    text("client_order_id", to="order_intents.client_order_id"),
    text("status"),
    whole("filled_quantity"),
    text("reason"),
    one_of("status", STATUSES),
    check("filled_quantity", "filled_quantity >= 0"),
    Index(None, "client_order_id"),
)
fills: Final = hourly(
    "fills",
    text("fill_id"),
    text("client_order_id", to="order_intents.client_order_id"),
    text("symbol"),
    text("side"),
    whole("quantity"),
    whole("price"),
    whole("notional"),
    whole("fee"),
    text("liquidity"),
    whole("filled_ts"),
    UniqueConstraint("fill_id"),
    one_of("side", ("buy", "sell")),
    one_of("liquidity", ("maker", "taker")),
    check("amounts", "quantity > 0 AND price > 0 AND notional >= 0"),
    Index(None, "client_order_id"),
)
trades: Final = hourly(
    "trades",
    text("trade_id"),
    text("symbol"),
    whole("quantity"),
    whole("cost"),
    whole("proceeds"),
    whole("pnl"),
    whole("opened_ts"),
    whole("closed_ts"),
    text("open_fill_id", to="fills.fill_id"),
    text("close_fill_id", to="fills.fill_id"),
    UniqueConstraint("trade_id"),
    check("quantity", "quantity > 0"),
    check("pnl", "pnl = proceeds - cost"),
    check("times", "closed_ts >= opened_ts"),
)
ledger: Final = hourly(
    "ledger",
    text("txn_id"),
    whole("line"),
    text("kind"),
    text("account"),
    text("asset"),
    whole("amount"),
    UniqueConstraint("txn_id", "line"),
)
positions: Final = hourly(
    "positions",
    text("symbol"),
    whole("quantity"),
    whole("cost"),
    whole("price"),
    whole("value"),
    check("quantity", "quantity >= 0"),
    check("amounts", "cost >= 0 AND price >= 0 AND value >= 0"),
    key=("symbol",),
)
equity: Final = hourly(
    "equity",
    whole("cash"),
    whole("positions_value"),
    whole("equity"),
    whole("peak"),
    whole("drawdown_bps"),
    text("tier"),
    whole("realised_pnl"),
    whole("fees_paid"),
    check("cash", "cash >= 0"),
    check("positions_value", "positions_value >= 0"),
    check("total", "equity = cash + positions_value"),
    check("drawdown_bps", "drawdown_bps BETWEEN 0 AND 10000"),
    one_of("tier", ("normal", "caution", "defensive", "halt")),
    key=(),
)
alerts: Final = hourly(
    "alerts",
    text("alert_id"),
    text("severity"),
    text("code"),
    text("text"),
    UniqueConstraint("alert_id"),
    one_of("severity", ("info", "warning", "critical")),
)
manifests: Final = hourly(
    "manifests",
    text("decision_hash"),
    text("state_hash"),
    text("blob_hash", null=True),
    text("heads"),
    key=(),
)
alert_acks: Final = evidence(
    "alert_acks",
    text("alert_id", to="alerts.alert_id"),
    whole("at"),
    text("actor"),
    Index(None, "alert_id"),
)
snapshots: Final = hourly("snapshots", Column("state", LargeBinary, nullable=False))

chain_heads: Final = Table(
    "chain_heads",
    metadata,
    Column("table_name", Text, primary_key=True),
    whole("count"),
    text("head"),
    sqlite_strict=True,
)
state_latest: Final = Table(
    "state_latest",
    metadata,
    Column("run_id", Text, ForeignKey("runs.run_id"), primary_key=True),
    whole("hour_ts_utc"),
    whole("cycles"),
    Column("state", LargeBinary, nullable=False),
    text("state_hash"),
    text("manifest_hash", null=True),
    sqlite_strict=True,
)

# Order of writing: what is referred to comes before what refers to it.
EVIDENCE: Final = (
    runs,
    run_events,
    control_actions,
    controls,
    bars,
    cycles,
    signals,
    decisions,
    order_intents,
    order_events,
    fills,
    trades,
    ledger,
    positions,
    equity,
    alerts,
    alert_acks,
    snapshots,
    manifests,
)
# What an hour's manifest covers. Snapshots are left out: when one is taken depends on the clock on the wall.
IN_MANIFEST: Final = tuple(
    str(t.name) for t in EVIDENCE if "hour_ts_utc" in t.c and t.name not in {"manifests", "snapshots"}
)


def unique_keys(table: Table) -> list[tuple[str, ...]]:
    """The column names of each unique constraint of a table, sorted."""
    return sorted(
        tuple(column.name for column in constraint.columns)
        for constraint in table.constraints
        if isinstance(constraint, UniqueConstraint)
    )
