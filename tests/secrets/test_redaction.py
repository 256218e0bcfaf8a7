from __future__ import annotations

import base64
import hashlib
import json
import time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from mooring.errors import Invalid
from mooring.secrets.redaction import LEARNT_MOST, MARK, MAX_TEXT, KnownSecrets, Redactor, is_secret_name, redact

UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
# The shapes of a Kraken API key (56 characters of base64) and private key (88).
API_KEY = base64.b64encode(hashlib.sha512(b"key").digest()[:42]).decode()
PRIVATE_KEY = base64.b64encode(hashlib.sha512(b"private").digest()).decode()
SHA256 = hashlib.sha256(b"row").hexdigest()

words = st.text(max_size=12)
secrets = st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), min_size=12, max_size=100).filter(
    lambda text: MARK not in text and text not in MARK
)


def everything(value: Any) -> str:
    return json.dumps(value, default=str, ensure_ascii=False)


@UNHURRIED
@given(secret=secrets, before=st.text(max_size=40), after=st.text(max_size=40), key=words)
def test_a_known_secret_survives_nowhere(secret: str, before: str, after: str, key: str) -> None:
    clean = Redactor(known=[secret]).redact(
        {key: [before + secret + after, {secret: (secret, {secret})}], "error": ValueError(before + secret)}
    )
    assert all(secret not in text for text in texts(clean))


def texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for pair in value.items() for part in pair for text in texts(part)]
    if isinstance(value, list):
        return [text for part in value for text in texts(part)]
    return [value] if isinstance(value, str) else []


@UNHURRIED
@given(
    st.binary(min_size=32, max_size=80),
    st.sampled_from(["", "key ", "see: ", "[", "("]),
    st.sampled_from(["", ".", " is", ")"]),
)
def test_base64_of_a_keys_length_survives_nowhere(raw: bytes, before: str, after: str) -> None:
    for text in (base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode().rstrip("=")):
        assume(any(map(str.isupper, text)) and any(map(str.islower, text)) and any(map(str.isdigit, text)))
        assume(not set("-_") & set(text) or not set("+/") & set(text))
        assert text not in redact(before + text + after)


@UNHURRIED
@given(st.binary(max_size=64), st.sampled_from(["decision_hash", "ledger_head", "state_hash", "digest", "id", "event"]))
def test_hashes_stay_readable(raw: bytes, key: str) -> None:
    for digest in (
        hashlib.sha256(raw).hexdigest(),
        hashlib.sha512(raw).hexdigest(),
        hashlib.sha256(raw).hexdigest().upper(),
    ):
        value = {key: digest, "text": f"row {digest} does not match", "list": [f"{key}={digest}"]}
        assert redact(value) == value


@UNHURRIED
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text() | st.binary(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=20,
    )
)
def test_redacting_twice_changes_nothing_more_and_never_fails(value: Any) -> None:
    once = redact(value)
    assert redact(once) == once


@pytest.mark.parametrize(
    "name",
    [
        "token", "access_token", "accessToken", "x-api-key", "API-Sign", "api_key", "apikey", "apiKey", "privateKey", "private_key",
        "Authorization", "Cookie", "set-cookie", "password", "db_password", "secret", "client_secret", "signing_key", "otp",
    ],
)  # fmt: skip
def test_what_stands_under_a_secret_name_is_gone(name: str) -> None:
    assert is_secret_name(name)
    assert redact({"a": {name: "short"}, "b": [{name: 12345}], name: {"deep": "x"}}) == {
        "a": {name: MARK},
        "b": [{name: MARK}],
        name: MARK,
    }
    assert redact({name: None}) == {name: None}


@pytest.mark.parametrize(
    "name",
    [
        "symbol",
        "price",
        "client_order_id",
        "decision_hash",
        "ledger_head",
        "public_key",
        "key",
        "state",
        "broken",
        "actor",
    ],
)
def test_ordinary_names_are_kept(name: str) -> None:
    assert not is_secret_name(name)
    assert redact({name: "value"}) == {name: "value"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Authorization: Bearer abc.def.ghi and more", f"Authorization: {MARK}"),
        ("sent bearer abc.def.ghi to it", f"sent bearer {MARK} to it"),
        ("GET /x?token=abcdef&limit=5", f"GET /x?token={MARK}&limit=5"),
        ("{'api_key': 'xx yy', 'z': 1}", f"{{'api_key': {MARK}, 'z': 1}}"),
        ('{"x-api-key":"foo","q":2}', f'{{"x-api-key":{MARK},"q":2}}'),
        ("Cookie: a=b; c=d\nHost: x", f"Cookie: {MARK}\nHost: x"),
        ("postgresql://bob:hunter2@db:5432/x", f"postgresql://bob:{MARK}@db:5432/x"),
        (f"API-Sign={PRIVATE_KEY}", f"API-Sign={MARK}"),
        (f"a {PRIVATE_KEY} b", f"a {MARK} b"),
        (f"a {API_KEY} b", f"a {MARK} b"),
        (f"token={SHA256}", f"token={MARK}"),
        ("x -----BEGIN EC PRIVATE KEY-----\nabc\n-----END EC PRIVATE KEY----- y", f"x {MARK} y"),
        ("x -----BEGIN PRIVATE KEY-----\nabc", f"x {MARK}"),
    ],
)
def test_secret_shapes_in_text_are_gone_and_the_rest_stays(text: str, expected: str) -> None:
    assert redact(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        f"row {SHA256} does not match",
        "client_order_id=0b5c0a2e-9d4e-5c43-8c53-d9f0d4f9a5a1",
        "~/Library/Application Support/Mooring/logs/daemon.log",
        "5 tokens per minute, secretly",
        "2026-01-01T00:00:00Z BTC-USDT 63000.5",
        "http://127.0.0.1:8080/v1/status",
        "-----BEGIN PUBLIC KEY-----",
    ],
)
def test_ordinary_text_is_kept(text: str) -> None:
    assert redact(text) == text


