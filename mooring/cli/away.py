"""What is so where the daemon does not answer: that it is off is only said where nothing holds the home."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from mooring.daemon import kill_press, kill_request
from mooring.daemon.instance import holder, is_off
from mooring.daemon.supervision import attention
from mooring.errors import Denied, MooringError, Retry, Unreachable

if TYPE_CHECKING:
    from mooring.control_api.client import Client
    from mooring.control_api.models import Status
    from mooring.home import Home

OFF: Final = "Mooring is off. Nothing is being traded."
NOTHING_DONE: Final = "Nothing of this command was done."
TAKEN: Final = "What this command asked for was taken before; it may have been done or not."
TRIED_AGAIN: Final = "It is tried again by itself; `mooring down` ends that."
THEN_UP: Final = "Then start it with `mooring up`."
NOTED: Final = "The kill switch is noted: the next start begins with it on."
AT_KRAKEN: Final = "Orders can be cancelled at Kraken itself, too."
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
        if error.code != kill_press.NOBODY:
            raise
        taken = client is not None and client.taken  # as where it goes while one waits for what it was asked for
        raise _away(home, error, money=TAKEN if taken else money) from None


def press_kill(home: Home, reason: str, now: Callable[[], int]) -> Status:
    """Press the kill switch of a home's daemon; where it does not confirm that, it is noted in the home.

    Args:
        now: UTC unix seconds.

    Raises:
        MooringError: it is not known to be on; the error says whether it is noted, and what follows.
    """
    from mooring.control_api.client import Client  # noqa: PLC0415 -- as above

    def connect(seconds: float) -> Client:
        return Client.connect(home.run_dir, timeout_seconds=seconds)

    with _broken_off():
        pressed = kill_press.press(home, connect, actor="cli", reason=reason, now=now)
    if pressed.error is not None:
        raise _not_confirmed(home, pressed, pressed.error)
    assert pressed.status is not None
    return pressed.status


@contextmanager
def _broken_off() -> Iterator[None]:
    """A terminal that is closed, and an end that is asked for, break the wait off as Ctrl-C does."""

    def end(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    numbers = [one for one in (signal.SIGHUP, signal.SIGTERM) if signal.getsignal(one) is signal.SIG_DFL]
    try:
        for one in numbers:
            signal.signal(one, end)
        yield
    finally:
        for one in numbers:
            signal.signal(one, signal.SIG_DFL)


def _not_confirmed(home: Home, pressed: kill_press.Pressed, error: MooringError) -> MooringError:
    if not isinstance(error, Unreachable) or error.code != kill_press.NOBODY:
        error.money = f"{error.money} {pressed.then(runs=True)}".lstrip()
        return error
    said = _away(home, error, money=pressed.then(runs=not is_off(home)))
    if not pressed.noted:
        return Unreachable(
            "kill_not_noted",
            f"The kill switch was not pressed. {said.what}",
            money=said.money,
            todo=f"{said.todo} {AT_KRAKEN}",
        )
    said.todo = f"{said.todo} {AT_KRAKEN}"
    return said


def _away(home: Home, error: Unreachable, *, money: str) -> MooringError:
    try:
        pid = holder(home)
    except (Denied, Retry) as unseen:  # what became of the command is said all the same
        unseen.money = money or unseen.money
        return unseen
    if pid is not None:  # to say "off" of one that may be trading would be the worst of answers
        return Unreachable(
            "daemon_silent",
            f"A daemon runs (process {pid or 'unknown'}) but does not answer.",
            money=f"It may be trading, with real orders where it was armed; what it does is recorded. {money}".rstrip(),
            todo=TO_LOOK,
        )
    if kill_request.is_asked(home) and kill_press.NOTED not in money:
        money = f"{NOTED} {money}".rstrip()
    said = attention.read(home)
    if said is not None:
        return Unreachable(
            "needs_attention",
            f"Mooring is off: {said.what}",
            money=f"{said.money or 'Nothing is being traded.'} {money}".rstrip(),
            todo=f"{said.todo} {TRIED_AGAIN if said.again else THEN_UP}",
        )
    return Unreachable(error.code, OFF, money=money, todo=error.todo)
