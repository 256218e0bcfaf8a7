"""A daemon in a thread of the process that wants it, as the demo does."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress

from mooring.daemon.app import Daemon
from mooring.daemon.options import Options


class DaemonThread:
    """Use it as a context manager; errors as `Daemon`."""

    def __init__(self, options: Options) -> None:
        self._daemon = Daemon(options)
        self._autostart = options.autostart
        self._ready, self._told = threading.Event(), threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._main, name="mooring-daemon", daemon=True)

    def __enter__(self) -> Daemon:
        self._thread.start()
        try:
            self._ready.wait()
        except BaseException:  # Ctrl-C at its start
            self._end()
            raise
        if self._error is not None:
            self._thread.join()
            raise self._error
        return self._daemon

    def __exit__(self, *_: object) -> None:
        self._end()
        if self._error is not None:
            raise self._error

    def _end(self) -> None:
        self._told.set()
        if self._loop is not None and self._stopping is not None:
            with suppress(RuntimeError):  # its loop is over
                self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()

    def _main(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001 -- raised again in the thread that waits
            self._error = error
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        stopping = self._stopping = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        if self._told.is_set():
            stopping.set()
        if not await self._daemon.begin(stopping):
            return
        engine = self._daemon.trader.engine
        if self._autostart and engine.wanted_stopped:  # who runs a demo again wants it to go on
            engine.start(for_good=True)
        self._ready.set()
        try:
            await stopping.wait()
        finally:
            await self._daemon.stop()
