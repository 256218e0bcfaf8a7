"""A report's figures as the template shows them: every text and every chart ready, nothing left to reckon."""

from __future__ import annotations

from typing import Any, Final

import orjson
from markupsafe import Markup

from mooring.runtime.market.times import utc_text
from mooring.runtime.observe import charts, figures
from mooring.runtime.observe.charts import Size
from mooring.runtime.observe.figures import aligned
from mooring.runtime.observe.period import DAY_SECONDS
from mooring.runtime.observe.reasons import said_of
from mooring.runtime.observe.report_data import Refusal, ReportData, SymbolLine
from mooring.runtime.portfolio.treasury import REASON_TEXTS
from mooring.runtime.portfolio.valuation import Holding, Valuation
from mooring.runtime.store.types import Row

WIDE: Final = Size(880, 240)
NARROW: Final = Size(400, 200)
WIDE_LOW: Final = Size(880, 140)
NARROW_LOW: Final = Size(400, 130)
TRADES_SHOWN: Final = 100
ALERTS_SHOWN: Final = 50
MODES: Final = {"paper": "Paper", "shadow": "Shadow", "live": "Live"}
WHAT_IT_IS: Final = {
    "paper": "Paper trading: fills are simulated, no real order was sent.",
    "shadow": "Shadow: decisions were recorded, nothing was sent. Fills are simulated.",
    "live": "Live: orders are real.",
}
ACTIONS: Final = (
    ("enter", "entries"),
    ("exit", "exits"),
    ("hold", "held"),
    ("flat", "left alone"),
    ("refused", "refused"),
)


def view(data: ReportData) -> dict[str, Any]:
    """Everything the template names."""
    quote = data.account.quote
    daily = data.period.kind == "daily"
    return {
        "kind": "Daily report" if daily else "Weekly report",
        "label": data.period.label,
        "dates": _dates(data),
        "quote": quote,
        "mode": MODES[data.account.mode],
        "what_it_is": WHAT_IT_IS[data.account.mode],
        "made_up": data.account.made_up,
        "so_far": _so_far(data),
        "span": "the day" if daily else "the week",
        "that": "that day" if daily else "that week",
        "empty": _empty(data),
        "hero": figures.money(data.closing_equity, quote),
        "change": figures.money(data.change, quote, signed=True),
        "change_percent": figures.percent(figures.share_bps(data.change, data.opening_equity), signed=True),
        "tiles": _tiles(data),
        "sum_up": _sum_up(data),
        "curve": _curves(data),
        "falls": _falls(data),
        "symbols": [_symbol(data, line) for line in data.lines],
        "symbols_total": _symbols_total(data),
        "fees": _fees(data),
        "positions": aligned([_position(data, row) for row in data.positions], "quantity", "price"),
        "positions_at": figures.moment(data.equity[-1]["hour_ts_utc"]) if data.equity else "",
        "trades": aligned([_trade(data, row) for row in data.trades[-TRADES_SHOWN:]], "quantity"),
        "trades_more": max(0, len(data.trades) - TRADES_SHOWN),
        "decisions": _decisions(data),
        "refusals": [_refusal(data, refusal) for refusal in data.refusals],
        "treasury": _treasury(data),
        "alerts": [_alert(row) for row in data.alerts[-ALERTS_SHOWN:]],
        "alerts_more": max(0, len(data.alerts) - ALERTS_SHOWN),
        "evidence": _evidence(data),
    }


def _so_far(data: ReportData) -> str:
    """That hours may follow, and what is known of the one that is open."""
    if not data.so_far or not data.last_hour:
        return ""
    until = f"So far, until {figures.moment(data.last_hour)} UTC."
    if not data.left_out:
        return until
    fills = "1 fill since then counts" if data.left_out == 1 else f"{data.left_out:,} fills since then count"
    return f"{until} {fills} with the next hour."


