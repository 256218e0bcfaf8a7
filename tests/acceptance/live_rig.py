"""A live daemon and the look-alike that it trades at, as processes of their own; used within a keyring session."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx

from tests.acceptance.program import begin, command

PATIENCE_SECONDS = 60.0
SPEED = 600
SYMBOLS = "BTC-USD,ETH-USD,SOL-USD,XRP-USD"
# Decides to buy as often as a strategy can, so that a rehearsal of a few hours has orders in it.
EAGER = {
    "MOORING_STRATEGY__ENTRY_SCORE": "1",
    "MOORING_STRATEGY__COOLDOWN_BARS": "0",
    "MOORING_SIGNALS__EMA_FAST": "4",
    "MOORING_SIGNALS__EMA_SLOW": "10",
    # Half a second of real time at this speed, which a busy machine may need.
    "MOORING_EXECUTION__LATE_SECONDS": "3600",
}
FEES = {"MOORING_COSTS__TAKER_FEE_PPM": "8000", "MOORING_COSTS__MAKER_FEE_PPM": "8000"}


def wait_for(what: str, seen: Callable[[], Any], seconds: float = PATIENCE_SECONDS) -> Any:
    """What `seen` says as soon as that is true."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        if found := seen():
            return found
        time.sleep(0.05)
    raise AssertionError(f"waited {seconds:g} seconds for {what}")


@dataclass
class LookAlike:
    """A look-alike that runs, what it said of itself, and its books, which nobody can lie about."""

    process: subprocess.Popen[str]
    said: dict[str, str]

    @property
    def variables(self) -> dict[str, str]:
        return {
            "MOORING_VENUE__REST_URL": self.said["rest"],
            "MOORING_VENUE__WS_URL": self.said["ws"],
            "MOORING_VENUE__WS_AUTH_URL": self.said["ws_auth"],
        }

    @property
    def secrets(self) -> tuple[str, str]:
        return self.said["api_key"], self.said["api_secret"]

    def books(self) -> dict[str, Any]:
        answer = httpx.get(self.said["rest"] + "/sim/books", trust_env=False, timeout=10)
        (only,) = answer.json().values()
        return dict(only)

    def orders(self) -> list[dict[str, Any]]:
        """All orders that it ever took."""
        return list(self.books()["orders"].values())

    def ours(self) -> list[dict[str, Any]]:
        """Those with a client id, as Mooring gives each of its own one."""
        return [one for one in self.orders() if one.get("cl_ord_id")]

    def working(self) -> list[dict[str, Any]]:
        return [one for one in self.ours() if one["status"] in ("pending", "open")]

    def happen(self, kind: str, **fields: str) -> None:
        """Make one thing of the simulator's list go wrong now."""
        answer = httpx.post(self.said["rest"] + "/sim/faults", json={"kind": kind} | fields, trust_env=False)
        assert answer.status_code == 200, answer.text


@contextlib.contextmanager
def look_alike(*options: str, symbols: str = SYMBOLS) -> Iterator[LookAlike]:
    process = begin("simulate", "kraken", "--symbols", symbols, "--speed", SPEED, "--balance", "USD=20000", *options)
    try:
        assert process.stdout is not None
        yield LookAlike(process=process, said=json.loads(process.stdout.readline()))
    finally:
        process.kill()
        process.communicate()


@dataclass
class LiveHome:
    """A home, its settings as variables, and the daemon that may run there."""

    home: Path
    at: LookAlike
    more: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[str] | None = None
    said: list[tuple[str, str]] = field(default_factory=list)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def environ(self) -> dict[str, str]:
        live = {
            "MOORING_MARKET__SOURCE": "kraken",
            "MOORING_MARKET__SYMBOLS": SYMBOLS,
            "MOORING_VENUE__NAME": "kraken",
            "MOORING_TRADING__MODE": "live",
            "MOORING_TRADING__DRY_RUN": "false",
        }
        return dict(os.environ) | live | EAGER | FEES | self.at.variables | self.more

    def do(self, *args: str, stdin: str | None = None) -> dict[str, Any]:
        """Run a command to its end: how it ended, and what it wrote."""
        done = subprocess.run(
            command("--home", self.home, *args),
            env=self.environ(),
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        self.said.append((" ".join(args), done.stdout + done.stderr))
        return {"status": done.returncode, "out": done.stdout, "err": done.stderr}

    def connect_key(self) -> dict[str, Any]:
        """Its check of an order has a tenth of a second at this speed, which a busy machine may miss."""
        for _ in range(5):
            done = self.do("onboard", "kraken", "--stdin", "--json", stdin=json.dumps(self.at.said) + "\n")
            if done["status"] == 0:
                return done
        raise AssertionError(done)

    def begin(self) -> None:
        """Start the daemon and wait until it answers."""
        self.process = subprocess.Popen(
            command("--home", self.home, "run"), env=self.environ(), stderr=subprocess.PIPE, text=True
        )
        wait_for("the daemon's answer", self._answers)

    def _answers(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            assert self.process.stderr is not None
            raise AssertionError(self.process.stderr.read())
        with contextlib.suppress(httpx.TransportError):
            return self.get("/healthz") is not None
        return False

    def end(self, number: signal.Signals = signal.SIGTERM) -> dict[str, Any]:
        """Send the daemon a signal and wait for its end."""
        assert self.process is not None
        self.process.send_signal(number)
        _, err = self.process.communicate(timeout=PATIENCE_SECONDS)
        status, self.process = self.process.returncode, None
        self.said.append((f"run until {number.name}", err))
        return {"status": status, "err": err}

    def arm(self) -> None:
        """Arm it, which must be possible."""
        done = self.do("arm", "I_UNDERSTAND")
        assert done["status"] == 0, done

    def wait(self, what: str, seen: Callable[[], Any]) -> Any:
        """As `wait_for`; a failure says how the daemon is."""
        try:
            return wait_for(what, seen)
        except AssertionError as error:
            orders = [(one["symbol"], one["status"], one["status_reason"]) for one in self.page("orders", 8)]
            raise AssertionError(f"{error}: {self.status()['first_line']} {orders}") from None

    def call(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """One call through the daemon's own socket."""
        transport = httpx.HTTPTransport(uds=str(self.home / "run" / "control.sock"))
        with httpx.Client(transport=transport, base_url="http://mooring", timeout=20) as client:
            return client.request(method, path, json=body)

    def get(self, path: str) -> dict[str, Any]:
        answer = self.call("GET", path)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def status(self) -> dict[str, Any]:
        return self.get("/v1/status")

    def page(self, kind: str, limit: int = 500) -> list[dict[str, Any]]:
        return list(self.get(f"/v1/{kind}?limit={limit}")["items"])

    def withheld(self, reason: str) -> list[dict[str, Any]]:
        """Orders that were wanted and did not leave for that reason, as the records say."""
        return [one for one in self.page("orders") if (one["status"], one["status_reason"]) == ("WITHHELD", reason)]

    def hours(self) -> int:
        return int(self.status()["cycles"])

    def until_hours(self, more: int) -> None:
        """Wait until so many more hours are done."""
        wanted = self.hours() + more
        wait_for(f"{more} hours", lambda: self.hours() >= wanted)
