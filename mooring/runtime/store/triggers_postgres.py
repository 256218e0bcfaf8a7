"""The triggers, in PostgreSQL's words: the same rules as in SQLite, and TRUNCATE refused as well.

Each function looks for tables and operators in our own schema and PostgreSQL's only, wherever its caller looks. Each
trigger fires ALWAYS: a session that replays another server's changes is held to the rules too.
Source: https://www.postgresql.org/docs/15/plpgsql-trigger.html and sql-createfunction.html#SQL-CREATEFUNCTION-SECURITY.
"""

from __future__ import annotations

from string import Template
from typing import Final

from sqlalchemy import Table

from mooring.runtime.store.hashing import ZERO
from mooring.runtime.store.triggers_forward import may_follow

# No value of a person or venue gets in here: schema and table are names of our own.
_FUNCTION: Final = Template(
    "CREATE FUNCTION $name() RETURNS trigger LANGUAGE plpgsql SET search_path = $schema, pg_temp AS $$$$\n"
    "${declare}BEGIN\n$body    RETURN NEW;\nEND\n$$$$"
)
_TRIGGER: Final = Template("CREATE TRIGGER $name BEFORE $event ON $table FOR EACH $each EXECUTE FUNCTION $function()")
_ALWAYS: Final = Template("ALTER TABLE $table ENABLE ALWAYS TRIGGER $name")
_APPEND: Final = Template(
    "    IF NEW.seq IS DISTINCT FROM (SELECT coalesce(max(seq), 0) + 1 FROM $table) THEN\n"
    "        RAISE EXCEPTION '$table is append-only, seq is not the next';\n"
    "    END IF;\n"
    "    IF NEW.prev_hash IS DISTINCT FROM\n"
    "        coalesce((SELECT row_hash FROM $table WHERE seq = NEW.seq - 1), '$zero')\n"
    "    THEN\n"
    "        RAISE EXCEPTION '$table does not follow the last row';\n"
    "    END IF;\n"
)
_REFUSE: Final = "    RAISE EXCEPTION '% is append-only, % refused', TG_TABLE_NAME, lower(TG_OP);\n"
_FORWARD: Final = Template(
    "    SELECT status, filled_quantity INTO b FROM order_events\n"
    "    WHERE client_order_id = NEW.client_order_id ORDER BY seq DESC LIMIT 1;\n"
    "    IF FOUND AND NOT ($follows) THEN\n"
    "        RAISE EXCEPTION 'order_events: an order only moves forward';\n"
    "    END IF;\n"
)
_BALANCED: Final = (
    "    IF OLD.table_name <> 'ledger' AND NEW.table_name <> 'ledger' THEN\n"
    "        RETURN NEW;\n"
    "    END IF;\n"
    "    IF NEW.table_name <> OLD.table_name THEN\n"
    "        RAISE EXCEPTION 'chain_heads: the row of ledger must stay that of ledger';\n"
    "    END IF;\n"
    "    IF EXISTS (\n"
    "        SELECT 1 FROM ledger WHERE seq > OLD.count AND seq <= NEW.count\n"
    "        GROUP BY txn_id, asset HAVING sum(amount) <> 0\n"
    "    ) THEN\n"
    "        RAISE EXCEPTION 'ledger: postings of a transaction do not sum to zero';\n"
    "    END IF;\n"
)
_KEPT: Final = "    RAISE EXCEPTION 'chain_heads: % refused', lower(TG_OP);\n"
REFUSED: Final = ("update", "delete", "truncate")
ROW: Final = "ROW"
WHOLE: Final = "STATEMENT"  # all that TRUNCATE knows


def append_only(table: Table, schema: str) -> list[tuple[str, str]]:
    """(name, SQL) of the function and triggers that guard an evidence table, beside what `shared` makes."""
    name = str(table.name)
    refuse = [(f"tg_{name}_{word}", word, WHOLE if word == "truncate" else ROW) for word in REFUSED]
    return [
        _function(f"fn_{name}_append", schema, _APPEND.substitute(table=name, zero=ZERO)),
        *_trigger(f"tg_{name}_append", "insert", name, ROW, f"fn_{name}_append"),
        *(one for trigger, word, each in refuse for one in _trigger(trigger, word, name, each, "fn_append_only")),
    ]


def shared(schema: str) -> list[tuple[str, str]]:
    """(name, SQL) of the function that the triggers of all tables share; made before them."""
    return [_function("fn_append_only", schema, _REFUSE)]


def books(schema: str) -> list[tuple[str, str]]:
    """(name, SQL) of the rules of the books."""
    forward = _FORWARD.substitute(follows=may_follow("b", "NEW"))
    return [
        _function("fn_order_events_forward", schema, forward, declare="DECLARE b record;\n"),
        *_trigger("tg_order_events_forward", "insert", "order_events", ROW, "fn_order_events_forward"),
        _function("fn_chain_heads_ledger", schema, _BALANCED),
        *_trigger("tg_chain_heads_ledger", "update", "chain_heads", ROW, "fn_chain_heads_ledger"),
        _function("fn_chain_heads_kept", schema, _KEPT),
        *_trigger("tg_chain_heads_delete", "delete", "chain_heads", ROW, "fn_chain_heads_kept"),
        *_trigger("tg_chain_heads_truncate", "truncate", "chain_heads", WHOLE, "fn_chain_heads_kept"),
    ]


def _function(name: str, schema: str, body: str, *, declare: str = "") -> tuple[str, str]:
    return name, _FUNCTION.substitute(name=name, schema=schema, body=body, declare=declare)


def _trigger(name: str, event: str, table: str, each: str, function: str) -> list[tuple[str, str]]:
    said = {"name": name, "event": event.upper(), "table": table, "each": each, "function": function}
    return [(name, _TRIGGER.substitute(said)), (name, _ALWAYS.substitute(said))]
