"""Errors, named by what the caller must do.

MooringError
├── Invalid            the input is wrong: says which field and what was expected; never retry
│   └── NotFound       what was named does not exist: name another one
├── Denied             a rule said no (carries a typed reason): change nothing, tell the person
├── Unreachable        the daemon does not answer: start it, or look at its log
├── Retry              passing fault of a read; safe to ask again later (carries retry_after_seconds)
├── Unknown            an action may have happened: look it up, never repeat it
├── Halt               an invariant is broken: stop entries, keep exits, alert
│   └── Unverified     evidence does not match its hash: trust nothing after it, keep the file as it is
└── Conflict           somebody else changed or holds it first: reload and decide again
    └── Stale          what was decided on is no longer so: look again, then decide anew

Every error says what happened, what it means for the person's money, and what to do; `code` is stable
snake_case text to search for, and `exit_code` is what the command line ends with.
"""

from __future__ import annotations

from typing import ClassVar


class MooringError(Exception):
    """Root of the tree; never raised itself.

    Args:
        code: stable snake_case name of the case.
        what: what happened, one sentence.
        money: what it means for the person's money, one sentence; empty where no money can be touched.
        todo: the next step to take, one sentence.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, code: str, what: str, *, money: str = "", todo: str = "") -> None:
        super().__init__(what)
        self.code = code
        self.what = what
        self.money = money
        self.todo = todo

    def __str__(self) -> str:
        return " ".join(part for part in (self.what, self.money, self.todo) if part)


class Invalid(MooringError):  # noqa: N818 -- named by what to do, not by being an error
    """The input is wrong; correct it and call again."""

    exit_code = 2


class NotFound(Invalid):
    """What was named does not exist."""

    exit_code = 5


class Denied(MooringError):  # noqa: N818
    """A safety rule refused; nothing was changed."""

    exit_code = 3


class Unreachable(MooringError):  # noqa: N818
    """The daemon does not answer."""

    exit_code = 4


class Retry(MooringError):  # noqa: N818
    """A read failed in passing; asking again is safe."""

    def __init__(
        self, code: str, what: str, *, retry_after_seconds: float = 1.0, money: str = "", todo: str = ""
    ) -> None:
        super().__init__(code, what, money=money, todo=todo)
        self.retry_after_seconds = retry_after_seconds


class Unknown(MooringError):  # noqa: N818
    """An action may have happened; look it up, never repeat it."""


class Halt(MooringError):  # noqa: N818
    """An invariant is broken; entries stop, exits go on."""


class Unverified(Halt):
    """Evidence does not match its hash."""

    exit_code = 6


class Conflict(MooringError):  # noqa: N818
    """Somebody else holds or changed it first."""

    exit_code = 7


class Stale(Conflict):
    """What was decided on has changed since."""
