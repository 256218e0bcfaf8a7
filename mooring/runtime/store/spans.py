"""The rows of one run, many hours at a time: what a recomputation compares with, in the order written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Select, Table, exists, func, select

from mooring.runtime.store.checks import TERMINAL
from mooring.runtime.store.columns import HOUR, metadata
from mooring.runtime.store.hashing import HASH_COLUMNS
from mooring.runtime.store.reader import Reader
from mooring.runtime.store.schema import EVIDENCE, runs, state_latest
from mooring.runtime.store.schema_hourly import bars, ledger, manifests, order_events, order_intents, snapshots
from mooring.runtime.store.types import Row

Values = tuple[Any, ...]
# In the order in which data flows: what is referred to comes before what refers to it.
HOURLY: Final = tuple(str(table.name) for table in EVIDENCE if "hour_ts_utc" in table.c and table.name != "snapshots")
BEFORE_ALL: Final = -(2**62)
SPINE: Final = ("cycles", "manifests")
# The columns of each that say something: not seq, nor hashes, nor whose hour it is.
PAYLOAD: Final = {
    name: tuple(str(c.name) for c in metadata.tables[name].c if c.name not in {*HOUR, *HASH_COLUMNS, "seq"})
    for name in HOURLY
}


class Spans:
    """Reads of one run by hours; rows are (hour_ts_utc, seq, *PAYLOAD[table]).

    Rows that name another account than the run's are not among them.
    """

    def __init__(self, reader: Reader, *, run_id: str, account_id: str) -> None:
        self._reader = reader
        self._run_id = run_id
        self._account_id = account_id

    def hours(self, after: int, upto: int, *, most: int) -> list[int]:
        """Closes of the next hours, ascending, at most so many: those that have a cycle or a manifest."""
        found: set[int] = set()
        for name in SPINE:
            hour = metadata.tables[name].c.hour_ts_utc
            query = self._span(select(hour), metadata.tables[name], after, upto).order_by(hour).limit(most)
            found.update(hour for (hour,) in self._reader.tuples(query))
        return sorted(found)[:most]

    def rows(self, name: str, after: int, upto: int) -> list[Values]:
        """The rows of the hours in (after, upto], in the order written."""
        table = metadata.tables[name]
        columns = [table.c.hour_ts_utc, table.c.seq, *(table.c[column] for column in PAYLOAD[name])]
        found = self._reader.tuples(self._span(select(*columns), table, after, upto))
        found.sort(key=_seq)  # by the index they come by hour; sorting in the database would go without it
        return found

    def states(self, after: int, upto: int) -> dict[int, bytes]:
        """The states that were kept of the hours in (after, upto]."""
        query = self._span(select(snapshots.c.hour_ts_utc, snapshots.c.state), snapshots, after, upto)
        return dict(self._reader.tuples(query))

    def last_state(self, before: int) -> tuple[int, bytes] | None:
        """(hour, state) of the last one that was kept of an hour before that."""
        query = self._span(select(snapshots.c.hour_ts_utc, snapshots.c.state), snapshots, BEFORE_ALL, before - 1)
        found = self._reader.tuples(query.order_by(snapshots.c.hour_ts_utc.desc()).limit(1))
        return found[0] if found else None

    def count_hours(self, upto: int) -> int:
        """How many hours of the run were closed by then."""
        query = self._span(select(func.count()), manifests, BEFORE_ALL, upto)
        return int(self._reader.tuples(query)[0][0])

    def bounds(self) -> tuple[int, int] | None:
        """(first, last) hour of the run; None where it did none."""
        hour = manifests.c.hour_ts_utc
        first, last = self._reader.tuples(self._of(select(func.min(hour), func.max(hour)), manifests))[0]
        return None if first is None else (int(first), int(last))

    def balances(self, upto: int) -> dict[tuple[str, str], int]:
        """Sums of the account's ledger by (account, asset) after that hour, in whichever of its runs."""
        amounts = select(ledger.c.account, ledger.c.asset, func.sum(ledger.c.amount))
        query = amounts.where(ledger.c.account_id == self._account_id, ledger.c.hour_ts_utc <= upto)
        found = self._reader.tuples(query.group_by(ledger.c.account, ledger.c.asset))
        return {(account, asset): int(total) for account, asset, total in found}

    def working(self, upto: int) -> list[Row]:
        """Intents that had no final event by then, oldest first."""
        i, e = order_intents, order_events
        done = exists().where(
            e.c.client_order_id == i.c.client_order_id, e.c.status.in_(sorted(TERMINAL)), e.c.hour_ts_utc <= upto
        )
        names = PAYLOAD["order_intents"]
        query = self._span(select(*(i.c[name] for name in names)), i, BEFORE_ALL, upto).where(~done).order_by(i.c.seq)
        return [dict(zip(names, values, strict=True)) for values in self._reader.tuples(query)]

    def working_of_account(self, upto: int) -> list[str]:
        """Client ids of the account's orders that had no final event by then, of whichever run, oldest first."""
        i, e = order_intents, order_events
        done = exists().where(
            e.c.client_order_id == i.c.client_order_id, e.c.status.in_(sorted(TERMINAL)), e.c.hour_ts_utc <= upto
        )
        query = select(i.c.client_order_id).where(i.c.account_id == self._account_id, i.c.hour_ts_utc <= upto, ~done)
        return [str(name) for (name,) in self._reader.tuples(query.order_by(i.c.seq))]

    def of_orders(self, name: str, column: str, names: Sequence[str], upto: int) -> list[Row]:
        """Rows of the account, of hours up to that one, whose column has one of these names; in the order written."""
        table = metadata.tables[name]
        columns = ["hour_ts_utc", *PAYLOAD[name]]
        query = select(*(table.c[one] for one in columns)).where(
            table.c.account_id == self._account_id, table.c.hour_ts_utc <= upto, table.c[column].in_(sorted(names))
        )
        return [dict(zip(columns, values, strict=True)) for values in self._reader.tuples(query.order_by(table.c.seq))]

    def foreign(self, name: str, *, most: int) -> list[tuple[str, Values]]:
        """(account, row) of rows that name the run, and an account that is not its own."""
        table = metadata.tables[name]
        columns = [table.c.hour_ts_utc, table.c.seq, *(table.c[column] for column in PAYLOAD[name])]
        account = table.c.account_id
        found: list[tuple[str, Values]] = []
        for other in (account < self._account_id, account > self._account_id):  # the index has no "differs"
            query = select(account, *columns).where(table.c.run_id == self._run_id, other).limit(most)
            found += [(row[0], row[1:]) for row in self._reader.tuples(query)]
        return found

    def manifest_hash(self, hour_ts_utc: int) -> str | None:
        """The hash of an hour's manifest; None where it has none."""
        found = self._reader.tuples(self._span(select(manifests.c.row_hash), manifests, hour_ts_utc - 1, hour_ts_utc))
        return str(found[0][0]) if found else None

    def state_now(self) -> Row | None:
        """The state that the run goes on from, as it stands there; nothing about it is checked."""
        names = [str(column.name) for column in state_latest.c]
        found = self._reader.tuples(select(state_latest).where(state_latest.c.run_id == self._run_id))
        return dict(zip(names, found[0], strict=True)) if found else None

    def _span(self, query: Select[Any], table: Table, after: int, upto: int) -> Select[Any]:
        hour = table.c.hour_ts_utc
        return self._of(query, table).where(hour > after, hour <= upto)

    def _of(self, query: Select[Any], table: Table) -> Select[Any]:
        # Both, for the index begins with both.
        return query.where(table.c.run_id == self._run_id, table.c.account_id == self._account_id)


