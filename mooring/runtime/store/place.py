"""Where evidence lies: a file of SQLite, or a database of a PostgreSQL server."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import parse_qsl, urlsplit

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from mooring.errors import Invalid
from mooring.runtime.store.lines import Lines

SCHEME: Final = "postgresql"
SCHEMA: Final = "mooring"  # ours in a PostgreSQL database, which may hold other things too
URL_MAX: Final = 2048
SHOWN_MAX: Final = 40
# What is meant for a URL, also with a slash lost on the way: shown as a file's name it would show its password.
LIKE_URL: Final = re.compile(r"[a-z][a-z0-9+.-]+:/|postgres[a-z]*:", re.IGNORECASE)
# What a URL may add, in libpq's own words. Anything else could turn off what keeps evidence from being changed.
# Source: https://www.postgresql.org/docs/15/libpq-connect.html#LIBPQ-PARAMKEYWORDS
OPTIONS: Final = frozenset(
    {
        *("host", "port", "hostaddr", "connect_timeout", "passfile", "target_session_attrs"),
        *("sslmode", "sslrootcert", "sslcert", "sslkey", "sslcrl", "channel_binding", "gssencmode"),
    }
)


@dataclass(frozen=True, kw_only=True)
class Place:
    """One of the two; its text never holds the password.

    Attributes:
        file: of SQLite, or None.
        url: of PostgreSQL, password included, or None.
        lines: the connections to a server that were made for it.
    """

    file: Path | None = None
    url: URL | None = field(default=None, repr=False)
    lines: Lines = field(default_factory=Lines, repr=False, compare=False)

    @classmethod
    def of(cls, stated: Path | str | Place) -> Place:
        """What somebody stated: a URL of PostgreSQL, or else a file of SQLite.

        Raises:
            Invalid: a URL that is none of PostgreSQL's, or has what it must not have.
        """
        if isinstance(stated, Place):
            return stated
        if LIKE_URL.match(str(stated)):
            return cls.server(str(stated))
        return cls(file=Path(stated))

    @classmethod
    def server(cls, url: str) -> Self:
        """A database of a server, from its URL.

        Raises:
            Invalid: it is none of PostgreSQL's, or has what it must not have.
        """
        if len(url) > URL_MAX:
            raise _bad("it is longer than any that is one")
        scheme, separator, _ = url.partition("://")
        if not separator or scheme != SCHEME:
            raise _bad("it does not begin with postgresql://")
        try:
            read = make_url(url)
            urlsplit(url).port  # noqa: B018 -- refuses ports that are none, which SQLAlchemy may take for a host's name
            pairs = parse_qsl(urlsplit(url).query, keep_blank_values=True, strict_parsing=True) if "?" in url else []
        except (ArgumentError, ValueError, UnicodeError):
            raise _bad("it cannot be read as a URL") from None
        names = [name for name, _ in pairs]
        for name in names:
            if name not in OPTIONS:
                raise _bad(f"it has {_printable(name)}, which is not one of {', '.join(sorted(OPTIONS))}")
        if len(set(names)) != len(names):
            raise _bad("it states something twice")
        if not read.database:
            raise _bad("it names no database")
        if not read.host and "host" not in names:
            raise _bad("it names no host; a folder with a socket is stated as ?host=/var/run/postgresql")
        return cls(url=read)

    @property
    def dialect(self) -> str:
        """SQLAlchemy's name for the kind of database."""
        return "sqlite" if self.url is None else SCHEME

    @property
    def secrets(self) -> tuple[str, ...]:
        """What of it must not be written anywhere."""
        return () if self.url is None or not self.url.password else (str(self.url.password),)

    @property
    def parameters(self) -> dict[str, Any]:
        """What libpq is to be told; a server elsewhere must prove who it is unless the URL says otherwise."""
        assert self.url is not None
        stated = {
            "host": self.url.host,
            "port": self.url.port,
            "user": self.url.username,
            "password": self.url.password,
            "dbname": self.url.database,
            **{name: str(value) for name, value in self.url.query.items()},
        }
        known = {name: value for name, value in stated.items() if value not in (None, "")}
        if not _is_near(str(known.get("hostaddr") or known.get("host") or "")) and "sslmode" not in known:
            known["sslmode"] = "verify-full"
            known.setdefault("sslrootcert", "system")
        return known

    def __str__(self) -> str:
        if self.url is None:
            return str(self.file)
        host = self.url.query.get("host")
        shown = self.url.set(query={"host": host} if host else {})
        return shown.render_as_string(hide_password=True).replace("%2F", "/")


def _is_near(host: str) -> bool:
    """This machine: a Unix socket, or the loopback."""
    if host == "localhost" or host.startswith(("/", "@")):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _printable(text: str) -> str:
    shown = "".join(c if c.isprintable() else "?" for c in text[:SHOWN_MAX])
    return shown or "an option without a name"


def _bad(why: str) -> Invalid:
    return Invalid(
        "bad_database_url",
        f"The URL of the database cannot be used: {why}.",
        money="Nothing was opened and nothing is traded.",
        todo="Write it like postgresql://user@localhost:5432/mooring, and keep the password in a .pgpass file.",
    )
