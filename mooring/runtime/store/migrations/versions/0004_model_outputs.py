"""What models said: their scores in columns of their own, instead of a text that nothing was ever written into.

The SQL beside this file is frozen, and has this one table and what guards it.
"""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import op

from mooring.runtime.store.migrate import run_statements

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table anew; it is empty, for no version before this one asked models."""
    connection = op.get_bind()
    assert connection.execute(sa.text("SELECT count(*) FROM model_outputs")).scalar() == 0, "no model was ever asked"
    file = Path(__file__).with_name(f"{revision}_{connection.dialect.name}.sql")
    run_statements(connection, file.read_text(encoding="utf-8"))
