"""A life of bundles, shown step by step: published, tried, accepted, refused, brought by hand, taken back."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from mooring.control_api.client import Client
from mooring.control_api.models_bundles import Bundles
from mooring.control_api.models_evidence import Operation
from mooring.daemon.starter import StarterRepository, Version
from mooring.daemon.static_files import Host
from mooring.errors import Denied, Halt, MooringError

PATIENCE_SECONDS: Final = 120.0
LOOK_SECONDS: Final = 0.1
FAULTY: Final = Version(text="starter-2-nan", faulty=True)
THIRD: Final = Version(text="starter-3", lean=0.02)
FOURTH: Final = Version(text="starter-4", lean=0.01)


@dataclass(kw_only=True)
class Show:
    """The steps, each told in a line or two and looked at over the API; what is not as it should be ends it.

    Args:
        say: a line for people.
    """

    calls: Client
    starter: StarterRepository
    host: Host
    say: Callable[[str], None]
    done: list[dict[str, str]] = field(default_factory=list)

    def play(self) -> list[dict[str, str]]:
        """All steps; what happened in each.

        Raises:
            Halt: `show_differs`, a step did not come to what it should. And what the API raises.
        """
        self.first()
        self.faulty()
        self.undersigned()
        self.replayed()
        self.sideloaded()
        self.revoked()
        self.look()
        return self.done

    def first(self) -> None:
        """The first version was put in when the demo began; it is accepted once its trial is over."""
        now = self._until("the first version is accepted", lambda at: _is(at.active, 1) and at.phase == "none")
        assert now.active is not None
        self._note("v1", f"accepted after its trial: {now.active.id}", "committed")

    def faulty(self) -> None:
        """A version that answers NaN goes back by itself."""
        seq = self.starter.release(FAULTY)
        self.say(f"v2 is published, signed by both: its model answers NaN once a price moves. Number {seq}.")
        self._work(self.calls.update_bundle())
        now = self._until(
            "the faulty version is given up and the first one decides again",
            lambda at: _rejected(at, seq) != "" and _is(at.active, 1) and _runs(at, 1),
        )
        self._note("v2", f"rolled back by itself: {_rejected(now, seq)}", "rolled_back")

    def undersigned(self) -> None:
        """A version that one of two signed is not published; and published all the same, it is refused."""
        self.starter.offer(THIRD)
        self.starter.sign_all(1)
        try:
            self.starter.publish()
        except Denied as error:
            self.say(f"v3 is signed by one of two; publishing refuses: {error.what}")
        with self.starter.forced():
            why = self._refused("v3, signed by one of two")
        self.starter.drop()
        self._note("v3", f"refused: {why}", "refused")

    def replayed(self) -> None:
        """An old timestamp is not believed."""
        with self.starter.replayed():
            why = self._refused("an old timestamp")
        self._note("replay", f"refused: {why}", "refused")

    def sideloaded(self) -> None:
        """A version that comes in a file, while the host is away."""
        seq = self.starter.release(FOURTH)
        self.starter.renew_snapshot()
        with tempfile.TemporaryDirectory(prefix="mooring-") as folder:
            file = Path(folder) / "v4.mbundle"
            self.starter.pack(seq, file)
            self.host.away()
            self.say(f"The host is away. v4 comes as a file of {file.stat().st_size} bytes.")
            self.say(f"Its number is {seq}, as the one before it never came out.")
            self._work(self.calls.sideload_bundle(file, activate=True))
        now = self._until("v4 is accepted", lambda at: _is(at.active, seq) and at.phase == "none")
        assert now.active is not None
        self.host.back()
        self._note("v4", f"brought in a file, accepted after its trial: {now.active.id}", "committed")

    def revoked(self) -> None:
        """The publisher takes the version back that decides."""
        seq = self.starter.newest
        self.starter.revoke(seq, "shown how a bundle is taken back")
        self.say(f"Number {seq} is taken back by its publisher.")
        self._work(self.calls.check_bundles())
        now = self._until("the first version decides again", lambda at: _runs(at, 1))
        self._require("the revocation is told", bool(now.revoked))
        self._note("revoked", f"{now.revoked[-1].reason}; back on {now.running}", "revoked")

    def look(self) -> None:
        """What of all this stands in the API."""
        now = self.calls.bundles()
        for event in reversed(now.history):
            self.say(f"  {event.at}  {event.kind:<14} {event.id}")
        kinds = {event.kind for event in now.history}
        audit = [row for row in self.calls.page("audit", limit=100).items if str(row["action"]).startswith("bundle")]
        for row in reversed(audit):
            self.say(f"  {row['at']}  {row['actor']:<10} {row['action']:<20} {row['result']}")
        self._require("all of it stands in the history and in the audit", bool(kinds) and bool(audit))

    def _refused(self, what: str) -> str:
        """Why a look at the repository is refused, or what it offers is."""
        try:
            self._work(self.calls.check_bundles())
        except MooringError as error:
            return error.what
        problem = self.calls.bundles().staleness.problem
        self._require(f"{what} is refused", bool(problem))
        return problem

    def _work(self, operation: Operation) -> Operation:
        return self.calls.wait_for(operation.id)

    def _until(self, what: str, holds: Callable[[Bundles], bool]) -> Bundles:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            now = self.calls.bundles()
            if holds(now):
                return now
            time.sleep(LOOK_SECONDS)
        raise _differs(what)

    def _require(self, what: str, holds: bool) -> None:
        if not holds:
            raise _differs(what)

    def _note(self, step: str, text: str, result: str) -> None:
        self.done.append({"step": step, "result": result, "text": text})
        self.say(f"{step}: {text}")


def _is(bundle: Any, seq: int) -> bool:
    return bundle is not None and bundle.seq == seq


def _runs(now: Bundles, seq: int) -> bool:
    return now.running is not None and f"@{seq}:" in now.running


def _rejected(now: Bundles, seq: int) -> str:
    return next((str(one.reason) for one in now.rejected if f"@{seq}:" in one.id), "")


def _differs(what: str) -> Halt:
    return Halt(
        "show_differs",
        f"The show did not come to what it should: {what}.",
        money="Prices and money of a demo are made up.",
        todo="Report this with the log.",
    )