def _dates(data: ReportData) -> str:
    first = figures.long_date(data.period.start_ts)
    if data.period.kind == "daily":
        return first
    return f"{first} to {figures.long_date(data.period.end_ts - DAY_SECONDS)}"


def _empty(data: ReportData) -> str:
    """Why there is nothing to show; nothing where there is something."""
    if data.equity:
        return ""
    if data.opening is not None:
        at = figures.long_date(data.opening["hour_ts_utc"] - 1)
        return f"So nothing was decided, ordered or traded. The figure above is of {at}, the last hour before."
    if data.last_hour is not None:
        return "The account was opened later. The figure above is what was put in."
    return "The account has no hour yet. The figure above is what was put in."


def _tiles(data: ReportData) -> list[dict[str, str]]:
    quote, trades = data.account.quote, data.trades
    wins = sum(1 for row in trades if row["pnl"] > 0)
    last = data.equity[-1] if data.equity else None
    cash = Valuation(last["cash"], last["positions_value"], 0).cash_bps if last else 0
    return [
        {"name": "Realised", "value": figures.money(data.total.realised, quote, signed=True), "note": "after fees"},
        {
            "name": "Open positions",
            "value": figures.money(data.unrealised, quote, signed=True),
            "note": "change of their result",
        },
        {"name": "Fees", "value": figures.money(data.total.fees, quote), "note": "inside the result"},
        {
            "name": "Largest fall",
            "value": figures.percent(-data.stats.drawdown_bps, signed=True),
            "note": "from a high in this time",
        },
        {
            "name": "Trades closed",
            "value": f"{len(trades):,}",
            "note": f"{wins:,} with a gain" if trades else "none",
        },
        {"name": "In cash", "value": figures.percent(cash), "note": "at the last hour"},
    ]


def _sum_up(data: ReportData) -> list[dict[str, str]]:
    return [
        {"name": "Equity before", "value": figures.exact(data.opening_equity)},
        {"name": "Realised, fees inside", "value": figures.exact(data.total.realised, signed=True)},
        {"name": "Change of open positions", "value": figures.exact(data.unrealised, signed=True)},
        {"name": "Equity after", "value": figures.exact(data.closing_equity)},
    ]


def _curves(data: ReportData) -> dict[str, Markup] | None:
    if not data.equity:
        return None
    points = [(row["hour_ts_utc"], row["equity"]) for row in data.equity]
    points.insert(0, (data.period.start_ts, data.opening_equity)) if _continues(data) else None
    quote = data.account.quote
    stats = data.stats
    told = f"From {figures.money(data.opening_equity, quote)} to {figures.money(data.closing_equity, quote)} {quote}, "
    told += f"between {figures.money(stats.low, quote)} and {figures.money(stats.high, quote)}."
    return {
        name: charts.curve(
            points,
            start_ts=data.period.start_ts,
            end_ts=data.period.end_ts,
            size=size,
            name="Equity by the hour",
            told=told,
            label=_tick(points, data.opening_equity),
            base=data.opening_equity,
        )
        for name, size in (("wide", WIDE), ("narrow", NARROW))
    }


def _falls(data: ReportData) -> dict[str, Markup] | None:
    if not data.equity:
        return None
    points = [(row["hour_ts_utc"], row["drawdown_bps"]) for row in data.equity]
    if _continues(data) and data.opening is not None:
        points.insert(0, (data.period.start_ts, data.opening["drawdown_bps"]))
    return {
        name: charts.fall(
            points,
            start_ts=data.period.start_ts,
            end_ts=data.period.end_ts,
            size=size,
            name="Drawdown by the hour",
            told=f"At most {figures.percent(max(bps for _, bps in points))} below the highest equity ever.",
            label=lambda bps: figures.percent(bps, signed=True),
        )
        for name, size in (("wide", WIDE_LOW), ("narrow", NARROW_LOW))
    }


