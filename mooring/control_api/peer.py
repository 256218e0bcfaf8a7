"""Whose process is at the other end of a Unix socket."""

from __future__ import annotations

import socket
import struct
import sys
from typing import Final, Protocol

_ON_MAC: Final = sys.platform == "darwin"
# <sys/un.h> of macOS: the level of Unix sockets, the option, and struct xucred (version, uid, count, 16 groups).
_SOL_LOCAL: Final = 0
_LOCAL_PEERCRED: Final = 1
_XUCRED: Final = struct.Struct("IIh2x16I")
_XUCRED_VERSION: Final = 0
# <sys/socket.h> of Linux: struct ucred (pid, uid, gid).
_UCRED: Final = struct.Struct("3i")


class SocketOptions(Protocol):
    """The one method of a socket that is asked here."""

    def getsockopt(self, level: int, option: int, length: int, /) -> bytes:
        """As `socket.socket.getsockopt`."""
        ...


def peer_uid(sock: SocketOptions) -> int:
    """User id of the process that connected.

    Raises:
        OSError: the system does not say.
    """
    if _ON_MAC:
        return parse_xucred(sock.getsockopt(_SOL_LOCAL, _LOCAL_PEERCRED, _XUCRED.size))
    asked = socket.SO_PEERCRED  # type: ignore[attr-defined, unused-ignore]  # a Mac has none
    data = sock.getsockopt(socket.SOL_SOCKET, asked, _UCRED.size)
    return int(_UCRED.unpack(data)[1])


def parse_xucred(data: bytes) -> int:
    """User id in a struct xucred; the kernel may leave out the groups that are not set.

    Raises:
        OSError: it is too short, or of a version that nobody knows.
    """
    if len(data) < struct.calcsize("II"):
        raise OSError("the peer's credentials are too short")
    version, uid = struct.unpack_from("II", data)
    if version != _XUCRED_VERSION:
        raise OSError("the peer's credentials have an unknown version")
    return int(uid)
