"""What led to a row: the few rows and figures that its table is made from, for whoever looks into a difference."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from mooring.runtime.replay.again import Redone, switches
from mooring.runtime.replay.compare import Mismatch

Inputs = dict[str, Any]
ROWS_MAX: Final = 30  # of one table, in one answer


def inputs_of(name: str, one: Mismatch, redone: Redone) -> Inputs:
    """The inputs of a row that differs; those of a row that did not come out are of its symbol, where it has one."""
    row = redone.row(name, one.made) if one.made is not None and name in redone.rows else one.recorded
    known = dict(row) if isinstance(row, dict) else {}
    return MAKERS.get(name, _nothing)(known, redone)


def _nothing(row: Inputs, redone: Redone) -> Inputs:  # noqa: ARG001
    return {}


def _rows(redone: Redone, *names: str, **equals: Any) -> Inputs:
    """Rows of these tables with these values; tables without any are left out."""
    found = {name: redone.find(name, **equals)[:ROWS_MAX] for name in names}
    return {name: rows for name, rows in found.items() if rows}


def _of_symbol(redone: Redone, row: Inputs, *names: str) -> Inputs:
    return _rows(redone, *names, symbol=row.get("symbol"))


def _order(redone: Redone, client_order_id: Any) -> Inputs:
    """The intent of an order, of this hour or of an earlier one."""
    found = redone.orders.get(client_order_id) or next(
        iter(redone.find("order_intents", client_order_id=client_order_id)), None
    )
    return {} if found is None else {"order_intents": [dict(found)]}


def _controls(redone: Redone) -> Inputs:
    return {"controls": switches(redone.controls)}


def _cycle(row: Inputs, redone: Redone) -> Inputs:  # noqa: ARG001
    return _controls(redone) | {"bars": len(redone.rows.get("bars", ()))}


def _features(row: Inputs, redone: Redone) -> Inputs:
    return _of_symbol(redone, row, "bars")


def _signal(row: Inputs, redone: Redone) -> Inputs:
    return _of_symbol(redone, row, "bars", "features", "model_outputs")


def _decision(row: Inputs, redone: Redone) -> Inputs:
    known = _of_symbol(redone, row, "bars", "features", "signals")
    return known | _controls(redone) | {"before": dict(redone.before)}


def _risk(row: Inputs, redone: Redone) -> Inputs:  # noqa: ARG001
    return _controls(redone) | {"before": dict(redone.before)} | _rows(redone, "equity")


def _intent(row: Inputs, redone: Redone) -> Inputs:
    return _of_symbol(redone, row, "decisions") | ({} if not row.get("parent_id") else _order(redone, row["parent_id"]))


def _event(row: Inputs, redone: Redone) -> Inputs:
    order = _order(redone, row.get("client_order_id"))
    symbol = order["order_intents"][0]["symbol"] if order else None
    return order | _rows(redone, "bars", symbol=symbol) | _controls(redone)


def _fill(row: Inputs, redone: Redone) -> Inputs:
    return _order(redone, row.get("client_order_id")) | _of_symbol(redone, row, "bars")


def _lot(row: Inputs, redone: Redone) -> Inputs:
    return _rows(redone, "fills", fill_id=row.get("lot_id"))


def _trade(row: Inputs, redone: Redone) -> Inputs:
    return _rows(redone, "fills", fill_id=row.get("close_fill_id"))


def _posting(row: Inputs, redone: Redone) -> Inputs:
    return _rows(redone, "fills", fill_id=row.get("txn_id"))


def _held(row: Inputs, redone: Redone) -> Inputs:
    return _of_symbol(redone, row, "bars", "fills", "trades")


def _equity(row: Inputs, redone: Redone) -> Inputs:  # noqa: ARG001
    return _rows(redone, "positions", "fills") | {"before": dict(redone.before)}


def _treasury(row: Inputs, redone: Redone) -> Inputs:  # noqa: ARG001
    return _rows(redone, "equity")


MAKERS: Final[dict[str, Callable[[Inputs, Redone], Inputs]]] = {
    "cycles": _cycle,
    "features": _features,
    "model_outputs": _features,
    "signals": _signal,
    "decisions": _decision,
    "risk_states": _risk,
    "order_intents": _intent,
    "order_events": _event,
    "fills": _fill,
    "lots": _lot,
    "trades": _trade,
    "ledger": _posting,
    "campaigns": _held,
    "positions": _held,
    "equity": _equity,
    "treasury": _treasury,
    "alerts": _equity,
    "manifests": _cycle,
}