def test_a_secret_at_the_cut_leaves_no_half_behind() -> None:
    for room in range(0, 60, 7):
        clean = redact("x " * ((MAX_TEXT - room) // 2) + PRIVATE_KEY + " tail")
        assert len(clean) <= MAX_TEXT + len("[cut]")
        assert not any(PRIVATE_KEY[:n] in clean for n in (8, 20, 40))


def test_a_known_secret_is_found_percent_encoded_too() -> None:
    secret = "ab+/cd==ef gh&ij"
    assert (
        Redactor(known=[secret]).text("q=ab%2B%2Fcd%3D%3Def%20gh%26ij r=ab%2B%2Fcd%3D%3Def+gh%26ij")
        == f"q={MARK} r={MARK}"
    )


def test_a_secret_that_contains_another_leaves_no_ends() -> None:
    inner, outer = "innersecret1", "aa-innersecret1-zz"
    assert Redactor(known=[inner, outer]).text(f"{outer} {inner}") == f"{MARK} {MARK}"


def test_known_values_do_not_show_in_the_redactors_own_representation() -> None:
    assert PRIVATE_KEY not in repr(Redactor(known=[PRIVATE_KEY]))


def test_a_short_known_value_is_refused_without_showing_it() -> None:
    with pytest.raises(Invalid) as caught:
        Redactor(known=["hunter2"])
    assert caught.value.code == "short_secret"
    assert "hunter2" not in str(caught.value)


def test_depth_width_and_length_are_bounded() -> None:
    deep: Any = "bottom"
    for _ in range(5000):
        deep = [deep]
    assert "[too deep]" in everything(redact(deep))
    wide = redact({"list": list(range(1000)), **{f"k{i}": i for i in range(1000)}})
    assert len(wide) == 201
    assert wide["[cut]"] == 801
    assert wide["list"][-1] == "[cut]"
    assert len(wide["list"]) == 201


def test_numbers_stay_and_other_objects_become_clean_text() -> None:
    class Broken:
        def __str__(self) -> str:
            raise RuntimeError

    assert redact([1, True, Decimal("1.5"), None]) == [1, True, Decimal("1.5"), None]
    assert redact(ValueError("password=abc")) == f"password={MARK}"
    assert redact({"raw": b"secret bytes", "set": {"b", "a"}, "broken": Broken()}) == {
        "raw": "[12 bytes]",
        "set": ["a", "b"],
        "broken": "[Broken]",
    }


def test_hostile_text_is_redacted_in_bounded_time() -> None:
    pieces = [
        "a_",
        "token",
        'token="',
        " ",
        "token - ",
        "x://",
        "-----BEGIN PRIVATE KEY-----",
        "A1",
        "cookie: ",
        "bearer ",
        "a-",
        "_",
    ]
    start = time.perf_counter()
    for piece in pieces:
        redact(piece * (100_000 // len(piece)))
    # Milliseconds in all; a pattern that backtracks over this much text would take hours.
    assert time.perf_counter() - start < 30


def test_what_comes_into_use_later_is_hidden_too() -> None:
    known = KnownSecrets(["lasting-secret-0001"])
    text = "lasting-secret-0001 and learnt-secret-0002"
    assert known.redact(text) == f"{MARK} and learnt-secret-0002"
    known.add("learnt-secret-0002", "short")
    assert known.redact(text) == f"{MARK} and {MARK}"
    assert known.redact("a short word") == "a short word"


def test_of_what_was_learnt_the_newest_count_and_what_lasts_always_does() -> None:
    known = KnownSecrets(["lasting-secret-0001"])
    known.add(*(f"learnt-secret-{number:05d}" for number in range(LEARNT_MOST + 1)))
    assert known.redact("learnt-secret-00000") == "learnt-secret-00000"
    assert known.redact("learnt-secret-00001") == MARK
    assert known.redact(f"learnt-secret-{LEARNT_MOST:05d}") == MARK
    assert known.redact("lasting-secret-0001") == MARK


def test_what_is_forgotten_is_held_no_longer_and_what_is_in_use_twice_stays() -> None:
    known = KnownSecrets(["lasting-secret-0001"])
    known.add("learnt-secret-0002", "learnt-secret-0003")
    known.add("learnt-secret-0003")
    known.forget("learnt-secret-0002", "learnt-secret-0003", "lasting-secret-0001", "never-seen-secret")
    assert known.redact("learnt-secret-0002") == "learnt-secret-0002"
    assert known.redact("learnt-secret-0003 lasting-secret-0001") == f"{MARK} {MARK}"
    assert "learnt-secret-0002" not in repr(vars(known)) + repr(vars(known._redactor))
