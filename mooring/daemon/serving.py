"""A daemon as a process of its own: until it is told to end, which it is also while it starts."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

from mooring.daemon.app import Daemon
from mooring.daemon.options import Options
from mooring.daemon.process_limits import limit_process
from mooring.daemon.signals import heard


async def serve(
    options: Options,
    started: Callable[[], None] = lambda: None,
    left: Callable[[str], None] = lambda _: None,
    *,
    last: bool = False,
) -> bool:
    """Run a daemon until a signal ends it in order.

    SIGTERM and SIGINT end it, and SIGHUP, unless whoever started it has that ignored, as nohup does.

    Args:
        started: called once it runs.
        left: as of `Daemon`.
        last: whether the process ends after this; see `heard`.

    Returns:
        Whether SIGHUP alone ended it: its terminal went, or somebody wants another one. Where SIGTERM or SIGINT came
        too, before it or after, it is to stay down.

    Raises:
        As `Daemon`.
    """
    limit_process()
    stopping, down = asyncio.Event(), asyncio.Event()

    def to_stay_down() -> None:
        down.set()
        stopping.set()

    told: dict[int, Callable[[], None]] = {signal.SIGTERM: to_stay_down, signal.SIGINT: to_stay_down}
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        told[signal.SIGHUP] = stopping.set
    with heard(told, last=last):
        daemon = Daemon(options, left)
        if await daemon.begin(stopping):
            started()
            try:
                await stopping.wait()
            finally:
                await daemon.stop()
    return stopping.is_set() and not down.is_set()
