"""A daemon as a process of its own: until it is told to end, which it is also while it starts."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

from mooring.daemon.app import Daemon
from mooring.daemon.options import Options
from mooring.daemon.process_limits import limit_process


async def serve(options: Options, started: Callable[[], None] = lambda: None) -> str:
    """Run a daemon until SIGTERM or SIGINT, then end it in order; `started` is called once. Errors as `Daemon`.

    Returns:
        What its end left at a venue without knowing how it stands; empty where nothing.
    """
    limit_process()
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    daemon = Daemon(options)
    if not await daemon.begin(stopping):
        return ""
    started()
    try:
        await stopping.wait()
    finally:
        await daemon.stop()
    return "" if daemon.desk is None else daemon.desk.left
