"""A live day with its accidents, told as facts; run by test_live_program within a keyring session.

A process that is killed while orders are under way, a kill switch, money that comes and goes, coins that are taken away.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any

from mooring.runtime.domain.money import MONEY_DECIMALS, to_decimal
from mooring.runtime.store.reader import Reader
from tests.acceptance.live_rig import LiveHome, LookAlike, look_alike

PHRASE = "I_UNDERSTAND"
# The look-alike's names of assets, as Kraken's are, and ours.
NAMES = {"ZUSD": "USD", "XXBT": "BTC", "XETH": "ETH", "XXRP": "XRP"}
LOT_DECIMALS = 8
ASLEEP_SECONDS = 11.0  # more than no slow machine needs between two looks


def story(root: Path) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    with look_alike("--seed", "7") as at, ExitStack() as held:
        home = held.enter_context(LiveHome(root / "l", at))
        facts["no key"] = home.do("run", "--json")
        home.connect_key()
        home.begin()
        facts["second"] = home.do("run", "--json")
        facts["crash"] = crash(home, at)
        facts["kill switch"] = kill_switch(home, at)
        facts["outside"] = outside(home, at)
        facts["asleep"] = asleep(home, at)
        facts["quiet"] = quiet(home, at)
        facts["taken"] = taken(home, at)
        facts["leaks"] = leaks(home, at)
        facts["end"] = end(home, at)
    return facts


def crash(home: LiveHome, at: LookAlike) -> dict[str, Any]:
    """Orders are taken and answered so late that the daemon dies before it knows."""
    at.happen("delay", match="*:?dd*rder", seconds="3000", times="2")
    home.arm()
    home.wait("an order at the look-alike", at.ours)
    home.end(signal.SIGKILL)
    said: dict[str, Any] = {"before": len(at.ours()), "off": home.do("status")}
    home.begin()
    said["status"] = home.status()
    home.arm()
    home.wait("a stop over each position", lambda: covered(at))
    return said | {"twice": twice(at), "first line": home.status()["first_line"]}


def twice(at: LookAlike) -> list[str]:
    """Client ids that more than one order has."""
    names = [one["cl_ord_id"] for one in at.ours()]
    return sorted({name for name in names if names.count(name) > 1})


def coins(at: LookAlike) -> dict[str, Decimal]:
    """What is held of each coin."""
    return {asset: Decimal(n) for asset, n in at.books()["balances"].items() if asset != "ZUSD" and Decimal(n)}


def covered(at: LookAlike) -> bool:
    """Whether something is held, and stops rest over all of it."""
    there = at.books()
    held = {asset: Decimal(n) for asset, n in there["balances"].items() if asset != "ZUSD" and Decimal(n)}
    return bool(held) and held == {asset: Decimal(n) for asset, n in there["holds"].items() if asset != "ZUSD"}


def kill_switch(home: LiveHome, at: LookAlike) -> dict[str, Any]:
    stops = {one["cl_ord_id"] for one in at.working()}
    said: dict[str, Any] = {"stops": len(stops), "kill": home.do("kill", "--reason", "test")}
    home.wait("no order at the look-alike", lambda: not at.working())
    home.wait("the books' word of that", lambda: "were cancelled" in home.status()["first_line"])
    said |= {"killed": home.status(), "word": home.do("status")["out"].splitlines()[0], "kept": len(coins(at))}
    said["again"] = home.do("kill", "--json")
    home.do("release")
    home.wait("stops again", lambda: covered(at))
    return said | {"new": not stops & {one["cl_ord_id"] for one in at.working()}, "armed": home.status()["armed"]}


def outside(home: LiveHome, at: LookAlike) -> dict[str, Any]:
    at.happen("deposit", asset="USD", amount="500")
    at.happen("withdrawal", asset="USD", amount="123.45")
    at.happen("external_order", pair="XBTUSD", side="buy", volume="0.01")
    wanted = {("deposit", "500"), ("withdrawal", "-123.45"), ("trade", "0.01")}
    home.wait(
        "the movements", lambda: wanted <= {(row["kind"], short(row["amount"])) for row in kept(home, "movements")}
    )
    codes = [one["code"] for one in home.page("alerts")]
    said: dict[str, Any] = {
        "status": home.status(),
        "alerts": codes,
        "kinds": sorted({r["kind"] for r in kept(home, "movements")}),
    }
    home.do("pause", "--reason", "lunch")
    said["paused"] = home.status()["first_line"]
    home.do("resume")
    return said | {"resumed": home.status()["word"]}


def short(amount: str) -> str:
    return format(Decimal(amount).normalize(), "f")


def kept(home: LiveHome, kind: str) -> list[dict[str, Any]]:
    """The newest rows of a table of the daemon's database."""
    reader = Reader.open(home.home / "data" / "mooring.db")
    try:
        return [dict(row) for row in reader.page(kind, limit=500).items]
    finally:
        reader.close()


