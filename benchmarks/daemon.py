"""The daemon as a process: time to healthy, weight while idle, and how fast it answers on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from benchmarks.common import Result

NAME: Final = "daemon"
HEALTHY_S_MAX: Final = 1.5
IDLE_MB_MAX: Final = 120.0
STATUS_P95_MS_MAX: Final = 3.0
CALLS: Final = 1000
PATIENCE_S: Final = 30.0
SETTLE_S: Final = 2.0
IDLE_S: Final = 5.0
PARTS: Final = 6
PROC: Final = Path("/proc/self")  # Linux; a Mac asks ps


def run() -> Iterator[Result]:
    """Start a daemon twice in one home, with its token in memory, and measure from outside."""
    with tempfile.TemporaryDirectory(prefix="mooring-b-") as folder:
        token = secrets.token_urlsafe(32)
        for which in ("new home", "known home"):
            process, info, seconds = start(Path(folder), token)
            try:
                yield Result(
                    name=f"healthy, {which}",
                    value=seconds,
                    unit="s",
                    target=HEALTHY_S_MAX,
                    higher_is_better=False,
                    note="from exec to GET /healthz",
                )
                time.sleep(SETTLE_S)
                yield Result(
                    name=f"resident, {which}",
                    value=resident_mb(process.pid),
                    unit="MB",
                    target=IDLE_MB_MAX,
                    higher_is_better=False,
                    note="VmRSS while idle",
                )
                if which == "known home":
                    yield idle_share(process.pid)
                    yield status_latency(info, token)
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(PATIENCE_S)


def start(home: Path, token: str) -> tuple[subprocess.Popen[bytes], dict[str, Any], float]:
    """(process, its control.json, seconds until it was healthy)."""
    begun = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.daemon", str(home)],
        env=os.environ | {"BENCH_TOKEN": token},
        stdin=subprocess.DEVNULL,
    )
    path = home / "run" / "control.json"
    while time.perf_counter() - begun < PATIENCE_S:
        with contextlib.suppress(OSError, ValueError, http.client.HTTPException):
            info = json.loads(path.read_bytes())
            if info["pid"] == process.pid and get(info, "/healthz", None) == http.HTTPStatus.OK:
                return process, info, time.perf_counter() - begun
        if process.poll() is not None:
            break
        time.sleep(0.005)
    process.kill()
    raise RuntimeError("the daemon did not become healthy")


def get(info: dict[str, Any], path: str, token: str | None) -> int:
    """Status of one GET over TCP."""
    connection = http.client.HTTPConnection("127.0.0.1", int(info["url"].rpartition(":")[2]), timeout=PATIENCE_S)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"} if token else {})
        return connection.getresponse().status
    finally:
        connection.close()


def status_latency(info: dict[str, Any], token: str) -> Result:
    """p95 of GET /v1/status on one kept connection, below the bound on calls a minute."""
    connection = http.client.HTTPConnection("127.0.0.1", int(info["url"].rpartition(":")[2]), timeout=PATIENCE_S)
    took = []
    refused = 0
    for _ in range(CALLS):
        begun = time.perf_counter()
        connection.request("GET", "/v1/status", headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        answer.read()
        if answer.status == http.HTTPStatus.OK:
            took.append((time.perf_counter() - begun) * 1000)
        else:
            refused += 1
    connection.close()
    took.sort()
    return Result(
        name="GET /v1/status, p95",
        value=took[int(len(took) * 0.95)],
        unit="ms",
        target=STATUS_P95_MS_MAX,
        higher_is_better=False,
        note=f"{len(took)} calls answered, {refused} over the bound on calls",
    )


def resident_mb(pid: int) -> float:
    """Resident memory of a process, MB."""
    if PROC.is_dir():
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024
    shown = subprocess.run(["/bin/ps", "-o", "rss=", "-p", str(pid)], capture_output=True, check=True, text=True)
    return int(shown.stdout) / 1024


def memory_parts(pid: int) -> str:
    """What the largest parts of it are, in MB: `data` of its own, and the pages of libraries. Linux only."""
    found: dict[str, int] = {}
    name = ""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
            word, *others = line.split(maxsplit=2)
            if not word.endswith(":"):
                name = line.rpartition("/")[2].partition(".")[0] if "/" in line else "data"
            elif word == "Rss:":
                found[name] = found.get(name, 0) + int(others[0])
    largest = sorted(found.items(), key=lambda one: -one[1])[:PARTS]
    return ", ".join(f"{part} {kib / 1024:.1f}" for part, kib in largest)


def cpu_seconds(pid: int) -> float:
    """Processor time of a process so far."""
    if PROC.is_dir():
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    shown = subprocess.run(["/bin/ps", "-o", "time=", "-p", str(pid)], capture_output=True, check=True, text=True)
    minutes, _, seconds = shown.stdout.strip().rpartition(":")
    return int(minutes.rpartition(":")[2] or 0) * 60 + float(seconds)


def idle_share(pid: int) -> Result:
    """How much of one core it uses while it waits."""
    before = cpu_seconds(pid)
    time.sleep(IDLE_S)
    share = (cpu_seconds(pid) - before) / IDLE_S * 100
    return Result(name="idle", value=share, unit="% of a core", note=f"over {IDLE_S:g} s")


def serve(home: Path) -> None:
    """The daemon itself, as `mooring run` makes it, but with its token in memory and known to the caller."""
    from dataclasses import replace  # noqa: PLC0415 -- imports belong to the time that is measured

    from mooring.daemon.options import options_from_home  # noqa: PLC0415
    from mooring.daemon.serving import serve  # noqa: PLC0415
    from mooring.home import Home  # noqa: PLC0415
    from mooring.secrets.vault import MemoryVault  # noqa: PLC0415

    token = os.environ.pop("BENCH_TOKEN")
    options = options_from_home(Home(root=home), {}, console=False)
    asyncio.run(serve(replace(options, vault=MemoryVault(), token_source=lambda: token)))


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
