"""The first load: whatever the process that does it does, the daemon has an answer."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from mooring.bundles.format import fields
from mooring.bundles.store import examining
from mooring.bundles.store.examining import ChildExaminer
from mooring.errors import Denied, Halt, Unverified
from mooring.runtime.models import model_set
from tests.bundles.store.store_rig import world

HASH = "0" * 64


def child(code: str, seconds: float = 60.0) -> ChildExaminer:
    return ChildExaminer((sys.executable, "-c", code), seconds=seconds)


def refused(examiner: ChildExaminer) -> str:
    with pytest.raises(Denied) as error:
        examiner(Path("/nowhere"), HASH)
    assert error.value.code == "bundle_examination_failed"
    return error.value.what


def test_a_good_bundle_is_measured_by_the_real_process(tmp_path: Path) -> None:
    made = world(tmp_path)
    made.examiner = ChildExaminer()
    made.begin()
    made.release(1)
    assert made.manager.update(made.source).state == "armed"
    (measured,) = made.events("examined")
    assert int(measured["p50_us"]) <= int(measured["p99_us"])


def test_a_bundle_that_is_not_what_was_signed_is_refused_by_the_real_process(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(Unverified) as error:
        ChildExaminer()(tmp_path, HASH)
    assert error.value.code == "bundle_slot_changed"


def test_one_that_hangs_is_killed_with_all_that_it_started() -> None:
    code = "import os, time\nif os.fork() == 0:\n    time.sleep(600)\ntime.sleep(600)"
    assert "longer than" in refused(child(code, seconds=0.5))


def test_one_that_dies_by_a_signal_says_so() -> None:
    assert "signal 11" in refused(child("import os; os.kill(os.getpid(), 11)"))


def test_one_that_runs_out_of_memory_is_refused() -> None:
    code = "import resource; resource.setrlimit(resource.RLIMIT_AS, (2**28, 2**28)); bytearray(2**30)"
    refused(child(code))


def test_where_the_system_limits_no_memory_one_that_takes_too_much_is_ended() -> None:
    code = (
        "import resource, time\n"
        "from mooring.bundles import preflight\n"
        "real = resource.setrlimit\n"
        "def of_a_mac(kind, limits):\n"
        "    if kind == resource.RLIMIT_AS: raise ValueError('current limit exceeds maximum limit')\n"
        "    real(kind, limits)\n"
        "resource.setrlimit = of_a_mac\n"
        "preflight.RESIDENT_BYTES = 2**20 * 400\n"
        "preflight.limit()\n"
        "time.sleep(0.2)\n"
        "held = b'x' * 2**29\n"
        "time.sleep(600)\n"
    )
    assert "signal 9" in refused(child(code))


@pytest.mark.parametrize(
    "said",
    [
        "",
        "nonsense",
        "[1]",
        '{"ok": 1}',
        '{"ok": true}',
        '{"ok": true, "p50_us": true, "p99_us": 1, "rows": 1}',
        '{"ok": false}',
        '{"ok": false, "code": "not a code", "what": "x"}',
        '{"ok": true, "p50_us": 1, "p99_us": 1, "rows": 1}' + " " * 20_000,
        "[" * 10_000,
    ],
)
def test_garbage_is_no_answer(said: str) -> None:
    refused(child(f"print({said!r})"))


def test_a_good_answer_of_a_process_that_died_is_none() -> None:
    said = json.dumps({"ok": True, "p50_us": 1, "p99_us": 1, "rows": 1})
    refused(child(f"import os; print({said!r}, flush=True); os._exit(3)"))


def test_where_no_process_can_be_started_nothing_is_said_of_the_bundle() -> None:
    with pytest.raises(Halt) as error:
        ChildExaminer(("/nowhere/python",))(Path("/nowhere"), HASH)
    assert error.value.code == "bundle_not_examined"


def test_it_is_told_no_secret_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOORING_STORE__URL", "postgresql://canary")
    code = "import os, json; print(json.dumps({'ok': False, 'code': 'c', 'what': ' '.join(os.environ)}))"
    with pytest.raises(Unverified) as error:
        child(code)(Path("/nowhere"), HASH)
    assert "MOORING" not in error.value.what


def test_its_limits_hold_for_itself_and_nobody_else() -> None:
    code = (
        "from mooring.bundles.preflight import limit\nimport resource\nlimit()\n"
        "print([resource.getrlimit(kind)[0] for kind in "
        "(resource.RLIMIT_CORE, resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE)])"
    )
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[0, 0, 64]"
    assert resource.getrlimit(resource.RLIMIT_FSIZE) == before
    assert os.getpriority(os.PRIO_PROCESS, 0) == 0


def test_models_that_would_take_too_much_memory_are_refused_before_one_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert fields.MODELS_BYTES_MAX == model_set.MODELS_BYTES_MAX, "what is examined is what is loaded"
    made = world(tmp_path)
    made.release(1)
    monkeypatch.setattr(fields, "MODELS_BYTES_MAX", 100)
    monkeypatch.setattr("mooring.bundles.format.lint.lint_models", lambda *_: pytest.fail("it was looked into"))
    with pytest.raises(Denied, match="bytes together, and may have 100") as told:
        made.manager.update(made.source)
    assert told.value.code == "bundle_too_large"


def test_what_is_too_much_for_this_machine_is_no_forgery() -> None:
    answer = b'{"ok": false, "code": "bundle_too_large", "what": "It is too large."}'
    with pytest.raises(Denied) as told:
        examining._answer(answer, 0, hung=False, seconds=1)
    assert (told.value.code, told.value.what) == ("bundle_too_large", "It is too large.")
