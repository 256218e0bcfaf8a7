"""A made-up run for the store's tests: hour n of it is always the same batch, touches every table, and its books hold.

Each hour buys 5 lots of the first symbol and sells what the hour before bought, so one lot is open after each. The
account is a live one, as only those have what a venue says; the sale may be written before its hour is done.
"""

from __future__ import annotations

import hashlib

from mooring.runtime.domain.instruments import Instrument
from mooring.runtime.portfolio.ledger import fill_postings, opening_postings
from mooring.runtime.store.types import Batch, ControlRow, HourClose, StateRow

RUN = "run-1"
ACCOUNT = "live"
START = 1_600_002_000  # before every made-up market, so that this account can stand before another
SYMBOLS = ("BTC-USDT", "ETH-USDT", "SOL-USDT")
PRODUCERS = ("rsi", "momentum", "ma_cross")
CASH = 10_000 * 10**8
FEE = 13
BUY, SELL = 5000, 5100  # value of what is bought and sold, before fees
COST, PROCEEDS = BUY + FEE, SELL - FEE
VALUE = 5050
INSTRUMENT = Instrument(symbol=SYMBOLS[0], pair_decimals=2, lot_decimals=4, order_min=1, cost_min=1)
LEDGER_OF_FIRST, LEDGER_OF_OTHERS = 7, 10  # postings of hour 0 (with the opening) and of each later one

MODEL_SAID = {
    "bundle": "m1@1:0123456789abcdef",
    "state": "ok",
    "specialist_score": None,
    "ensemble_score": -1_000_000,
    "schema_id": "core-1",
    "vector": '["0.25","-1e-05"]',
}


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def run_row(run_id: str = RUN) -> dict:
    return {
        "run_id": run_id,
        "account_id": ACCOUNT,
        "mode": "live",
        "created_at": START,
        "code_version": "0.1.0",
        "lock_hash": digest("lock"),
        "settings_hash": digest("settings"),
        "settings_version": 1,
        "bundle": None,
        "market": "synthetic",
        "market_hash": digest("market"),
        "seed": 1,
        "universe": '["BTC-USDT","ETH-USDT","SOL-USDT"]',
        "params": "{}",
        "quote": "USDT",
        "starting_cash": CASH,
    }


def setting_rows() -> list[tuple[str, dict]]:
    """What a run refers to."""
    account = {"account_id": ACCOUNT, "mode": "live", "venue": "kraken", "quote": "USDT", "principal": CASH}
    settings = {"version": 1, "at": START, "actor": "daemon", "settings_hash": digest("settings"), "settings": "{}"}
    profile = {"profile": "default", "version": 1, "at": START, "profile_hash": digest("p"), "limits": "{}"}
    one = {"symbol": SYMBOLS[0], "version": 1, "base": "BTC", "quote": "USDT", "pair_decimals": 2, "lot_decimals": 4}
    return [
        ("accounts", account | {"opened_at": START}),
        ("assets", {"asset": "USDT", "decimals": 8}),
        ("instruments", one | {"order_min": 1, "cost_min": 1, "estimated": 0}),
        ("settings_versions", settings | {"note": ""}),
        ("risk_profiles", profile | {"bounds": "{}"}),
        ("bundle_events", {"at": START, "kind": "checked", "bundle_id": "none", "detail": ""}),
    ]


