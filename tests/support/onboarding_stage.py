"""Connecting a key with everything around it in memory: venue, keychain, note, clock."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from mooring.errors import MooringError
from mooring.key_rights import NEEDED
from mooring.onboarding.checks import Held, KeyFacts, Report, examine
from mooring.onboarding.machine import Onboarding
from mooring.onboarding.ports import Parts
from mooring.onboarding.shapes import Pasted
from mooring.onboarding.state import Current, View

NOW = 1_795_000_000


def a_key(number: int = 1) -> Pasted:
    """A key of the right shape that nobody has."""
    return Pasted(
        key=base64.b64encode(bytes([number]) * 42).decode(), secret=base64.b64encode(bytes([number]) * 64).decode()
    )


def done(work: Coroutine[object, object, Report]) -> Report:
    """What comes of work that waits for nothing; thousands of event loops would take their time."""
    try:
        work.send(None)
    except StopIteration as ended:
        report: Report = ended.value
        return report
    raise AssertionError("it waits")


class RecordingKeeper:
    """Keeps keys in memory, and remembers each that ever came in."""

    where = "the memory of this test"

    def __init__(self) -> None:
        self.kept: Pasted | None = None
        self.version = 0
        self.ever: list[str] = []
        self.error: MooringError | None = None

    def _may_fail(self) -> None:
        if self.error is not None:
            raise self.error

    def current(self) -> Current | None:
        return None if self.kept is None else Current(ends=self.kept.ends, version=self.version, stored_at=NOW)

    def require(self) -> None:
        self._may_fail()

    def load(self) -> Pasted | None:
        return self.kept

    def keep(self, pasted: Pasted) -> Current:
        self.ever.append(pasted.key)
        self._may_fail()
        self.kept, self.version = pasted, self.version + 1
        return Current(ends=pasted.ends, version=self.version, stored_at=NOW)

    def forget(self) -> bool:
        self._may_fail()
        gone, self.kept = self.kept is not None, None
        return gone


class TextNote:
    """Remembers each text that was ever saved."""

    def __init__(self) -> None:
        self.saved: list[str] = []

    def load(self) -> dict[str, Any] | None:
        return dict(json.loads(self.saved[-1])) if self.saved else None

    def save(self, document: Mapping[str, Any]) -> None:
        self.saved.append(json.dumps(document))


@dataclass
class Venue:
    """A venue that answers of every key what the test says; also the examiner."""

    rights: frozenset[str] = frozenset(NEEDED)
    error: MooringError | None = None
    dead: bool = False
    meanwhile: Callable[[], None] = lambda: None

    def examine(self, pasted: Pasted) -> Report:
        self.meanwhile()
        if self.error is not None:
            raise self.error
        return done(examine(self, now=NOW))

    def refused(self, pasted: Pasted) -> bool:
        if self.error is not None:
            raise self.error
        return self.dead

    async def skew_ms(self) -> int:
        return 0

    async def facts(self) -> KeyFacts:
        return KeyFacts(rights=self.rights, addresses=("203.0.113.7",))

    async def held(self) -> Held:
        return Held(asset="USD", free=Decimal(1000), anything=True)

    async def orders_of_others(self) -> int:
        return 0

    async def check_order(self) -> str:
        return ""

    async def check_token(self) -> None:
        return


@dataclass
class Clock:
    """Moved by hand."""

    seconds: float = 0.0
    later: list[tuple[float, Callable[[], None]]] = field(default_factory=list)

    def now(self) -> int:
        return NOW + int(self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    def after(self, seconds: float, call: Callable[[], None]) -> None:
        self.later.append((self.seconds + seconds, call))

    def move(self, seconds: float) -> None:
        self.seconds += seconds
        due = [call for at, call in self.later if at <= self.seconds]
        self.later = [(at, call) for at, call in self.later if at > self.seconds]
        for call in due:
            call()


@dataclass
class LiveUse:
    """What the daemon does with the key."""

    ends: str = ""
    why: str = ""

    def in_use(self) -> str:
        return self.ends

    def blocked(self) -> str:
        return self.why


class Stage:
    """The machine, and all around it. `again` is a restart: only what is durable stays."""

    def __init__(self) -> None:
        self.keeper, self.note, self.venue, self.clock, self.use = (
            RecordingKeeper(),
            TextNote(),
            Venue(),
            Clock(),
            LiveUse(),
        )
        self.told: list[View] = []
        self.hidden: set[str] = set()
        self.machine = self.again()

    def again(self) -> Onboarding:
        self.machine = Onboarding(
            Parts(
                venue="https://api.kraken.com",
                look_alike=False,
                host="Änne's MacBook-Pro.local",
                examiner=self.venue,
                keeper=self.keeper,
                note=self.note,
                time=self.clock,
                use=self.use,
                tell=self.told.append,
                hide=lambda *texts: self.hidden.update(texts),
                unhide=lambda *texts: self.hidden.difference_update(texts),
                after=self.clock.after,
            )
        )
        return self.machine

    def connect_until_checked(self, pasted: Pasted) -> View:
        self.machine.begin()
        self.machine.paste(pasted.key, pasted.secret)
        return self.machine.verify()

    def connect(self, pasted: Pasted) -> View:
        self.connect_until_checked(pasted)
        return self.machine.complete()


def pasted(stage: Stage, number: int = 1) -> Pasted:
    one = a_key(number)
    stage.machine.begin()
    stage.machine.paste(one.key, one.secret)
    return one


def secrets_held(machine: Onboarding) -> list[Pasted]:
    """Every pasted key that the machine can still reach."""
    reached, todo = set(), [machine]
    found: list[Pasted] = []
    while todo:
        one = todo.pop()
        if id(one) in reached:
            continue
        reached.add(id(one))
        if isinstance(one, Pasted):
            found.append(one)
        held = getattr(one, "__dict__", None)
        if held is not None and type(one).__module__.startswith("mooring.onboarding"):
            todo += [value for name, value in held.items() if name != "_parts"]
    return found
