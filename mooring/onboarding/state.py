"""How far connecting a key got: what is shown, and what outlives a restart. Neither holds any part of a secret."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Literal, get_args

from mooring.errors import MooringError
from mooring.onboarding.checks import Finding, FindingState
from mooring.onboarding.rights import Row
from mooring.onboarding.rights import State as RightState
from mooring.onboarding.words import ScreenName

OldState = Literal["unknown", "works", "refused"]


class Step(StrEnum):
    """Where a person is. `explained` and `pasted` are before the check, `verified` and `refused` after it."""

    IDLE = "idle"
    EXPLAINED = "explained"
    PASTED = "pasted"
    VERIFIED = "verified"
    REFUSED = "refused"
    COMPLETE = "complete"


@dataclass(frozen=True, kw_only=True)
class Problem:
    """An error, as it is shown."""

    code: str
    what: str
    money: str
    todo: str

    @classmethod
    def of(cls, error: MooringError) -> Problem:
        """The sentences of an error."""
        return cls(code=error.code, what=error.what, money=error.money, todo=error.todo)


@dataclass(frozen=True, kw_only=True)
class OldKey:
    """A key that was replaced or removed here, and may still work at Kraken.

    Attributes:
        state: what its last check said. checked_at: UTC unix seconds, 0 before the first.
    """

    ends: str
    state: OldState = "unknown"
    checked_at: int = 0


@dataclass(frozen=True, kw_only=True)
class Progress:
    """What outlives a restart. Times are UTC unix seconds, 0 where it has not happened.

    Attributes:
        ends: last four characters of the public part of the key at hand.
    """

    step: Step = Step.IDLE
    ends: str = ""
    rows: tuple[Row, ...] = ()
    findings: tuple[Finding, ...] = ()
    problem: Problem | None = None
    begun_at: int = 0
    examined_at: int = 0
    completed_at: int = 0
    old: OldKey | None = None

    def document(self) -> dict[str, Any]:
        """As JSON can say it."""
        return asdict(self)

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Progress:
        """From a document; a new beginning where it is not one of ours."""
        try:
            old, problem = said["old"], said["problem"]
            return cls(
                step=Step(said["step"]),
                ends=str(said["ends"]),
                rows=tuple(Row(**_checked(row, state=get_args(RightState))) for row in said["rows"]),
                findings=tuple(Finding(**_checked(one, state=get_args(FindingState))) for one in said["findings"]),
                problem=None if problem is None else Problem(**_checked(problem)),
                begun_at=int(said["begun_at"]),
                examined_at=int(said["examined_at"]),
                completed_at=int(said["completed_at"]),
                old=None if old is None else OldKey(**_checked(old, ("checked_at",), state=get_args(OldState))),
            )
        except (AttributeError, KeyError, TypeError, ValueError):
            return cls()


def _checked(said: Mapping[str, Any], numbers: tuple[str, ...] = (), **choices: tuple[str, ...]) -> Mapping[str, Any]:
    """The same, of texts and these numbers only; another version may have written what this one cannot show."""
    for name, value in said.items():
        if type(value) is not (int if name in numbers else str) or value not in choices.get(name, (value,)):
            raise ValueError(name)
    return said


@dataclass(frozen=True, kw_only=True)
class Current:
    """The key in force, without its values; version and stored_at are 0 where it is mounted from outside."""

    ends: str
    version: int
    stored_at: int


@dataclass(frozen=True, kw_only=True)
class View:
    """All that a frontend shows.

    Attributes:
        progress: as it is now: a step that needs a pasted key is `explained` once that key is no longer in memory.
        screen: which one to show.
        current: the key in force; None where there is none.
        paste_again: a key was pasted and is no longer in memory.
        expires_at: UTC unix seconds when a pasted key is forgotten; 0 where none is in memory.
        old_checkable: whether the old key is still known here, so that it can be tried.
        restart_needed: the daemon that runs uses another key than the one in force.
        following: the next step, one sentence.
    """

    progress: Progress
    screen: ScreenName
    venue: str
    look_alike: bool
    where: str
    key_name: str
    key_page: str
    current: Current | None
    paste_again: bool
    expires_at: int
    old_checkable: bool
    restart_needed: bool
    following: str
