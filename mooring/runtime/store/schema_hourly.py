"""The tables of the hour: what came in, what was thought of it, what was ordered, filled, held and worth.

Prices in ticks (10^-pair_decimals), quantities in lots (10^-lot_decimals), money in 10^-8 quote, times in UTC unix
seconds. `hour_ts_utc` is the close of the hour.
"""

from __future__ import annotations

from functools import reduce
from typing import Final

from sqlalchemy import Column, ForeignKeyConstraint, Index, LargeBinary, UniqueConstraint

from mooring.runtime.store.columns import check, flag, hourly, one_of, text, whole

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
TIERS: Final = ("normal", "caution", "defensive", "halt")
# before: in the opening balance already; accepted: what nothing explains, and a person took for outside.
MOVEMENTS: Final = (
    "opening",
    "before",
    "deposit",
    "withdrawal",
    "staking",
    "transfer",
    "trade",
    "other",
    "rounding",
    "accepted",
)
_DIGITS: Final = "0123456789"
_WITHOUT_DIGITS: Final = reduce(lambda inner, digit: f"replace({inner}, '{digit}', '')", _DIGITS, "amount")
# Digits, a point between two of them, a minus before the first: in words that both databases have.
PLAIN: Final = (
    f"length(amount) <= 60 AND {_WITHOUT_DIGITS} IN ('', '-', '.', '-.') "
    "AND replace(substr(amount, 2), '-', '') = substr(amount, 2) "
    "AND substr(replace(amount, '-', ''), 1, 1) NOT IN ('', '.') AND substr(amount, length(amount), 1) <> '.'"
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
    *flag("catch_up"),
    *flag("blocked"),
    whole("bars_present"),
    whole("warmed_up"),
    check("counts", "bars_present >= 0 AND warmed_up >= 0"),
    key=(),
)
# vector: canonical JSON of name to number, each number as text that reads back to the very same float64.
features: Final = hourly("features", text("symbol"), text("schema_id"), text("vector"), key=("symbol",))
# Where a producer asks models. bundle: its reference, empty without one; scores in millionths, null where there is no
# such model; vector: canonical JSON list of what models were given, texts that read back to the very same float32.
model_outputs: Final = hourly(
    "model_outputs",
    text("symbol"),
    text("bundle"),
    text("state"),
    whole("global_score", null=True),
    whole("specialist_score", null=True),
    whole("ensemble_score", null=True),
    text("schema_id"),
    text("vector"),
    one_of("state", ("no_model", "ok", "missing", "fault")),
    check("bundle", "bundle <> '' OR state = 'no_model'"),
    check(
        "scores",
        "coalesce(global_score, 0) BETWEEN -1000000 AND 1000000 AND coalesce(specialist_score, 0) "
        "BETWEEN -1000000 AND 1000000 AND coalesce(ensemble_score, 0) BETWEEN -1000000 AND 1000000",
    ),
    check("ok_has_scores", "(state = 'ok') = (coalesce(global_score, specialist_score, ensemble_score) IS NOT NULL)"),
    key=("symbol",),
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
# cap: how much may be held in all in this tier; exposure: held and promised before this hour's entries.
risk_states: Final = hourly(
    "risk_states",
    text("profile"),
    whole("profile_version"),
    text("tier"),
    *flag("halted"),
    whole("drawdown_bps"),
    whole("caution_bps"),
    whole("defensive_bps"),
    whole("halt_bps"),
    whole("cap_bps"),
    whole("cap_value"),
    whole("exposure"),
    whole("entry_value"),
    whole("day_start"),
    whole("day_loss_bps"),
    whole("entries_today"),
    one_of("tier", TIERS),
    check(
        "tier_of_drawdown",
        "tier = CASE WHEN halted = 1 THEN 'halt' WHEN drawdown_bps >= defensive_bps THEN 'defensive' "
        "WHEN drawdown_bps >= caution_bps THEN 'caution' ELSE 'normal' END",
    ),
    check("halt_latches", "drawdown_bps < halt_bps OR halted = 1"),
    check("cap", "cap_bps BETWEEN 0 AND 10000 AND cap_value >= 0"),
    check("halted_cap", "halted = 0 OR cap_bps = 0"),
    check("within_cap", "entry_value = 0 OR exposure + entry_value <= cap_value"),
    check("amounts", "exposure >= 0 AND entry_value >= 0 AND entries_today >= 0"),
    ForeignKeyConstraint(["profile", "profile_version"], ["risk_profiles.profile", "risk_profiles.version"]),
    key=(),
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
# Of fills at a venue: its own names of them, by which they are known again.
venue_fills: Final = hourly(
    "venue_fills",
    text("fill_id", to="fills.fill_id"),
    text("trade_id"),
    text("order_id"),
    whole("traded_ms"),
    UniqueConstraint("fill_id"),
    UniqueConstraint("account_id", "trade_id"),
)
# A buy opens a lot; cost includes its fee.
lots: Final = hourly(
    "lots",
    text("lot_id", to="fills.fill_id"),
    text("symbol"),
    whole("quantity"),
    whole("cost"),
    whole("opened_ts"),
    UniqueConstraint("lot_id"),
    check("amounts", "quantity > 0 AND cost >= 0"),
)
# A sale closes the oldest lots: one row for each part of one lot.
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
    text("open_fill_id", to="lots.lot_id"),
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
# From the first buy of a symbol until nothing of it is held.
campaigns: Final = hourly(
    "campaigns",
    text("campaign_id"),
    text("symbol"),
    text("event"),
    whole("quantity"),
    whole("cost"),
    whole("realised_pnl"),
    whole("stop"),
    whole("target"),
    one_of("event", ("opened", "added", "reduced", "closed")),
    check("amounts", "quantity >= 0 AND cost >= 0 AND stop >= 0 AND target >= 0"),
    check("closed_is_empty", "event <> 'closed' OR (quantity = 0 AND cost = 0)"),
    Index(None, "campaign_id"),
    key=("campaign_id", "event"),
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
    whole("unrealised_pnl"),
    whole("fees_paid"),
    check("cash", "cash >= 0"),
    check("positions_value", "positions_value >= 0"),
    check("total", "equity = cash + positions_value"),
    check("drawdown_bps", "drawdown_bps BETWEEN 0 AND 10000"),
    one_of("tier", TIERS),
    key=(),
)
# Recommendations only: nothing is ever withdrawn. What a person had set stands in each row, for it may change any time.
treasury: Final = hourly(
    "treasury",
    whole("monthly_costs"),
    *flag("protect"),
    whole("minimum_transfer"),
    whole("principal"),
    whole("fees_day"),
    whole("realised_day"),
    whole("surplus_day"),
    whole("surplus_30d"),
    whole("protected"),
    whole("recommended"),
    text("reason"),
    check("amounts", "principal >= 0 AND protected >= 0 AND recommended >= 0"),
    check("settings", "monthly_costs >= 0 AND minimum_transfer >= 0"),
    key=(),
)
# Money at the venue that is not ours: what was there at first, deposits, withdrawals, orders of others. Amounts are
# plain decimal text in whole units of the asset, as neither database has decimals of every asset's places.
movements: Final = hourly(
    "movements",
    text("movement_id"),
    text("kind"),
    text("asset"),
    text("amount"),
    text("entry_id"),
    whole("moved_ms"),
    text("text"),
    UniqueConstraint("movement_id"),
    one_of("kind", MOVEMENTS),
    check("amount", PLAIN),
    Index(None, "account_id", "asset"),
)
# The books compared with the venue's own. breaks: canonical JSON list of sentences; detail: totals by asset.
reconciles: Final = hourly(
    "reconciles",
    whole("at_ms"),
    text("cause"),
    *flag("equal"),
    text("breaks"),
    text("detail"),
    check("equal_without_breaks", "(equal = 1) = (breaks = '[]')"),
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
snapshots: Final = hourly("snapshots", Column("state", LargeBinary, nullable=False))
# heads: where each table's chain ended; root: over all of this row and the root of the run's hour before.
manifests: Final = hourly(
    "manifests",
    text("decision_hash"),
    text("state_hash"),
    text("blob_hash", null=True),
    text("heads"),
    text("previous_root"),
    text("root"),
    UniqueConstraint("root"),
    key=(),
)
