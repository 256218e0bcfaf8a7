from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mooring.control_api.limits import Limits
from mooring.control_api.sessions import Sessions
from mooring.errors import Halt

LIMITS = Limits(links=3, sessions=3, link_seconds=30, session_idle_seconds=100)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def made(clock: Clock | None = None, limits: Limits = LIMITS) -> Sessions:
    counter = itertools.count(1)
    return Sessions(lambda: f"{next(counter):06d}" + "r" * 37, clock or Clock(), limits)


def signed_in(sessions: Sessions) -> tuple[str, str, str]:
    """(id, cookie, header token) of a new session."""
    opened = sessions.open(sessions.link())
    assert opened is not None
    token = sessions.hand_over(opened.cookie)
    assert token
    return opened.id, opened.cookie, token


def test_a_link_opens_once() -> None:
    sessions = made()
    key = sessions.link()
    assert sessions.open(key) is not None
    assert sessions.open(key) is None


@pytest.mark.parametrize(("seconds", "opens"), [(29.9, True), (30, False), (1e6, False)])
def test_a_link_opens_within_its_time_only(seconds: float, opens: bool) -> None:
    clock = Clock()
    sessions = made(clock)
    key = sessions.link()
    clock.now = seconds
    assert (sessions.open(key) is not None) is opens


def test_of_too_many_links_the_oldest_ends() -> None:
    sessions = made()
    keys = [sessions.link() for _ in range(4)]
    assert [sessions.open(key) is not None for key in keys] == [False, True, True, True]


def test_the_header_token_is_handed_over_once_and_the_cookie_goes_on_loading_the_shell() -> None:
    sessions = made()
    _, cookie, token = signed_in(sessions)
    assert sessions.find(token) is not None
    assert [sessions.hand_over(cookie) for _ in range(2)] == ["", ""]


def test_a_page_that_is_not_loaded_soon_after_the_link_gets_no_token() -> None:
    clock = Clock()
    sessions = made(clock)
    opened = sessions.open(sessions.link())
    assert opened is not None
    clock.now = 31
    assert sessions.hand_over(opened.cookie) == ""


def test_neither_cookie_nor_link_nor_id_is_a_header_token() -> None:
    sessions = made()
    key = sessions.link()
    public, cookie, token = signed_in(sessions)
    assert [sessions.find(text) for text in (key, cookie, public, "", token + "x", token[:-1])] == [None] * 6
    assert [sessions.hand_over(text) for text in (key, token, public, "")] == [None] * 4


def test_a_session_ends_after_its_idle_time_and_each_call_begins_it_anew() -> None:
    clock = Clock()
    sessions = made(clock)
    _, cookie, token = signed_in(sessions)
    for _ in range(5):
        clock.now += 99
        assert sessions.find(token) is not None
    clock.now += 100
    assert sessions.find(token) is None
    assert sessions.hand_over(cookie) is None


def test_an_open_stream_is_use_and_its_end_begins_the_idle_time() -> None:
    clock = Clock()
    sessions = made(clock)
    public, _, token = signed_in(sessions)

    def close() -> None:
        raise AssertionError

    sessions.hold(public, close)
    clock.now = 1000
    assert sessions.find(token) == public
    sessions.let_go(public, close)
    clock.now = 1099
    assert sessions.find(token) == public
    clock.now = 1199
    assert sessions.find(token) is None


def test_what_a_session_holds_is_closed_when_it_ends_or_when_it_has() -> None:
    sessions = made()
    public, _, _ = signed_in(sessions)
    closed: list[str] = []
    sessions.hold(public, lambda: closed.append("held"))
    assert sessions.end(public) == 1
    assert sessions.end(public) == 0
    sessions.hold(public, lambda: closed.append("late"))
    assert closed == ["held", "late"]


def test_a_further_session_ends_the_one_unused_longest() -> None:
    clock = Clock()
    sessions = made(clock)
    tokens = []
    for _ in range(3):
        tokens.append(signed_in(sessions)[2])
        clock.now += 1
    assert sessions.find(tokens[0]) is not None
    tokens.append(signed_in(sessions)[2])
    assert [sessions.find(token) is not None for token in tokens] == [True, False, True, True]


def test_the_end_of_all_ends_links_too() -> None:
    sessions = made()
    tokens = [signed_in(sessions)[2] for _ in range(2)]
    key = sessions.link()
    assert sessions.end() == 2
    assert [sessions.find(token) for token in tokens] == [None, None]
    assert sessions.open(key) is None


def test_a_source_that_repeats_itself_is_noticed() -> None:
    sessions = Sessions(lambda: "same" * 11, Clock(), LIMITS)
    sessions.link()
    with pytest.raises(Halt):
        sessions.link()


@given(st.lists(st.tuples(st.sampled_from("link open load call end wait".split()), st.integers(0, 9)), max_size=60))
def test_in_any_order_of_steps_no_session_lives_that_a_fresh_link_did_not_open(steps: list[tuple[str, int]]) -> None:
    clock = Clock()
    sessions = made(clock)
    keys: list[tuple[str, float]] = []
    cookies: list[tuple[str, str]] = []
    tokens: dict[str, str] = {}
    opened_by: set[str] = set()
    for what, number in steps:
        if what == "link":
            keys.append((sessions.link(), clock.now))
        elif what == "open" and keys:
            key, born = keys[number % len(keys)]
            opened = sessions.open(key)
            assert opened is None or (key not in opened_by and clock.now < born + 30)
            if opened is not None:
                opened_by.add(key)
                cookies.append((opened.id, opened.cookie))
        elif what == "load" and cookies:
            public, cookie = cookies[number % len(cookies)]
            token = sessions.hand_over(cookie)
            assert not (token and public in tokens), "handed over twice"
            if token:
                tokens[public] = token
        elif what == "call" and tokens:
            public = sorted(tokens)[number % len(tokens)]
            assert sessions.find(tokens[public]) in {public, None}
        elif what == "end" and cookies:
            public = cookies[number % len(cookies)][0]
            sessions.end(public)
            assert sessions.find(tokens.get(public, "none")) is None
        elif what == "wait":
            clock.now += number * 7
        assert len(sessions._sessions) <= 3
        assert len(sessions._links) <= 3


def test_a_page_that_follows_the_stream_is_not_ended_for_a_further_one() -> None:
    clock = Clock()
    sessions = made(clock)
    watched, _, token = signed_in(sessions)
    sessions.hold(watched, lambda: None)
    for _ in range(3):
        clock.now += 1
        signed_in(sessions)
    assert sessions.find(token) == watched