def closed_hours(reader: Reader, *, after: int, most: int) -> list[tuple[int, str, int]]:
    """(seq of the manifest, run, close) of the hours that were closed after that manifest, of whichever run."""
    m = manifests.c
    query = select(m.seq, m.run_id, m.hour_ts_utc).where(m.seq > after).order_by(m.seq).limit(most)
    return [(int(seq), str(run_id), int(hour)) for seq, run_id, hour in reader.tuples(query)]


def bars_of_account(reader: Reader, account_id: str, *, after: int, upto: int) -> list[Values]:
    """(hour_ts_utc, symbol, open, high, low, close, volume) of an account's hours in (after, upto], whichever run's."""
    names = ("hour_ts_utc", "symbol", "open", "high", "low", "close", "volume")
    b, owned = bars.c, select(runs.c.run_id).where(runs.c.account_id == account_id)
    # By run and account, as the index begins.
    mine = (b.run_id.in_(owned), b.account_id == account_id, b.hour_ts_utc > after, b.hour_ts_utc <= upto)
    return reader.tuples(select(*(b[name] for name in names)).where(*mine).order_by(b.hour_ts_utc, b.seq))


def last_kept(reader: Reader) -> int:
    """Seq of the manifest of the latest hour whose state was kept as evidence; 0 where none was."""
    m, s = manifests.c, snapshots.c
    same = (m.run_id == s.run_id) & (m.hour_ts_utc == s.hour_ts_utc)
    query = select(m.seq).select_from(snapshots.join(manifests, same)).order_by(s.seq.desc()).limit(1)
    found = reader.tuples(query)
    return int(found[0][0]) if found else 0


def whole(reader: Reader, name: str) -> list[Row]:
    """Every row of a small table, such as that of the runs, in the order written."""
    table = metadata.tables[name]
    names = [str(column.name) for column in table.c]
    return [dict(zip(names, values, strict=True)) for values in reader.tuples(select(table).order_by(table.c.seq))]


def _seq(values: Sequence[Any]) -> int:
    return int(values[1])
