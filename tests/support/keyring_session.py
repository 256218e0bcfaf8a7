"""A real gnome-keyring on a private D-Bus session: no screen, no prompt, and the person's own keyring is not touched."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

State = Literal["unlocked", "locked", "none"]
NEEDED = ("dbus-run-session", "gnome-keyring-daemon")

# The service directory is empty: the system's own would start a second, locked keyring and a prompter that waits for ever.
BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:tmpdir={root}/bus</listen>
  <servicedir>{root}/services</servicedir>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""


def why_not() -> str:
    """Why no keyring can be started here; empty where one can."""
    missing = [name for name in NEEDED if shutil.which(name) is None]
    return f"{' and '.join(missing)} not installed (make system-packages)" if missing else ""


@dataclass(frozen=True, kw_only=True)
class KeyringSession:
    """Keyring files that outlive a session, so that one run can find what another stored."""

    root: Path

    def run(self, code: str, *, state: State = "unlocked", timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """Run Python code in a fresh session; the daemon's process id is in KEYRING_PID."""
        command = ["dbus-run-session", f"--config-file={self.root}/bus.conf", "--"]
        command += [sys.executable, __file__, state, code]
        return subprocess.run(
            command, env=self.environ(), capture_output=True, text=True, timeout=timeout, check=False, cwd=Path.cwd()
        )

    def environ(self) -> dict[str, str]:
        names = {
            "XDG_DATA_HOME": "data",
            "XDG_CONFIG_HOME": "config",
            "XDG_CACHE_HOME": "cache",
            "XDG_RUNTIME_DIR": "run",
        }
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.root),
            "PYTHONPATH": str(Path.cwd()),
            "PYTHONDONTWRITEBYTECODE": "1",
            **{name: str(self.root / directory) for name, directory in names.items()},
        }


@contextmanager
def keyring_session() -> Iterator[KeyringSession]:
    # Not under pytest's directory: the bus's socket must have a short name.
    root = Path(tempfile.mkdtemp(prefix="mkr."))
    try:
        for name in ("data", "config", "cache", "run", "bus", "services"):
            (root / name).mkdir(mode=0o700)
        (root / "bus.conf").write_text(BUS.format(root=root))
        yield KeyringSession(root=root)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def inside(state: str, code: str) -> int:
    """What runs within the session: the daemon, then the code, then the daemon's end."""
    daemon = None if state == "none" else start_daemon(unlocked=state == "unlocked")
    try:
        if daemon is not None:
            wait_for_service(daemon)
            os.environ["KEYRING_PID"] = str(daemon.pid)
        return subprocess.run([sys.executable, "-W", "error::DeprecationWarning", "-c", code], check=False).returncode
    finally:
        if daemon is not None:
            daemon.send_signal(signal.SIGKILL)
            daemon.wait()


def start_daemon(*, unlocked: bool) -> subprocess.Popen[bytes]:
    command = ["gnome-keyring-daemon", "--foreground", "--components=secrets"]
    command.append(f"--control-directory={os.environ['XDG_RUNTIME_DIR']}/keyring")
    quiet = subprocess.DEVNULL
    daemon = subprocess.Popen(
        [*command, "--unlock"] if unlocked else command,
        stdin=subprocess.PIPE if unlocked else quiet,
        stdout=quiet,
        stderr=quiet,
    )
    if daemon.stdin is not None:
        daemon.stdin.write(b"test")  # up to the end of input, so a newline would be part of the password
        daemon.stdin.close()
    return daemon


def wait_for_service(daemon: subprocess.Popen[bytes]) -> None:
    import secretstorage  # noqa: PLC0415 -- only within the session

    for _ in range(400):
        if daemon.poll() is not None:
            raise RuntimeError(f"gnome-keyring-daemon ended with {daemon.returncode}")
        connection = secretstorage.dbus_init()
        try:
            if secretstorage.check_service_availability(connection):
                return
        finally:
            connection.close()
        time.sleep(0.05)
    raise RuntimeError("gnome-keyring-daemon did not take its name on the bus")


if __name__ == "__main__":
    sys.exit(inside(sys.argv[1], sys.argv[2]))
