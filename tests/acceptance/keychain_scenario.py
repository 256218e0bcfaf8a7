"""A day of one daemon under a real keychain, told as facts; run within a keyring session by test_service_program.

Nothing here prints a token: whether one is seen somewhere is told as a list of places.
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
from keyring.backends import SecretService

from mooring.home import usual_home
from mooring.secrets.vault import service_of
from tests.acceptance.program import command

ITEM = "control-api"


class Day:
    """Collects what commands answered."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.facts: dict[str, Any] = {}
        self.secrets: dict[str, str] = {}
        self.seen: list[str] = []

    def do(self, name: str, *args: str, secret: str = "") -> dict[str, Any]:
        """Run a command; `secret` names the token that its output is allowed to hold."""
        began = time.monotonic()
        done = subprocess.run(
            command("--home", self.home, *args), capture_output=True, text=True, timeout=60, check=False
        )
        said = done.stdout + done.stderr
        if secret:
            self.secrets[secret] = json.loads(done.stdout)["token"]
        else:
            self.seen += [f"output of {name}: {which}" for which, token in self.secrets.items() if token in said]
        fact = {"status": done.returncode, "out": "" if secret else done.stdout, "err": done.stderr}
        self.facts[name] = fact | {"seconds": time.monotonic() - began}
        return fact

    @property
    def pid(self) -> int:
        return int(self.control()["pid"])

    def control(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads((self.home / "run" / "control.json").read_text())
        return told

    def call(self, name: str, method: str, path: str, token: str, body: Any = None) -> None:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        url = self.control()["url"] + path
        answer = httpx.request(method, url, headers=headers, json=body, trust_env=False, timeout=10)
        self.facts[name] = {"status": answer.status_code, "body": answer.json()}

    def look_for_secrets(self) -> None:
        """Where tokens can be read that should not be: files of the home, the daemon's arguments and environment."""
        places = [path for path in self.home.rglob("*") if path.is_file()]
        for own in ("cmdline", "environ"):
            path = Path(f"/proc/{self.pid}/{own}")
            places += [path] if path.exists() else []
        for place in places:
            data = place.read_bytes()
            self.seen += [f"{place}: {which}" for which, token in self.secrets.items() if token.encode() in data]
        self.facts["places_looked_at"] = len(places)


def keychain_token(home: Path) -> str | None:
    """The token that the daemon keeps in the keychain."""
    # The backend by name: looked for, a busy bus that answers late counts as no keychain at all.
    text = SecretService.Keyring().get_password(service_of(home.resolve(), usual_home()), ITEM)
    return None if text is None else str(json.loads(text)["values"]["token"])


def run(home: Path) -> dict[str, Any]:
    """The whole day."""
    day = Day(home)
    morning(day)
    scripts(day)
    controls(day)
    day.look_for_secrets()
    accidents(day)
    evening(day)
    day.facts["seen"] = day.seen
    return day.facts


def morning(day: Day) -> None:
    day.do("status before", "status")
    day.do("status before, json", "status", "--json")
    day.do("kill before", "kill")
    day.do("down before", "down")
    day.do("up", "up")
    day.secrets["master"] = keychain_token(day.home) or ""
    day.facts["pid"] = day.pid
    day.do("up again", "up", "--json")
    day.facts["pid again"] = day.pid
    told = day.home / "run" / "control.json"
    day.facts["control"] = day.control()
    day.facts["modes"] = {
        "control.json": told.stat().st_mode & 0o777,
        "control.sock": (day.home / "run" / "control.sock").stat().st_mode & 0o777,
        "run": (day.home / "run").stat().st_mode & 0o777,
    }
    day.facts["master length"] = len(day.secrets["master"])
    day.do("second run", "run")
    day.do("doctor", "doctor", "--json")
    day.do("health", "health", "--json")
    day.do("db check", "db", "check")


def scripts(day: Day) -> None:
    day.do("token read", "token", "--json", secret="read")
    day.do("token control", "token", "--scope", "control", "--json", secret="control")
    day.do("token secrets", "token", "--scope", "secrets")
    read, control = day.secrets["read"], day.secrets["control"]
    kill = {"active": True, "reason": "script"}
    arm = {"acknowledge": "I_UNDERSTAND"}
    day.call("tcp healthz", "GET", "/healthz", "")
    day.call("tcp without token", "GET", "/v1/status", "")
    day.call("tcp wrong token", "GET", "/v1/status", "A" * 43)
    day.call("tcp read status", "GET", "/v1/status", read)
    day.call("tcp read kill", "POST", "/v1/kill-switch", read, kill)
    day.call("tcp control kill", "POST", "/v1/kill-switch", control, kill)
    day.call("tcp read status after", "GET", "/v1/status", read)
    day.call("tcp control release", "POST", "/v1/kill-switch", control, kill | {"active": False})
    for which in ("read", "control", "master"):
        day.call(f"tcp {which} arm", "POST", "/v1/runtime/arm", day.secrets[which], arm)


def controls(day: Day) -> None:
    day.do("pause", "pause", "--reason", "lunch")
    day.do("paused", "status", "--json")
    day.do("resume", "resume", "--json")
    day.do("mode while running", "mode", "shadow")
    day.do("mode live", "mode", "live", "--json")
    day.do("scan", "scan")
    day.do("cancel-all", "cancel-all", "--json")
    day.do("stop", "stop", "--json")
    day.do("mode shadow", "mode", "shadow", "--json")
    day.do("start", "start", "--json")
    day.do("stop again", "stop")
    day.do("mode paper", "mode", "paper")
    day.do("start again", "start")
    day.do("kill", "kill", "--reason", "enough", "--json")
    day.do("kill again", "kill", "--json")


def accidents(day: Day) -> None:
    """The daemon is killed with its kill switch on; the switch must be on after the next start."""
    old = day.pid
    os.kill(old, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while Path(f"/proc/{old}").exists() and "State:\tZ" not in Path(f"/proc/{old}/status").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    day.do("status after SIGKILL", "status")
    day.do("up after SIGKILL", "up", "--json")
    fresh = keychain_token(day.home) or ""
    day.facts["token is new"] = fresh not in ("", day.secrets["master"])
    day.secrets["second master"] = fresh
    day.call("tcp old token", "GET", "/v1/status", day.secrets["control"])
    day.do("release", "release", "--json")
    day.look_for_secrets()
    # A daemon that is stopped in its tracks holds its lock and does not answer.
    os.kill(day.pid, signal.SIGSTOP)
    try:
        day.do("status of a silent daemon", "status")
    finally:
        os.kill(day.pid, signal.SIGCONT)


def evening(day: Day) -> None:
    day.do("down", "down")
    day.facts["token after down"] = keychain_token(day.home) is not None
    day.facts["files after down"] = sorted(path.name for path in (day.home / "run").iterdir())
    day.do("down again", "down", "--json")
    day.do("status after", "status")
    day.do("db check after", "db", "check", "--json")
    (day.home / "settings.toml").write_text("[risk]\ndaily_loss_bps = 9999999\n")
    day.do("up with bad settings", "up", "--json")
    (day.home / "settings.toml").unlink()
    process = subprocess.Popen(command("--home", day.home, "run"), stderr=subprocess.PIPE, text=True)
    told = day.home / "run" / "control.json"
    began = time.monotonic()
    while not told.exists() and process.poll() is None and time.monotonic() < began + 20:
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=30)
    day.facts["run and SIGTERM"] = {"status": process.returncode, "err": err}


def main(home: str) -> None:
    """Tell the facts on standard output."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.stdout.write(json.dumps(run(Path(home))))
