"""From a training run to a bundle to a slot, with everything checked on the way."""

from __future__ import annotations

import os
import stat
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mooring.bundles.format.build import Built, build_bundle
from mooring.bundles.format.golden import golden_check
from mooring.bundles.format.lint import lint_models
from mooring.bundles.format.manifest import Manifest
from mooring.bundles.format.slot import read_verified, rehash
from mooring.bundles.format.unpack import Caps, unpack
from mooring.errors import Conflict, Denied, Invalid, MooringError, Unverified
from tests.support import bundle_models as bm


def build(run: Path, out: Path, *, seq: int = 1, channel: str = "stable", unattended: bool = False) -> Built:
    return build_bundle(
        run,
        channel=channel,
        seq=seq,
        created_at=bm.CREATED,
        valid_until=bm.VALID_UNTIL,
        out=out,
        unattended=unattended,
    )


def unpacked(built: Built, into: Path) -> Manifest:
    into.mkdir(mode=0o700)
    descriptor = os.open(built.path, os.O_RDONLY)
    try:
        return unpack(descriptor, offer_custom=built.custom, into=into)
    finally:
        os.close(descriptor)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("run")
    return build(bm.write_run(folder / "run"), folder / "core-1.zip")


def test_the_same_run_gives_the_same_bytes_whenever_and_in_whatever_order_it_was_written(
    tmp_path: Path, built: Built
) -> None:
    files = bm.run_files()
    run = bm.write_run(tmp_path / "again", dict(reversed(files.items())))
    for path in run.rglob("*"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    again = build(run, tmp_path / "again.zip")
    assert again.path.read_bytes() == built.path.read_bytes()
    assert (again.sha256, again.manifest_sha256, again.custom) == (built.sha256, built.manifest_sha256, built.custom)


def test_other_programs_read_the_archive(built: Built) -> None:
    with zipfile.ZipFile(built.path) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert names[0] == "manifest.json"
        assert names[1:] == sorted(bm.run_files().keys() - {"run.json"})
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}


def test_what_is_unpacked_is_the_run_and_passes_every_check(tmp_path: Path, built: Built) -> None:
    slot = tmp_path / "slot"
    manifest = unpacked(built, slot)
    for path, data in bm.run_files().items():
        if path != "run.json":
            assert (slot / path).read_bytes() == data
            assert stat.S_IMODE((slot / path).stat().st_mode) == 0o400
    assert stat.S_IMODE((slot / "models").stat().st_mode) == 0o700
    assert rehash(slot, built.manifest_sha256) == manifest
    lint_models(slot, manifest)
    latency = golden_check(slot, manifest, clock_ns=time.perf_counter_ns)
    assert 0 <= latency.p50_us <= latency.p99_us


def test_a_bundle_is_never_written_over(tmp_path: Path, built: Built) -> None:
    run = bm.write_run(tmp_path / "run")
    out = tmp_path / "there.zip"
    out.write_bytes(b"somebody's")
    with pytest.raises(Conflict) as caught:
        build(run, out)
    assert caught.value.code == "bundle_exists"
    assert out.read_bytes() == b"somebody's"
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["there.zip"]


def changed_model(path: str, data: bytes) -> dict[str, bytes]:
    return {name: make() for name, make in bm.GOOD.items()} | {path: data}


GLOBAL = "models/global.onnx"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (bm.constant(float("nan")), "bundle_model_out_of_range"),
        (bm.constant(1.5), "bundle_model_out_of_range"),
        (bm.with_external_data(bm.linear([1, 1, 1, 1])), "bundle_model_refused"),
        (bm.with_unknown_operator(bm.linear([1, 1, 1, 1])), "bundle_model_refused"),
        (bm.trees(feature=4), "bundle_model_refused"),
    ],
    ids=["nan", "range", "external", "operator", "feature"],
)
def test_the_builder_refuses_a_model_that_would_be_refused_later(tmp_path: Path, data: bytes, code: str) -> None:
    good = bm.run_files()
    files = good | {GLOBAL: data, "run.json": bm.rfc8785.dumps(bm.run_document(changed_model(GLOBAL, data)))}
    with pytest.raises(Unverified) as caught:
        build(bm.write_run(tmp_path / "run", files), tmp_path / "out.zip")
    assert caught.value.code == code
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def refused(tmp_path: Path, change: Callable[[dict[str, Any]], object], *, more: dict[str, bytes] | None = None) -> str:
    files = bm.run_files(change=change) | (more or {})
    with pytest.raises(MooringError) as caught:
        build(bm.write_run(tmp_path / "run", files), tmp_path / "out.zip")
    assert not (tmp_path / "out.zip").exists()
    return caught.value.code


def test_the_builder_refuses_what_misses_a_gate(tmp_path: Path) -> None:
    def lose(document: dict[str, Any]) -> None:
        document["eval"]["folds"] = [bm.fold(year, net_return="-0.2") for year in (2022, 2023, 2024)]
        document["eval"]["metrics"] = {}

    assert refused(tmp_path, lose) == "bundle_gates_missed"


def worse_than_holding(document: dict[str, Any]) -> None:
    document["eval"]["folds"] = [bm.fold(year, baseline_return="0.5") for year in (2022, 2023, 2024)]
    document["eval"]["metrics"] = {}


def test_the_builder_refuses_for_everybody_what_does_worse_than_holding_and_lets_people_try_it(tmp_path: Path) -> None:
    assert refused(tmp_path, worse_than_holding) == "bundle_beats_no_baseline"
    tried = build(tmp_path / "run", tmp_path / "canary.zip", channel="canary")
    assert unpacked(tried, tmp_path / "slot").channel == "canary"
    with pytest.raises(Denied) as caught:
        build(tmp_path / "run", tmp_path / "by-itself.zip", channel="canary", unattended=True)
    assert caught.value.code == "bundle_beats_no_baseline"


