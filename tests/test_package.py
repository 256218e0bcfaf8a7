"""What holds for every process that has anything of Mooring in it."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

# With any of these ONNX Runtime is silent by itself, so that a suite never sees what it does at a person's.
SILENCING = frozenset({"CI", "GITHUB_ACTIONS", "ORT_DISABLE_TELEMETRY", "ORT_RUNNING_UNIT_TESTS", "TF_BUILD"})


@pytest.mark.parametrize(
    "first", ["mooring", "mooring.bundles.format.golden", "mooring.runtime.models.sessions", "mooring.daemon.selftest"]
)
def test_onnx_runtime_tells_its_maker_nothing(tmp_path: Path, first: str) -> None:
    """It keeps what it will send, and a number for the machine, below the person's directory from its import on."""
    kept = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache"), "PYTHONDONTWRITEBYTECODE": "1"}
    environ = {name: value for name, value in os.environ.items() if name not in SILENCING and name not in kept}
    subprocess.run([sys.executable, "-c", f"import {first}, onnxruntime"], env=environ | kept, check=True, timeout=60)
    assert [*tmp_path.rglob("*")] == []


def test_the_library_still_knows_the_variable() -> None:
    """A release that calls it otherwise would not be silenced by it."""
    spec = find_spec("onnxruntime")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    (binary,) = Path(spec.submodule_search_locations[0]).glob("capi/onnxruntime_pybind11_state*")
    assert b"ORT_DISABLE_TELEMETRY\0" in binary.read_bytes()
