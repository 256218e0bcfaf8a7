"""Each import rule of pyproject.toml is seen to break in a copy of the package, and to be kept in the package itself."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")
# Packages that may not be there yet, or that have no module of that name; made in the copy.
MADE = ("cli", "daemon", "control_api", "menubar", "bundles", "onboarding")

# (contract, package that imports, what it must not import)
FORBIDDEN = [
    ("house", "mooring.runtime.engine", "mooring.control_api"),
    ("house", "mooring.runtime.research", "mooring.daemon"),
    ("house", "mooring.runtime.store", "mooring.cli"),
    ("house", "mooring.runtime.venues", "mooring.menubar"),
    ("house", "mooring.runtime", "mooring.secrets"),
    ("house", "mooring.secrets", "mooring.runtime"),
    ("house", "mooring.secrets", "mooring.control_api"),
    ("house", "mooring.control_api", "mooring.secrets"),
    ("house", "mooring.control_api", "mooring.runtime.domain"),
    ("house", "mooring.bundles", "mooring.runtime"),
    ("house", "mooring.runtime", "mooring.onboarding"),
    ("house", "mooring.onboarding", "mooring.runtime.venues"),
    ("house", "mooring.onboarding", "mooring.secrets"),
    ("house", "mooring.daemon", "mooring.cli"),
    ("house", "mooring.menubar", "mooring.cli"),
    ("runtime", "mooring.runtime.domain", "mooring.runtime.decision"),
    ("runtime", "mooring.runtime.decision", "mooring.runtime.store"),
    ("runtime", "mooring.runtime.store", "mooring.runtime.engine"),
    ("runtime", "mooring.runtime.market", "mooring.runtime.store"),
    ("runtime", "mooring.runtime.engine", "mooring.runtime.research"),
    ("runtime-stands-alone", "mooring.runtime.engine", "mooring.settings"),
    ("runtime-stands-alone", "mooring.runtime.market", "mooring.home"),
    ("purity", "mooring.runtime.decision", "time"),
    ("purity", "mooring.runtime.decision.producers", "asyncio"),
    ("purity", "mooring.runtime.decision", "sqlalchemy"),
    ("purity", "mooring.runtime.domain", "random"),
    ("purity", "mooring.runtime.domain", "secrets"),
    ("purity", "mooring.runtime.domain", "polars"),
    ("keyring", "mooring.daemon", "keyring"),
    ("keyring", "mooring.cli", "secretstorage"),
    ("light", "mooring.runtime.engine", "numba"),
    ("light", "mooring.daemon", "pandas"),
    ("light", "mooring.control_api", "PySide6"),
    ("light", "mooring.daemon", "ccxt"),
    ("cli", "mooring.cli", "mooring.control_api.guard"),
    ("cli", "mooring.cli", "mooring.secrets"),
    ("cli", "mooring.cli", "mooring.runtime.store"),
    ("cli", "mooring.cli", "mooring.runtime.engine.world"),
    ("cli", "mooring.menubar", "mooring.control_api.guard"),
]
ALLOWED = [
    ("mooring.daemon", "mooring.secrets"),
    ("mooring.daemon", "mooring.control_api"),
    ("mooring.daemon", "mooring.onboarding"),
    ("mooring.runtime.venues", "mooring.hosts"),
    ("mooring.daemon", "mooring.runtime.research"),
    ("mooring.secrets", "keyring"),
    ("mooring.runtime.research", "numba"),
    ("mooring.menubar", "PySide6"),
    ("mooring.runtime.store", "sqlalchemy"),
    ("mooring.cli", "mooring.settings"),
    ("mooring.cli", "mooring.control_api.client"),
    ("mooring.menubar", "mooring.control_api.client"),
    ("mooring.cli", "mooring.runtime.research"),
    ("mooring.cli", "mooring.daemon"),
]


def copy_with(root: Path, imports: list[tuple[str, str]]) -> Path:
    """A copy of the package in which some packages got a module that imports something."""
    shutil.copytree(ROOT / "mooring", root / "mooring", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", root)
    for name in MADE:
        (root / "mooring" / name).mkdir(exist_ok=True)
        (root / "mooring" / name / "__init__.py").touch()
    for name in ("guard", "client"):
        if not (root / "mooring/control_api" / name).is_dir():
            (root / f"mooring/control_api/{name}.py").touch()
    for number, (importer, imported) in enumerate(imports):
        module = root / importer.replace(".", "/") / f"added_{number}.py"
        module.write_text(f"import {imported}\n", "utf-8")
    return root


def lint(root: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [LINT_IMPORTS, "--no-cache", "--no-logo"], cwd=root, capture_output=True, text=True, check=False, timeout=120
    )


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> str:
    root = copy_with(tmp_path_factory.mktemp("broken"), [(importer, imported) for _, importer, imported in FORBIDDEN])
    ran = lint(root)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    return ran.stdout


def test_the_contracts_are_those_seen_to_break() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    assert {contract["id"] for contract in settings["contracts"]} == {contract for contract, _, _ in FORBIDDEN}


@pytest.mark.parametrize(("number", "case"), list(enumerate(FORBIDDEN)))
def test_a_forbidden_import_breaks_its_contract(broken: str, number: int, case: tuple[str, str, str]) -> None:
    contract, importer, imported = case
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    name = next(c["name"] for c in settings["contracts"] if c["id"] == contract)
    # After the summary each broken contract has a part of its own, under its underlined name.
    part = broken.split("Broken contracts", 1)[1].split(f"\n{name}\n", 1)[1].split("\n---", 1)[0]
    assert f"{importer}.added_{number} -> {imported} " in part


def test_what_the_house_allows_is_kept(tmp_path: Path) -> None:
    ran = lint(copy_with(tmp_path, ALLOWED))
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_a_package_without_a_place_in_the_house_is_refused(tmp_path: Path) -> None:
    root = copy_with(tmp_path, [])
    (root / "mooring/attic").mkdir()
    (root / "mooring/attic/__init__.py").touch()
    ran = lint(root)
    assert ran.returncode == 1
    assert "mooring.attic" in ran.stdout
