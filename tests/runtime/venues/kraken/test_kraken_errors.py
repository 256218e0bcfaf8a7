"""Every error of the venue is classed by what must be done, and no text echoes a secret."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mooring.errors import Conflict, Denied, Halt, Invalid, MooringError, NotFound, Retry, Unknown
from mooring.runtime.venues.kraken import error_table
from mooring.runtime.venues.kraken.errors import Call, Effect, no_answer, not_sent, refusal, safe_text, unreadable

READ = Call(name="OpenOrders")
ADD = Call(name="AddOrder", effect=Effect.ADDS)
CANCEL = Call(name="CancelOrder", effect=Effect.TOUCHES)
NOW = 1_700_000_000

# Written out from Kraken's documentation: text, class for a read, for a new order, for a cancel.
SAME = {
    Invalid: """EGeneral:Invalid arguments|EGeneral:Invalid arguments:volume|EGeneral:Invalid arguments:Index unavailable
        EGeneral:Invalid arguments:cl_ord_id|EGeneral:Unknown method|EAPI:Bad request|EAPI:Feature disabled
        EOrder:Order minimum not met|EGeneral:Invalid arguments:volume minimum not met|EOrder:Cost minimum not met
        EOrder:Tick size check failed|EOrder:Invalid price|EOrder:Invalid price:Invalid price argument
        ETrade:Invalid request|Malformed request|Unsupported field: 'price' for the given msg type: add order
        Subscription depth not supported|Subscription ohlc interval not supported|EGeneral:Invalid arguments:price""",
    NotFound: """EQuery:Unknown asset pair|EQuery:Unknown asset|EQuery:Invalid asset pair|EOrder:Unknown order
        Currency pair not supported XBT/USD|Subscription Not Found""",
    Denied: """EGeneral:Permission denied|EAccount:Invalid permissions|EOrder:Insufficient funds
        EOrder:Orders limit exceeded|EOrder:Positions limit exceeded|EOrder:Scheduled orders limit exceeded
        EOrder:Post only order|EOrder:Trading agreement required|EBM:limit exceeded:CAL|EFunding:Unknown withdraw key""",
    Retry: """EGeneral:Temporary lockout|EGeneral:Too many requests|EAPI:Rate limit exceeded
        EOrder:Rate limit exceeded|EOrder:Domain rate limit exceeded|EAuth:Rate limit exceeded|EAuth:Too many requests
        EService: Throttled: 1700000030|EService:Market in cancel_only mode|EService:Market in post_only mode
        EService:Market in limit_only mode|ETrade:User Locked|ESession:Invalid session|Token(s) not found
        Token is expired""",
    Halt: """EAPI:Invalid key|EAPI:Invalid signature|EAuth:Account temporary disabled|EAuth:Account unconfirmed
        EAuth:Failed|EOrder:Reduce only:Non-PC|EOrder:Reduce only:No position exists
        EOrder:Reduce only:Position is closed|EOrder:Cannot open opposing position|EOrder:Cannot open position
        EOrder:Margin allowance exceeded|EOrder:Margin level too low|EOrder:Margin position size exceeded
        EOrder:Insufficient margin|EOrder:Unknown position""",
    Conflict: "EAPI:Invalid nonce|Already subscribed",
    Unknown: "EGeneral:Invalid arguments:cl_ord_id not unique|EOrder:Cancel pending",
}
AMBIGUOUS = """EService:Unavailable|EService:Busy|EService:Timeout|EService:Deadline elapsed|EGeneral:Internal error
    EGeneral:Internal error:42|EDatabase:Internal error"""


def entries(text: str) -> list[str]:
    return [part.strip() for part in re.split(r"[|\n]", text) if part.strip()]


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, listed in SAME.items() for text in entries(listed)])
@pytest.mark.parametrize("call", [READ, ADD, CANCEL], ids=lambda call: call.name)
def test_what_each_error_asks_for(kind, text, call) -> None:
    error = refusal([text], call, now=NOW)
    assert type(error) is kind
    assert call.name in error.what
    assert safe_text(text) in error.what
    assert error.money
    assert error.todo


@pytest.mark.parametrize("text", entries(AMBIGUOUS))
def test_an_order_behind_a_fault_of_the_venue_is_unknown_and_a_read_may_be_repeated(text) -> None:
    assert type(refusal([text], READ, now=NOW)) is Retry
    for call in (ADD, CANCEL):
        error = refusal([text], call, now=NOW)
        assert type(error) is Unknown
        assert error.code == "kraken_outcome_unknown"


def test_an_invalid_order_is_malformed_when_new_and_never_was_when_cancelled() -> None:
    assert refusal(["EOrder:Invalid order"], ADD, now=NOW).code == "kraken_bad_request"
    assert refusal(["EOrder:Invalid order"], CANCEL, now=NOW).code == "kraken_order_gone"


def test_every_text_of_the_table_is_in_this_test() -> None:
    here = {text for listed in [*SAME.values(), AMBIGUOUS] for text in entries(listed)}
    prefixes = {text for case in error_table.CASES for text in case.texts}
    covered = {p for p in prefixes for text in here if text.replace(": ", ":", 1).startswith(p) or text.startswith(p)}
    assert prefixes - covered == {"EOrder:Invalid order"}


def test_no_text_is_in_the_table_twice() -> None:
    texts = [text for case in error_table.CASES for text in case.texts]
    assert len(texts) == len(set(texts))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("EService: Throttled: 1700000030", 30.0),
        ("EService:Throttled: 1699999999", 1.0),
        ("EService: Throttled: 1800000000", 900.0),
        ("EService: Throttled", 15.0),
        ("EGeneral:Temporary lockout", 900.0),
        ("ETrade:User Locked", 1.0),
    ],
)
def test_how_long_to_wait(text, seconds) -> None:
    error = refusal([text], READ, now=NOW)
    assert isinstance(error, Retry)
    assert error.retry_after_seconds == seconds


@pytest.mark.parametrize(
    ("text", "read", "add"),
    [
        ("EOrder:Something new", Denied, Unknown),
        ("EService:Something new", Retry, Unknown),
        ("EGeneral:Something new", Retry, Unknown),
        ("ETrade:Something new", Denied, Unknown),
        ("ENew:Something", Denied, Unknown),
        ("something without a code", Denied, Unknown),
        ("", Denied, Unknown),
        ("EAPI:Something new", Denied, Denied),
        ("EAuth:Something new", Denied, Denied),
        ("EQuery:Something new", Denied, Denied),
        ("EAccount:Something new", Denied, Denied),
        ("EOrder:Invalid priceless", Denied, Unknown),
        ("WGeneral:Danger", Retry, Unknown),
    ],
)
def test_unlisted_errors_are_taken_on_the_careful_side(text, read, add) -> None:
    assert type(refusal([text], READ, now=NOW)) is read
    assert type(refusal([text], ADD, now=NOW)) is add


@settings(deadline=None)
@given(st.lists(st.text(max_size=60), min_size=1, max_size=5))
def test_whatever_the_venue_says_becomes_an_error_of_the_tree(texts) -> None:
    for call in (READ, ADD, CANCEL):
        error = refusal(texts, call, now=NOW)
        assert isinstance(error, MooringError)
        assert error.code.startswith("kraken_")
        assert len(error.what) < 600


def test_of_several_errors_the_one_that_needs_most_care_counts() -> None:
    texts = ["EOrder:Insufficient funds", "EService:Timeout", "EAPI:Rate limit exceeded"]
    assert type(refusal(texts, ADD, now=NOW)) is Unknown
    assert type(refusal(["EAPI:Rate limit exceeded", "EAPI:Invalid key"], READ, now=NOW)) is Halt


def test_a_warning_beside_an_error_does_not_hide_it() -> None:
    error = refusal(["WOrder:Careful", "EOrder:Insufficient funds"], ADD, now=NOW)
    assert error.code == "kraken_insufficient_funds"


def test_no_answer_is_unknown_for_what_changes_something_and_retry_for_a_read() -> None:
    assert type(no_answer(READ, "no answer in time")) is Retry
    assert type(no_answer(ADD, "no answer in time")) is Unknown
    assert type(no_answer(CANCEL, "no answer in time")) is Unknown
    assert type(not_sent(ADD, "no connection")) is Retry
    assert type(unreadable("Balance", "lacks a field")) is Halt


SECRET = "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg=="


@pytest.mark.parametrize("text", [f"EGeneral:Invalid arguments:{SECRET}", SECRET, f"EAPI:Invalid key:{SECRET[:24]}"])
def test_no_secret_that_the_venue_echoes_is_in_an_error(text) -> None:
    for call in (READ, ADD):
        told = str(refusal([text], call, now=NOW))
        assert SECRET[:20] not in told


@settings(deadline=None)
@given(st.text())
def test_texts_of_the_venue_are_short_and_plain(text) -> None:
    told = safe_text(text)
    assert len(told) <= 120
    assert told.isascii()
    assert told.isprintable()


def test_codes_are_documented() -> None:
    page = Path(__file__).resolve().parents[4].joinpath("docs/errors.md").read_text("utf-8")
    assert [case.code for case in error_table.CASES if f"`{case.code}`" not in page] == []
