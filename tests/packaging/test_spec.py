"""What PyInstaller is told on a Mac, by stand-ins for its parts: here it never gets as far as the bundle."""

from __future__ import annotations

import plistlib
import re
import runpy
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from mooring import __version__

ROOT = Path(__file__).resolve().parents[2]
SPEC = ROOT / "packaging" / "pyinstaller" / "mooring.spec"


class Part:
    """A target of PyInstaller's: keeps what it was given."""

    def __init__(self, *args: Any, **given: Any) -> None:
        self.args, self.given = args, given
        self.binaries: list[tuple[str, str, str]] = []
        self.datas: list[tuple[str, str, str]] = []
        self.pure = self.scripts = None


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The names of the spec, once it has run as on a Mac."""
    hooks = types.ModuleType("PyInstaller.utils.hooks")
    hooks.collect_data_files = lambda *_, **__: []  # type: ignore[attr-defined]
    hooks.collect_entry_point = lambda _: ([], [])  # type: ignore[attr-defined]
    hooks.copy_metadata = lambda _: []  # type: ignore[attr-defined]
    bindepend = types.ModuleType("PyInstaller.depend.bindepend")
    bindepend.get_imports = lambda _: set()  # type: ignore[attr-defined]
    for name in ("PyInstaller", "PyInstaller.utils", "PyInstaller.depend"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, hooks.__name__, hooks)
    monkeypatch.setitem(sys.modules, bindepend.__name__, bindepend)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.delenv("MOORING_APP_HEADLESS", raising=False)
    made: dict[str, Part] = {}

    def part(kind: str) -> type[Part]:
        class Made(Part):
            def __init__(self, *args: Any, **given: Any) -> None:
                super().__init__(*args, **given)
                script = Path(args[0][0]).name if kind == "Analysis" else ""
                made[f"{kind} {given.get('name', script)}"] = self

        return Made

    kinds = {kind: part(kind) for kind in ("Analysis", "PYZ", "EXE", "COLLECT", "BUNDLE")}
    runpy.run_path(str(SPEC), {"SPECPATH": str(SPEC.parent), "workpath": str(tmp_path / "work"), **kinds})
    return made


def test_the_application_is_the_menu_bar_and_the_daemon_speaks_with_the_keychain_of_a_mac(told: dict[str, Any]) -> None:
    bundle = told["BUNDLE Mooring.app"]
    info = plistlib.loads(plistlib.dumps(bundle.given["info_plist"]))
    assert info["CFBundleExecutable"] == "mooring-menubar"
    assert told[f"EXE {info['CFBundleExecutable']}"].given["console"] is False
    assert told["EXE mooring"].given["console"] is True
    # PyInstaller takes from the last program whether the whole is one that may show nothing.
    *_, last = (one for one in told["COLLECT mooring"].args if isinstance(one, Part))
    assert last is told["EXE mooring-menubar"]
    assert (info["LSUIElement"], info["LSBackgroundOnly"]) == (True, False)
    assert info["CFBundleVersion"] == bundle.given["version"] == __version__
    wanted = told["Analysis entry_mooring.py"].given["hiddenimports"]
    assert "keyring.backends.macOS" in wanted
    assert "keyring.backends.SecretService" not in wanted
    cask = (ROOT / "packaging" / "homebrew" / "mooring.rb.in").read_text()
    assert f'quit:         "{bundle.given["bundle_identifier"]}"' in cask
    assert (info["LSMinimumSystemVersion"], re.search(r"macos: \"(.*)\"", cask)[1]) == ("14.0", ">= :sonoma")  # type: ignore[index]
