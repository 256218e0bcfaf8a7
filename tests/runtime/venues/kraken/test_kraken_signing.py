"""Signatures: Kraken's own vector, both kinds of body, and nothing of a key in any text."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import traceback
from urllib.parse import parse_qsl

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mooring.errors import Invalid
from mooring.runtime.venues.kraken.signing import ApiKey, form_body, json_body, sign

# The example of docs.kraken.com, Spot REST Authentication; it opens nothing.
SECRET = "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg=="
NONCE = 1616492376594
BODY = b"nonce=1616492376594&ordertype=limit&pair=XBTUSD&price=37500&type=buy&volume=1.25"
SIGNED = "4/dpxb3iT4tp/ZCVEwSnEsLxx0bqyhLpdfOpc6fn7OR8+UClSV5n9E6aSS8MPtnRfp32bAb0nmbRn6H8ndwLUQ=="
KEY = "kkkkkkkkPublicPartOfAKey"
FIELDS = {"ordertype": "limit", "pair": "XBTUSD", "price": "37500", "type": "buy", "volume": "1.25"}


def test_the_vector_of_the_documentation() -> None:
    key = ApiKey.of(KEY, SECRET)
    assert sign(key.secret, "/0/private/AddOrder", NONCE, BODY) == SIGNED


def test_the_form_body_is_the_one_of_the_vector() -> None:
    assert form_body(NONCE, FIELDS) == BODY


def test_a_json_body_is_signed_as_it_is_sent() -> None:
    body = json_body(NONCE, {"pair": "XBTUSD", "orders": [{"volume": "1.25", "post": True, "n": 2}]})
    assert json.loads(body) == {
        "nonce": str(NONCE),
        "pair": "XBTUSD",
        "orders": [{"volume": "1.25", "post": True, "n": 2}],
    }
    digest = hashlib.sha256(str(NONCE).encode() + body).digest()
    expected = hmac.new(base64.b64decode(SECRET), b"/0/private/AddOrderBatch" + digest, hashlib.sha512).digest()
    assert base64.b64decode(sign(base64.b64decode(SECRET), "/0/private/AddOrderBatch", NONCE, body)) == expected


@pytest.mark.parametrize("fields", [{"price": 1.5}, {"orders": [{"price": 1.5}]}, {"a": {"b": [0.1]}}])
def test_a_float_never_gets_into_a_json_body(fields) -> None:
    with pytest.raises(TypeError, match="float"):
        json_body(NONCE, fields)


@settings(deadline=None)
@given(st.dictionaries(st.text(min_size=1, max_size=8), st.text(max_size=20), max_size=6), st.integers(1, 2**64 - 1))
def test_form_bodies_come_apart_as_they_were_put_together(fields, nonce) -> None:
    fields.pop("nonce", None)
    parsed = dict(parse_qsl(form_body(nonce, fields).decode(), keep_blank_values=True, encoding="utf-8"))
    assert parsed == {"nonce": str(nonce), **fields}


@settings(deadline=None)
@given(st.binary(min_size=32, max_size=96), st.binary(max_size=60), st.integers(1, 2**64 - 1))
def test_the_signature_is_the_formula(secret, body, nonce) -> None:
    path = "/0/private/Balance"
    message = path.encode() + hashlib.sha256(str(nonce).encode() + body).digest()
    expected = base64.b64encode(hmac.new(secret, message, hashlib.sha512).digest()).decode()
    assert sign(secret, path, nonce, body) == expected


@pytest.mark.parametrize(
    ("key", "secret"),
    [
        (KEY, SECRET[:-3]),
        (KEY, SECRET.replace("/", "_")),
        (KEY, "c2hvcnQ="),
        (KEY, ""),
        (KEY, "\u00e9" * 40),
        (KEY, SECRET * 9),
        ("", SECRET),
        ("two words", SECRET),
        ("k" * 200, SECRET),
    ],
)
def test_what_is_no_key_is_refused_without_being_shown(key, secret) -> None:
    with pytest.raises(Invalid) as refused:
        ApiKey.of(key, secret)
    told = "".join(traceback.format_exception(refused.value)) + str(refused.value) + repr(refused.value)
    assert refused.value.code == "kraken_bad_key"
    for part in (secret[:12], key[:12]):
        # the traceback shows our own source lines, never values
        assert len(part) < 9 or part not in told


def test_spaces_around_a_pasted_key_do_not_matter() -> None:
    assert ApiKey.of(f" {KEY}\n", f"\t{SECRET} \n") == ApiKey.of(KEY, SECRET)


def test_neither_part_is_in_any_text_of_the_key() -> None:
    key = ApiKey.of(KEY, SECRET)
    for text in (repr(key), str(key), f"{key}", key.fingerprint):
        assert KEY not in text
        assert SECRET[:10] not in text
        assert repr(key.secret)[2:12] not in text
    assert len(key.fingerprint) == 16
