"""A real PostgreSQL server in a directory of its own: a socket there and a port of the loopback, nothing of the system's.

It ends with the process that made it, also where that was killed: a shell holds one end of a pipe, stops the server when
the other end closes, and removes the directory.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from mooring.runtime.store.place import SCHEMA, Place

PASSWORD = "not-a-secret-4711"
OWNER = "mooring"
VERSIONS = (15, 16, 17, 18)  # the first that is there is taken
WAIT_S = 60.0
TOGETHER = 24
# fsync stays on: the tests are about what is durable.
CONFIG = """
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = '{root}'
max_connections = 60
fsync = on
full_page_writes = on
synchronous_commit = on
shared_buffers = 64MB
lc_messages = 'C'
timezone = 'UTC'
log_min_messages = fatal
checkpoint_timeout = 1h
max_wal_size = 4GB
"""
# It ends without writing out what it has, as nobody will ask for it.
# $1 the server's program, $2 its data, $3 the directory that holds all.
KEEPER = """
"$1" -D "$2" >"$3/log" 2>&1 </dev/null &
server=$!
cat >/dev/null
kill -QUIT $server 2>/dev/null
kill -CONT $server 2>/dev/null
wait $server
rm -rf "$3"
"""


def programs() -> Path | None:
    """The folder of initdb and postgres."""
    for version in VERSIONS:
        folder = Path(f"/usr/lib/postgresql/{version}/bin")
        if (folder / "initdb").exists():
            return folder
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


def why_not() -> str:
    """Why no server can be started here; empty where one can."""
    if programs() is None:
        return "PostgreSQL's server is not installed (make system-packages)"
    try:
        import psycopg  # noqa: F401, PLC0415
    except ImportError:
        return "psycopg is not installed (make setup)"
    if os.geteuid() == 0 and _user() is None:
        return "PostgreSQL refuses to run as root, and there is no user postgres"
    return ""


def _user() -> str | None:
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        return None


def name_of(place: Place) -> str:
    """The name of the database."""
    assert place.url is not None
    return str(place.url.database)


@dataclass(frozen=True, kw_only=True)
class Server:
    """A running server; databases in it are made for one test each."""

    root: Path
    port: int
    _numbers: Any = field(default_factory=lambda: count(1))
    _dropped: list[str] = field(default_factory=list)

    def url(self, database: str, *, user: str = OWNER, password: str = PASSWORD) -> str:
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{database}"

    def place(self, database: str, *, user: str = OWNER) -> Place:
        return Place.of(self.url(database, user=user))

    @contextmanager
    def admin(self, database: str | Place = "postgres") -> Iterator[Any]:
        """A superuser's connection, each statement its own transaction, that looks at Mooring's tables."""
        with self._session(database, "postgres") as connection:
            yield connection

    @contextmanager
    def owner(self, database: str | Place) -> Iterator[Any]:
        """Another program of the user that owns Mooring's tables, each statement its own transaction."""
        with self._session(database, OWNER) as connection:
            yield connection

    @contextmanager
    def _session(self, database: str | Place, user: str) -> Iterator[Any]:
        import psycopg  # noqa: PLC0415

        name = database if isinstance(database, str) else name_of(database)
        with psycopg.connect(self.url(name, user=user), autocommit=True) as connection:
            connection.execute(f"SET search_path = {SCHEMA}")
            yield connection

    def database(self, template: str = "template0") -> str:
        """The name of a fresh database, a copy of the template."""
        name = f"test_{next(self._numbers)}"
        with self.admin() as connection:
            connection.execute(f"CREATE DATABASE {name} OWNER {OWNER} TEMPLATE {template}")
        return name

    def copied_as_files(self, template: str) -> tuple[str, Path]:
        """A copy none of which the server has in memory: its name, and the folder with its files."""
        name = f"test_{next(self._numbers)}"
        with self.unsynced() as connection:
            connection.execute(f"CREATE DATABASE {name} OWNER {OWNER} TEMPLATE {template} STRATEGY FILE_COPY")
            (oid,) = connection.execute("SELECT oid FROM pg_database WHERE datname = %s", [name]).fetchone()
        return name, self.root / "data" / "base" / str(oid)

    def drop(self, database: str) -> None:
        """Drop a database, in time: for each drop the server writes out all it has, so they are done by the dozen."""
        self._dropped.append(database)
        if len(self._dropped) < TOGETHER:
            return
        with self.unsynced() as connection:
            while self._dropped:
                connection.execute(f"DROP DATABASE IF EXISTS {self._dropped.pop()} WITH (FORCE)")

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Within it all of the server is stopped: connections stay, and nothing is ever answered."""
        main = int((self.root / "data" / "postmaster.pid").read_text().split()[0])
        found = subprocess.run(["pgrep", "-P", str(main)], capture_output=True, text=True, check=True)
        pids = [main, *map(int, found.stdout.split())]
        for pid in pids:  # first the one that would make another
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in reversed(pids):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    @contextmanager
    def unsynced(self) -> Iterator[Any]:
        """A connection for work on whole databases between two tests; what is written meanwhile is of use to nobody."""
        with self.admin() as connection:
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")
            try:
                yield connection
            finally:
                connection.execute("ALTER SYSTEM RESET fsync")
                connection.execute("SELECT pg_reload_conf()")
                while connection.execute("SHOW fsync").fetchone() != ("on",):
                    time.sleep(0.01)


@contextmanager
def postgres_server() -> Iterator[Server]:
    """A server of its own, with the role that owns Mooring's databases."""
    folder = programs()
    assert folder is not None
    root = Path(tempfile.mkdtemp(prefix="mpg."))  # not under pytest's directory: the socket must have a short name
    user = _user() if os.geteuid() == 0 else None
    as_user: dict[str, Any] = {}
    if user is not None:
        facts = pwd.getpwnam(user)
        os.chown(root, facts.pw_uid, facts.pw_gid)
        as_user = {"user": facts.pw_uid, "group": facts.pw_gid, "extra_groups": []}
    environ = {"PATH": os.environ["PATH"], "LC_ALL": "C", "HOME": str(root)}
    (root / "password").write_text(PASSWORD)
    command = [folder / "initdb", "-D", root / "data", "-U", "postgres", "-E", "UTF8", "--locale=C"]
    command += ["--auth=scram-sha-256", f"--pwfile={root}/password"]
    subprocess.run(command, check=True, capture_output=True, env=environ, cwd=root, **as_user)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with (root / "data" / "postgresql.conf").open("a") as config:
        config.write(CONFIG.format(port=port, root=root))
    keep = ["/bin/sh", "-c", KEEPER, "keeper", folder / "postgres", root / "data", root]
    # In a session of its own: a signal that ends all of the tests must not end it before it has tidied up.
    keeper = subprocess.Popen(keep, stdin=subprocess.PIPE, env=environ, cwd=root, start_new_session=True, **as_user)
    server = Server(root=root, port=port)
    try:
        _wait_for(server, keeper)
        with server.admin() as connection:
            connection.execute(f"CREATE ROLE {OWNER} LOGIN PASSWORD '{PASSWORD}'")
        yield server
    finally:
        assert keeper.stdin is not None
        keeper.stdin.close()
        keeper.wait(WAIT_S)


def _wait_for(server: Server, keeper: subprocess.Popen[bytes]) -> None:
    import psycopg  # noqa: PLC0415

    for _ in range(int(WAIT_S / 0.1)):
        try:
            with server.admin():
                return
        except psycopg.OperationalError:
            log = server.root / "log"
            if keeper.poll() is not None or (log.exists() and "FATAL" in log.read_text() and not _runs(server)):
                break
            time.sleep(0.1)
    raise RuntimeError(f"PostgreSQL did not start: {(server.root / 'log').read_text()}")


def _runs(server: Server) -> bool:
    return (server.root / "data" / "postmaster.pid").exists()
