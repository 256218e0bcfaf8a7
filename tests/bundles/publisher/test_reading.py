"""A bundle of somebody else's is looked at by whoever holds a signing key: its models never run beside that key."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mooring.bundles.format.build import build_bundle
from mooring.bundles.publisher.reading import NOTHING, look
from mooring.bundles.store.examining import ChildExaminer
from mooring.errors import Denied, Halt, Unverified
from tests.support import bundle_models

NOW = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    run = bundle_models.write_run(tmp_path / "run")
    until = NOW + timedelta(days=1)
    return build_bundle(run, channel="stable", seq=1, created_at=NOW, valid_until=until, out=tmp_path / "b.zip").path


def ends_with(code: str, seconds: float = 60.0) -> ChildExaminer:
    return ChildExaminer((sys.executable, "-c", code), seconds=seconds)


def test_a_look_loads_no_model_into_its_own_process(bundle: Path) -> None:
    code = (
        "import sys\nfrom datetime import UTC, datetime\nfrom pathlib import Path\n"
        "from mooring.bundles.publisher.reading import look\n"
        f"print(look(Path({str(bundle)!r}), datetime(2026, 11, 21, tzinfo=UTC)).manifest.bundle_id)\n"
        "print([name for name in ('onnx', 'onnxruntime') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.splitlines() == ["core", "[]"]


@pytest.mark.parametrize(
    ("code", "seconds", "words"),
    [
        ("import os; os.kill(os.getpid(), 11)", 60.0, "signal 11"),
        ("import time; time.sleep(600)", 0.5, "longer than"),
        ("from mooring.bundles.preflight import limit; limit(); bytearray(7 * 2**30)", 60.0, "no answer"),
    ],
    ids=["crashes", "hangs", "eats memory"],
)
def test_models_that_misbehave_end_as_a_refusal(bundle: Path, code: str, seconds: float, words: str) -> None:
    with pytest.raises(Denied) as error:
        look(bundle, NOW, ends_with(code, seconds))
    assert error.value.code == "bundle_examination_failed"
    assert words in error.value.what
    assert error.value.money == NOTHING
    assert "sign or publish it" in error.value.todo


def test_what_the_examination_says_of_the_bundle_is_told_as_it_was_said(bundle: Path) -> None:
    code = 'print(\'{"ok": false, "code": "bundle_golden_differs", "what": "It answers otherwise."}\')'
    with pytest.raises(Unverified) as error:
        look(bundle, NOW, ends_with(code))
    assert (error.value.code, error.value.what) == ("bundle_golden_differs", "It answers otherwise.")
    assert "sign or publish it" in error.value.todo


def test_where_no_process_can_be_started_the_bundle_is_not_blamed(bundle: Path) -> None:
    with pytest.raises(Halt) as error:
        look(bundle, NOW, ChildExaminer(("/nowhere/python",)))
    assert error.value.code == "bundle_not_examined"
    assert "sign or publish it" not in error.value.todo


def test_nothing_of_a_look_is_left_behind(bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    look(bundle, NOW, lambda _folder, _sha256: {})
    with pytest.raises(Denied):
        look(bundle, NOW, ends_with("raise SystemExit(3)"))
    assert list(scratch.iterdir()) == []


def test_what_does_worse_than_holding_is_shown_and_neither_signed_nor_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trainer's own builder may ask nothing; the reviewer's command does. What is public already stays readable."""

    def worse(document: dict[str, Any]) -> None:
        document["eval"]["folds"] = [bundle_models.fold(year, baseline_return="0.5") for year in (2022, 2023, 2024)]
        document["eval"]["metrics"] = {}

    monkeypatch.setattr("mooring.bundles.format.build.check_baselines", lambda _evaluation: None)
    run = bundle_models.write_run(tmp_path / "run", bundle_models.run_files(change=worse))
    until, out = NOW + timedelta(days=1), tmp_path / "b.zip"
    build_bundle(run, channel="stable", seq=1, created_at=NOW, valid_until=until, out=out)
    passes: Any = {"p50_us": 1, "p99_us": 1, "rows": 1}
    assert look(out, NOW, lambda _folder, _sha256: passes).manifest.seq == 1
    with pytest.raises(Denied) as error:
        look(out, NOW, lambda _folder, _sha256: passes, to_publish=True)
    assert error.value.code == "bundle_beats_no_baseline"
