"""The runs of a database, made again from the database alone: row of the run, settings it was begun with, parents."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import orjson

from mooring.errors import Invalid, NotFound, Unverified
from mooring.runtime.domain.instruments import Instrument
from mooring.runtime.engine.carry import carried
from mooring.runtime.engine.kept import opened
from mooring.runtime.engine.run import LIVE, Run, parts_of
from mooring.runtime.engine.told import Inherited, inherited, working_at
from mooring.runtime.engine.warming import warmed
from mooring.runtime.engine.world import Machine
from mooring.runtime.portfolio.treasury import TreasuryParams
from mooring.runtime.replay.again import Balances, Standing
from mooring.runtime.replay.found import Difference
from mooring.runtime.replay.openings import OPENING_TABLES, opening_differences
from mooring.runtime.setup import machine_for
from mooring.runtime.store.reader import Reader
from mooring.runtime.store.spans import Spans, whole
from mooring.runtime.store.types import Row
from mooring.settings import Settings

MACHINES_MAX: Final = 4  # kept at once; a machine is made again where its run comes back
# Each hour's row of the treasury says what was set; this is for an hour that has none.
NOTHING_SET: Final = TreasuryParams(monthly_costs=0, protect=1, minimum_transfer=0)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What a run's settings make.

    Attributes:
        flatten: whether the kill switch sells what is held; None where the settings do not say.
    """

    machine: Machine
    flatten: bool | None


Recipes = Callable[[Row, str, tuple[Instrument, ...]], Recipe]
Compile = Callable[[Machine, int], Machine]


def recipe_of(run: Row, settings: str, instruments: tuple[Instrument, ...]) -> Recipe:  # noqa: ARG001
    """The recipe of recorded settings.

    Raises:
        Invalid: this version cannot read them.
        NotFound: a producer or strategy that they name is not installed.
    """
    kept = Settings.from_kept(settings)
    return Recipe(machine=machine_for(kept, instruments), flatten=kept.trading.kill_positions == "flatten")


@dataclass(frozen=True, kw_only=True)
class End:
    """How an account stood after the last hour of one of its runs."""

    run: Row
    hour_ts_utc: int
    state: bytes
    balances: Balances


@dataclass(frozen=True, kw_only=True)
class PastRun:
    """A run as it was opened, and what its hours are compared with besides their rows."""

    run: Run
    flatten: bool | None
    ended: bool
    differences: tuple[Difference, ...] = ()


