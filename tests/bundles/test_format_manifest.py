"""Canonical JSON and the manifest: one spelling, exact types, bounds that are reached, and errors that repeat nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from mooring.bundles.format import fields as f
from mooring.bundles.format.canonical import canonical, parse_canonical
from mooring.bundles.format.manifest import Manifest, parse_manifest
from mooring.errors import Unverified
from tests.support import bundle_models as bm

SECRET = "Zq7SecretLooking"
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@pytest.fixture(scope="module")
def good() -> bytes:
    return bm.manifest_bytes(bm.run_files())


def changed(good: bytes, *path: Any, to: Any) -> bytes:
    document = json.loads(good)
    above = document
    for key in path[:-1]:
        above = above[key]
    above[path[-1]] = to
    return rfc8785.dumps(document)


def refusal(data: bytes) -> Unverified:
    with pytest.raises(Unverified) as caught:
        parse_manifest(data)
    return caught.value


@given(plain)
def test_what_is_written_canonically_is_read_as_it_was(value: Any) -> None:
    data = canonical(value)
    assert data == rfc8785.dumps(value)
    assert parse_canonical(data, most=1 << 20) == value


@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_canonical_or_refused(data: bytes) -> None:
    try:
        value = parse_canonical(data, most=50)
    except Unverified:
        return
    assert len(data) <= 50
    assert rfc8785.dumps(value) == data


@given(plain, st.data())
def test_a_blank_anywhere_between_the_parts_is_refused(value: Any, data: st.DataObject) -> None:
    spread = json.dumps(value, sort_keys=True, ensure_ascii=False, indent=data.draw(st.sampled_from([0, 1, None])))
    if spread.encode("utf-8", "surrogatepass") != rfc8785.dumps(value):
        with pytest.raises(Unverified):
            parse_canonical(spread.encode("utf-8", "surrogatepass"), most=1 << 20)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b'{"a":1,"a":1}', "a key comes twice"),
        (b'{"a":{"b":1,"b":2}}', "a key comes twice"),
        (b"[1.0]", "fraction"),
        (b"[1e2]", "fraction"),
        (b"[NaN]", "fraction"),
        (b"[-Infinity]", "fraction"),
        (b"[9007199254740993]", "cannot be written"),
        (b"[" + b"9" * 5000 + b"]", "too long"),
        (b'{"b":1,"a":1}', "canonical spelling"),
        (b"[-0]", "canonical spelling"),
        (b'["\\u0041"]', "canonical spelling"),
        (b'["\\ud800"]', "cannot be written"),
        (b'"\xff"', "UTF-8"),
        (b"", "no JSON"),
        (b"[" * 18 + b"]" * 18, "deeply"),
        (b"[" * 100_000 + b"]" * 100_000, "deeply"),
    ],
)
def test_each_other_spelling_is_refused_and_the_reason_is_said(data: bytes, why: str) -> None:
    with pytest.raises(Unverified, match=why):
        parse_canonical(data, most=1 << 20)


def test_canonical_json_of_a_fraction_is_an_error_of_whoever_writes_it() -> None:
    for value in (0.5, [1.0], {"a": float("nan")}, {1: 1}, 2**60, "\ud800"):
        with pytest.raises(ValueError):
            canonical(value)


def test_a_manifest_is_read_with_every_field(good: bytes) -> None:
    manifest = parse_manifest(good)
    assert manifest.reference == "core@1"
    assert manifest.width == len(bm.FEATURES)
    assert [(model.role, model.symbol) for model in manifest.models] == [
        ("ensemble", None),
        ("global", None),
        ("specialist", "BTC-USDT"),
    ]
    assert canonical(manifest.model_dump(mode="json")) == good


def test_a_manifest_cannot_be_changed(good: bytes) -> None:
    with pytest.raises(ValueError, match="frozen"):
        parse_manifest(good).seq = 2  # type: ignore[misc]


def test_an_error_names_the_field_and_repeats_nothing_of_the_content(good: bytes) -> None:
    for path, to in (
        (("seq",), SECRET),
        (("version",), f"{SECRET} {SECRET}"),
        (("files", SECRET), {"size": 1, "sha256": "0" * 64}),
        ((SECRET,), 1),
        (("models", 0, SECRET), 1),
        (("models", 0, "path"), f"../{SECRET}"),
        (("created_at",), f"{SECRET}T00:00:00Z"),
        (("created_at",), "2026-19-39T00:00:00Z"),
        (("strategy", "parameters", SECRET), 1),
        (("eval", "summary"), {"net": f"{SECRET}\x1b"}),
        (("eval", "folds", 0, SECRET), SECRET),
    ):
        error = refusal(changed(good, *path, to=to))
        assert error.code == "bundle_manifest_refused"
        assert SECRET not in str(error)
        assert "2026-19" not in str(error)
        assert error.__cause__ is None
        assert error.__suppress_context__
    assert "models.0.path" in refusal(changed(good, "models", 0, "path", to=SECRET)).what
    assert "seq" in refusal(changed(good, "seq", to="1")).what


@pytest.mark.parametrize(
    ("path", "accepted", "refused"),
    [
        (("seq",), [1, 2**53 - 1], [0, -1, True, "1", None]),
        (("bundle_id",), ["a", "0", "a" * 64, "a-1"], ["", "a" * 65, "A", "a_b", "a\n", "-a", "ä"]),
        (("version",), ["2026-11", "1.0+x", "x" * 32], ["", "x" * 33, "a b", "-1", "1\n"]),
        (("channel",), ["stable", "canary"], ["Stable", "nightly", "stable\n", ""]),
        (("notes",), ["", "a\nb", "ä" * 2048], ["ä" * 2049, "a\tb", "\x1b[2J", "\u202egnp.exe", "a\r\n", "\u2028"]),
        (
            ("valid_until",),
            ["2027-01-01T00:00:00Z"],
            ["2027-01-01T00:00:00+00:00", "2027-02-30T00:00:00Z", "2027-1-1T0:0:0Z"],
        ),
        (("golden", "tolerance"), [0, 1000], [-1, 1001, "2"]),
        (
            ("probation", "psi_max"),
            ["0.1", "10", "0.000000000000000001"],
            ["0", "-1", "10.1", "1e-1", "NaN", ".5", "1.", "+1"],
        ),
        (("probation", "min_bars"), [1, 10_000], [0, 10_001]),
        (("requires", "app"), [">=0.1", "==1.2.3.4", ">=0.1,<1"], ["0.1", ">=", "~=1", ">=0.1;", ">= 0.1", ">=0.1,"]),
        (("requires", "platform"), [["any"], ["macos-arm64", "linux-x86_64"]], [[], ["windows-x86_64"], "any"]),
        (
            ("strategy", "parameters"),
            [{}, {"risk.x": -5}],
            [{"live.mode": 1}, {"risk.x": "1"}, {"risk.x": True}, {"x": 1}],
        ),
        (("eval", "summary"), [{}, {"a": "x"}], [{"a": ""}, {"a": "x" * 257}, {"a": "b\nc"}, {"A": "x"}, {"a": 1}]),
        (("eval", "metrics"), [{}, {"auc.mean": "0.5"}], [{"auc": "0.5"}, {"auc.median": "0.5"}, {"auc.mean": 1}]),
        (
            ("eval", "gates"),
            [[]],
            [[{"metric": "auc.mean", "op": "=", "limit": "0"}], [{"metric": "auc.mean", "op": ">"}]],
        ),
        (("training", "seed"), [0, 2**53 - 1], [-1, None]),
    ],
    ids=lambda value: ".".join(value) if isinstance(value, tuple) else "",
)
def test_each_field_takes_what_lies_in_its_bounds_and_nothing_else(
    good: bytes, path: tuple[str, ...], accepted: list[Any], refused: list[Any]
) -> None:
    for value in accepted:
        parse_manifest(changed(good, *path, to=value))
    for value in refused:
        assert refusal(changed(good, *path, to=value)).code == "bundle_manifest_refused", value


@pytest.mark.parametrize("path", ["a", "a/b/c/d", "a-b_c.d", "0", "x" * 128, f"{'x' * 63}/{'y' * 64}"])
def test_paths_that_are_names_of_files_are_taken(path: str) -> None:
    assert f.check_path(path) == path


@pytest.mark.parametrize(
    "path",
    ["", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", ".a", "a/.b", "A", "a\\b", "a b", "a\n", "a\0", "ä", "a/b/c/d/e", "x" * 129, "-a", "_a", "a:b"],
)  # fmt: skip
def test_paths_that_are_no_names_or_lead_elsewhere_are_refused(path: str) -> None:
    with pytest.raises(ValueError):
        f.check_path(path)


@given(st.text(max_size=20))
def test_no_path_that_is_taken_means_another_one_where_case_or_accents_do_not_count(path: str) -> None:
    import unicodedata  # noqa: PLC0415

    try:
        f.check_path(path)
    except ValueError:
        return
    assert unicodedata.normalize("NFC", path).casefold() == path
    assert not {"", ".", ".."} & {*path.split("/")}


def test_as_many_files_as_there_may_be_and_not_one_more(good: bytes) -> None:
    files = json.loads(good)["files"]
    entry = {"size": 1, "sha256": "0" * 64}
    full = files | {f"more/{number}": entry for number in range(f.FILES_MAX - len(files))}
    assert len(parse_manifest(changed(good, "files", to=full)).files) == f.FILES_MAX
    refusal(changed(good, "files", to=full | {"one/more": entry}))


def test_as_many_bytes_as_there_may_be_and_not_one_more(good: bytes) -> None:
    files = json.loads(good)["files"]
    left = f.UNPACKED_BYTES_MAX - f.MANIFEST_BYTES_MAX - sum(entry["size"] for entry in files.values())
    for size, taken in ((left, True), (left + 1, False)):
        data = changed(good, "files", "more.bin", to={"size": size, "sha256": "0" * 64})
        assert (parse_manifest(data) is not None) if taken else refusal(data)


def test_a_manifest_that_is_too_long_is_not_even_parsed() -> None:
    assert "longer" in refusal(b'"' + b"x" * f.MANIFEST_BYTES_MAX + b'"').what


def test_a_time_of_a_manifest_is_written_and_read_alike() -> None:
    assert f.moment_text(f.moment("2026-11-21T18:00:00Z")) == "2026-11-21T18:00:00Z"
    with pytest.raises(ValueError):
        f.moment_text(bm.CREATED.replace(microsecond=1))
    with pytest.raises(ValueError):
        f.moment_text(bm.CREATED.replace(tzinfo=None))


def test_no_field_is_named_otherwise_in_the_file_than_in_the_format() -> None:
    names = {field.alias or name for name, field in Manifest.model_fields.items()}
    assert names == json.loads(bm.manifest_bytes(bm.run_files())).keys()
