"""What another user of the machine can find out about a daemon, told as facts; run as root in a keyring session."""

from __future__ import annotations

import encodings.idna  # noqa: F401 -- a name's encoding is imported when first used, and the stranger cannot read it
import http.client
import json
import os
import socket
import subprocess
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from keyring.backends import SecretService

from mooring.daemon.instance import holder
from mooring.errors import MooringError
from mooring.home import Home, usual_home
from mooring.secrets.vault import service_of
from tests.acceptance.program import command

NOBODY = 65534
NONCE = "n" * 32


def as_nobody(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Do it in a process of another user, which has all modules loaded already, and hand on what it found."""
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:
        try:
            os.close(reading)
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            os.write(writing, json.dumps(work()).encode())
        except BaseException:  # noqa: BLE001 -- said here, for this process must not go on as the test
            traceback.print_exc()
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as file:
        told: dict[str, Any] = json.loads(file.read())
    os.waitpid(child, 0)
    return told


def tried(look: Callable[[], Any]) -> Any:
    try:
        return look()
    except OSError as error:
        return type(error).__name__


def refused(look: Callable[[], Any]) -> Any:
    try:
        return look()
    except MooringError as error:
        return error.code


def connected(path: str) -> str:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(5)
        sock.connect(path)
    return "connected"


def asked(port: int, path: str, **headers: str) -> dict[str, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    return {"status": answer.status, "body": json.loads(answer.read())}


def stranger(home: Path, pid: int, port: int, bus: str) -> dict[str, Any]:
    return {
        "uid": os.getuid(),
        "home": tried(lambda: [path.name for path in home.iterdir()]),
        "control.json": tried((home / "run" / "control.json").read_text),
        "database": tried((home / "data" / "mooring.db").read_bytes),
        "log": tried(lambda: [path.name for path in (home / "logs").iterdir()]),
        "socket": tried(lambda: connected(str(home / "run" / "control.sock"))),
        "keychain's bus": tried(lambda: connected(bus)),
        "environ": tried(Path(f"/proc/{pid}/environ").read_bytes),
        "daemon": refused(lambda: holder(Home(root=home))),
        "memory": tried(lambda: Path(f"/proc/{pid}/mem").open("rb").close()),
        "cmdline": Path(f"/proc/{pid}/cmdline").read_text(),
        "healthz": asked(port, "/healthz"),
        "hello": asked(port, f"/v1/hello?nonce={NONCE}"),
        "status": asked(port, "/v1/status"),
        "guessed": asked(port, "/v1/status", Authorization="Bearer " + "a" * 43),
    }


def main(home: str) -> None:
    root = Path(home)
    bus = os.environ["DBUS_SESSION_BUS_ADDRESS"].split("path=")[1].split(",")[0]
    subprocess.run(command("--home", home, "up"), check=True, capture_output=True, timeout=60)
    try:
        told = json.loads((root / "run" / "control.json").read_text())
        port = int(told["url"].rsplit(":", 1)[1])
        service = service_of(root.resolve(), usual_home())
        token = json.loads(str(SecretService.Keyring().get_password(service, "control-api")))["values"]["token"]
        facts = as_nobody(lambda: stranger(root, told["pid"], port, bus))
        facts["token seen"] = token in json.dumps(facts)
        facts["owner sees"] = sorted(path.name for path in root.iterdir())
    finally:
        subprocess.run(command("--home", home, "down"), check=True, capture_output=True, timeout=60)
    print(json.dumps(facts))