def asleep(home: LiveHome, at: LookAlike) -> dict[str, Any]:
    """The process stands still for hours of the market, as when a laptop is closed; meanwhile a person kills it."""
    assert home.process is not None
    home.wait("an order that works", at.working)
    last = kept(home, "reconciles")[0]["seq"]
    home.process.send_signal(signal.SIGSTOP)
    said: dict[str, Any] = {"kill": home.do("kill", "--reason", "it hangs", "--json")}
    before = {one["cl_ord_id"] for one in at.ours()}
    time.sleep(ASLEEP_SECONDS)
    home.process.send_signal(signal.SIGCONT)

    def since() -> list[dict[str, Any]]:
        return [one for one in kept(home, "reconciles") if one["seq"] > last and one["cause"] == "wake"]

    home.wait("a comparison", since)
    home.wait("prices and account", lambda: home.status()["venue"]["connected"] and not home.status()["blocked"])
    home.wait("no order at the look-alike", lambda: not at.working())
    placed = [one["descr"]["ordertype"] for one in at.ours() if one["cl_ord_id"] not in before]
    said |= {"killed": home.status(), "placed": placed}
    said["noted"] = (home.home / "run" / "kill-request.json").exists()
    home.do("release")
    log = (home.home / "logs" / "daemon.log").read_text()
    return said | {"equal": since()[0]["equal"], "twice": twice(at), "log": log}


def quiet(home: LiveHome, at: LookAlike) -> dict[str, Any]:
    """Nothing works any more: after the next comparison the books are the look-alike's, to the last digit."""
    home.wait("a coin that is Mooring's alone", lambda: others(at))
    home.do("disarm")
    home.do("kill")
    home.wait("no order at the look-alike", lambda: not at.working())
    last = kept(home, "reconciles")[0]["seq"]
    home.wait("two comparisons", lambda: kept(home, "reconciles")[0]["seq"] >= last + 2)
    newest = kept(home, "reconciles")[0]
    return {"equal": newest["equal"], "ours": ours(home), "theirs": theirs(at), "orders": len(at.ours())}


def ours(home: LiveHome) -> dict[str, str]:
    """What the books say that the account has: cash and positions of the ledger, and all that moved outside of it."""
    reader = Reader.open(home.home / "data" / "mooring.db")
    try:
        run = reader.latest_run()
        assert run is not None
        sums: dict[str, Decimal] = {}
        for (name, asset), amount in reader.balances_of_account(run["account_id"]).items():
            if name in ("cash", "position"):
                sums[asset] = to_decimal(amount, MONEY_DECIMALS if name == "cash" else LOT_DECIMALS)
        for row in reader.page("movements", limit=500, account_id=run["account_id"]).items:
            sums[row["asset"]] = sums.get(row["asset"], Decimal(0)) + Decimal(row["amount"])
    finally:
        reader.close()
    return {asset: short(str(amount)) for asset, amount in sorted(sums.items()) if amount}


def theirs(at: LookAlike) -> dict[str, str]:
    said = {NAMES.get(asset, asset): Decimal(n) for asset, n in at.books()["balances"].items()}
    return {asset: short(str(amount)) for asset, amount in sorted(said.items()) if amount}


def others(at: LookAlike) -> list[tuple[str, str]]:
    """Coins of which nobody else has bought any, and how many there are."""
    return [(asset, amount) for asset, amount in theirs(at).items() if asset not in ("USD", "BTC")]


def taken(home: LiveHome, at: LookAlike) -> dict[str, Any]:
    """Coins of ours are staked by somebody: that is said by name, everywhere, and nothing is bought."""
    # Which coins are held by now is up to the stops; of BTC somebody else has bought some, too.
    coin, amount = next(iter(others(at)))
    at.happen("staking", asset=coin, amount=amount)
    home.wait("the word of that", lambda: home.status()["blocked"])
    home.do("release")
    home.arm()
    said: dict[str, Any] = {"status": home.status(), "shown": home.do("status"), "health": home.do("health")}
    doctor = home.do("doctor", "--json")
    alerts = [(one["severity"], one["code"], one["text"]) for one in home.page("alerts")]
    entries = len([one for one in at.ours() if one["descr"]["type"] == "buy"])
    home.wait("stops over the rest", at.working)
    after = len([one for one in at.ours() if one["descr"]["type"] == "buy"])
    return said | {"coin": coin, "doctor": doctor, "alerts": alerts, "bought": after - entries}


def leaks(home: LiveHome, at: LookAlike) -> dict[str, Any]:
    """Where the key can be read that should not be."""
    assert home.process is not None
    places = [path for path in home.home.rglob("*") if path.is_file()]
    places += [Path(f"/proc/{home.process.pid}/{own}") for own in ("cmdline", "environ")]
    seen = [str(place) for place in places for one in at.secrets if one.encode() in place.read_bytes()]
    paths = ("status", "health", "doctor", "orders", "fills", "alerts", "audit", "risk", "ledger", "equity")
    seen += [path for path in paths for one in at.secrets if one in home.call("GET", f"/v1/{path}").text]
    seen += [f"output of {name}" for name, text in home.said for one in at.secrets if one in text]
    return {"seen": seen, "looked at": len(places), "outputs": len(home.said)}


def end(home: LiveHome, at: LookAlike) -> dict[str, Any]:
    """It ends in order while stops rest."""
    before = {one["cl_ord_id"] for one in at.working()}
    said: dict[str, Any] = {"end": home.end(signal.SIGTERM), "stops": len(before)}
    gone = [one["cl_ord_id"] for one in at.ours() if one["status"] in ("canceled", "expired")]
    said |= {"cancelled at the end": sorted(before & set(gone)), "dead man": at.books()["dead_man"], "twice": twice(at)}
    said |= {"db check": home.do("db", "check", "--json"), "replay": home.do("replay", "verify", "--json")}
    return said | {"off": home.do("status"), "files": sorted(path.name for path in (home.home / "run").iterdir())}


def main(home: str) -> None:
    """Tell the facts on standard output."""
    sys.stdout.write(json.dumps(story(Path(home))))
