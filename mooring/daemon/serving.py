"""A daemon as a process of its own: until it is told to end, which it is also while it starts."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

from mooring.daemon.app import Daemon
from mooring.daemon.options import Options
from mooring.daemon.process_limits import limit_process


async def serve(
    options: Options, started: Callable[[], None] = lambda: None, left: Callable[[str], None] = lambda _: None
) -> bool:
    """Run a daemon until a signal ends it in order.

    SIGTERM and SIGINT end it, and SIGHUP, unless whoever started it has that ignored, as nohup does.

    Args:
        started: called once it runs.
        left: as of `Daemon`.

    Returns:
        Whether SIGHUP alone ended it: its terminal went, or somebody wants another one. Where SIGTERM or SIGINT came
        too, before it or after, it is to stay down.

    Raises:
        As `Daemon`.
    """
    limit_process()
    loop = asyncio.get_running_loop()
    stopping, down = asyncio.Event(), asyncio.Event()

    def to_stay_down() -> None:
        down.set()
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, to_stay_down)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        loop.add_signal_handler(signal.SIGHUP, stopping.set)
    daemon = Daemon(options, left)
    if not await daemon.begin(stopping):
        return stopping.is_set() and not down.is_set()
    started()
    try:
        await stopping.wait()
    finally:
        await daemon.stop()
    return stopping.is_set() and not down.is_set()
