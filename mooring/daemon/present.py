"""Rows and states as people and clients read them: decimals as text, times with Z, words instead of codes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from mooring.runtime.domain.money import MONEY_DECIMALS, to_text

if TYPE_CHECKING:  # commands that only tell a time need neither engine nor database
    from mooring.runtime.domain.instruments import Instrument
    from mooring.runtime.engine.status import EngineStatus

Row = Mapping[str, Any]

# What limit_value and observed of a decision are counted in.
UNITS: Final = {
    "score_low": "score",
    "holding": "score",
    "exit_score": "score",
    "stop_reached": "price",
    "target_reached": "price",
    "exit_working": "quantity",
    "dust": "quantity",
    "below_minimum": "quantity",
    "cooldown": "bars",
    "kill_switch": "switch",
    "paused": "switch",
    "catching_up": "switch",
    "blocked": "switch",
    "drawdown_halt": "bps",
    "daily_loss": "bps",
    "max_positions": "count",
    "max_entries": "count",
    "lots_full": "count",
    "symbol_exposure": "money",
    "total_exposure": "money",
    "no_cash": "money",
    "entry_working": "money",
    "below_cost_minimum": "money",
    "score_high": "money",
}
HIDDEN: Final = frozenset({"seq", "prev_hash", "parent_hash", "run_id", "account_id", "hour_ts_utc"})
MICRO_DECIMALS: Final = 6
MACHINE: Final = "Mac" if sys.platform == "darwin" else "machine"


def time_text(ts: int | None) -> str | None:
    """UTC unix seconds as RFC 3339."""
    return None if ts is None else datetime.fromtimestamp(ts, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def money_text(units: int) -> str:
    """Money (10^-8) as decimal text."""
    return to_text(units, MONEY_DECIMALS)


def percent_text(bps: int) -> str:
    """Basis points as percent with two places."""
    return to_text(bps, 2)


class Presenter:
    """Turns rows of the store into items of the API.

    Args:
        instruments: of the run, for their decimals.
    """

    def __init__(self, instruments: Sequence[Instrument]) -> None:
        self._instruments = {instrument.symbol: instrument for instrument in instruments}
        self._lots = {instrument.base: instrument.lot_decimals for instrument in instruments}
        self._shapes: dict[str, Callable[[dict[str, Any], Row], dict[str, Any]]] = {
            "prices": self._price_row,
            "signals": self._signal_row,
            "decisions": self._decision_row,
            "campaigns": self._campaign_row,
            "positions": self._position_row,
            "orders": self._order_row,
            "fills": self._fill_row,
            "trades": self._trade_row,
            "ledger": self._ledger_row,
            "equity": self._equity_row,
        }

    def item(self, kind: str, row: Row) -> dict[str, Any]:
        """One item of a list; `id` is its place in its table, `hash` its row hash."""
        base: dict[str, Any] = {"id": row["seq"], "hash": row["row_hash"]}
        if "hour_ts_utc" in row:
            base["time"] = time_text(row["hour_ts_utc"])
        shape = self._shapes.get(kind)
        if shape is not None:
            return shape(base, row)
        # Names of columns may be a subclass of text, which orjson refuses as a key.
        rest = {str(name): value for name, value in row.items() if name not in HIDDEN and name != "row_hash"}
        for name in ("at", "acknowledged_at"):
            if name in rest:
                rest[name] = time_text(rest[name])
        return base | rest

    def event(self, table: str, row: Row, time: str | None) -> dict[str, Any]:
        """A row that was just written, for the event stream; it has no place and no hash yet."""
        kind = {"bars": "prices"}.get(table, table)
        shape = self._shapes.get(kind)
        base: dict[str, Any] = {"time": time}
        if shape is not None:
            return shape(base, row)
        return base | {str(name): value for name, value in row.items() if name not in HIDDEN}

    def _price(self, symbol: str, ticks: int) -> str:
        return to_text(ticks, self._instruments[symbol].pair_decimals)

    def _quantity(self, symbol: str, lots: int) -> str:
        return to_text(lots, self._instruments[symbol].lot_decimals)

    def _price_row(self, base: dict[str, Any], row: Row) -> dict[str, Any]:
        symbol = row["symbol"]
        prices = {name: self._price(symbol, row[name]) for name in ("open", "high", "low", "close")}
        return base | {"symbol": symbol} | prices | {"volume": self._quantity(symbol, row["volume"])}

    def _signal_row(self, base: dict[str, Any], row: Row) -> dict[str, Any]:
        names = ("symbol", "producer", "direction", "conviction", "reason")
        return base | {n: row[n] for n in names} | {"value": to_text(row["value_micro"], MICRO_DECIMALS)}

    def _decision_row(self, base: dict[str, Any], row: Row) -> dict[str, Any]:
        symbol = row["symbol"]
        unit = UNITS.get(row["reason"], "none")
        return base | {
            "symbol": symbol,
            "action": row["action"],
            "reason": row["reason"],
            "score": row["score"],
            "quantity": self._quantity(symbol, row["quantity"]),
            "price": self._price(symbol, row["price"]),
            "stop": self._price(symbol, row["stop"]),
            "target": self._price(symbol, row["target"]),
            "unit": unit,
            "limit": self._in_unit(symbol, unit, row["limit_value"]),
            "observed": self._in_unit(symbol, unit, row["observed"]),
        }

    def _in_unit(self, symbol: str, unit: str, value: int) -> str:
        if unit == "money":
            return money_text(value)
        if unit == "price":
            return self._price(symbol, value)
        return self._quantity(symbol, value) if unit == "quantity" else str(value)

    def _campaign_row(self, base: dict[str, Any], row: Row) -> dict[str, Any]:
        symbol = row["symbol"]
        return base | {
            "campaign_id": row["campaign_id"],
            "symbol": symbol,
            "event": row["event"],
            "quantity": self._quantity(symbol, row["quantity"]),
            "cost": money_text(row["cost"]),
            "realised_pnl": money_text(row["realised_pnl"]),
            "stop": self._price(symbol, row["stop"]) if row["stop"] else None,
            "target": self._price(symbol, row["target"]) if row["target"] else None,
        }

    def _position_row(self, base: dict[str, Any], row: Row) -> dict[str, Any]:
        symbol = row["symbol"]
        return base | {
            "symbol": symbol,
            "quantity": self._quantity(symbol, row["quantity"]),
            "price": self._price(symbol, row["price"]),
            "cost": money_text(row["cost"]),
            "value": money_text(row["value"]),
            "unrealised_pnl": money_text(row["value"] - row["cost"]),
        }

    def _order_row(self, base: dict[str, Any], row: Row) -> dict[str, Any]:
        symbol = row["symbol"]
        names = ("client_order_id", "symbol", "side", "order_type", "reason", "parent_id")
        return (
            base
            | {n: row[n] for n in names}
            | {
                "status": row["status"] or "INTENT",
                "status_reason": row["status_reason"],
                "quantity": self._quantity(symbol, row["quantity"]),
                "filled_quantity": self._quantity(symbol, row["filled_quantity"]),
                "price": self._price(symbol, row["price"]) if row["price"] else None,
                "stop_price": self._price(symbol, row["stop_price"]) if row["stop_price"] else None,
            }
        )

    def _fill_row(self, base: dict[str, Any], row: Row) -> dict[str, Any]:
        symbol = row["symbol"]
        names = ("fill_id", "client_order_id", "symbol", "side", "liquidity")
        return (
            base
            | {n: row[n] for n in names}
            | {
                "quantity": self._quantity(symbol, row["quantity"]),
                "price": self._price(symbol, row["price"]),
                "notional": money_text(row["notional"]),
                "fee": money_text(row["fee"]),
                "filled_at": time_text(row["filled_ts"]),
            }
        )

    def _trade_row(self, base: dict[str, Any], row: Row) -> dict[str, Any]:
        symbol = row["symbol"]
        names = ("trade_id", "symbol", "open_fill_id", "close_fill_id")
        return (
            base
            | {n: row[n] for n in names}
            | {
                "quantity": self._quantity(symbol, row["quantity"]),
                "cost": money_text(row["cost"]),
                "proceeds": money_text(row["proceeds"]),
                "pnl": money_text(row["pnl"]),
                "opened_at": time_text(row["opened_ts"]),
                "closed_at": time_text(row["closed_ts"]),
            }
        )

    def _ledger_row(self, base: dict[str, Any], row: Row) -> dict[str, Any]:
        decimals = self._lots.get(row["asset"], MONEY_DECIMALS)
        names = ("txn_id", "line", "kind", "account", "asset")
        return base | {n: row[n] for n in names} | {"amount": to_text(row["amount"], decimals)}

    def _equity_row(self, base: dict[str, Any], row: Row) -> dict[str, Any]:
        money = ("cash", "positions_value", "equity", "peak", "realised_pnl", "fees_paid")
        return (
            base
            | {n: money_text(row[n]) for n in money}
            | {
                "drawdown_percent": percent_text(row["drawdown_bps"]),
                "tier": row["tier"],
            }
        )


def word_for(status: EngineStatus) -> str:
    """The one word that menu, dashboard and CLI show."""
    if status.kill_active:
        return "Killed"
    if status.state == "stopped":
        return "Off"
    if status.state in ("paused", "halted"):
        return status.state.capitalize()
    return status.mode.capitalize()


def first_line(status: EngineStatus) -> str:
    """The state in one sentence: what it is doing, why, and what still works."""
    word = word_for(status)
    made_up = " Prices are made up." if status.made_up_prices else ""
    live = status.mode == "live"
    real, dumb = live and bool(status.working_orders), live and not status.armed
    if word == "Killed":
        why = f": {status.kill_reason}" if status.kill_reason else ""
        done = f"are being cancelled; {status.working_orders} still work" if real else "were cancelled"
        return f"Kill switch on since {_clock(status.kill_since)}{why}. Open orders {done}."
    if word == "Off":
        stay = f" Open orders at Kraken stay: {status.working_orders}." if real else ""
        return f"Mooring is off. Nothing is being traded. {status.state_reason}".rstrip() + stay
    if word == "Halted":
        return f"Halted: {status.state_reason} Nothing new will be bought. Next: `mooring doctor`."
    if word == "Paused":
        why = f": {status.state_reason}" if status.state_reason else ""
        exits = "Not armed: no order is sent, exits neither." if dumb else "Exits still work."
        return f"Paused by you at {_clock(status.state_since)}{why}. {exits}"
    trading = {
        "Live": _live_line(status),
        "Shadow": f"Shadow: decisions are recorded, nothing is sent. Fills are simulated.{made_up}",
    }
    return trading.get(word) or f"Paper trading. No real orders can leave this {MACHINE}.{made_up}"


def _live_line(status: EngineStatus) -> str:
    made_up = " This is a look-alike: no real money." if status.made_up_prices else ""
    if not status.armed:
        return f"Live, not armed. Decisions are recorded and no order is sent. Arm it to send real orders.{made_up}"
    if status.blocked:
        return f"Live, entries blocked: {status.blocked} Exits still work.{made_up}"
    cash = 100 * status.cash // status.equity if status.equity else 100
    held = f"{status.positions} position{'' if status.positions == 1 else 's'}"
    return f"Live. {held}, {cash} % in cash, next decision at {_clock(status.next_cycle)}.{made_up}"


def _clock(ts: int | None) -> str:
    return "an unknown time" if ts is None else datetime.fromtimestamp(ts, UTC).strftime("%H:%M UTC")
