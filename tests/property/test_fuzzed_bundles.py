"""No mutant of a bundle is let in, none is answered by anything but a typed refusal; and it is noticed when one is."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from mooring.bundles.format import archive, canonical, lint, manifest, trees, unpack
from tests.property.fuzz_bundles.__main__ import MAKERS, Maker, fuzz
from tests.property.fuzz_bundles.mutate_archive import archive_mutant
from tests.property.fuzz_bundles.mutate_manifest import custom_mutant, manifest_mutant
from tests.property.fuzz_bundles.mutate_model import model_mutant

RUNS = int(os.environ.get("TESTS_MUTANTS", "1500"))  # the full run is 20,000
FEW = 600


class Anything(bytes):
    """Bytes that are equal to all others, as a reader sees them that compares nothing."""

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False

    __hash__ = None  # type: ignore[assignment]


def test_no_mutant_is_accepted_and_none_is_answered_by_anything_but_a_typed_refusal() -> None:
    tally = fuzz(RUNS, seed=20)
    assert tally.total == RUNS
    assert tally.accepted == []
    assert tally.crashed == []
    assert {make.__name__.split("_")[0] for make in MAKERS} == {"archive", "manifest", "custom", "model", "random"}
    assert len(tally.kinds) >= 40


def nothing(*_arguments: Any, **_more: Any) -> str:
    return ""


def same_as_all(real: Callable[..., bytes]) -> Callable[..., bytes]:
    return lambda *given, **named: Anything(real(*given, **named))


GUARDS: list[tuple[Maker, Any, str, Any]] = [
    (archive_mutant, archive, "local_header", same_as_all(archive.local_header)),
    (archive_mutant, archive, "directory", same_as_all(archive.directory)),
    (custom_mutant, unpack, "check_custom", nothing),
    (manifest_mutant, canonical, "canonical", same_as_all(canonical.canonical)),
    (manifest_mutant, manifest, "check_models", nothing),
    (manifest_mutant, manifest, "check_files", nothing),
    (manifest_mutant, manifest, "check_rest", nothing),
    (model_mutant, lint, "_fault_of_fields", nothing),
    (model_mutant, lint, "_fault_of_head", nothing),
    (model_mutant, lint, "_fault_of_operators", nothing),
    (model_mutant, lint, "_fault_of_signature", nothing),
    (model_mutant, lint, "fault_of_trees", nothing),
    (model_mutant, trees, "_fault_of_branches", nothing),
    (model_mutant, trees, "_fault_of_leaves", nothing),
]


@pytest.mark.sampled
@pytest.mark.parametrize(("make", "module", "name", "broken"), GUARDS, ids=[name for _m, _o, name, _b in GUARDS])
def test_the_fuzzer_notices_a_guard_that_is_gone(
    monkeypatch: pytest.MonkeyPatch, make: Maker, module: Any, name: str, broken: Any
) -> None:
    monkeypatch.setattr(module, name, broken)
    tally = fuzz(FEW, seed=3, makers=(make,))
    assert tally.accepted or tally.crashed, f"{name} could go and nobody would see it"


def ran(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=120, check=False)


def test_the_command_says_what_became_of_the_mutants_and_finds_one_again() -> None:
    done = ran("-m", "tests.property.fuzz_bundles", "--runs", "30", "--seed", "5", "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["mutants"] == sum(said["kinds"].values()) == sum(said["codes"].values()) == 30
    once = fuzz(1, seed=5, first=3).kinds
    assert once == fuzz(1, seed=5, first=3).kinds


@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris is only made for Linux")
def test_bytes_led_by_coverage_reach_the_code_and_nothing_is_found() -> None:
    done = ran("-m", "tests.property.fuzz_bundles.guided", "-runs=400", "-seed=3")
    assert done.returncode == 0, done.stderr[-2000:]
    assert "Done 400 runs" in done.stderr
    reached = [line for line in done.stderr.splitlines() if "INITED" in line]
    assert reached, done.stderr[-2000:]
    assert int(reached[0].split("cov: ")[1].split()[0]) > 300  # the seeds are led through the whole of it
