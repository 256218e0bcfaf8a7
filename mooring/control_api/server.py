"""The two doors: a private Unix socket and a port of 127.0.0.1, served by one uvicorn server.

uvicorn's own binding of Unix sockets makes them 0666, so the socket is made here, under a umask that leaves nobody else
anything, in a directory of mode 0700. `control.json` tells clients where the doors are; it holds no token.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import stat
import sys
from collections.abc import Callable, Collection, Generator
from pathlib import Path
from typing import Final

import orjson
import uvicorn

from mooring import __version__
from mooring.control_api.app import ControlApi
from mooring.control_api.peer import SocketOptions, peer_uid
from mooring.control_api.protocol import LOOPBACK, DoorConfig, DoorProtocol
from mooring.durable import replace_file
from mooring.errors import Conflict, Invalid

SOCKET_NAME: Final = "control.sock"
INFO_NAME: Final = "control.json"
# With its closing NUL: 104 bytes on macOS (sys/un.h), 108 on Linux (unix(7)).
PATH_BYTES_MAX: Final = 103 if sys.platform == "darwin" else 107
_STARTED_NOTHING: Final = "The control API did not start; nothing was traded through it."
_START_SECONDS: Final = 10.0
_DRAIN_SECONDS: Final = 5.0


class _Quiet(uvicorn.Server):
    """uvicorn without its signal handlers: the daemon has its own, so that SIGTERM ends with status 0."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