def _continues(data: ReportData) -> bool:
    """Whether the curve goes on from the very end of the time before."""
    return data.opening is not None and data.opening["hour_ts_utc"] == data.period.start_ts


def _tick(points: list[tuple[int, int]], base: int) -> Any:
    """Labels with as many places as the steps between lines need."""
    values = [value for _, value in points] + [base]
    lines = charts.axis(values, least=max(1, max(map(abs, values)) // 2_000)).lines
    step = lines[1] - lines[0] if len(lines) > 1 else 1
    places = next((n for n in range(8) if step % 10 ** (8 - n) == 0), 8)
    return lambda value: figures.decimal(value, 8, places)


def _symbol(data: ReportData, line: SymbolLine) -> dict[str, Any]:
    quote, largest = data.account.quote, max(abs(one.total) for one in data.lines)
    total = figures.money(line.total, quote, signed=True)
    return {
        "symbol": line.symbol,
        "bar": charts.bar(line.total, largest, told=f"{line.symbol}: {total} {quote}"),
        "total": total,
        "realised": figures.money(line.result.realised, quote, signed=True),
        "unrealised": figures.money(line.unrealised, quote, signed=True),
        "fees": figures.money(line.result.fees, quote),
        "turnover": figures.money(line.result.turnover, quote),
    }


def _symbols_total(data: ReportData) -> dict[str, str]:
    quote, total = data.account.quote, data.total
    return {
        "total": figures.money(total.realised + data.unrealised, quote, signed=True),
        "realised": figures.money(total.realised, quote, signed=True),
        "unrealised": figures.money(data.unrealised, quote, signed=True),
        "fees": figures.money(total.fees, quote),
        "turnover": figures.money(total.turnover, quote),
    }


def _fees(data: ReportData) -> list[dict[str, str]]:
    """By the side of the book that was met."""
    quote, shown = data.account.quote, []
    for liquidity in ("maker", "taker"):
        rows = [row for row in data.fills if row["liquidity"] == liquidity]
        paid, turnover = sum(row["fee"] for row in rows), sum(row["notional"] for row in rows)
        shown.append(
            {
                "liquidity": liquidity,
                "fills": f"{len(rows):,}",
                "turnover": figures.money(turnover, quote),
                "paid": figures.money(paid, quote),
                "rate": figures.percent(figures.share_bps(paid, turnover)),
            }
        )
    return shown


def _position(data: ReportData, row: Row) -> dict[str, str]:
    quote, instrument = data.account.quote, data.account.instruments[row["symbol"]]
    held = Holding(row["symbol"], row["quantity"], row["cost"], row["price"], row["value"])
    return {
        "symbol": held.symbol,
        "quantity": figures.quantity(held.quantity, instrument.lot_decimals),
        "price": figures.decimal(held.price, instrument.pair_decimals),
        "cost": figures.money(held.cost, quote),
        "value": figures.money(held.value, quote),
        "unrealised": figures.money(held.unrealised, quote, signed=True),
        "share": figures.percent(figures.share_bps(held.value, data.closing_equity)),
    }


def _trade(data: ReportData, row: Row) -> dict[str, str]:
    quote, instrument = data.account.quote, data.account.instruments[row["symbol"]]
    hours = (row["closed_ts"] - row["opened_ts"]) // 3_600
    return {
        "symbol": row["symbol"],
        "opened": figures.moment(row["opened_ts"]),
        "closed": figures.moment(row["closed_ts"]),
        "held": f"{hours // 24} d {hours % 24} h" if hours >= 24 else f"{hours} h",  # noqa: PLR2004 -- hours of a day
        "quantity": figures.quantity(row["quantity"], instrument.lot_decimals),
        "cost": figures.money(row["cost"], quote),
        "proceeds": figures.money(row["proceeds"], quote),
        "pnl": figures.money(row["pnl"], quote, signed=True),
        "percent": figures.percent(figures.share_bps(row["pnl"], row["cost"]), signed=True),
    }


def _decisions(data: ReportData) -> str:
    named = [f"{data.actions[action]:,} {word}" for action, word in ACTIONS if data.actions.get(action)]
    total = sum(data.actions.values())
    return f"{figures.count(total, 'decision', 'decisions')}: {', '.join(named)}." if named else ""


def _refusal(data: ReportData, refusal: Refusal) -> dict[str, str]:
    words, numbers = said_of(refusal.last, data.account.instruments[refusal.last["symbol"]], data.account.quote)
    return {
        "why": words,
        "code": refusal.reason,
        "count": f"{refusal.count:,}",
        "symbols": ", ".join(refusal.symbols),
        "last": f"{refusal.last['symbol']}, {figures.moment(refusal.last['hour_ts_utc'])}",
        "numbers": numbers,
    }


def _treasury(data: ReportData) -> dict[str, Any] | None:
    if not data.treasury:
        return None
    quote, last = data.account.quote, data.treasury[-1]
    amount = last["recommended"]
    return {
        "recommended": f"{figures.money(amount, quote)} {quote}" if amount else "nothing",
        "why": REASON_TEXTS.get(last["reason"], last["reason"]),
        "lines": [
            {"name": "Put in", "value": figures.money(last["principal"], quote)},
            {"name": "Costs of 30 days, beside fees", "value": figures.money(last["monthly_costs"], quote)},
            {"name": "Protected", "value": figures.money(last["protected"], quote)},
            {"name": "Surplus of 30 days", "value": figures.money(last["surplus_30d"], quote)},
            {"name": "Could be taken out", "value": figures.money(amount, quote)},
        ],
        "days": [
            {
                "day": figures.moment(row["hour_ts_utc"] - 1)[: -len(" 00:00")],
                "realised": figures.money(row["realised_day"], quote, signed=True),
                "fees": figures.money(row["fees_day"], quote),
                "surplus": figures.money(row["surplus_day"], quote),
            }
            for row in data.treasury
        ],
    }


def _alert(row: Row) -> dict[str, str]:
    return {
        "time": figures.moment(row["hour_ts_utc"]),
        "severity": row["severity"],
        "text": row["text"],
        "code": row["code"],
        "seen": "acknowledged" if row["acknowledged_at"] is not None else "open",
    }


def _evidence(data: ReportData) -> list[dict[str, str]]:
    missing = data.hours_expected - len(data.equity)
    hours = f"{len(data.equity):,} of {data.hours_expected:,}" + (f", {missing:,} missing" if missing > 0 else "")
    lines = [{"name": "Hours recorded", "value": hours}]
    if data.equity:
        first, last = (utc_text(data.equity[at]["hour_ts_utc"]) for at in (0, -1))
        lines += [{"name": "First close", "value": first}, {"name": "Last close", "value": last}]
    if data.manifests:
        last_manifest = data.manifests[-1]
        lines += [
            {"name": "Head (last manifest)", "value": last_manifest["row_hash"]},
            {"name": "Root of the last hour", "value": last_manifest["root"]},
            {"name": "Decisions", "value": last_manifest["decision_hash"]},
            {"name": "State", "value": last_manifest["state_hash"]},
        ]
    lines.append({"name": "Account", "value": data.account.account_id})
    told = {row["run_id"] for row in data.equity}
    for run in data.account.runs:
        if run["run_id"] in told:
            lines.append({"name": "Run", "value": f"{run['run_id']} (Mooring {run['code_version']})"})
            lines.append({"name": "Settings", "value": run["settings_hash"]})
            lines.append({"name": "Market", "value": _market(run)})
    return lines


def _market(run: Row) -> str:
    known = orjson.loads(run["market"])
    if known.get("source") == "synthetic":
        return f"made-up prices from seed {run['seed']}"
    return f"{known.get('source', 'unknown')}, sha256 {run['market_hash']}"
