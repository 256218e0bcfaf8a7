"""The dialect of PostgreSQL for `compiled`; imported only where a server is used."""

from __future__ import annotations

from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg


class OnePostgres(PGDialect_psycopg):
    """PostgreSQL's dialect. Those of servers of one version are equal: all are made with the same arguments."""

    supports_statement_cache = True

    def __eq__(self, other: object) -> bool:
        return isinstance(other, OnePostgres) and self._version() == other._version()

    def __hash__(self) -> int:
        return hash(OnePostgres)  # the version is not known before the first connection

    def _version(self) -> object:
        return getattr(self, "server_version_info", None)
