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
        Whether SIGHUP ended it: its terminal went, or somebody wants another one.

    Raises:
        As `Daemon`.
    """
    limit_process()
    loop = asyncio.get_running_loop()
    stopping, again = asyncio.Event(), asyncio.Event()

    def hung_up() -> None:
        again.set()
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        loop.add_signal_handler(signal.SIGHUP, hung_up)
    daemon = Daemon(options, left)
    if not await daemon.begin(stopping):
        return again.is_set()
    started()
    try:
        await stopping.wait()
    finally:
        await daemon.stop()
    return again.is_set()
