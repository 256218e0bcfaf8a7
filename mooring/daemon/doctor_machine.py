"""The doctor's lines about the machine: versions, open files, time zones, and what else of Mooring runs on it."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import resource
import sqlite3
import ssl
import subprocess
import sys
import zoneinfo
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from mooring.daemon.doctor import CheckResult, Checks
from mooring.daemon.instance import holder
from mooring.home import Home

FILES_WARN: Final = 512  # two doors of 96 connections, streams, the database and the venue, with room to spare
ZONE: Final = "Europe/Berlin"
# One -o for each column, as what follows an equals sign is a header up to the end of the word; and as wide as need be,
# which is 79 characters else where no terminal is near (ps(1) of macOS).
PS: Final = ("/bin/ps", "-xww", "-o", "pid=", "-o", "args=")
PS_SECONDS: Final = 10.0
SHOWN_MAX: Final = 10
RUNNING: Final = frozenset({"run", "demo"})

Process = tuple[int, Sequence[str]]


def machine_checks(home: Home) -> Checks:
    """Checks for `Probes.more`."""
    return (
        ("versions", _versions),
        ("open_files", lambda: open_files(resource.getrlimit(resource.RLIMIT_NOFILE)[0])),
        ("time_zones", time_zones),
        ("other_daemons", lambda: other_daemons(own_processes(), {os.getpid(), holder(home)})),
    )


def port_checks(home: Home, port: int) -> Checks:
    """Whether the control API can have its port, where the settings name one; by listening there for a moment."""
    return (("port", lambda: _port(home, port)),) if port else ()


def _port(home: Home, port: int) -> CheckResult:
    from mooring.control_api.server import bind_port  # noqa: PLC0415 -- most doctors look at no port

    if holder(home) is None:
        bind_port(port).close()
        return CheckResult(name="port", state="ok", detail=f"Port {port} of 127.0.0.1 is free for the control API.")
    return CheckResult(name="port", state="ok", detail=f"Port {port} is set; a daemon of this home runs already.")


def _versions() -> CheckResult:
    parts = [
        f"Python {platform.python_version()}",
        f"SQLite {sqlite3.sqlite_version}",
        ssl.OPENSSL_VERSION.partition("  ")[0],
        f"keyring {_version_of('keyring')}",
        f"{platform.system()} {platform.release()} {platform.machine()}",
    ]
    return versions(", ".join(parts) + ".", sys.platform, platform.machine())


def versions(text: str, system: str, machine: str) -> CheckResult:
    """Whether these go together; `text` names them."""
    if system == "darwin" and machine == "x86_64":
        fix = "Install a Python for arm64: this one runs translated, or on a Mac that is not supported."
        return CheckResult(name="versions", state="warn", detail=text, fix=fix)
    return CheckResult(name="versions", state="ok", detail=text)


def open_files(most: int) -> CheckResult:
    """Whether a process may hold enough files and connections open."""
    if most == resource.RLIM_INFINITY or most >= FILES_WARN:
        shown = "any number of" if most == resource.RLIM_INFINITY else str(most)
        return CheckResult(name="open_files", state="ok", detail=f"A process may hold {shown} files open.")
    return CheckResult(
        name="open_files",
        state="warn",
        detail=f"A process may hold {most} files open, and a busy daemon needs more.",
        fix=f"Raise it where the daemon is started from: ulimit -n {2 * FILES_WARN}.",
    )


def time_zones() -> CheckResult:
    """Whether the names of time zones are known."""
    try:
        zoneinfo.ZoneInfo(ZONE)
    except (zoneinfo.ZoneInfoNotFoundError, OSError):
        return CheckResult(
            name="time_zones",
            state="warn",
            detail="No data of time zones are installed, so that local times cannot be told.",
            fix="Install the system's package tzdata; all that is recorded is in UTC all the same.",
        )
    return CheckResult(name="time_zones", state="ok", detail="Time zones are known; all that is recorded is in UTC.")


def other_daemons(processes: Iterable[Process], ours: Iterable[int | None]) -> CheckResult:
    """Which other daemons of this user run; each has a home of its own, as a home's lock sees to it."""
    known = set(ours)
    found = sorted(pid for pid, command in processes if pid not in known and _is_daemon(command))
    if not found:
        return CheckResult(name="other_daemons", state="ok", detail="No other Mooring of yours runs here.")
    shown = ", ".join(map(str, found[:SHOWN_MAX])) + (", …" if len(found) > SHOWN_MAX else "")
    text = f"{len(found)} more of yours, with homes of their own: process {shown}. Each needs its own API key."
    return CheckResult(name="other_daemons", state="ok", detail=text)


def own_processes() -> list[Process]:
    """Processes of this user with their commands, as far as the system tells."""
    if platform.system() == "Linux":
        return [(int(path.name), command) for path in Path("/proc").glob("[0-9]*") if (command := _command_in(path))]
    # A fixed program and no input: what other platforms have instead of /proc.
    said = subprocess.run(  # noqa: S603
        PS, capture_output=True, encoding="utf-8", errors="replace", timeout=PS_SECONDS, check=False
    )
    split = (line.split() for line in said.stdout.splitlines())
    return [(int(words[0]), words[1:]) for words in split if words and words[0].isdigit()]


def _command_in(path: Path) -> list[str]:
    try:
        if path.stat().st_uid != os.geteuid():
            return []
        return (path / "cmdline").read_bytes().decode("utf-8", "replace").rstrip("\0").split("\0")
    except OSError:  # it has ended
        return []


def _is_daemon(command: Sequence[str]) -> bool:
    """`mooring … run`, as the program or as the module."""
    starts = [at for at, word in enumerate(command[:4]) if Path(word).name == "mooring"]
    return bool(starts) and not RUNNING.isdisjoint(command[starts[0] + 1 :])


def _version_of(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "missing"
