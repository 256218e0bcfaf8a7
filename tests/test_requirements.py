"""What is installed: ready-made files only, nothing that left its users alone, and indicators of our own."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LOCKS = sorted(path for path in (ROOT / "requirements").glob("*.txt"))
# Built from C sources on many machines, withdrawn from the registry, silent on a newer system, or with nonces in memory.
FORSAKEN = {"pandas-ta", "pandas-ta-classic", "ta-lib", "ta", "rumps", "krakenex", "pykrakenapi"}
INDICATORS = {"pandas", "scipy", "talib", "pandas_ta", "ta", "sklearn", "lightgbm"}


def locked(path: Path) -> set[str]:
    return {found.lower() for found in re.findall(r"^([A-Za-z0-9._-]+)==", path.read_text("utf-8"), re.MULTILINE)}


def test_nothing_is_ever_built_from_sources_while_it_is_installed() -> None:
    lines = (ROOT / "Makefile").read_text("utf-8").splitlines()
    installs = [line for line in lines if "pip install" in line and "requirements/" in line]
    assert len(installs) >= 4
    assert [line for line in installs if "--only-binary :all:" not in line] == []
    assert [line for line in installs if "--require-hashes" not in line] == []


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_no_lock_has_a_package_that_left_its_users_alone(lock: Path) -> None:
    assert locked(lock)
    assert locked(lock) & FORSAKEN == set()


def test_what_decides_imports_no_indicators_of_others() -> None:
    folder = ROOT / "mooring/runtime/decision"
    imported = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add((node.module or "").partition(".")[0])
    assert "numpy" in imported
    assert imported & INDICATORS == set()


def test_every_record_is_made_by_the_names_of_its_fields() -> None:
    """Two rates side by side were once handed over in one another's place."""
    found = []
    for path in (ROOT / "mooring").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.ClassDef):
                continue
            for mark in node.decorator_list:
                called = mark.func if isinstance(mark, ast.Call) else mark
                if getattr(called, "id", getattr(called, "attr", "")) != "dataclass":
                    continue
                words = mark.keywords if isinstance(mark, ast.Call) else []
                if not any(word.arg == "kw_only" and getattr(word.value, "value", None) is True for word in words):
                    found.append(f"{path.relative_to(ROOT)}:{node.lineno} {node.name}")
    assert found == []
