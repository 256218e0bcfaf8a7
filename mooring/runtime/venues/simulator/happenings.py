"""Faults that are no answer to a call: what the scenario makes happen at a moment, or hold for a while."""

from __future__ import annotations

from mooring.errors import Invalid
from mooring.runtime.venues.simulator.catalog import Asset, Pair
from mooring.runtime.venues.simulator.digits import units_of
from mooring.runtime.venues.simulator.faults import ACTS, STATES, Faults, Rule
from mooring.runtime.venues.simulator.records import Order, Refusal
from mooring.runtime.venues.simulator.venue import Venue


class Happenings:
    """Lets a scenario's acts and states happen to a venue.

    Raises:
        Invalid: a rule names a pair or an asset that the venue has not, or an amount finer than its ledger.
    """

    def __init__(self, venue: Venue, faults: Faults) -> None:
        self.venue = venue
        self.faults = faults
        self.failed: list[str] = []
        for n, rule in enumerate(faults.rules):
            _refuse_unknown(venue, rule)
            self._plan(n, rule, venue.started)

    def add(self, rule: Rule) -> int:
        """One more rule, whose seconds count from now; returns its number. Errors as `Faults.add`, and bad names."""
        _refuse_unknown(self.venue, rule)
        n = self.faults.add(rule, self.venue.now - self.venue.started)
        self._plan(n, rule, self.venue.now)
        return n

    def clear(self) -> None:
        """End all faults: what holds for a while ends now, what was to come does not."""
        self.faults.clear()
        self.venue.lag = self.venue.skew = 0
        self.venue.set_mode("online")
        for pair in list(self.venue.exchange.pair_modes):
            self.venue.set_mode("online", pair)

    def on_cancel(self, name: str, order: Order) -> bool:
        """Whether the order is to fill after its cancel was acknowledged; if so that is on its way."""
        rules = self.faults.cancels(name, self.venue.now - self.venue.started)
        if not rules or not order.ticket.limit or not order.rests:
            return False
        rule = rules[0]
        lots = max(1, order.remaining * (rule.share or 100) // 100)
        self.venue.later(self.venue.now + rule.wait, lambda: self._fill_then_cancel(order.id, lots))
        return True

    def _fill_then_cancel(self, order_id: str, lots: int) -> None:
        account = next((a for a in self.venue.exchange.accounts.values() if order_id in a.open), None)
        if account is None:
            return
        exchange, now = self.venue.exchange, self.venue.now
        order = exchange.fill_from_outside(account, account.open[order_id], lots, now)
        if order.live:
            exchange.cancel_many(account, [order], now)

    def _plan(self, n: int, rule: Rule, start: int) -> None:
        if rule.kind in ACTS:
            self.venue.later(start + rule.from_ns, lambda: self._act(n, rule))
        elif rule.kind in STATES:
            self.venue.later(start + rule.from_ns, lambda: self._set(n, rule, begins=True))
            if rule.until_ns is not None:
                self.venue.later(start + rule.until_ns, lambda: self._set(n, rule, begins=False))

    def _is_there(self, n: int, rule: Rule) -> bool:
        """Whether the rule was not cleared away meanwhile."""
        return n < len(self.faults.rules) and self.faults.rules[n] is rule

    def _set(self, n: int, rule: Rule, *, begins: bool) -> None:
        if not self._is_there(n, rule):
            return
        if begins:
            self.faults.hits[n] += 1
        if rule.kind == "rest_lag":
            self.venue.lag = rule.wait if begins else 0
        elif rule.kind == "clock_skew":
            self.venue.skew = (-rule.wait if rule.backwards else rule.wait) if begins else 0
        else:
            pair = _pair(self.venue, rule.pair) if rule.pair else None
            self.venue.set_mode((rule.mode or "online") if begins else "online", pair.id if pair else None)

    def _act(self, n: int, rule: Rule) -> None:
        if not self._is_there(n, rule):
            return
        self.faults.hits[n] += 1
        key, now = self.venue.key, self.venue.now
        if rule.kind == "lockout":
            key.locked_until = now + rule.wait
        elif rule.kind == "nonce_jump":
            key.last_nonce += rule.by or 0
        elif rule.kind == "disconnect_all":
            self.cut_all()
        else:
            try:
                self._touch_money(rule)
            except Refusal as refusal:
                # An account that is too poor for its scenario is no reason to end; who looks sees it in the state.
                self.failed.append(f"{rule.kind}: {refusal.text}")

    def cut_all(self) -> None:
        """End every session as a broken line would."""
        for listener in list(self.venue.listeners):
            cut = getattr(listener, "cut", None)
            if cut is not None:
                cut()

    def _touch_money(self, rule: Rule) -> None:
        venue, account = self.venue, self.venue.account
        if rule.kind == "external_order":
            fields = {"pair": rule.pair or "", "type": rule.side or "", "volume": rule.volume or "", "oflags": "fciq"}
            fields |= {"ordertype": "limit", "price": rule.price} if rule.price else {"ordertype": "market"}
            venue.exchange.add(account, fields, venue.now)
            return
        asset = _asset(venue, rule.asset or "")
        units = units_of(rule.amount or "0", asset.decimals)
        if rule.kind == "staking":
            venue.exchange.move(account, asset.id, -units, "transfer", "spottostaking", venue.now)
            venue.exchange.move(account, f"{asset.altname}.F", units, "transfer", "stakingfromspot", venue.now)
        else:
            venue.exchange.move(
                account, asset.id, units if rule.kind == "deposit" else -units, rule.kind, "", venue.now
            )


def _refuse_unknown(venue: Venue, rule: Rule) -> None:
    if rule.pair:
        _pair(venue, rule.pair)
    if rule.asset:
        try:
            units_of(rule.amount or "0", _asset(venue, rule.asset).decimals)
        except ValueError:
            raise Invalid("bad_scenario", "An amount is finer than the asset's ledger.", todo="Round it.") from None


def _pair(venue: Venue, name: str) -> Pair:
    found = venue.catalog.pair(name)
    if found is None:
        raise Invalid("bad_scenario", "A fault names a pair that the simulation has not.", todo="Name one that it has.")
    return found


def _asset(venue: Venue, name: str) -> Asset:
    found = venue.catalog.asset(name)
    if found is None:
        raise Invalid("bad_scenario", "A fault names an asset that no pair has.", todo="Name one that a pair has.")
    return found


def elapsed(venue: Venue) -> int:
    """Ns since the start of the simulation."""
    return venue.now - venue.started