def test_the_builder_refuses_other_golden_outputs_than_the_models_give(tmp_path: Path) -> None:
    files = bm.run_files()
    outputs = bytearray(files["golden/outputs.i64"])
    outputs[1] ^= 1  # 256 millionths
    assert (
        refused(tmp_path, lambda _document: None, more={"golden/outputs.i64": bytes(outputs)})
        == "bundle_golden_differs"
    )


def test_the_builder_refuses_a_run_that_says_its_own_number_or_has_strange_files(tmp_path: Path) -> None:
    assert refused(tmp_path / "a", lambda document: document.update(seq=3)) == "training_run_refused"
    strange = {"Models/../x.onnx".replace("/../", "/"): b""}
    assert refused(tmp_path / "b", lambda _document: None, more=strange) == "training_run_refused"
    run = bm.write_run(tmp_path / "c")
    (run / "link.json").symlink_to("run.json")
    with pytest.raises(Invalid):
        build(run, tmp_path / "c.zip")


def test_too_little_free_space_is_told_before_anything_is_written(tmp_path: Path, built: Built) -> None:
    slot = tmp_path / "slot"
    slot.mkdir(mode=0o700)
    with built.path.open("rb") as file:
        for caps, code in (
            (Caps(free_bytes=1 << 60), "bundle_no_space"),
            (Caps(files=10), "bundle_too_large"),
            (Caps(unpacked_bytes=built.custom["unpacked_size"] - 1), "bundle_too_large"),
        ):
            with pytest.raises(Denied) as caught:
                unpack(file.fileno(), offer_custom=built.custom, into=slot, caps=caps)
            assert caught.value.code == code
        assert list(slot.iterdir()) == []
        exact = Caps(files=len(bm.run_files()), unpacked_bytes=built.custom["unpacked_size"], free_bytes=0)
        unpack(file.fileno(), offer_custom=built.custom, into=slot, caps=exact)


def test_a_folder_that_is_not_fresh_and_private_is_not_unpacked_into(tmp_path: Path, built: Built) -> None:
    used, open_to_all, link = tmp_path / "used", tmp_path / "open", tmp_path / "link"
    used.mkdir(mode=0o700)
    (used / "x").touch()
    open_to_all.mkdir()
    open_to_all.chmod(0o755)
    with built.path.open("rb") as file:
        for folder in (used, open_to_all):
            with pytest.raises(Invalid) as caught:
                unpack(file.fileno(), offer_custom=built.custom, into=folder)
            assert caught.value.code == "bundle_folder_unfit"
        link.symlink_to(used)
        with pytest.raises(OSError):
            unpack(file.fileno(), offer_custom=built.custom, into=link)


def test_a_slot_that_was_changed_in_any_way_is_found(tmp_path: Path, built: Built) -> None:
    def write(path: Path, data: bytes) -> None:
        path.chmod(0o600)
        path.write_bytes(data)

    def other_byte(slot: Path) -> None:
        data = bytearray((slot / GLOBAL).read_bytes())
        data[50] ^= 1
        write(slot / GLOBAL, bytes(data))

    def link(slot: Path) -> None:
        (slot / GLOBAL).rename(tmp_path / f"away-{slot.name}")
        (slot / GLOBAL).symlink_to(tmp_path / f"away-{slot.name}")

    def link_folder(slot: Path) -> None:
        (slot / "models").rename(tmp_path / f"away-{slot.name}")
        (slot / "models").symlink_to(tmp_path / f"away-{slot.name}")

    def folder_for_file(slot: Path) -> None:
        (slot / GLOBAL).unlink()
        (slot / GLOBAL).mkdir()

    changes: list[Callable[[Path], object]] = [
        other_byte,
        link,
        link_folder,
        folder_for_file,
        lambda slot: (slot / GLOBAL).unlink(),
        lambda slot: write(slot / GLOBAL, (slot / GLOBAL).read_bytes() + b"\0"),
        lambda slot: write(slot / GLOBAL, (slot / GLOBAL).read_bytes()[:-1]),
        lambda slot: write(
            slot / "manifest.json", (slot / "manifest.json").read_bytes().replace(b"2026-11", b"2026-12")
        ),
        lambda slot: (slot / "more").touch(),
        lambda slot: (slot / "models" / "more").touch(),
        lambda slot: (slot / "empty").mkdir(),
        lambda slot: write(slot / "manifest.json", b"x" * (2 << 20)),
    ]
    for number, change in enumerate(changes):
        slot = tmp_path / f"slot-{number}"
        unpacked(built, slot)
        change(slot)
        with pytest.raises(Unverified) as caught:
            rehash(slot, built.manifest_sha256)
        assert caught.value.code == "bundle_slot_changed", number


def test_bytes_for_a_session_are_those_of_the_manifest_or_none(tmp_path: Path, built: Built) -> None:
    slot = tmp_path / "slot"
    manifest = unpacked(built, slot)
    assert read_verified(slot, manifest, GLOBAL) == bm.run_files()[GLOBAL]
    (slot / GLOBAL).chmod(0o600)
    good = bm.run_files()[GLOBAL]
    for other in (bm.trees(), good + b"\0", good[:-1], b"", good[:-1] + bytes([good[-1] ^ 1])):
        (slot / GLOBAL).write_bytes(other)
        with pytest.raises(Unverified) as caught:
            read_verified(slot, manifest, GLOBAL)
        assert caught.value.code == "bundle_slot_changed"