def begin(run_id: str = RUN, *, first: bool = True) -> Batch:
    """The opening of a run; `first` opens its account too."""
    return Batch(
        rows=[
            *(setting_rows() if first else []),
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
    both = (("fees", amount), ("trading", -amount))
    return [
        ("ledger", {"txn_id": txn, "line": i, "kind": "fee", "account": account, "asset": "USDT", "amount": value})
        for i, (account, value) in enumerate(both)
    ]


def market_rows(n: int, symbols: tuple[str, ...]) -> list[tuple[str, dict]]:
    rows: list[tuple[str, dict]] = []
    for k, symbol in enumerate(symbols):
        price = 1000 + n + k
        bar = {"open": price, "high": price + 5, "low": price - 5, "close": price + 1, "volume": 77 + k}
        rows.append(("bars", {"symbol": symbol} | bar))
        rows.append(("features", {"symbol": symbol, "schema_id": "f1", "vector": f'{{"atr":"{n}.5"}}'}))
        rows.append(("model_outputs", {"symbol": symbol, "global_score": n} | MODEL_SAID))
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
        said = {"symbol": symbol, "action": "HOLD", "reason": "HOLDING", "score": k, "quantity": 0, "price": price}
        rows.append(("decisions", said | {"stop": 0, "target": 0, "limit_value": 6, "observed": k}))
    return rows


def order(name: str, n: int, side: str, value: int, parent: str | None) -> list[tuple[str, dict]]:
    """An order filled in two parts that the books see as one fill, with its postings."""
    intent = {
        "client_order_id": name,
        "symbol": SYMBOLS[0],
        "side": side,
        "order_type": "limit",
        "quantity": 5,
        "price": 1000,
        "stop_price": 900,
        "target_price": 1200,
        "reason": "SCORE_HIGH",
        "parent_id": parent,
        "intent_hash": digest(name),
    }
    events = [
        ("order_events", {"client_order_id": name, "status": status, "filled_quantity": filled, "reason": ""})
        for status, filled in (("INTENT", 0), ("SUBMITTING", 0), ("OPEN", 0), ("PARTIAL", 2), ("FILLED", 5))
    ]
    fill = {
        "fill_id": f"fill-{name}",
        "client_order_id": name,
        "symbol": SYMBOLS[0],
        "side": side,
        "quantity": 5,
        "price": 1000,
        "notional": value,
        "fee": FEE,
        "liquidity": "taker",
        "filled_ts": hour_ts_utc(n),
    }
    name = {"fill_id": f"fill-{name}", "trade_id": f"trade-{name}", "order_id": f"O-{name}"}
    return [
        ("order_intents", intent),
        *events,
        ("fills", fill),
        ("venue_fills", name | {"traded_ms": 1000 * hour_ts_utc(n) + 250}),
        *(("ledger", p) for p in fill_postings(INSTRUMENT, fill)),
    ]


def order_rows(n: int, *, sold: bool = True) -> list[tuple[str, dict]]:
    """What hour n bought, and what it sold of the hour before."""
    lot = {"lot_id": f"fill-order-{n}", "symbol": SYMBOLS[0], "quantity": 5, "cost": COST, "opened_ts": hour_ts_utc(n)}
    rows = [*order(f"order-{n}", n, "buy", BUY, None), ("lots", lot)]
    campaign = {"campaign_id": f"campaign-{n}", "symbol": SYMBOLS[0], "event": "opened", "quantity": 5, "cost": COST}
    rows.append(("campaigns", campaign | {"realised_pnl": 0, "stop": 900, "target": 1200}))
    return [*rows, *(sale_rows(n) if n and sold else [])]


def sale_rows(n: int) -> list[tuple[str, dict]]:
    """The sale of what the hour before n bought."""
    trade = {
        "trade_id": f"trade-{n}",
        "symbol": SYMBOLS[0],
        "quantity": 5,
        "cost": COST,
        "proceeds": PROCEEDS,
        "pnl": PROCEEDS - COST,
        "opened_ts": hour_ts_utc(n - 1),
        "closed_ts": hour_ts_utc(n),
        "open_fill_id": f"fill-order-{n - 1}",
        "close_fill_id": f"fill-exit-{n}",
    }
    return [*order(f"exit-{n}", n, "sell", SELL, f"order-{n - 1}"), ("trades", trade)]


def venue_rows(n: int) -> list[tuple[str, dict]]:
    """What was found at the venue for hour n: money that is not ours comes, and some of it goes."""
    at = 1000 * hour_ts_utc(n)
    moved = (("opening" if n == 0 else "deposit", f"{n + 1}.50"), ("withdrawal", "-0.00000001"))
    breaks = "[]" if n != 2 else '["BTC: 0.1 too little."]'
    compared = {"at_ms": at, "cause": "schedule", "equal": int(n != 2), "breaks": breaks}
    return [
        *(
            (
                "movements",
                {"movement_id": f"movement-{n}-{kind}", "kind": kind, "asset": "USDT", "amount": amount}
                | {"entry_id": f"L-{n}", "moved_ms": at, "text": f"{kind}, é"},
            )
            for kind, amount in moved
        ),
        ("reconciles", compared | {"detail": '{"USDT":"1 = 1 + 0"}'}),
    ]


def between(n: int, *, run_id: str = RUN) -> Batch:
    """What happens before hour n is done: the sale, what is found at the venue, and an alert of it."""
    alert = {"alert_id": f"between-{n}", "severity": "warning", "code": "test", "text": f"before hour {n}"}
    of_hour = {"run_id": run_id, "hour_ts_utc": hour_ts_utc(n)}
    return Batch(
        rows=[(table, row | of_hour) for table, row in (*sale_rows(n), *venue_rows(n), ("alerts", alert))],
    )


def book_rows(n: int) -> list[tuple[str, dict]]:
    """Where the account stands after hour n."""
    cash = CASH - COST * (n + 1) + PROCEEDS * n
    risk = dict.fromkeys(("halted", "drawdown_bps", "exposure", "entry_value", "day_loss_bps", "entries_today"), 0)
    tiers = {"tier": "normal", "caution_bps": 500, "defensive_bps": 1000, "halt_bps": 1500, "day_start": CASH}
    equity = {
        "cash": cash,
        "positions_value": VALUE,
        "equity": cash + VALUE,
        "peak": 10**12,
        "drawdown_bps": n % 100,
        "tier": "normal",
        "realised_pnl": (PROCEEDS - COST) * n,
        "unrealised_pnl": VALUE - COST,
        "fees_paid": FEE * (2 * n + 1),
    }
    treasury = dict.fromkeys(
        ("monthly_costs", "fees_day", "realised_day", "surplus_day", "surplus_30d", "protected", "recommended"), 0
    )
    return [
        (
            "risk_states",
            {"profile": "default", "profile_version": 1, "cap_bps": 8000, "cap_value": CASH} | tiers | risk,
        ),
        ("positions", {"symbol": SYMBOLS[0], "quantity": 5, "cost": COST, "price": 1010, "value": VALUE}),
        ("equity", equity),
        ("treasury", treasury | {"protect": 1, "minimum_transfer": 1, "principal": CASH, "reason": "no_surplus"}),
    ]


def hour(
    n: int, *, run_id: str = RUN, symbols: tuple[str, ...] = SYMBOLS, snapshot: bool = False, begun: bool = False
) -> Batch:
    """Hour n; `begun` where `between` has been written of it."""
    cycle = dict.fromkeys(("kill", "paused", "cancel_all", "rebase", "flatten", "catch_up", "blocked"), 0)
    alert = {"alert_id": f"alert-{n}", "severity": "info", "code": "test", "text": f"hour {n}, ok é"}
    opening = [("ledger", p) for p in opening_postings(ACCOUNT, "USDT", CASH)] if n == 0 else []
    return Batch(
        rows=[
            ("cycles", cycle | {"bars_present": len(symbols), "warmed_up": len(symbols)}),
            *market_rows(n, symbols),
            *opening,
            *order_rows(n, sold=not begun),
            *([] if begun else venue_rows(n)),
            *book_rows(n),
            ("alerts", alert),
            ("alert_acks", {"alert_id": f"alert-{n}", "at": hour_ts_utc(n), "actor": "cli"}),
        ],
        hour=HourClose(
            run_id=run_id, hour_ts_utc=hour_ts_utc(n), decision_hash=digest(f"d{n}"), state_hash=digest(f"s{n}")
        ),
        state=StateRow(run_id=run_id, hour_ts_utc=hour_ts_utc(n), cycles=n + 1, state=state_bytes(n)),
        snapshot=snapshot,
    )
