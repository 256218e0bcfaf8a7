"""The simulator's own routes, beside those of the venue: time, faults, and an account's books.

GET    /sim/state      time, speed, modes, how often each fault hit
POST   /sim/advance    {"seconds": "60"}: let time pass, where the simulation is stepped by hand
POST   /sim/status     {"mode": "maintenance", "pair": "XBTUSD"}: pair may be left out
POST   /sim/faults     one rule as in a scenario file; its seconds count from now
DELETE /sim/faults     nothing goes wrong any more
GET    /sim/books      everything an account has, owes and did
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from pydantic import ValidationError

from mooring.errors import Invalid
from mooring.runtime.venues.simulator.account import Account
from mooring.runtime.venues.simulator.digits import NANO, as_json, text
from mooring.runtime.venues.simulator.exchange import MODES
from mooring.runtime.venues.simulator.faults import Rule
from mooring.runtime.venues.simulator.rest_api import Answer, Request
from mooring.runtime.venues.simulator.shown import show_entry, show_fill, show_order
from mooring.runtime.venues.simulator.simulation import Simulation
from mooring.runtime.venues.simulator.times import rfc3339

PREFIX: Final = "/sim/"
SECONDS_MAX: Final = 10_000_000
_OK: Final = 200


class _Bad(Exception):  # noqa: N818
    """The request is wrong; says why."""


class Control:
    """Answers to /sim/ requests.

    Args:
        speed: venue seconds a second; 0 where time is stepped by `advance`.
    """

    def __init__(self, simulation: Simulation, *, speed: float) -> None:
        self._simulation = simulation
        self._speed = speed
        self._routes: Mapping[tuple[str, str], Callable[[Mapping[str, Any]], Any]] = {
            ("GET", "state"): self._state,
            ("POST", "advance"): self._advance,
            ("POST", "status"): self._status,
            ("POST", "faults"): self._add_fault,
            ("DELETE", "faults"): self._clear_faults,
            ("GET", "books"): self._books,
        }

    def handle(self, request: Request) -> Answer:
        """Answer one; what is wrong gets 400, what a browser sends for another page 403."""
        if "origin" in request.headers:
            return _answer(403, {"error": "Not from a browser."})
        route = self._routes.get((request.method, request.path.removeprefix(PREFIX)))
        if route is None:
            return _answer(404, {"error": "No such route."})
        try:
            return _answer(_OK, route(_object(request.body)))
        except (_Bad, Invalid) as error:
            return _answer(400, {"error": str(error)})

    def _state(self, _body: Mapping[str, Any]) -> Any:
        venue, faults = self._simulation.venue, self._simulation.faults
        pairs, modes = venue.catalog.pairs.values(), venue.exchange.pair_modes
        return {
            "time": rfc3339(venue.now, 9),
            "started": rfc3339(venue.started, 9),
            "speed": str(self._speed),
            "seed": venue.config.seed,
            "mode": venue.exchange.mode,
            "pairs": {pair.id: modes.get(pair.id, "online") for pair in pairs},
            "estimated": [pair.id for pair in pairs if pair.estimated],
            "accounts": list(venue.exchange.accounts),
            "sessions": len(venue.listeners),
            "faults": [
                {"kind": rule.kind, "name": rule.name, "match": rule.match, "hits": hits}
                for rule, hits in zip(faults.rules, faults.hits, strict=True)
            ],
            "failed": self._simulation.happenings.failed,
        }

    def _advance(self, body: Mapping[str, Any]) -> Any:
        if self._speed:
            raise _Bad("Time runs by itself; start with --speed 0 to step it.")
        try:
            seconds = Decimal(str(body.get("seconds")))
        except InvalidOperation:
            raise _Bad("seconds is no number.") from None
        if not (seconds.is_finite() and 0 < seconds <= SECONDS_MAX):
            raise _Bad("seconds is not above 0, or too large.")
        venue = self._simulation.venue
        venue.run(venue.now + int(seconds * NANO))
        return {"time": rfc3339(venue.now, 9)}

    def _status(self, body: Mapping[str, Any]) -> Any:
        venue, mode, name = self._simulation.venue, body.get("mode"), body.get("pair")
        pair = venue.catalog.pair(str(name)) if name is not None else None
        if mode not in MODES or (name is not None and pair is None):
            raise _Bad(f"mode is none of {', '.join(MODES)}, or there is no such pair.")
        venue.set_mode(str(mode), pair.id if pair is not None else None)
        return {"mode": mode}

    def _add_fault(self, body: Mapping[str, Any]) -> Any:
        try:
            rule = Rule.model_validate(body)
        except ValidationError as error:
            raise _Bad("; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()[:3])) from None
        return {"fault": self._simulation.happenings.add(rule)}

    def _clear_faults(self, _body: Mapping[str, Any]) -> Any:
        self._simulation.happenings.clear()
        return {"faults": []}

    def _books(self, _body: Mapping[str, Any]) -> Any:
        venue = self._simulation.venue
        return {name: books(self._simulation, account) for name, account in venue.exchange.accounts.items()}


def books(simulation: Simulation, account: Account) -> dict[str, Any]:
    """All of an account as it truly is now: no lag, no pages."""
    venue = simulation.venue
    decimals = venue.catalog.decimals
    return {
        "time": rfc3339(venue.now, 9),
        "balances": {asset: text(units, decimals(asset)) for asset, units in account.balances.items()},
        "holds": {asset: text(units, decimals(asset)) for asset, units in account.holds.items() if units},
        "orders": {order.id: show_order(order, trades=True) for order in account.orders()},
        "trades": {fill.id: show_fill(fill, ledgers=True) for fill in account.fills.values()},
        "ledger": {entry.id: show_entry(entry, venue.catalog) for entry in account.ledger},
        "dead_man": rfc3339(account.dead_man, 9) if account.dead_man else None,
    }


def _object(body: bytes) -> Mapping[str, Any]:
    if not body:
        return {}
    try:
        found = json.loads(body, parse_float=Decimal)
    except (ValueError, RecursionError):
        raise _Bad("The body is no JSON.") from None
    if not isinstance(found, dict):
        raise _Bad("The body is no JSON object.")
    return found


def _answer(status: int, body: Any) -> Answer:
    return Answer(status=status, body=as_json(body).encode())