class ControlServer:
    """Serves the app at both doors, in the running event loop.

    Args:
        api: the app.
        run_dir: the home's `run` directory; made 0700 where it is missing.
        port: TCP port of 127.0.0.1; 0 lets the system choose.
        started_at: when the daemon started, RFC 3339.
        uid_of: tells the user id at the other end of a Unix socket.
        clients: addresses of 127.0.0.0/8 that may connect over TCP; others are dropped.
    """

    def __init__(
        self,
        api: ControlApi,
        *,
        run_dir: Path,
        started_at: str,
        port: int = 0,
        uid_of: Callable[[SocketOptions], int] = peer_uid,
        clients: Collection[str] = (LOOPBACK,),
    ) -> None:
        self.socket_path = run_dir / SOCKET_NAME
        self.info_path = run_dir / INFO_NAME
        self.port = port
        self._api = api
        self._run_dir = run_dir
        self._started_at = started_at
        self._uid_of = uid_of
        self._clients = clients
        self._server: uvicorn.Server | None = None
        self._task: asyncio.Task[None] | None = None
        self._inode = 0

    @property
    def url(self) -> str:
        """Address of the TCP door."""
        return f"http://{LOOPBACK}:{self.port}"

    async def start(self) -> None:
        """Open both doors and tell clients where they are.

        Raises:
            Invalid: the run directory or the socket's path cannot be used.
            Conflict: another daemon answers at the socket, or the port is in use.
        """
        _private(self._run_dir)
        unix = _bind_socket(self.socket_path)
        try:
            tcp = bind_port(self.port)
        except BaseException:
            unix.close()
            self.socket_path.unlink(missing_ok=True)
            raise
        self._inode = self.socket_path.lstat().st_ino
        self.port = tcp.getsockname()[1]
        config = DoorConfig(
            self._api.asgi, limits=self._api.limits, port=self.port, uid_of=self._uid_of, clients=self._clients
        )
        self._server = _Quiet(config)
        self._task = asyncio.create_task(self._server.serve(sockets=[unix, tcp]), name="control-api")
        try:
            await self._until_started()
            self._write_info()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Close both doors; streams end, and calls that run get a few seconds to their end. Safe to call twice."""
        server, task, self._task = self._server, self._task, None
        if server is None or task is None:
            return
        self._api.hub.close()
        self._remove_files()
        server.should_exit = True
        await asyncio.wait({task})
        for connection in [*server.server_state.connections]:
            if isinstance(connection, DoorProtocol):
                connection.transport.abort()
        await self._api.lanes.drain(_DRAIN_SECONDS)
        self._api.close()
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error

    async def _until_started(self) -> None:
        assert self._server is not None
        assert self._task is not None
        async with asyncio.timeout(_START_SECONDS):
            while not self._server.started:
                if self._task.done():
                    await self._task
                    raise Conflict(
                        "not_started",
                        "The control API ended at its start.",
                        money=_STARTED_NOTHING,
                        todo="Look at the daemon's log, then start again.",
                    )
                await asyncio.sleep(0.002)

    def _write_info(self) -> None:
        info = {
            "pid": os.getpid(),
            "started_at": self._started_at,
            "version": __version__,
            "url": self.url,
            "socket": str(self.socket_path),
        }
        replace_file(self.info_path, orjson.dumps(info))

    def _remove_files(self) -> None:
        """Only what is ours: a successor may have put its own there already."""
        with contextlib.suppress(OSError, ValueError):
            if orjson.loads(self.info_path.read_bytes()).get("pid") == os.getpid():
                self.info_path.unlink()
        with contextlib.suppress(OSError):
            if self.socket_path.lstat().st_ino == self._inode:
                self.socket_path.unlink()


def _private(directory: Path) -> None:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    facts = directory.lstat()
    if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.geteuid():
        raise Invalid(
            "run_dir_unusable",
            f"{directory} is no directory of yours.",
            money=_STARTED_NOTHING,
            todo="Move it away, or choose another home with --home or MOORING_HOME.",
        )
    if stat.S_IMODE(facts.st_mode) != stat.S_IRWXU:
        directory.chmod(stat.S_IRWXU)


def _bind_socket(path: Path) -> socket.socket:
    if len(os.fsencode(path)) > PATH_BYTES_MAX:
        raise Invalid(
            "home_path_too_long",
            f"The path of the control socket is longer than {PATH_BYTES_MAX} bytes.",
            money=_STARTED_NOTHING,
            todo="Choose a shorter home with --home or MOORING_HOME.",
        )
    _clear_way(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # The mask is the process's own: the composition root starts the doors before anything else makes files.
    mask = os.umask(0o177)
    try:
        sock.bind(str(path))
    except OSError as error:
        sock.close()
        raise Invalid(
            "socket_unusable",
            f"The control socket {path} cannot be made: {error.strerror}.",
            money=_STARTED_NOTHING,
            todo="Choose a home on a local disk with --home or MOORING_HOME.",
        ) from None
    finally:
        os.umask(mask)
    sock.setblocking(False)
    return sock


def _clear_way(path: Path) -> None:
    """Remove the socket of a dead daemon; nothing else is ever removed."""
    try:
        facts = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(facts.st_mode):
        raise Invalid(
            "socket_in_the_way",
            f"{path} is there already and is no socket.",
            money=_STARTED_NOTHING,
            todo="Move it away, then start again.",
        )
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            path.unlink(missing_ok=True)
            return
        except OSError:
            pass  # it is there but slow or full: somebody holds it
    raise Conflict(
        "already_running",
        "Another daemon answers at the control socket.",
        money="It goes on as it was; nothing was changed.",
        todo="Use it, or end it first with `mooring down`.",
    )


def bind_port(port: int) -> socket.socket:
    """A socket that listens at this port of 127.0.0.1; 0 is any.

    Raises:
        Conflict: `port_in_use`, it cannot be had.
    """
    # With the protocol named: asyncio turns Nagle off only then, and without that each answer takes 40 ms.
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((LOOPBACK, port))
        # Listening at once: with SO_REUSEADDR two sockets may be bound to one port as long as neither listens.
        sock.listen(128)
    except OSError:
        sock.close()
        raise Conflict(
            "port_in_use",
            f"Port {port} of {LOOPBACK} cannot be had; another program may hold it.",
            money=_STARTED_NOTHING,
            todo="Set api.port to 0 or to a free port.",
        ) from None
    sock.setblocking(False)
    return sock
