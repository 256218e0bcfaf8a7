"""What each row follows from: its parent, whose hash goes into the row's own.

With the chains of the tables this makes a graph: a decision names the last signal about its symbol, which names the
features, which name the bar; a fill names its order, which names the decision. Where several rows of one table lead to
a row, it names the last of them, whose chain commits to the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mooring.runtime.store.hashing import ZERO

OF_HOUR: Final = (("run_id", "run_id"), ("account_id", "account_id"), ("hour_ts_utc", "hour_ts_utc"))
OF_SYMBOL: Final = (*OF_HOUR, ("symbol", "symbol"))
OF_RUN: Final = (("run_id", "run_id"),)
OF_ACCOUNT: Final = (*OF_RUN, ("account_id", "account_id"))  # both, as the index of the tables of the hour begins
OF_ORDER: Final = (("client_order_id", "client_order_id"),)


@dataclass(frozen=True, kw_only=True)
class Edge:
    """One way to the parent: the last row of `table` where each column of ours equals the one of theirs.

    Attributes:
        on: (our column, their column); an edge whose own column is null leads nowhere.
        before: the newest of an hour before ours, instead of one of any hour.
    """

    table: str
    on: tuple[tuple[str, str], ...]
    before: bool = False


# Tried in this order; the first that finds a row gives the parent. A row of a table that is not here, or that finds
# none, has 64 zeros. Rows of the hour never follow from the row of their run, which says when it was begun: the same
# inputs must give the same hashes whenever they are run. What the run is, its id says, which is made from all of it.
PARENTS: Final[dict[str, tuple[Edge, ...]]] = {
    "runs": (Edge(table="accounts", on=(("account_id", "account_id"),)),),
    "run_events": (Edge(table="runs", on=OF_RUN),),
    "cycles": (Edge(table="manifests", on=OF_ACCOUNT, before=True),),
    "features": (Edge(table="bars", on=OF_SYMBOL), Edge(table="cycles", on=OF_HOUR)),
    "model_outputs": (Edge(table="features", on=OF_SYMBOL),),
    "signals": (
        Edge(table="model_outputs", on=OF_SYMBOL),
        Edge(table="features", on=OF_SYMBOL),
        Edge(table="cycles", on=OF_HOUR),
    ),
    "decisions": (Edge(table="signals", on=OF_SYMBOL),),
    "risk_states": (Edge(table="decisions", on=OF_HOUR),),
    "order_intents": (
        Edge(table="order_intents", on=(("parent_id", "client_order_id"),)),
        Edge(table="decisions", on=OF_SYMBOL),
    ),
    "order_events": (Edge(table="order_intents", on=OF_ORDER),),
    "fills": (Edge(table="order_intents", on=OF_ORDER),),
    "venue_fills": (Edge(table="fills", on=(("fill_id", "fill_id"),)),),
    "lots": (Edge(table="fills", on=(("lot_id", "fill_id"),)),),
    "trades": (Edge(table="fills", on=(("close_fill_id", "fill_id"),)),),
    "ledger": (Edge(table="fills", on=(("txn_id", "fill_id"),)),),
    "campaigns": (Edge(table="fills", on=OF_SYMBOL),),
    "positions": (Edge(table="cycles", on=OF_HOUR),),
    "equity": (Edge(table="positions", on=OF_HOUR), Edge(table="cycles", on=OF_HOUR)),
    "treasury": (Edge(table="equity", on=OF_HOUR),),
    "alert_acks": (Edge(table="alerts", on=(("alert_id", "alert_id"),)),),
    "snapshots": (Edge(table="cycles", on=OF_HOUR),),
    "manifests": (Edge(table="equity", on=OF_HOUR),),
}


def parent_sql(table: str, row: str = "c") -> str:
    """SQL, for both databases, of the parent hash that a row of `table`, named `row` in the query, must have."""
    found = [_edge_sql(edge, row) for edge in PARENTS.get(table, ())]
    return f"coalesce({', '.join([*found, repr(ZERO)])})" if found else repr(ZERO)


def _edge_sql(edge: Edge, row: str) -> str:
    rules = [f"p.{theirs} = {row}.{ours}" for ours, theirs in edge.on]
    order = "p.seq DESC"
    if edge.before:
        rules.append(f"p.hour_ts_utc < {row}.hour_ts_utc")
        order = "p.hour_ts_utc DESC"
    # Names of our own schema only.
    return f"(SELECT p.row_hash FROM {edge.table} p WHERE {' AND '.join(rules)} ORDER BY {order} LIMIT 1)"  # noqa: S608
