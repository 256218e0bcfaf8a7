"""The triggers, in SQLite's words.

Where a unique key exists already INSERT is refused here too: SQLite's INSERT OR REPLACE would otherwise delete the old
row without asking.
"""

from __future__ import annotations

from string import Template
from typing import Final

from sqlalchemy import Table

from mooring.runtime.store.columns import unique_keys
from mooring.runtime.store.hashing import ZERO
from mooring.runtime.store.triggers_forward import may_follow

# No value of a person or venue gets in here: table and columns are names of our own schema.
_NEXT: Final = Template(
    "    SELECT RAISE(ABORT, '$table is append-only, seq is not the next')\n"
    "    WHERE NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM $table);\n"
)
_FOLLOWS: Final = Template(
    "    SELECT RAISE(ABORT, '$table does not follow the last row')\n"
    "    WHERE NEW.prev_hash IS NOT coalesce((SELECT row_hash FROM $table WHERE seq = NEW.seq - 1), '$zero');\n"
)
_ONCE: Final = Template(
    "    SELECT RAISE(ABORT, '$table has this $key already') WHERE EXISTS (SELECT 1 FROM $table WHERE $same);\n"
)
_APPEND: Final = Template("CREATE TRIGGER tg_${table}_append BEFORE INSERT ON $table\nBEGIN\n${checks}END")
_REFUSE: Final = Template(
    "CREATE TRIGGER tg_${table}_$word BEFORE $upper ON $table\n"
    "BEGIN\n    SELECT RAISE(ABORT, '$table is append-only, $word refused');\nEND"
)
_FORWARD: Final = Template(
    # A row that is not the next is the other trigger's to refuse, whichever of them SQLite runs first.
    "CREATE TRIGGER tg_order_events_forward BEFORE INSERT ON order_events\n"
    "WHEN NEW.seq = (SELECT coalesce(max(seq), 0) + 1 FROM order_events)\n"
    "BEGIN\n"
    "    SELECT RAISE(ABORT, 'order_events: an order only moves forward') FROM (\n"
    "        SELECT status, filled_quantity FROM order_events\n"
    "        WHERE client_order_id = NEW.client_order_id ORDER BY seq DESC LIMIT 1\n"
    "    ) b\n"
    "    WHERE NOT ($follows);\n"
    "END"
)
_BALANCED: Final = (
    "CREATE TRIGGER tg_chain_heads_ledger BEFORE UPDATE ON chain_heads\n"
    "WHEN OLD.table_name = 'ledger' OR NEW.table_name = 'ledger'\n"
    "BEGIN\n"
    "    SELECT RAISE(ABORT, 'chain_heads: the row of ledger must stay that of ledger')\n"
    "    WHERE NEW.table_name IS NOT OLD.table_name;\n"
    "    SELECT RAISE(ABORT, 'ledger: postings of a transaction do not sum to zero') WHERE EXISTS (\n"
    "        SELECT 1 FROM ledger WHERE seq > OLD.count AND seq <= NEW.count\n"
    "        GROUP BY txn_id, asset HAVING sum(amount) <> 0\n"
    "    );\n"
    "END"
)
_KEPT: Final = (
    "CREATE TRIGGER tg_chain_heads_delete BEFORE DELETE ON chain_heads\n"
    "BEGIN\n    SELECT RAISE(ABORT, 'chain_heads: delete refused');\nEND"
)


def append_only(table: Table, _schema: str) -> list[tuple[str, str]]:
    """(name, SQL) of each trigger that guards an evidence table."""
    name = {"table": table.name, "zero": ZERO}
    checks = [_NEXT.substitute(name), _FOLLOWS.substitute(name)]
    for key in unique_keys(table):
        same = " AND ".join(f"{column} = NEW.{column}" for column in key)
        checks.append(_ONCE.substitute(name, key=" + ".join(key), same=same))
    return [
        (f"tg_{table.name}_append", _APPEND.substitute(name, checks="".join(checks))),
        *(
            (f"tg_{table.name}_{word}", _REFUSE.substitute(name, word=word, upper=word.upper()))
            for word in ("update", "delete")
        ),
    ]


def books(_schema: str) -> list[tuple[str, str]]:
    """(name, SQL) of the rules of the books."""
    return [
        ("tg_order_events_forward", _FORWARD.substitute(follows=may_follow("b", "NEW"))),
        ("tg_chain_heads_ledger", _BALANCED),
        ("tg_chain_heads_delete", _KEPT),
    ]
