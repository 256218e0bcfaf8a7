"""Where requests may go: Kraken's own hosts over TLS, or this machine. A key is never sent anywhere else.

The one home of the rule: the settings are held to it, and so is each connection once more when it is made.
"""

from __future__ import annotations

import ipaddress
from typing import Final
from urllib.parse import urlsplit

from mooring.errors import Invalid

REST_URL: Final = "https://api.kraken.com"
WS_URL: Final = "wss://ws.kraken.com/v2"
WS_AUTH_URL: Final = "wss://ws-auth.kraken.com/v2"
_HOSTS: Final = frozenset({"api.kraken.com", "ws.kraken.com", "ws-auth.kraken.com"})
URL_MAX: Final = 256
LOOPBACK: Final = "127.0.0.1"


def checked_url(url: str, *, scheme: str) -> str:
    """The address without a slash at its end.

    Args:
        url: `https://api.kraken.com`, or one of this machine (a number like 127.0.0.1), with or without TLS.
        scheme: `http` or `ws`.

    Raises:
        Invalid: another host, another scheme, no TLS to Kraken, or user, query or fragment in it.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise _refused() from None
    plain = not (parts.username or parts.password or parts.query or parts.fragment or "@" in parts.netloc)
    plain = plain and len(url) <= URL_MAX and url.isascii() and url.isprintable() and " " not in url
    kraken = parts.scheme == f"{scheme}s" and host in _HOSTS and port in {None, 443}
    local = parts.scheme in {scheme, f"{scheme}s"} and is_loopback(host)
    if not plain or not (kraken or local):
        raise _refused()
    return url.rstrip("/")


def is_local(url: str) -> bool:
    """Whether an address that was checked is of this machine."""
    return is_loopback(urlsplit(url).hostname or "")


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, by number; what a name leads to is for others to say."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _refused() -> Invalid:
    return Invalid(
        "kraken_bad_address",
        "The address is neither Kraken's own over TLS nor one of this machine.",
        money="Nothing was sent, and no key left this machine.",
        todo="Use https://api.kraken.com and wss://ws.kraken.com/v2, or a simulator on 127.0.0.1.",
    )
