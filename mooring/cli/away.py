"""What is so where the daemon does not answer: that it is off is only said where nothing holds the home."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from mooring.daemon.instance import holder
from mooring.daemon.supervision import attention
from mooring.errors import Unreachable

if TYPE_CHECKING:
    from mooring.control_api.client import Client
    from mooring.home import Home

OFF: Final = "Mooring is off. Nothing is being traded."
NOTHING_DONE: Final = "Nothing of this command was done."
TAKEN: Final = "What this command asked for was taken before; it may have been done or not."
TRIED_AGAIN: Final = "It is tried again by itself; `mooring down` ends that."
THEN_UP: Final = "Then start it with `mooring up`."
TO_LOOK: Final = "Look at its log (`mooring logs`), or end it with `mooring down`."


@contextmanager
def client_at(home: Home, *, patience_seconds: float = 10.0, money: str = NOTHING_DONE) -> Iterator[Client]:
    """A client of a home's daemon, which waits so long for each answer.

    Args:
        money: what is said besides where nobody answers; of a daemon that had taken a part of it, TAKEN.

    Raises:
        Unreachable: it does not run, or runs and does not answer; the error says which.
    """
    from mooring.control_api.client import Client  # noqa: PLC0415 -- httpx and pydantic are not needed for --help

    client: Client | None = None
    try:
        with Client.connect(home.run_dir, timeout_seconds=patience_seconds) as client:
            yield client
    except Unreachable as error:
        if error.code != "daemon_not_reachable":
            raise
        taken = client is not None and client.taken  # as where it goes while one waits for what it was asked for
        raise _away(home, error, money=TAKEN if taken else money) from None


def _away(home: Home, error: Unreachable, *, money: str) -> Unreachable:
    pid = holder(home)
    if pid is not None:  # to say "off" of one that may be trading would be the worst of answers
        return Unreachable(
            "daemon_silent",
            f"A daemon runs (process {pid or 'unknown'}) but does not answer.",
            money=f"It may be trading, with real orders where it was armed; what it does is recorded. {money}".rstrip(),
            todo=TO_LOOK,
        )
    said = attention.read(home)
    if said is not None:
        return Unreachable(
            "needs_attention",
            f"Mooring is off: {said.what}",
            money=f"{said.money or 'Nothing is being traded.'} {money}".rstrip(),
            todo=f"{said.todo} {TRIED_AGAIN if said.again else THEN_UP}",
        )
    return Unreachable(error.code, OFF, money=money, todo=error.todo)
