"""The tables, in SQLAlchemy Core: the one source that databases, migrations and `db check` are compared with.

Every evidence table has `seq` (1, 2, 3 … without gaps), `prev_hash`, `parent_hash` and `row_hash`; see `hashing` and
`lineage`. Tables of the hour (`schema_hourly`) carry run, account and hour too, and each hour's manifest names their
count and last hash.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, ForeignKey, Index, LargeBinary, Table, UniqueConstraint

from mooring.runtime.store.columns import TEXT, check, evidence, flag, metadata, one_of, text, whole
from mooring.runtime.store.schema_hourly import (
    alerts,
    bars,
    campaigns,
    cycles,
    decisions,
    equity,
    features,
    fills,
    ledger,
    lots,
    manifests,
    model_outputs,
    movements,
    order_events,
    order_intents,
    positions,
    reconciles,
    risk_states,
    signals,
    snapshots,
    trades,
    treasury,
    venue_fills,
)

MODES: Final = ("paper", "shadow", "live")

accounts: Final = evidence(
    "accounts",
    text("account_id"),
    text("mode"),
    text("venue"),
    text("quote"),
    whole("principal"),
    whole("opened_at"),
    UniqueConstraint("account_id"),
    one_of("mode", MODES),
    check("principal", "principal >= 0"),
)
# What one unit of an amount is: 10^-decimals of the asset.
assets: Final = evidence(
    "assets",
    text("asset"),
    whole("decimals"),
    UniqueConstraint("asset", "decimals"),
    check("decimals", "decimals BETWEEN 0 AND 18"),
)
instruments: Final = evidence(
    "instruments",
    text("symbol"),
    whole("version"),
    text("base"),
    text("quote"),
    whole("pair_decimals"),
    whole("lot_decimals"),
    whole("order_min"),
    whole("cost_min"),
    *flag("estimated"),
    UniqueConstraint("symbol", "version"),
    check("version", "version >= 1"),
    check("amounts", "order_min >= 0 AND cost_min >= 0 AND pair_decimals >= 0 AND lot_decimals >= 0"),
)
settings_versions: Final = evidence(
    "settings_versions",
    whole("version"),
    whole("at"),
    text("actor"),
    text("settings_hash"),
    text("settings"),
    text("note"),
    UniqueConstraint("version"),
    check("version", "version >= 1"),
)
risk_profiles: Final = evidence(
    "risk_profiles",
    text("profile"),
    whole("version"),
    whole("at"),
    text("profile_hash"),
    text("limits"),
    text("bounds"),
    UniqueConstraint("profile", "version"),
    check("version", "version >= 1"),
)
bundle_events: Final = evidence(
    "bundle_events",
    whole("at"),
    text("kind"),
    text("bundle_id"),
    text("detail"),
    Index(None, "bundle_id"),
)
runs: Final = evidence(
    "runs",
    text("run_id"),
    text("account_id", to="accounts.account_id"),
    text("mode"),
    whole("created_at"),
    text("code_version"),
    text("lock_hash"),
    text("settings_hash"),
    whole("settings_version", to="settings_versions.version"),
    text("bundle", null=True),
    text("market"),
    text("market_hash"),
    whole("seed"),
    text("universe"),
    text("params"),
    text("parent_run_id", null=True, to="runs.run_id"),
    text("quote"),
    whole("starting_cash"),
    UniqueConstraint("run_id"),
    UniqueConstraint("run_id", "account_id"),
    one_of("mode", MODES),
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
alert_acks: Final = evidence(
    "alert_acks",
    text("alert_id", to="alerts.alert_id"),
    whole("at"),
    text("actor"),
    Index(None, "alert_id"),
)

chain_heads: Final = Table(
    "chain_heads",
    metadata,
    Column("table_name", TEXT, primary_key=True),
    whole("count"),
    text("head"),
    sqlite_strict=True,
)
state_latest: Final = Table(
    "state_latest",
    metadata,
    Column("run_id", TEXT, ForeignKey("runs.run_id"), primary_key=True),
    whole("hour_ts_utc"),
    whole("cycles"),
    Column("state", LargeBinary, nullable=False),
    text("state_hash"),
    text("manifest_hash", null=True),
    sqlite_strict=True,
)

# Order of writing: what is referred to comes before what refers to it.
EVIDENCE: Final = (
    accounts,
    assets,
    instruments,
    settings_versions,
    risk_profiles,
    bundle_events,
    runs,
    run_events,
    control_actions,
    controls,
    bars,
    cycles,
    features,
    model_outputs,
    signals,
    decisions,
    risk_states,
    order_intents,
    order_events,
    fills,
    venue_fills,
    lots,
    trades,
    ledger,
    movements,
    reconciles,
    campaigns,
    positions,
    equity,
    treasury,
    alerts,
    alert_acks,
    snapshots,
    manifests,
)
# What an hour's manifest covers. Snapshots are left out: when one is taken depends on the clock on the wall.
IN_MANIFEST: Final = tuple(
    str(t.name) for t in EVIDENCE if "hour_ts_utc" in t.c and t.name not in {"manifests", "snapshots"}
)
