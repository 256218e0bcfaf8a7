"""The doctor: what could keep Mooring from working here, one line each, with the way to put it right.

It asks and changes nothing. What needs an organ (keychain, database) is asked through probes that are handed in.
"""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import stat
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from mooring import __version__
from mooring.daemon.instance import holder
from mooring.errors import Invalid, MooringError
from mooring.programs import is_frozen

if TYPE_CHECKING:
    from mooring.home import Home
    from mooring.settings import Settings

State = Literal["ok", "warn", "fail"]

BUILD_YEAR: Final = 2026
LAST_YEAR: Final = 2099
FREE_FAIL_BYTES: Final = 200 * 1024 * 1024
FREE_WARN_BYTES: Final = 1024 * 1024 * 1024
PYTHON_FROM: Final = (3, 11)
PYTHON_TO: Final = (3, 13)


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """One line.

    Attributes:
        name: stable snake_case name.
        state: `fail` keeps Mooring from working, `warn` will before long or in part.
        detail: what was found.
        fix: what to do; empty where the state is ok.
    """

    name: str
    state: State
    detail: str
    fix: str = ""


def free_bytes(path: Path) -> int:
    """Free bytes on the disk of the path, or of its nearest parent that exists."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return shutil.disk_usage(path).free


def missing_packages() -> tuple[str, ...]:
    """Names of packages that this installation requires and lacks; none where they came with the application."""
    if is_frozen():
        return ()
    missing: list[str] = []
    for requirement in importlib.metadata.requires("mooring") or ():
        if "extra ==" in requirement:
            continue
        name = requirement.split(";")[0]
        for sign in " <>=!~[(":
            name = name.split(sign)[0]
        try:
            importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            missing.append(name)
    return tuple(missing)


Checks = Sequence[tuple[str, Callable[[], CheckResult]]]


@dataclass(frozen=True, kw_only=True)
class Probes:
    """How the doctor asks the world.

    Attributes:
        keychain: names the keychain backend that answered; raises a MooringError where none does.
        database: says in words how the database is; raises a MooringError where it is not well.
        now: the machine's clock, UTC.
        free: free bytes on the disk that holds a path.
        python: version of the interpreter.
        missing: names of required packages that are not installed.
        more: checks of what these settings use besides, by name.
    """

    keychain: Callable[[], str]
    database: Callable[[], str]
    now: Callable[[], datetime]
    free: Callable[[Path], int] = free_bytes
    python: Callable[[], tuple[int, int, int]] = field(default=lambda: sys.version_info[:3])
    missing: Callable[[], Sequence[str]] = missing_packages
    more: Checks = ()


def run_checks(home: Home, settings: Settings | MooringError, *, probes: Probes) -> list[CheckResult]:
    """All checks, in the order in which their failures stop a start.

    Args:
        home: need not be prepared.
        settings: what loading gave, also where it failed.
        probes: how to ask.
    """
    checks: tuple[tuple[str, Callable[[], CheckResult]], ...] = (
        ("python", lambda: _python(probes)),
        ("packages", lambda: _packages(probes)),
        ("clock", lambda: _clock(probes)),
        ("home", lambda: _home(home)),
        ("disk", lambda: _disk(home, probes)),
        ("settings", lambda: _settings(home, settings)),
        ("instance", lambda: _instance(home)),
        ("keychain", lambda: CheckResult(name="keychain", state="ok", detail=f"{probes.keychain()} answers.")),
        ("database", lambda: CheckResult(name="database", state="ok", detail=probes.database())),
        *probes.more,
    )
    return [_guarded(name, check) for name, check in checks]


def _guarded(name: str, check: Callable[[], CheckResult]) -> CheckResult:
    try:
        return check()
    except MooringError as error:
        return CheckResult(name=name, state="fail", detail=error.what, fix=error.todo)
    except Exception as error:  # noqa: BLE001 -- one broken check must not hide the others
        return CheckResult(
            name=name,
            state="fail",
            detail=f"The check itself failed ({type(error).__name__}).",
            fix="Look at the log file, and report this with its last lines.",
        )


def _python(probes: Probes) -> CheckResult:
    version = probes.python()
    text = f"Mooring {__version__} on Python {'.'.join(map(str, version))}."
    if PYTHON_FROM <= version[:2] <= PYTHON_TO:
        return CheckResult(name="python", state="ok", detail=text)
    return CheckResult(name="python", state="fail", detail=text, fix="Install Mooring with Python 3.11, 3.12 or 3.13.")


def _packages(probes: Probes) -> CheckResult:
    missing = probes.missing()
    if not missing:
        came = "They came with the program; `mooring selftest` tries them."
        detail = came if is_frozen() else "All required packages are installed."
        return CheckResult(name="packages", state="ok", detail=detail)
    return CheckResult(
        name="packages", state="fail", detail=f"Not installed: {', '.join(missing)}.", fix="Install Mooring anew."
    )


def _clock(probes: Probes) -> CheckResult:
    now = probes.now()
    text = f"The clock says {now.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC."
    if BUILD_YEAR <= now.astimezone(UTC).year <= LAST_YEAR:
        return CheckResult(name="clock", state="ok", detail=text)
    return CheckResult(
        name="clock", state="fail", detail=text, fix="Set the machine's date and time, best by its automatic setting."
    )


def _home(home: Home) -> CheckResult:
    home.require_short()
    if not home.root.exists():
        return CheckResult(name="home", state="ok", detail=f"{home.root} will be made at the first start.")
    if not home.root.is_dir() or not os.access(home.root, os.R_OK | os.W_OK | os.X_OK):
        raise Invalid(
            "home_unusable",
            f"{home.root} is no directory that you can write.",
            todo="Choose another with --home or MOORING_HOME.",
        )
    open_ones = [
        path
        for path in (home.run_dir, home.logs_dir, home.data_dir)
        if path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077
    ]
    if not open_ones:
        return CheckResult(name="home", state="ok", detail=f"{home.root} is private.")
    return CheckResult(
        name="home",
        state="warn",
        detail=f"Others can look into {', '.join(str(path) for path in open_ones)}.",
        fix="Run: chmod 700 " + " ".join(f"'{path}'" for path in open_ones),
    )


def _disk(home: Home, probes: Probes) -> CheckResult:
    free = probes.free(home.root)
    text = f"{free // (1024 * 1024)} MB are free on the disk of {home.root}."
    if free >= FREE_WARN_BYTES:
        return CheckResult(name="disk", state="ok", detail=text)
    state: State = "warn" if free >= FREE_FAIL_BYTES else "fail"
    return CheckResult(name="disk", state=state, detail=text, fix="Make room; on a full disk trading stops.")


def _settings(home: Home, settings: Settings | MooringError) -> CheckResult:
    if isinstance(settings, MooringError):
        raise settings
    source = str(home.settings_file) if home.settings_file.exists() else "defaults and variables"
    count, mode = len(settings.market.symbols), settings.trading.mode
    return CheckResult(name="settings", state="ok", detail=f"Valid ({source}): {count} symbols, mode {mode}.")


def _instance(home: Home) -> CheckResult:
    pid = holder(home)
    text = (
        "No daemon runs for this home." if pid is None else f"A daemon runs for this home (process {pid or 'unknown'})."
    )
    return CheckResult(name="instance", state="ok", detail=text)
