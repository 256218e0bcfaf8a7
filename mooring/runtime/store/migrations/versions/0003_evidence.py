"""Evidence, from accounts to manifests, with its triggers and views.

The SQL beside this file is frozen: what a later version of the code says of tables or triggers does not change it.
"""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import op

from mooring.runtime.store.migrate import run_statements

revision = "0003"
down_revision = None
branch_labels = None
depends_on = None

ZERO = "0" * 64
EVIDENCE = (
    *("accounts", "assets", "instruments", "settings_versions", "risk_profiles", "bundle_events", "runs", "run_events"),
    *("control_actions", "controls", "bars", "cycles", "features", "model_outputs", "signals", "decisions"),
    *("risk_states", "order_intents", "order_events", "fills", "venue_fills", "lots", "trades", "ledger"),
    *("movements", "reconciles", "campaigns", "positions", "equity", "treasury", "alerts", "alert_acks", "snapshots"),
    "manifests",
)
EMPTY = sa.text("INSERT INTO chain_heads (table_name, count, head) VALUES (:table, 0, :zero)")


def upgrade() -> None:
    """Make everything, and the empty end of each chain."""
    connection = op.get_bind()
    file = Path(__file__).with_name(f"{revision}_{connection.dialect.name}.sql")
    run_statements(connection, file.read_text(encoding="utf-8"))
    for table in EVIDENCE:
        op.execute(EMPTY.bindparams(table=table, zero=ZERO))
