"""What connecting a key needs of others: who asks the venue, who keeps the key, who tells the time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from mooring.onboarding.checks import Report
from mooring.onboarding.shapes import Pasted
from mooring.onboarding.state import Current, View


class Examiner(Protocol):
    """Asks the venue about a key. Calls block, for a bounded time."""

    def examine(self, pasted: Pasted) -> Report:
        """Try everything; nothing is stored and no order placed.

        Raises:
            MooringError: the venue does not answer, or does not know the key.
        """
        ...

    def refused(self, pasted: Pasted) -> bool:
        """Whether the venue refuses the key by now, whoever asks.

        Raises:
            MooringError: the venue does not answer.
        """
        ...


class Keeper(Protocol):
    """Keeps the key in force. `current` is cheap; the others may wait for a prompt of the keychain."""

    @property
    def where(self) -> str:
        """The place in words."""
        ...

    def current(self) -> Current | None: ...

    def require(self) -> None:
        """See that a key could be kept.

        Raises:
            Denied: the keychain does not answer.
        """
        ...

    def load(self) -> Pasted | None: ...

    def keep(self, pasted: Pasted) -> Current:
        """Keep it in the place of any other, and read it back.

        Raises:
            MooringError: as of a keychain; the former key is still in force.
        """
        ...

    def forget(self) -> bool: ...


class Note(Protocol):
    """A small document that outlives a restart."""

    def load(self) -> dict[str, Any] | None: ...

    def save(self, document: Mapping[str, Any]) -> None: ...


class Time(Protocol):
    """Wall clock and durations."""

    def now(self) -> int: ...

    def monotonic(self) -> float: ...


class Use(Protocol):
    """What the daemon does with the key in force."""

    def in_use(self) -> str:
        """The last four characters of the key that it holds; empty where it holds none."""
        ...

    def blocked(self) -> str:
        """Why the key must not be taken away now, one sentence; empty where it may."""
        ...


class Unused:
    """No daemon runs, so nothing uses the key."""

    def in_use(self) -> str:
        """Nothing."""
        return ""

    def blocked(self) -> str:
        """Nothing is in the way."""
        return ""


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What onboarding is made of.

    Attributes:
        venue: address that is asked. look_alike: whether it is one of this machine.
        host: this machine's name.
        tell: is told of each change. hide: is told texts that must never be written down.
        unhide: is told which of them nobody has any more, as often as `hide` was told of them.
        after: runs something once so many seconds have passed; without, a pasted key is forgotten at the next look.
    """

    venue: str
    look_alike: bool
    host: str
    examiner: Examiner
    keeper: Keeper
    note: Note
    time: Time
    use: Use = field(default_factory=Unused)
    tell: Callable[[View], None] = lambda _: None
    hide: Callable[[str, str], None] = lambda *_: None
    unhide: Callable[[str, str], None] = lambda *_: None
    after: Callable[[float, Callable[[], None]], None] = lambda *_: None