class Past:
    """Makes runs again.

    Args:
        recipes: makes a run's machine from its row, its recorded settings and its instruments.
        compile: given a machine and how many hours it will do, the machine to use.
    """

    def __init__(self, reader: Reader, *, recipes: Recipes = recipe_of, compile: Compile | None = None) -> None:  # noqa: A002
        self.reader = reader
        self._recipes = recipes
        self._compile = compile
        self._tables = {name: whole(reader, name) for name in OPENING_TABLES}
        self._settings = {row["version"]: row for row in self._tables["settings_versions"]}
        self._machines: dict[tuple[str, str], Recipe] = {}
        self.rows = whole(reader, "runs")
        self._known = {row["run_id"]: row for row in self.rows}

    def row(self, run_id: str | None) -> Row:
        """The row of a run by its id or the beginning of it, or of the latest.

        Raises:
            NotFound: there is none, or more than one begins so.
        """
        found = [row for row in self.rows if run_id is None or row["run_id"].startswith(run_id)]
        if not found:
            what = "This database holds no run." if run_id is None else f"No run begins with {run_id}."
            raise NotFound("no_such_run", what, todo=self._listed())
        if run_id is not None and len(found) > 1:
            raise NotFound("no_such_run", f"More than one run begins with {run_id}.", todo="Give more of its id.")
        return found[-1]

    def spans(self, row: Row) -> Spans:
        """Reads of a run's hours."""
        return Spans(self.reader, run_id=row["run_id"], account_id=row["account_id"])

    def is_ended(self, row: Row) -> bool:
        """Whether a later run of its mode took its place."""
        later = self.rows[self.rows.index(row) + 1 :]
        return any(other["mode"] == row["mode"] for other in later)

    def open(self, row: Row, end: End | None, hours: int) -> PastRun:
        """A run as it was when it was opened.

        Args:
            end: of the account of the run before it in its mode; None where there is none that did an hour.
            hours: how many of its hours will be done.

        Raises:
            Invalid, NotFound: its settings cannot be read, or name what is not installed.
            Unverified: what it carries on does not fit, or is not there.
        """
        recipe = self._recipe(row)
        machine = recipe.machine if self._compile is None else self._compile(recipe.machine, hours)
        opens = row["account_id"] == row["run_id"]
        if not opens and end is None:
            raise Unverified(
                "account_missing",
                "The run carries an account on whose last state is not in the database.",
                money="What it held at its beginning cannot be known.",
                todo="Run `mooring db check`; restore a backup.",
            )
        opening = opened(machine)
        if not opens and end is not None:
            parts = parts_of(end.run, row)
            opening = carried(opening, end.state, same_orders=row["mode"] == LIVE, **parts)
            if not parts["same_models"]:
                opening = warmed(opening, self.reader, row["account_id"], end.hour_ts_utc, instruments_of(row))
        run = Run(
            run_id=row["run_id"],
            account_id=row["account_id"],
            mode=row["mode"],
            quote=row["quote"],
            instruments=instruments_of(row),
            machine=machine,
            manifest=row,
            opening=opening,
            treasury=NOTHING_SET,
            is_new_account=opens,
            resumes_after=None if opens or end is None else end.hour_ts_utc,
        )
        found = tuple(opening_differences(run, self.parent(row), self._tables, carries=end is not None))
        return PastRun(run=run, flatten=recipe.flatten, ended=self.is_ended(row), differences=found)

    def recorded_end(self, row: Row) -> End | None:
        """How the account of the run before stood, as it is recorded; None where it never did an hour."""
        at = self.parent(row)
        while at is not None:
            end = self.recorded_end_of(at)
            if end is not None:
                return end
            at = None if at["account_id"] == at["run_id"] else self.parent(at)
        return None

    def recorded_end_of(self, row: Row) -> End | None:
        """How a run's account stands after its last hour, as it is recorded; None where it did none."""
        spans = self.spans(row)
        stored = spans.state_now()
        if stored is None:
            return None
        hour = int(stored["hour_ts_utc"])
        return End(run=row, hour_ts_utc=hour, state=stored["state"], balances=spans.balances(hour))

    def parent(self, row: Row) -> Row | None:
        """The row of the run before; None where there is none."""
        return self._known.get(row["parent_run_id"] or "")

    def _recipe(self, row: Row) -> Recipe:
        key = (row["universe"], row["settings_hash"])
        if key not in self._machines:
            settings = self._settings.get(row["settings_version"])
            if settings is None:
                raise Unverified(
                    "settings_missing",
                    "The settings that a run was begun with are not in the database.",
                    money="What it decided cannot be recomputed.",
                    todo="Run `mooring db check`; restore a backup.",
                )
            while len(self._machines) >= MACHINES_MAX:
                del self._machines[next(iter(self._machines))]
            self._machines[key] = self._recipes(row, settings["settings"], instruments_of(row))
        return self._machines[key]

    def _listed(self) -> str:
        names = ", ".join(row["run_id"] for row in self.rows[-3:])
        return f"The latest runs are {names}." if names else "Let a daemon or a demo of this home do an hour first."


def instruments_of(row: Row) -> tuple[Instrument, ...]:
    """The universe of a run, as its row describes it.

    Raises:
        Invalid: it is no description of instruments.
    """
    try:
        return tuple(Instrument(**described) for described in orjson.loads(row["universe"]))
    except (ValueError, TypeError):
        raise Invalid(
            "bad_recorded_universe",
            "The universe recorded with a run cannot be read by this version.",
            money="Nothing was changed.",
            todo="Use the version of Mooring that the run names.",
        ) from None


def standing_before(past: Past, row: Row, hour_ts_utc: int) -> tuple[Standing, End | None]:
    """The nearest recorded state of a run before an hour; where none was kept of it yet, its opening.

    Returns:
        where to begin, and the end of the account that the run carries on, as it is recorded.

    Raises:
        Unverified: the state that was kept is not the one that its hour's manifest names.
    """
    spans = past.spans(row)
    end = past.recorded_end(row)
    kept = spans.last_state(hour_ts_utc)
    if kept is None:
        return opening_standing(past.reader, row, end), end
    hour, state = kept
    manifest = past.reader.find("manifests", run_id=row["run_id"], hour_ts_utc=hour)
    if manifest is None or manifest["blob_hash"] != hashlib.sha256(state).hexdigest():
        raise Unverified(
            "snapshot_changed",
            "A state that was kept of an earlier hour is not the one that its manifest names.",
            money="Nothing can be recomputed from it, and nothing is traded from it.",
            todo="Run `mooring replay verify`, which begins at the first hour; keep the file as it is.",
        )
    standing = Standing(
        after=hour,
        state=state,
        balances=spans.balances(hour),
        hours=spans.count_hours(hour),
        chain=bytes.fromhex(manifest["decision_hash"]),
        working=working_at(spans, hour) if row["mode"] == LIVE else spans.working(hour),
    )
    return standing, end


def opening_standing(reader: Reader, row: Row, end: End | None) -> Standing:
    """Before the first hour of a run; `end` as in `Past.open`."""
    carries = end is not None and row["account_id"] != row["run_id"]
    left = inherited(reader, row) if row["mode"] == LIVE else Inherited()
    return Standing(balances=dict(end.balances) if carries and end is not None else {}, left=left)
