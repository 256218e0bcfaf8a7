"""The daemon as a service: started, ended and started again, by a supervisor where there is one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from mooring.daemon import service
from mooring.daemon.instance import holder
from mooring.daemon.service import POLL_SECONDS, START_SECONDS, Healthy
from mooring.daemon.supervision import attention, elsewhere
from mooring.daemon.supervision.finding import forget, remember
from mooring.daemon.supervision.ports import Supervisor
from mooring.errors import Denied, MooringError, Retry, Unreachable
from mooring.home import Home
from mooring.runtime.market.clock import Clock

LET_GO: Final = "Its supervisor ended the daemon that it looked after. Another one may be trading there."
RESTART_SECONDS: Final = service.STOP_SECONDS + START_SECONDS


def up(home: Home, supervisor: Supervisor | None, healthy: Healthy, clock: Clock, *, at_login: bool) -> None:
    """Start a daemon where none runs, and wait until it answers. One that runs is left to whoever started it.

    Raises:
        Unreachable: it does not answer in time.
        MooringError: what kept it from starting, as the daemon said it; what the supervisor said.
    """
    if supervisor is None or (holder(home) is not None and supervisor.seen().pid != holder(home)):
        service.up(home, healthy, clock)
        return
    home.prepare()
    attention.clear(home)
    remember(home, supervisor.file)  # first, so that it is found also where the start is broken off
    supervisor.start(at_login=at_login)
    _await(home, healthy, clock, START_SECONDS)


def down(home: Home, supervisor: Supervisor | None, clock: Clock) -> bool:
    """End the daemon in order, and have it stay down; False where none ran.

    Raises:
        Halt: it does not end, or the supervisor does not let go of it.
        Denied: whether one runs is not for this user to see; a supervisor of this user was told to end its own.
        Retry: the same, at this moment.
    """
    try:
        ran = holder(home) is not None
    except (Denied, Retry) as closed:
        if supervisor is not None and supervisor.stop():  # it looks at no lock for that
            closed.money = LET_GO
        raise
    if supervisor is None:
        return _down(home, clock)
    try:
        ran = supervisor.stop() or ran
    except MooringError:
        _down(home, clock)  # a supervisor that does not answer must not keep it trading
        raise
    ran = _down(home, clock) or ran
    attention.clear(home)  # who wants it off needs not be told why it was
    return ran


def _down(home: Home, clock: Clock) -> bool:
    """As `service.down`, and the same with the next one where another supervisor is about to start it."""
    ran = service.down(home, clock)
    return (service.down(home, clock) or ran) if elsewhere.next_comes(home, clock) else ran


def remove(home: Home, supervisor: Supervisor) -> None:
    """Take away what `up` left on this machine. Errors as `Supervisor`."""
    supervisor.remove()
    forget(home)


def restart(home: Home, supervisor: Supervisor | None, healthy: Healthy, clock: Clock, *, at_login: bool) -> None:
    """End it in order, start it, and wait until the new one answers. Errors as `up` and `down`."""
    former = holder(home)
    if supervisor is None or former is None or supervisor.seen().pid != former:
        if former is not None and elsewhere.keeps(home, former):
            attention.clear(home)
            if elsewhere.restart(home, former, clock):
                _await(home, lambda: holder(home) != former and healthy(), clock, START_SECONDS)
                return
        service.down(home, clock)
        up(home, supervisor, healthy, clock, at_login=at_login)
        return
    attention.clear(home)
    supervisor.restart()
    _await(home, lambda: holder(home) != former and healthy(), clock, RESTART_SECONDS)


def _await(home: Home, healthy: Callable[[], bool], clock: Clock, seconds: float) -> None:
    never = threading.Event()
    deadline = clock.monotonic() + seconds
    said = None
    while clock.monotonic() < deadline:
        said = attention.why_down(home)
        if said is not None and not said.again:
            break
        if healthy():
            return
        clock.sleep(POLL_SECONDS, never)
    if said is not None:
        todo = f"{said.todo} It is tried again by itself until `mooring down`." if said.again else said.todo
        raise service.error_of(said.exit_code, said.code, said.what, said.money, todo)
    raise Unreachable(
        "daemon_slow",
        f"The daemon was started but did not answer within {seconds:g} s.",
        money="It may be trading already, with real orders where one that ran before was armed.",
        todo=f"Look at {home.logs_dir / service.BOOT_LOG} and {home.log_file}, or end it with `mooring down`.",
    )
