"""How an engine goes on with another run between two hours, because a person changed what decides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mooring.runtime.engine.run import Run


@dataclass(frozen=True, kw_only=True)
class Renewed:
    """What an engine goes on with; recorded before it is answered.

    Attributes:
        run: the run from the next hour on; the same one where nothing that decides is another.
        flatten_on_kill: whether the kill switch also sells what is held, from now on.
    """

    run: Run
    flatten_on_kill: bool


@dataclass(frozen=True, kw_only=True)
class NotRenewed:
    """The engine goes on with what it had; a person is told why.

    Attributes:
        code, text: of the alert.
    """

    code: str
    text: str


# Asked between two hours, in the engine's turn: what it goes on with; None where nothing changed. It raises what the
# store raises; whatever else is wrong with a change is `NotRenewed`.
Renewal = Callable[[], Renewed | NotRenewed | None]


def never() -> None:
    """Nothing ever changes."""
