"""Stands where a desktop's tray and notification service are on the session bus, and keeps what it is told to show.

Run as `python -m tests.support.notification_service FILE answering|silent`; each notification is a line of JSON in FILE.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from jeepney import HeaderFields, Message, MessageType, message_bus, new_error, new_method_return
from jeepney.io.blocking import Proxy, open_dbus_connection

NAMES = ("org.freedesktop.Notifications", "org.kde.StatusNotifierWatcher")
CAPABILITIES = ["body", "body-markup", "actions"]
FIELDS = ("program", "replaces", "icon", "title", "body")


def answer(asked: Message, file: Path, *, silent: bool) -> Message | None:
    """What is said to one call; nothing where a service hangs."""
    member: Any = asked.header.fields.get(HeaderFields.member)
    if silent and member in {"Notify", "GetServerInformation"}:
        with file.open("a") as kept:
            kept.write(json.dumps({"asked": member}) + "\n")
        return None
    if member == "Notify":
        with file.open("a") as kept:
            kept.write(json.dumps(dict(zip(FIELDS, asked.body, strict=False))) + "\n")
    said: dict[str, tuple[str, tuple[Any, ...]]] = {
        "Notify": ("u", (1,)),
        "GetCapabilities": ("as", (CAPABILITIES,)),
        "GetServerInformation": ("ssss", ("stand-in", "Mooring", "1", "1.2")),
        "Get": ("v", (("b", True),)),  # of the watcher: whether anybody shows status items
        "RegisterStatusNotifierItem": ("", ()),
    }
    if member in said:
        return new_method_return(asked, *said[member])
    return new_error(asked, "org.freedesktop.DBus.Error.UnknownMethod", "s", (str(member),))


def main(file: str, how: str) -> None:
    """Serve until it is ended."""
    connection = open_dbus_connection()
    for name in NAMES:
        Proxy(message_bus, connection).RequestName(name)
    print("ready", flush=True)
    while True:
        asked = connection.receive()
        if asked.header.message_type is not MessageType.method_call:
            continue
        said = answer(asked, Path(file), silent=how == "silent")
        if said is not None:
            connection.send(said)


if __name__ == "__main__":
    main(*sys.argv[1:])
