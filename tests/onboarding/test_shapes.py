from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mooring.errors import Invalid
from mooring.onboarding.shapes import PASTED_MOST, Pasted, read_lines, read_pasted

KEY = base64.b64encode(bytes(range(42))).decode()
SECRET = base64.b64encode(bytes(range(64))).decode()
CANARY = "kJ8mQ2vX7pL4wZ9t"


def refused(key: str, secret: str) -> str:
    with pytest.raises(Invalid) as caught:
        read_pasted(key, secret)
    assert caught.value.todo
    assert "Nothing was stored" in caught.value.money
    for part in (key.strip(), secret.strip()):
        assert not part or part not in str(caught.value)
    return caught.value.code


def test_a_key_of_krakens_shape_is_taken_without_what_stands_around_it() -> None:
    assert len(KEY) == 56
    assert len(SECRET) == 88
    pasted = read_pasted(f"  {KEY}\n", f"\t{SECRET} \r\n")
    assert pasted == Pasted(key=KEY, secret=SECRET)
    assert pasted.ends == KEY[-4:]
    assert KEY not in repr(pasted)
    assert SECRET not in repr(pasted)


@pytest.mark.parametrize(
    ("key", "secret", "code"),
    [
        ("", SECRET, "pasted_nothing"),
        (KEY, "  ", "pasted_nothing"),
        (SECRET, KEY, "pasted_swapped"),
        (KEY, KEY, "pasted_twice"),
        (SECRET, SECRET, "pasted_twice"),
        (KEY[:30] + " " + KEY[30:], SECRET, "pasted_white_space"),
        (KEY, SECRET[:40] + "\n" + SECRET[40:], "pasted_white_space"),
        (KEY, SECRET[:40] + "\u200b" + SECRET[40:], "pasted_white_space"),
        (KEY[:-1] + "é", SECRET, "pasted_white_space"),
        (KEY, "x" * (PASTED_MOST + 1), "pasted_white_space"),
        (KEY[:20], SECRET, "pasted_bad_key"),
        (KEY + KEY, SECRET, "pasted_bad_key"),
        (KEY[:-1] + "!", SECRET, "pasted_bad_key"),
        (KEY, SECRET[:-4], "pasted_bad_secret"),
        (KEY, SECRET[:-1], "pasted_bad_secret"),
        (KEY, CANARY, "pasted_bad_secret"),
        (KEY, base64.urlsafe_b64encode(b"\xff" * 64).decode(), "pasted_bad_secret"),
        (CANARY, KEY, "pasted_bad_key"),
    ],
)
def test_what_cannot_be_a_key_is_refused_by_what_went_wrong_and_never_repeated(
    key: str, secret: str, code: str
) -> None:
    assert refused(key, secret) == code


@given(st.text(max_size=200), st.text(max_size=200))
def test_whatever_is_pasted_is_refused_or_of_the_right_shape(key: str, secret: str) -> None:
    try:
        pasted = read_pasted(key, secret)
    except Invalid:
        return
    assert len(base64.b64decode(pasted.secret)) == 64


def test_a_program_hands_a_key_on_as_json_or_in_two_lines() -> None:
    wanted = Pasted(key=KEY, secret=SECRET)
    said = json.dumps({"rest": "http://127.0.0.1:1", "api_key": KEY, "api_secret": SECRET})
    assert read_lines(said) == read_lines(f"\n{said}\nlater lines are not read\n") == wanted
    assert read_lines(f"{KEY}\r\n{SECRET}\n") == wanted


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n",
        KEY,
        f"{KEY}\n{SECRET}\n{KEY}",
        "{",
        '{"api_key": 1, "api_secret": 2}',
        '{"api_key": "x"}',
        "[" * 3000,
    ],
)
def test_anything_else_from_a_program_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        read_lines(text)
    assert caught.value.code == "pasted_unreadable"
    assert KEY not in str(caught.value)


def test_a_text_of_the_right_length_is_not_refused_for_its_length() -> None:
    for key, secret in ((KEY, "*" + SECRET[1:]), ("*" + KEY[1:], SECRET)):
        with pytest.raises(Invalid, match="a sign in it is wrong or out of place") as caught:
            read_pasted(key, secret)
        assert "characters" not in caught.value.what
