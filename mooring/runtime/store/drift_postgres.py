"""What a schema of a PostgreSQL database is made of, as the server itself spells it.

Source: https://www.postgresql.org/docs/15/catalogs.html and functions-info.html#FUNCTIONS-INFO-CATALOG.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from sqlalchemy import Connection, text

from mooring.runtime.store.canonical import canonical_sql
from mooring.runtime.store.migrate import run_statements
from mooring.runtime.store.place import SCHEMA

Objects = dict[tuple[str, str], tuple[str, str]]

SCRATCH: Final = "mooring_compared"
# Each gives kind, name, table and what it is made of.
QUERIES: Final = {
    # Persistence: an UNLOGGED table is empty after a crash. Row security would hide rows; children would hold others.
    # Options of a table are about its upkeep alone, as autovacuum's; those of a view are about its rows.
    "table": """
        SELECT CASE c.relkind WHEN 'v' THEN 'view' WHEN 'r' THEN 'table' WHEN 'S' THEN 'sequence' ELSE 'object' END,
            c.relname, c.relname,
            concat_ws(' ', c.relkind, c.relpersistence, c.relrowsecurity, c.relforcerowsecurity, c.relispartition,
                CASE WHEN c.relkind = 'v' THEN array_to_string(c.reloptions, ',') END,
                CASE WHEN c.relkind = 'v' THEN pg_get_viewdef(c.oid) END)
        FROM pg_class c WHERE c.relnamespace = CAST(:schema AS regnamespace) AND c.relkind NOT IN ('i', 'I', 't', 'c')
    """,
    "column": """
        SELECT 'column', c.relname || '.' || a.attname, c.relname,
            concat_ws(' ', format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated,
                (SELECT l.collname FROM pg_collation l WHERE l.oid = a.attcollation),
                (SELECT pg_get_expr(d.adbin, d.adrelid) FROM pg_attrdef d
                 WHERE d.adrelid = a.attrelid AND d.adnum = a.attnum))
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        WHERE c.relnamespace = CAST(:schema AS regnamespace) AND c.relkind IN ('r', 'p') AND a.attnum > 0
            AND NOT a.attisdropped
    """,
    "rule": """
        SELECT 'rule', o.conname, c.relname, pg_get_constraintdef(o.oid)
        FROM pg_constraint o JOIN pg_class c ON c.oid = o.conrelid
        WHERE o.connamespace = CAST(:schema AS regnamespace) AND o.contype <> 't'
    """,
    "index": """
        SELECT 'index', i.relname, c.relname, concat_ws(' ', pg_get_indexdef(x.indexrelid), x.indisvalid, x.indisready)
        FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class c ON c.oid = x.indrelid
        WHERE i.relnamespace = CAST(:schema AS regnamespace) AND c.relkind IN ('r', 'p', 'm')
    """,
    "trigger": """
        SELECT 'trigger', t.tgname, c.relname, concat_ws(' ', pg_get_triggerdef(t.oid), t.tgenabled)
        FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
        WHERE c.relnamespace = CAST(:schema AS regnamespace) AND NOT t.tgisinternal
    """,
    # References are kept by triggers of the server's own, which can be turned off.
    "references": """
        SELECT 'check of references', o.conname, c.relname, t.tgenabled::text
        FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_constraint o ON o.oid = t.tgconstraint
        WHERE c.relnamespace = CAST(:schema AS regnamespace) AND t.tgisinternal AND t.tgenabled <> 'O'
    """,
    "function": """
        SELECT 'function', p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')',
            coalesce((SELECT CASE count(DISTINCT c.relname) WHEN 1 THEN min(c.relname) END
                FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE t.tgfoid = p.oid), 'database'),
            CASE WHEN p.prokind IN ('f', 'p') THEN pg_get_functiondef(p.oid) END
        FROM pg_proc p WHERE p.pronamespace = CAST(:schema AS regnamespace)
    """,
    # A rewrite rule can turn an INSERT into nothing, before any trigger sees it.
    "rewrite": """
        SELECT 'rewrite rule', w.rulename, c.relname, pg_get_ruledef(w.oid)
        FROM pg_rewrite w JOIN pg_class c ON c.oid = w.ev_class
        WHERE c.relnamespace = CAST(:schema AS regnamespace) AND w.rulename <> '_RETURN'
    """,
    "policy": """
        SELECT 'policy', p.polname, c.relname, p.polcmd::text
        FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
        WHERE c.relnamespace = CAST(:schema AS regnamespace)
    """,
    # A table that inherits from one of ours adds its rows to it. TimescaleDB's chunks do, in a schema of its own.
    "heir": """
        SELECT 'heir', h.inhrelid::regclass::text, c.relname, ''
        FROM pg_inherits h JOIN pg_class c ON c.oid = h.inhparent JOIN pg_class k ON k.oid = h.inhrelid
            JOIN pg_namespace n ON n.oid = k.relnamespace
        WHERE c.relnamespace = CAST(:schema AS regnamespace) AND c.relkind = 'r'
            AND n.nspname NOT LIKE '\\_timescaledb%'
    """,
}
CHECKS: Final = """
    SELECT o.conname, c.relname, pg_get_constraintdef(o.oid)
    FROM pg_constraint o JOIN pg_class c ON c.oid = o.conrelid
    WHERE o.connamespace = CAST(:schema AS regnamespace) AND o.contype = 'c'
"""
# Tables are made by Alembic, or kept by an extension.
NOT_OURS: Final = frozenset({"alembic_version"})


def found_objects(connection: Connection, schema: str = SCHEMA) -> Objects:
    """What is in a schema; its own name is left out of how things are spelt."""
    own_name = re.compile(rf"\b{schema}\b\.?")
    objects: Objects = {}
    for query in QUERIES.values():
        for kind, name, table, made_of in connection.execute(text(query), {"schema": schema}):
            if table not in NOT_OURS:
                objects[kind, name] = (table, own_name.sub("", made_of or ""))
    return objects


def expected_objects(connection: Connection, found: Objects) -> Objects:
    """What the canonical schema makes on this server: made beside, looked at, and rolled back.

    Args:
        found: what is there. A rule that was restored from a dump is spelt as the server spells what it spelt once
            before, with other brackets; where one differs, ours is made from its own spelling, too, before it counts.

    Raises:
        DBAPIError: the user may not make a schema.
    """
    with connection.engine.connect() as beside:
        try:
            beside.exec_driver_sql("SET TRANSACTION READ WRITE")
            beside.exec_driver_sql(f"CREATE SCHEMA {SCRATCH}")
            sql = canonical_sql("postgresql")
            run_statements(beside, sql.replace(f"search_path = {SCHEMA},", f"search_path = {SCRATCH},"))
            expected = found_objects(beside, SCRATCH)
            differing = {key for key in expected.keys() & found.keys() if expected[key] != found[key]}
            if not _spelt_anew(beside, {name for kind, name in differing if kind == "rule"}):
                return expected
            anew = found_objects(beside, SCRATCH)
            return expected | {key: anew[key] for key in differing if anew[key] == found[key]}
        finally:
            beside.rollback()


def _spelt_anew(beside: Connection, names: Collection[str]) -> int:
    """Make checks of the schema beside again, each from how the server spells it; how many."""
    made = 0
    for name, table, spelt in beside.execute(text(CHECKS), {"schema": SCRATCH}).all():
        if name in names:
            sql = f'ALTER TABLE {SCRATCH}."{table}" DROP CONSTRAINT "{name}", ADD CONSTRAINT "{name}" {spelt}'
            beside.exec_driver_sql(sql.replace("%", "%%"))
            made += 1
    return made
