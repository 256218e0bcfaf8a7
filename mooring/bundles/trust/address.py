"""What the address of a repository may be; asked by who only knows one, and fetches nothing."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from mooring.errors import Invalid
from mooring.hosts import is_loopback

URL_MAX: Final = 2048


def checked_address(url: str) -> str:
    """The address without a slash at its end.

    Raises:
        Invalid: `bundle_bad_address`: neither https nor http of this machine, or with user, query or fragment in it.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise _bad_address() from None
    plain = len(url) <= URL_MAX and url.isascii() and url.isprintable() and " " not in url and "\\" not in url
    plain = plain and not (parts.username or parts.password or parts.query or parts.fragment or "@" in parts.netloc)
    if not plain or not host or not (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))):
        raise _bad_address()
    return url.rstrip("/")


def _bad_address() -> Invalid:
    return Invalid(
        "bundle_bad_address",
        "The address of the repository is neither https nor one of this machine.",
        money="Nothing was fetched; trading goes on as it was.",
        todo="Give an address like https://example.org/models, without user, query or fragment.",
    )
