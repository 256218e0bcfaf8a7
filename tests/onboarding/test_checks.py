from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from decimal import Decimal

import pytest

from mooring.errors import Denied, Halt, MooringError, Retry
from mooring.onboarding.checks import Held, KeyFacts, Report, examine
from mooring.onboarding.rights import RIGHTS, Wanted

NOW = 1_700_000_000
NEEDED = frozenset(right.name for right in RIGHTS if right.wanted is Wanted.NEEDED)
GOOD = KeyFacts(rights=NEEDED, addresses=("203.0.113.7",))


@dataclass
class Probe:
    """A venue that answers as the test says, and what it was asked."""

    skew: int = 0
    known: KeyFacts = GOOD
    order: str | MooringError = ""
    token: MooringError | None = None
    money: Held | MooringError = field(default_factory=lambda: Held(asset="USD", free=Decimal(1000), anything=True))
    others: int | MooringError = 0
    asked: list[str] = field(default_factory=list)

    async def skew_ms(self) -> int:
        return self.skew

    async def facts(self) -> KeyFacts:
        self.asked.append("facts")
        return self.known

    async def held(self) -> Held:
        self.asked.append("held")
        if isinstance(self.money, MooringError):
            raise self.money
        return self.money

    async def orders_of_others(self) -> int:
        self.asked.append("orders")
        if isinstance(self.others, MooringError):
            raise self.others
        return self.others

    async def check_order(self) -> str:
        self.asked.append("order")
        if isinstance(self.order, MooringError):
            raise self.order
        return self.order

    async def check_token(self) -> None:
        self.asked.append("token")
        if self.token is not None:
            raise self.token


def examined(probe: Probe) -> Report:
    return asyncio.run(examine(probe, now=NOW))


def states(report: Report) -> dict[str, str]:
    return {finding.name: finding.state for finding in report.findings}


def test_a_good_key_passes_everything() -> None:
    report = examined(Probe())
    assert states(report) == {"clock": "ok", "balance": "ok", "order": "ok", "websocket": "ok"}
    assert report.refusal is None


def test_a_key_that_could_withdraw_is_tried_no_further() -> None:
    probe = Probe(known=replace(GOOD, rights=NEEDED | {"withdraw-funds"}))
    report = examined(probe)
    assert report.refusal is not None
    assert report.refusal.code == "key_may_withdraw"
    assert probe.asked == ["facts"]


def test_what_a_key_may_not_do_is_not_tried() -> None:
    unasked = {"modify-trades", "create-ws-token", "query-funds", "query-open-trades"}
    probe = Probe(known=replace(GOOD, rights=NEEDED - unasked))
    report = examined(probe)
    assert report.refusal is not None
    assert report.refusal.code == "key_lacks_rights"
    assert probe.asked == ["facts"]


@pytest.mark.parametrize(
    ("skew", "state"), [(0, "ok"), (1000, "ok"), (-1001, "warn"), (3000, "warn"), (3001, "fail"), (-90_000, "fail")]
)
def test_a_clock_that_is_wrong_warns_and_then_fails(skew: int, state: str) -> None:
    report = examined(Probe(skew=skew))
    assert states(report)["clock"] == state
    assert (report.refusal is not None) == (state == "fail")


@pytest.mark.parametrize(
    ("facts", "name", "state"),
    [
        ({"valid_until": NOW + 86_400}, "expiry", "warn"),
        ({"valid_until": NOW - 1}, "expiry", "warn"),
        ({"query_from": NOW - 90 * 86_400}, "history", "fail"),
        ({"query_to": NOW + 90 * 86_400}, "history", "fail"),
        ({"addresses": ()}, "addresses", "warn"),
        ({"nonce_window": 1000}, "nonces", "warn"),
    ],
)
def test_what_limits_a_key_is_told(facts: dict, name: str, state: str) -> None:
    report = examined(Probe(known=replace(GOOD, **facts)))
    assert states(report)[name] == state
    assert (report.refusal is not None) == (state == "fail")
    assert all(finding.todo for finding in report.findings if finding.state != "ok")


def test_a_key_that_is_good_for_years_is_not_spoken_of() -> None:
    assert "expiry" not in states(examined(Probe(known=replace(GOOD, valid_until=NOW + 400 * 86_400))))


@pytest.mark.parametrize("error", [Denied("no", "Not allowed.", todo="Ask."), Halt("odd", "Nonsense.", todo="Look.")])
def test_an_order_or_a_token_that_is_refused_fails_in_the_words_of_the_venue(error: MooringError) -> None:
    for probe in (Probe(order=error), Probe(token=error), Probe(money=error), Probe(others=error)):
        refusal = examined(probe).refusal
        assert refusal is not None
        assert refusal.code == "key_check_failed"
        assert error.what in refusal.what
        assert refusal.todo == error.todo


def test_an_account_without_money_is_told_and_taken() -> None:
    report = examined(Probe(order="The account has not enough USD."))
    assert states(report)["order"] == "warn"
    assert report.refusal is None


@pytest.mark.parametrize(
    ("money", "state", "words"),
    [
        (Held(asset="USD", free=Decimal("1234.567"), anything=True), "ok", "has 1,234.57 USD free"),
        (Held(asset="USD", free=Decimal(0), anything=True), "warn", "no USD free"),
        (Held(asset="USD", free=Decimal(0), anything=False), "warn", "holds nothing yet"),
    ],
)
def test_what_the_account_holds_is_told_and_an_empty_one_is_taken(money: Held, state: str, words: str) -> None:
    report = examined(Probe(money=money))
    (found,) = (finding for finding in report.findings if finding.name == "balance")
    assert (found.state, words in found.text, bool(found.todo)) == (state, True, state == "warn")
    assert report.refusal is None


@pytest.mark.parametrize(("count", "words"), [(1, "1 open order of the account is not"), (3, "3 open orders")])
def test_orders_of_another_program_are_told(count: int, words: str) -> None:
    report = examined(Probe(others=count))
    (found,) = (finding for finding in report.findings if finding.name == "orders")
    assert (found.state, words in found.text) == ("warn", True)
    assert report.refusal is None


def test_a_venue_that_does_not_answer_is_no_verdict_on_the_key() -> None:
    with pytest.raises(Retry):
        examined(Probe(order=Retry("silent", "No answer.")))
