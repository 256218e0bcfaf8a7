"""A daemon as a process of its own: until it is told to end, which it is also while it starts."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

from mooring.daemon.app import Daemon
from mooring.daemon.options import Options
from mooring.daemon.process_limits import limit_process
from mooring.errors import MooringError


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
    starting, told = asyncio.ensure_future(daemon.start()), asyncio.ensure_future(stopping.wait())
    try:
        await asyncio.wait({starting, told}, return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            daemon.hurry()
        try:
            await starting
        except MooringError:
            if stopping.is_set():  # it has ended as it was told to
                return ""
            raise
        started()
        try:
            await told
        finally:
            await daemon.stop()
        return "" if daemon.desk is None else daemon.desk.left
    finally:
        told.cancel()
