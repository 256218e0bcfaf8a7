"""Build the application where only what ships is installed, and try it: `python tools/build_app.py [--headless]`.

Nothing is built where what it would be made of has not changed since; several that ask at once wait for one build. The
last line on standard output is the path of the built `mooring`.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import app_sizes

ROOT: Final = Path(__file__).resolve().parents[1]
BUILD: Final = ROOT / "build" / "app"
ICON: Final = BUILD / "mooring.icns"
DIST: Final = ROOT / "dist"
SPEC: Final = ROOT / "packaging" / "pyinstaller" / "mooring.spec"
SOURCES: Final = ("mooring", "packaging/pyinstaller", "pyproject.toml", "tools")
LOCKS: Final = ("base", "menubar", "build", "app")
SELFTEST_SECONDS: Final = 300
MACOS: Final = sys.platform == "darwin"


def main(arguments: list[str]) -> int:
    """Build, try, and tell; the status of the first step that fails."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--headless", action="store_true", help="without the menu bar and Qt")
    parser.add_argument("--quiet", action="store_true", help="say nothing but where it is, unless it fails")
    asked = parser.parse_args(arguments)
    variant = "mooring-headless" if asked.headless else "mooring"
    BUILD.mkdir(parents=True, exist_ok=True)
    with (BUILD / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        status = build(variant, quiet=asked.quiet)
        if status == 0 and not asked.quiet:
            status = app_sizes.main([str(folder(variant)), str(BUILD / variant / "mooring" / "daemon.txt")])
    if status == 0:
        print(program(variant))
    return status


def build(variant: str, *, quiet: bool) -> int:
    """Freeze it, unless what is there was made of the same; then have it try itself."""
    made, now = BUILD / f"{variant}.key", key(variant)
    if made.is_file() and made.read_text() == now and program(variant).is_file():
        return 0
    made.unlink(missing_ok=True)
    status = 0
    if MACOS and variant == "mooring":
        status = _run([sys.executable, str(ROOT / "tools" / "app_icon.py"), str(ICON)], dict(os.environ), quiet=quiet)
    if status == 0:
        status = _run(_pyinstaller(variant), _environ(variant), quiet=quiet)
    if status == 0:
        status = _run([str(program(variant)), "selftest"], dict(os.environ), quiet=quiet)
    if status == 0:
        made.write_text(now)
    return status


def folder(variant: str) -> Path:
    """What is handed on."""
    return DIST / "Mooring.app" if MACOS and variant == "mooring" else DIST / variant


def program(variant: str) -> Path:
    """The command in it."""
    return folder(variant) / ("Contents/MacOS/mooring" if MACOS and variant == "mooring" else "mooring")


def key(variant: str) -> str:
    """sha256 (hex) of all that it is made of: sources, locked requirements, interpreter, system."""
    told = hashlib.sha256()
    told.update(json.dumps([variant, sys.version, sys.platform, os.uname().machine]).encode())
    for path in _files():
        told.update(f"{path.relative_to(ROOT)}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return told.hexdigest()


def _files() -> Iterator[Path]:
    for name in SOURCES:
        place = ROOT / name
        found = sorted(place.rglob("*")) if place.is_dir() else [place]
        yield from (path for path in found if path.is_file() and "__pycache__" not in path.parts)
    yield from (ROOT / "requirements" / f"{name}.txt" for name in LOCKS)


def _pyinstaller(variant: str) -> list[str]:
    work = BUILD / variant
    shutil.rmtree(folder(variant), ignore_errors=True)
    where = ["--distpath", str(DIST), "--workpath", str(work)]
    return [sys.executable, "-m", "PyInstaller", "--noconfirm", "--log-level", "ERROR", *where, str(SPEC)]


def _environ(variant: str) -> dict[str, str]:
    made = dict(os.environ)
    made.pop("PYTHONPATH", None)  # nothing of whoever calls this gets in
    made["PYTHONNODEBUGRANGES"] = "1"  # columns of a traceback, of lines that no application carries: a megabyte
    if variant == "mooring-headless":
        made["MOORING_APP_HEADLESS"] = "1"
    elif MACOS:
        made["MOORING_APP_ICON"] = str(ICON)
        # Else an application whose signature could not be made, or does not hold, would be told as a warning.
        made["PYINSTALLER_STRICT_BUNDLE_CODESIGN_ERROR"] = made["PYINSTALLER_VERIFY_BUNDLE_SIGNATURE"] = "1"
    return made


def _run(command: list[str], environ: dict[str, str], *, quiet: bool) -> int:
    """Run it; where it may say nothing, what it said is shown if it fails."""
    to = subprocess.PIPE if quiet else None
    done = subprocess.run(  # noqa: S603 -- our own interpreter, and what it built
        command, env=environ, stdout=to, stderr=subprocess.STDOUT if quiet else None, check=False
    )
    if done.returncode != 0 and done.stdout:
        sys.stderr.buffer.write(done.stdout)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
