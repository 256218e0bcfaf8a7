"""A made-up run for the store's tests: hour n of it is always the same batch, and touches every table."""

from __future__ import annotations

import hashlib

from mooring.runtime.store.types import Batch, ControlRow, HourClose, StateRow

RUN = "run-1"
START = 1_700_002_800
SYMBOLS = ("BTC-USDT", "ETH-USDT", "SOL-USDT")
PRODUCERS = ("rsi", "momentum", "ma_cross")


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def run_row(run_id: str = RUN) -> dict:
    return {
        "run_id": run_id,
        "account_id": "paper",
        "mode": "paper",
        "created_at": START,
        "code_version": "0.1.0",
        "settings_hash": digest("settings"),
        "market": "synthetic",
        "market_hash": digest("market"),
        "seed": 1,
        "universe": '["BTC-USDT","ETH-USDT","SOL-USDT"]',
        "params": "{}",
        "quote": "USDT",
        "starting_cash": 10_000 * 10**8,
    }


def begin(run_id: str = RUN) -> Batch:
    return Batch(
        rows=[
            ("runs", run_row(run_id)),
            ("run_events", {"run_id": run_id, "at": START, "kind": "started", "detail": "first start"}),
            ("control_actions", {"at": START, "actor": "cli", "action": "start", "reason": "", "result": "ok"}),
        ],
        control=ControlRow(wanted="running", updated_at=START),
    )


def hour_ts_utc(n: int) -> int:
    return START + 3600 * n


def state_bytes(n: int) -> bytes:
    return b"state-" + str(n).encode() * 50


def postings(txn: str, amount: int) -> list[tuple[str, dict]]:
    both = (("cash", -amount), ("assets", amount))
    return [
        ("ledger", {"txn_id": txn, "line": i, "kind": "buy", "account": account, "asset": "USDT", "amount": value})
        for i, (account, value) in enumerate(both)
    ]


def market_rows(n: int, symbols: tuple[str, ...]) -> list[tuple[str, dict]]:
    rows: list[tuple[str, dict]] = []
    for k, symbol in enumerate(symbols):
        price = 1000 + n + k
        rows.append(
            (
                "bars",
                {
                    "symbol": symbol,
                    "open": price,
                    "high": price + 5,
                    "low": price - 5,
                    "close": price + 1,
                    "volume": 77 + k,
                },
            )
        )
        rows.extend(
            (
                "signals",
                {
                    "symbol": symbol,
                    "producer": producer,
                    "direction": (n + k) % 3 - 1,
                    "conviction": (n + k) % 11,
                    "value_micro": n * 1_000_003 - k,
                    "reason": "NEUTRAL",
                },
            )
            for producer in PRODUCERS
        )
        rows.append(
            (
                "decisions",
                {
                    "symbol": symbol,
                    "action": "HOLD",
                    "reason": "HOLDING",
                    "score": k,
                    "quantity": 0,
                    "price": price,
                    "stop": 0,
                    "target": 0,
                    "limit_value": 6,
                    "observed": k,
                },
            )
        )
        rows.append(("positions", {"symbol": symbol, "quantity": n, "cost": n * 10, "price": price, "value": n * 11}))
    return rows


def order_rows(n: int) -> list[tuple[str, dict]]:
    order, fill = f"order-{n}", f"fill-{n}"
    intent = {
        "client_order_id": order,
        "symbol": SYMBOLS[0],
        "side": "buy",
        "order_type": "limit",
        "quantity": 5,
        "price": 1000,
        "stop_price": 900,
        "target_price": 1200,
        "reason": "SCORE_HIGH",
        "parent_id": f"order-{n - 1}" if n > 0 else None,
        "intent_hash": digest(order),
    }
    events = [
        ("order_events", {"client_order_id": order, "status": status, "filled_quantity": filled, "reason": ""})
        for status, filled in (("INTENT", 0), ("SUBMITTING", 0), ("OPEN", 0), ("PARTIAL", 2), ("FILLED", 5))
    ]
    filled = {
        "fill_id": fill,
        "client_order_id": order,
        "symbol": SYMBOLS[0],
        "side": "buy",
        "quantity": 5,
        "price": 1000,
        "notional": 5000,
        "fee": 13,
        "liquidity": "taker",
        "filled_ts": hour_ts_utc(n),
    }
    trade = {
        "trade_id": f"trade-{n}",
        "symbol": SYMBOLS[0],
        "quantity": 5,
        "cost": 5000,
        "proceeds": 4900,
        "pnl": -100,
        "opened_ts": hour_ts_utc(n),
        "closed_ts": hour_ts_utc(n),
        "open_fill_id": fill,
        "close_fill_id": fill,
    }
    return [("order_intents", intent), *events, ("fills", filled), ("trades", trade), *postings(f"txn-{n}", 5000 + n)]


def hour(n: int, *, run_id: str = RUN, symbols: tuple[str, ...] = SYMBOLS, snapshot: bool = False) -> Batch:
    cycle = dict.fromkeys(("kill", "paused", "cancel_all", "rebase", "flatten"), 0)
    equity = {
        "cash": 10**12 - n,
        "positions_value": n,
        "equity": 10**12,
        "peak": 10**12,
        "drawdown_bps": n % 100,
        "tier": "normal",
        "realised_pnl": -n,
        "fees_paid": n,
    }
    alert = {"alert_id": f"alert-{n}", "severity": "info", "code": "test", "text": f"hour {n}, ok é"}
    return Batch(
        rows=[
            ("cycles", cycle | {"bars_present": len(symbols), "warmed_up": len(symbols)}),
            *market_rows(n, symbols),
            *order_rows(n),
            ("equity", equity),
            ("alerts", alert),
            ("alert_acks", {"alert_id": f"alert-{n}", "at": hour_ts_utc(n), "actor": "cli"}),
        ],
        hour=HourClose(
            run_id=run_id, hour_ts_utc=hour_ts_utc(n), decision_hash=digest(f"d{n}"), state_hash=digest(f"s{n}")
        ),
        state=StateRow(run_id=run_id, hour_ts_utc=hour_ts_utc(n), cycles=n + 1, state=state_bytes(n)),
        snapshot=snapshot,
    )
