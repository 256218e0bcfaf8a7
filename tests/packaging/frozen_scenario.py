"""A person uses the application, told as facts; run within a keyring session by test_frozen. Nothing prints a secret.

Every command is the frozen program, and so is what it starts: the look-alike, the daemon, the daemon's children.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx

from tests.acceptance.onboard_scenario import command_of, kept, look_alike, run

PERSONS_LIBRARIES = "/persons/own/libraries"
GONE_SECONDS = 20.0


class Day:
    """One home at one look-alike."""

    def __init__(self, home: Path, said: dict[str, str]) -> None:
        self.home, self.said = home, said

    def do(self, *args: str) -> dict[str, Any]:
        return command_of(self.home, self.said, *args)

    @property
    def control(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads((self.home / "run" / "control.json").read_text())
        return told

    @property
    def pid(self) -> int:
        return int(self.control["pid"])

    def export(self, form: str) -> dict[str, Any]:
        """By a child of the daemon, which reads the records for it."""
        token = json.loads(self.do("token", "--json")["out"])["token"]
        answer = httpx.get(
            f"{self.control['url']}/v1/exports/ledger",
            params={"format": form},
            headers={"authorization": f"Bearer {token}"},
            trust_env=False,
            timeout=60,
        )
        code = answer.json().get("code") if answer.status_code >= 400 else ""
        return {
            "status": answer.status_code,
            "code": code,
            "line": answer.text.partition("\r\n")[0] if not code else "",
        }


def story(home: Path) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    with look_alike() as said, look_alike("--seed", "9", "--rights", "query-funds,withdraw-funds") as other:
        facts["dangerous"] = run(home, other, "--stdin", "--json", stdin=json.dumps(other) + "\n")
        facts["kept after refusal"] = kept(home) is not None
        facts["good"] = run(home, said, "--stdin", "--json", stdin=json.dumps(said) + "\n")
        facts["kept"] = (kept(home) or {}).get("key") == said["api_key"]
        day = Day(home, said)
        facts["up"] = day.do("up", "--supervisor", "none", "--json")
        facts |= under_way(day)
        facts |= accident(day)
        facts["down"] = day.do("down", "--json")
        facts["status after"] = day.do("status", "--json")
        facts["check"] = day.do("db", "check", "--json")
        facts["upgrade"] = day.do("db", "upgrade", "--json")
        facts["copy"] = day.do("export", "ledger", "--format", "parquet", "--out", str(home / "l.parquet"), "--json")
        secrets = [said["api_secret"], other["api_secret"], said["api_key"], other["api_key"]]
        facts["seen"] = [name for name, fact in facts.items() if any(one in str(fact) for one in secrets)]
    return facts


def under_way(day: Day) -> dict[str, Any]:
    """What there is to see of a running daemon, and what it starts."""
    own = Path(f"/proc/{day.pid}")
    mine = (own / "environ").read_bytes()
    return {
        "program": str((own / "exe").resolve()),
        "line": (own / "cmdline").read_bytes().decode().split("\0")[:-1],
        "reset": b"PYINSTALLER_RESET_ENVIRONMENT" in mine,
        "secrets": day.do("secrets", "list", "--json"),
        "csv": day.export("csv"),
        "parquet": day.export("parquet"),
        "browser": browser(day),
    }


def browser(day: Day) -> dict[str, str]:
    """The environment that `mooring dashboard` hands to a browser."""
    told = day.home / "browser.txt"
    program = day.home / "browser"
    program.write_text(f'#!/bin/sh\nenv > "{told}.part" && mv "{told}.part" "{told}"\n')
    program.chmod(0o755)
    former = dict(os.environ)
    os.environ |= {"BROWSER": str(program), "DISPLAY": ":9", "LD_LIBRARY_PATH": PERSONS_LIBRARIES}
    try:
        day.do("dashboard")
    finally:
        os.environ.clear()
        os.environ |= former
    lines = told.read_text().splitlines() if told.exists() else []
    return dict(line.split("=", 1) for line in lines if "=" in line)


def accident(day: Day) -> dict[str, Any]:
    """The daemon is killed, and started again."""
    killed = day.pid
    os.kill(killed, signal.SIGKILL)
    deadline = time.monotonic() + GONE_SECONDS
    while Path(f"/proc/{killed}/exe").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    facts = {"status after kill": day.do("status", "--json"), "up again": day.do("up", "--json")}
    facts["another"] = {"is": day.pid != killed}
    return facts


def main(home: str, program: str) -> None:
    """Tell the facts on standard output."""
    os.environ["TESTED_PROGRAM"] = program
    assert subprocess.run([program, "--version"], capture_output=True, check=True).stdout
    sys.stdout.write(json.dumps(story(Path(home))))
