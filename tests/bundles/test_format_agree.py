"""What is said beside a bundle: an offer, what it requires, and its times."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import timedelta
from itertools import zip_longest
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mooring.bundles.format.agree import (
    Host,
    check_custom,
    check_requires,
    check_time,
    custom_of,
    in_range,
    parse_offer,
)
from mooring.bundles.format.manifest import Manifest, parse_manifest
from mooring.errors import Denied, Unverified
from tests.support import bundle_models as bm

HOST = Host(
    app="0.1.0", feature_pipelines=frozenset({"core-1"}), onnxruntime="1.23.2", platform="linux-x86_64", python="3.11.7"
)
SHA = "ab" * 32


@pytest.fixture(scope="module")
def manifest() -> Manifest:
    return parse_manifest(bm.manifest_bytes(bm.run_files(), seq=7))


def offered(manifest: Manifest) -> dict[str, Any]:
    return custom_of(manifest, manifest_sha256=SHA, manifest_size=100, released_at="2026-11-22T00:00:00Z")


def test_an_offer_repeats_what_a_person_has_to_see_before_downloading(manifest: Manifest) -> None:
    custom = offered(manifest)
    assert custom["unpacked_size"] == 100 + sum(
        len(data) for path, data in bm.run_files().items() if path != "run.json"
    )
    seen = parse_offer(custom)
    assert (seen.bundle_id, seen.seq, seen.channel) == ("core", 7, "stable")
    assert seen.notes == "For tests.\nNothing is promised."
    assert seen.evaluation == {"net_return": "8.5 % a year after costs", "folds": "4"}
    assert seen.requires == manifest.requires
    check_custom(manifest, custom, manifest_sha256=SHA, manifest_size=100)


@pytest.mark.parametrize(
    ("field", "other"),
    [
        ("bundle_id", "other"), ("channel", "canary"), ("seq", 8), ("version", "2026-12"), ("manifest_sha256", "cd" * 32),
        ("unpacked_size", 1), ("notes", "Riches."), ("evaluation", {"net_return": "85 % a year after costs", "folds": "4"}),
        ("evaluation", {}),
    ],
)  # fmt: skip
def test_each_field_of_an_offer_has_to_be_the_bundles(manifest: Manifest, field: str, other: Any) -> None:
    with pytest.raises(Unverified) as caught:
        check_custom(manifest, {**offered(manifest), field: other}, manifest_sha256=SHA, manifest_size=100)
    assert caught.value.code == "bundle_differs_from_offer"
    assert field in caught.value.what


def test_an_offer_that_requires_less_than_the_bundle_is_found(manifest: Manifest) -> None:
    custom = offered(manifest)
    custom["requires"] = {**custom["requires"], "app": ">=0"}
    with pytest.raises(Unverified, match="requires"):
        check_custom(manifest, custom, manifest_sha256=SHA, manifest_size=100)


@pytest.mark.parametrize(
    "change", [{"more": 1}, {"seq": 7.0}, {"seq": True}, {"released_at": "now"}, {"notes": "\x1b"}, {"evaluation": []}]
)
def test_an_offer_out_of_bounds_is_refused_before_anything_is_downloaded(
    manifest: Manifest, change: dict[str, Any]
) -> None:
    with pytest.raises(Unverified) as caught:
        parse_offer({**offered(manifest), **change})
    assert caught.value.code == "bundle_offer_refused"
    without = offered(manifest)
    del without[next(iter(change.keys() & without.keys()), "seq")]
    with pytest.raises(Unverified):
        parse_offer(without)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"app": "1.0"}, "Mooring is 1.0, it needs >=0.1,<1"),
        ({"app": "0.0.9"}, "Mooring"),
        ({"feature_pipelines": frozenset({"core-2"})}, "core-1"),
        ({"onnxruntime": "1.19.2"}, "onnxruntime is 1.19.2, it needs >=1.20"),
        ({"python": "3.10.14"}, "Python"),
    ],
)
def test_a_host_that_lacks_something_is_told_what(manifest: Manifest, change: dict[str, Any], why: str) -> None:
    check_requires(manifest.requires, HOST)
    with pytest.raises(Denied, match=why) as caught:
        check_requires(manifest.requires, replace(HOST, **change))
    assert caught.value.code == "bundle_incompatible"


def test_a_bundle_for_other_machines_is_refused(manifest: Manifest) -> None:
    for platforms, fits in ((("any",), True), (("linux-x86_64",), True), (("macos-arm64",), False)):
        requires = manifest.requires.model_copy(update={"platform": platforms})
        if fits:
            check_requires(requires, HOST)
        else:
            with pytest.raises(Denied, match="this machine is linux-x86_64"):
                check_requires(requires, HOST)


def test_this_machine_can_say_what_it_is_without_loading_onnxruntime() -> None:
    import subprocess  # noqa: PLC0415

    code = (
        "import sys; from mooring.bundles.format import agree, slot, unpack, gates, features;"
        "host = agree.Host.here(app='0.1.0', feature_pipelines=frozenset());"
        "assert host.onnxruntime[0].isdigit() and '-' in host.platform, host;"
        "assert not {'onnx', 'onnxruntime'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


releases = st.lists(st.integers(0, 3), min_size=1, max_size=4)


@given(releases, st.sampled_from([">=", "<=", "==", ">", "<"]), releases)
def test_versions_are_compared_by_their_numbers_with_zeros_for_what_is_missing(
    one: list[int], sign: str, two: list[int]
) -> None:
    pairs = list(zip_longest(one, two, fillvalue=0))
    left, right = [a for a, _b in pairs], [b for _a, b in pairs]
    wanted = {">=": left >= right, "<=": left <= right, "==": left == right, ">": left > right, "<": left < right}[sign]
    written = [".".join(map(str, parts)) for parts in (one, two)]
    assert in_range(written[0], f"{sign}{written[1]}") is wanted


@pytest.mark.parametrize(
    ("has", "fits"), [("1.20.0rc1", True), ("1.20+cpu", True), ("1.9", False), ("next", False), ("", False)]
)
def test_only_the_leading_numbers_of_a_version_count(has: str, fits: bool) -> None:
    assert in_range(has, ">=1.20") is fits


def test_a_bundle_is_valid_until_its_time_and_not_before_it_was_made(manifest: Manifest) -> None:
    check_time(manifest, bm.CREATED)
    check_time(manifest, bm.VALID_UNTIL - timedelta(seconds=1))
    check_time(manifest, bm.CREATED - timedelta(hours=24))  # clocks differ
    for now, code in (
        (bm.VALID_UNTIL, "bundle_expired"),
        (bm.CREATED - timedelta(hours=24, seconds=1), "bundle_of_the_future"),
    ):
        with pytest.raises(Denied) as caught:
            check_time(manifest, now)
        assert caught.value.code == code
