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
) -> None:
    """Run a daemon until SIGTERM or SIGINT, then end it in order.

    Args:
        started: called once it runs.
        left: as of `Daemon`.

    Raises:
        As `Daemon`.
    """
    limit_process()
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    daemon = Daemon(options, left)
    if not await daemon.begin(stopping):
        return
    started()
    try:
        await stopping.wait()
    finally:
        await daemon.stop()
