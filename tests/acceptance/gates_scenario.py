"""Every gate before a real order, closed one after the other, told as facts; run by test_live_gates in a session.

What was placed is asked of the look-alike alone.
"""

from __future__ import annotations

import json
import signal
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx

from tests.acceptance.live_rig import LiveHome, LookAlike, look_alike

PHRASE = "I_UNDERSTAND"


def placed(at: LookAlike) -> int:
    return len(at.orders())


def story(root: Path) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    with look_alike("--seed", "7") as at, ExitStack() as held:
        modes = {mode: LiveHome(root / mode[0], at, {"MOORING_TRADING__MODE": mode}) for mode in ("paper", "shadow")}
        others = {mode: held.enter_context(home) for mode, home in modes.items()}
        dry = held.enter_context(LiveHome(root / "l", at, {"MOORING_TRADING__DRY_RUN": "true"}))
        live = held.enter_context(LiveHome(root / "l", at))
        facts["key"] = live.connect_key()["status"]
        for one in others.values():
            one.begin()
        facts["dry"] = dry_run(dry, at)
        live.begin()
        facts["not armed"] = not_armed(live, at)
        facts["killed"] = killed(live, at)
        facts["armed"] = armed(live, at)
        facts["disarmed"] = disarmed(live, at)
        facts["again"] = restarted(live, at)
        for mode, one in others.items():
            facts[mode] = simulated(one, at)
        facts["seen"] = [f"{name} shows the key" for name, text in live.said if any(x in text for x in at.secrets)]
    return facts


def dry_run(home: LiveHome, at: LookAlike) -> dict[str, Any]:
    home.begin()
    home.wait("an order of a dry run", lambda: home.withheld("dry_run"))
    said = {"arm": home.do("arm", PHRASE, "--json"), "status": home.status(), "placed": placed(at)}
    return said | {"end": home.end()}


def not_armed(home: LiveHome, at: LookAlike) -> dict[str, Any]:
    said: dict[str, Any] = {"status": home.do("status"), "wrong": home.do("arm", "yes", "--json")}
    said["small"] = home.do("arm", PHRASE.lower(), "--json")
    told = json.loads((home.home / "run" / "control.json").read_text())
    token = json.loads(home.do("token", "--scope", "control", "--json")["out"])["token"]
    answer = httpx.post(
        told["url"] + "/v1/runtime/arm",
        headers={"authorization": f"Bearer {token}"},
        json={"acknowledge": PHRASE},
        trust_env=False,
    )
    said["tcp"] = {"status": answer.status_code, "code": answer.json()["code"]}
    home.wait("an order that nobody armed for", lambda: home.withheld("not_armed"))
    return said | {"armed": home.status()["armed"], "placed": placed(at)}


def killed(home: LiveHome, at: LookAlike) -> dict[str, Any]:
    home.do("kill", "--reason", "test")
    said = {"arm": home.do("arm", PHRASE, "--json"), "status": home.do("status")}
    home.do("release")
    return said | {"armed": home.status()["armed"], "placed": placed(at)}


def armed(home: LiveHome, at: LookAlike) -> dict[str, Any]:
    said: dict[str, Any] = {"arm": home.do("arm", PHRASE, "--json")}
    home.wait("a stop at the look-alike", at.working)
    said |= {"first line": home.status()["first_line"], "ours": len(at.ours()), "all": placed(at)}
    return said | {"audit": [row["action"] for row in home.page("audit")]}


def disarmed(home: LiveHome, at: LookAlike) -> dict[str, Any]:
    """Stops are taken away, so that each close wants them again."""
    said: dict[str, Any] = {"disarm": home.do("disarm", "--json")}
    home.do("cancel-all")
    home.wait("no order at the look-alike", lambda: not at.working())
    before, withheld = placed(at), len(home.withheld("not_armed"))
    home.wait("an order that leaves no more", lambda: len(home.withheld("not_armed")) > withheld)
    return said | {"before": before, "placed": placed(at)}


def restarted(home: LiveHome, at: LookAlike) -> dict[str, Any]:
    home.arm()
    said: dict[str, Any] = {"end": home.end(signal.SIGTERM)}
    before, withheld = placed(at), 0
    home.begin()
    said["status"] = home.status()
    withheld = len(home.withheld("not_armed"))
    home.wait("an order that nobody armed for again", lambda: len(home.withheld("not_armed")) > withheld)
    said |= {"before": before, "placed": placed(at)}
    home.arm()
    said["stops"] = len(home.wait("stops again", at.working))
    return said | {"last": home.end()}


def simulated(home: LiveHome, at: LookAlike) -> dict[str, Any]:
    """A daemon of another mode on the same prices: it wanted orders all the while, and placed none."""
    own = [row["client_order_id"] for row in home.page("orders")]
    there = {order.get("cl_ord_id") for order in at.orders()}
    said = {"wanted": len(own), "placed": len(there & set(own)), "arm": home.do("arm", PHRASE, "--json")}
    return said | {"line": home.status()["first_line"], "end": home.end()}


def main(home: str) -> None:
    """Tell the facts on standard output."""
    sys.stdout.write(json.dumps(story(Path(home))))
