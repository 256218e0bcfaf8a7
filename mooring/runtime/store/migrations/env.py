"""Alembic's entry: runs on the connection it is handed, inside that connection's transaction.

Needs no alembic.ini and leaves logging as it is.
"""

from __future__ import annotations

from alembic import context

from mooring.runtime.store.columns import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
