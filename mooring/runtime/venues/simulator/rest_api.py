"""REST as a function: a request in, an answer out, with what the faults make of it.

Who holds the sockets (or pretends to) carries the answer out: at its time, or not at all.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import parse_qsl

from mooring.runtime.venues.simulator import counters
from mooring.runtime.venues.simulator.auth import count_call, refuse_by_right
from mooring.runtime.venues.simulator.digits import as_json
from mooring.runtime.venues.simulator.faults import Rule
from mooring.runtime.venues.simulator.happenings import Happenings
from mooring.runtime.venues.simulator.records import Refusal
from mooring.runtime.venues.simulator.rest_account import AccountApi, Call
from mooring.runtime.venues.simulator.rest_public import PublicApi
from mooring.runtime.venues.simulator.rest_trading import TradingApi, as_texts
from mooring.runtime.venues.simulator.venue import Venue

BODY_MAX: Final = 1_000_000
FIELDS_MAX: Final = 200
PUBLIC_BURST: Final = 15
PUBLIC: Final = "/0/public/"
PRIVATE: Final = "/0/private/"
HTML: Final = (
    "<!DOCTYPE html><html><head><title>api.kraken.com | {status}</title></head>"
    "<body><h1>Error {status}</h1><p>cloudflare</p></body></html>"
)


@dataclass(frozen=True, kw_only=True)
class Request:
    """headers: names in lower case. query and path: as sent, undecoded."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What goes back. due: ns at which it does; dropped: the line breaks instead."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json; charset=utf-8"
    due: int = 0
    dropped: bool = False


class RestApi:
    """Both kinds of methods behind their paths."""

    def __init__(self, venue: Venue, happenings: Happenings) -> None:
        self._venue = venue
        self._faults = happenings.faults
        self._public = PublicApi(venue)
        self._account = AccountApi(venue)
        self._trading = TradingApi(venue, happenings.on_cancel)

    def handle(self, request: Request) -> Answer:
        """Answer a request as of the venue's now."""
        name = request.path.rpartition("/")[2]
        rules = self._faults.calls(f"rest:{name}", self._venue.now - self._venue.started)
        first = next((rule for rule in rules if _keeps_out(rule)), None)
        if first is None:
            answer = self._told(request, name)
        elif first.kind == "late":
            self._venue.later(self._venue.now + first.wait, lambda: self._land(request, name, first.wait))
            answer = Answer(dropped=True)
        else:
            answer = _fault(first)
        for rule in rules:
            if rule is not first:
                answer = self._changed(answer, rule)
        return replace(answer, due=max(answer.due, self._venue.now))

    def _changed(self, answer: Answer, rule: Rule) -> Answer:
        """An answer that the venue gave, after a fault."""
        if rule.kind == "delay":
            return replace(answer, due=self._venue.now + rule.wait)
        if rule.kind in ("drop_answer", "disconnect"):
            return replace(answer, dropped=True)
        return replace(_fault(rule), due=answer.due)

    def _land(self, request: Request, name: str, late_by: int) -> None:
        """A request that arrives late; nobody waits for its answer any more."""
        self._venue.exchange.late_by = late_by
        self._told(request, name)
        self._venue.exchange.late_by = 0

    def _told(self, request: Request, name: str) -> Answer:
        try:
            result = self._result(request, name)
            told: dict[str, Any] = {"error": [], "result": result}
        except Refusal as refusal:
            told = {"error": [refusal.text]}
        self._venue.tell()
        return Answer(body=as_json(told).encode())

    def _result(self, request: Request, name: str) -> Any:
        if request.path == PUBLIC + name and name in self._public.methods:
            return self._public_result(request, name)
        if request.path == PRIVATE + name:
            return self._private_result(request, name)
        raise Refusal("EGeneral:Unknown method")

    def _public_result(self, request: Request, name: str) -> Any:
        if request.method != "GET":
            raise Refusal("EGeneral:Unknown method")
        if self._venue.exchange.mode == "maintenance" and name not in ("Time", "SystemStatus"):
            raise Refusal("EService:Unavailable")
        calls, now = self._venue.public_calls, self._venue.now
        if self._venue.config.public_limit:
            if calls.value(now) + counters.POINT > PUBLIC_BURST * counters.POINT:
                raise Refusal("EGeneral:Too many requests")
            calls.add(2, now)
        return self._public.methods[name](_form(request.query))

    def _private_result(self, request: Request, name: str) -> Any:
        handler = self._account.methods.get(name) or self._trading.methods.get(name)
        if request.method != "POST" or handler is None:
            raise Refusal("EGeneral:Unknown method")
        raw, fields = _body(request)
        now = self._venue.now
        signature = request.headers.get("api-sign", "")
        key = self._venue.keys.check(
            request.headers.get("api-key", ""), signature, request.path, request.body, fields, now
        )
        if self._venue.exchange.mode == "maintenance":
            raise Refusal("EService:Unavailable")
        refuse_by_right(key, name)
        count_call(key, name, now)
        account = self._venue.exchange.accounts[key.account]
        return handler(Call(account, key, fields, raw))


def _keeps_out(rule: Rule) -> bool:
    """Whether the request does not reach the venue now."""
    return rule.kind in ("drop_request", "late") or (rule.kind in ("error", "http_error") and not rule.lands)


def _fault(rule: Rule) -> Answer:
    if rule.kind == "error":
        return Answer(body=as_json({"error": [rule.text or ""]}).encode())
    if rule.kind == "http_error":
        status = rule.status or 502
        return Answer(status=status, body=HTML.format(status=status).encode(), content_type="text/html")
    return Answer(dropped=True)


def _body(request: Request) -> tuple[Mapping[str, Any], dict[str, str]]:
    """The JSON object (or nothing) and the parameters as text."""
    if "json" not in request.headers.get("content-type", ""):
        return {}, _form(request.body.decode("utf-8", "replace"))
    try:
        raw = json.loads(request.body, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError):
        raise Refusal("EGeneral:Invalid arguments") from None
    if not isinstance(raw, dict) or len(raw) > FIELDS_MAX:
        raise Refusal("EGeneral:Invalid arguments")
    flat = {name: value for name, value in raw.items() if name not in ("orders", "cl_ord_ids")}
    try:
        return raw, as_texts(flat)
    except RecursionError:
        raise Refusal("EGeneral:Invalid arguments") from None


def _form(said: str) -> dict[str, str]:
    try:
        return dict(parse_qsl(said, keep_blank_values=True, max_num_fields=FIELDS_MAX))
    except ValueError:
        raise Refusal("EGeneral:Invalid arguments") from None
