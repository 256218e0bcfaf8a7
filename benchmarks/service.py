"""The daemon as people have it, started by `mooring up` with a bundle: until it answers, its weight, its rest."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from benchmarks.common import Result
from benchmarks.daemon import PATIENCE_S, cpu_seconds, memory_parts, resident_mb
from mooring.programs import command_line

NAME: Final = "service"
UP_S_MAX: Final = 2.0
BUNDLE_MB_MAX: Final = 140.0
PLAIN_MB_MAX: Final = 120.0
IDLE_PERCENT_MAX: Final = 0.5
SETTLE_S: Final = 10.0
IDLE_S: Final = 30.0
CATCH_UP_S: Final = 20.0
DEMO_HOURS: Final = 12
# A demo leaves a bundle behind that its own repository signed; its settings were those of its commands.
PLAIN: Final = """
[secrets]
backend = "files"
files_dir = "{mounted}"
"""
WITH_MODELS: Final = (
    PLAIN
    + """
[signals]
producers = ["rsi", "momentum", "ma_cross", "model"]
[strategy]
weights = [1, 1, 1, 1]
[bundles]
repository = "starter"
check_hours = 0
trial_hours = 1
trial_minutes = 0
"""
)


def run() -> Iterator[Result]:
    """Start it as a plain child, without and with a bundle, let it settle, and look from outside."""
    with tempfile.TemporaryDirectory(prefix="mooring-s-") as folder:
        mounted, plain, home = (Path(folder, name) for name in ("mounted", "plain", "models"))
        for each in (mounted, plain):
            each.mkdir(mode=0o700)
        (plain / "settings.toml").write_text(PLAIN.format(mounted=mounted))
        yield from weighed(plain, "without a bundle", PLAIN_MB_MAX)
        call(home, "demo", "--hours", str(DEMO_HOURS), "--no-open")
        (home / "settings.toml").write_text(WITH_MODELS.format(mounted=mounted))
        yield from weighed(home, "with a bundle", BUNDLE_MB_MAX)


def weighed(home: Path, which: str, most_mb: float) -> Iterator[Result]:
    """Its figures from `up` to `down`."""
    begun = time.perf_counter()
    call(home, "up", "--supervisor", "none")
    seconds = time.perf_counter() - begun
    try:
        time.sleep(SETTLE_S)
        time.sleep(CATCH_UP_S)  # the replay of the week of hours that it did at once
        yield Result(
            name=f"resident, {which}, at first",
            value=resident_mb(int(call(home, "status")["pid"])),
            unit="MB",
            note="VmRSS after a week of hours was done at once, and done again",
        )
        call(home, "restart")
        pid = int(call(home, "status")["pid"])
        time.sleep(SETTLE_S)
        before = cpu_seconds(pid)
        time.sleep(IDLE_S)
        share = (cpu_seconds(pid) - before) / IDLE_S * 100
        resident, parts = resident_mb(pid), memory_parts(pid)
    finally:
        call(home, "down")
    note = "the command itself included"
    yield Result(name=f"up, {which}", value=seconds, unit="s", target=UP_S_MAX, higher_is_better=False, note=note)
    yield Result(
        name=f"resident, {which}",
        value=resident,
        unit="MB",
        target=most_mb,
        higher_is_better=False,
        note=f"VmRSS: {parts}",
    )
    yield Result(
        name=f"idle, {which}",
        value=share,
        unit="% of a core",
        target=IDLE_PERCENT_MAX,
        higher_is_better=False,
        note=f"over {IDLE_S:g} s",
    )


def call(home: Path, *arguments: str) -> dict[str, Any]:
    """One command to its end; what it said."""
    done = subprocess.run(
        command_line("--home", str(home), "--json", *arguments),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=10 * PATIENCE_S,
        check=True,
    )
    said = json.loads(done.stdout)
    assert isinstance(said, dict)
    return said
