"""What models said, held against the same models: an answer that somebody made up is found although every hash fits."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mooring.cli.main import main
from mooring.daemon.bundle_reask import asked_again
from mooring.home import Home
from mooring.runtime.market.clock import ManualClock
from mooring.runtime.store.place import Place
from mooring.runtime.store.verify import verify
from tests.daemon.daemons import SYMBOLS
from tests.support.forge import forge

pytestmark = pytest.mark.xdist_group("accepted")
SCORE = "SELECT seq FROM model_outputs WHERE state = 'ok' ORDER BY seq DESC LIMIT 1"


@pytest.fixture
def database(accepted: Home, tmp_path: Path) -> Path:
    """A copy that may be spoiled."""
    path = tmp_path / "mooring.db"
    shutil.copy(accepted.database, path)
    return path


def asked(home: Home, database: Path, first: int | None = None) -> dict[str, Any]:
    return asked_again(home, Place(file=database), ManualClock(0), first=first, last=None)


def test_what_was_recorded_is_what_the_models_say(accepted: Home, database: Path) -> None:
    found = asked(accepted, database)
    ((reference, rows),) = found["asked"].items()
    assert reference.startswith("starter@1:")
    with closing(sqlite3.connect(database)) as connection:
        said = dict(connection.execute("SELECT state, count(*) FROM model_outputs GROUP BY state"))
    assert said["ok"] > 2 * len(SYMBOLS)
    assert rows == said["ok"] + said["missing"]
    assert (found["differing"], found["not_here"]) == (0, {})


@pytest.mark.parametrize(
    ("change", "differing"),
    [
        ("global_score = global_score + 6", 1),
        ("global_score = global_score - 5", 0),  # as much as the bundle allows another machine
        ("specialist_score = 1000", 1),
        ("state = 'missing', global_score = NULL", 1),
        ("vector = '[]'", 1),
        ("state = 'fault', global_score = NULL", 0),  # a later answer does not say that it was in time
    ],
)
def test_a_forged_answer_is_found_although_every_hash_fits(
    accepted: Home, database: Path, change: str, differing: int
) -> None:
    forge(database, f"UPDATE model_outputs SET {change} WHERE seq = ({SCORE})")
    assert verify(Place(file=database)).ok
    found = asked(accepted, database)
    assert found["differing"] == len(found["differences"]) == differing


def test_only_hours_that_are_asked_for_are_looked_at(accepted: Home, database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        (last,) = connection.execute("SELECT max(hour_ts_utc) FROM model_outputs").fetchone()
    (rows,) = asked(accepted, database, first=last)["asked"].values()
    assert 0 < rows <= len(SYMBOLS)


def test_a_bundle_that_is_not_here_is_named_and_its_answers_counted(database: Path, home: Home) -> None:
    found = asked(home, database)
    assert found["asked"] == {}
    assert sum(found["not_here"].values()) > 100


def test_the_command_ends_with_6_where_only_the_models_contradict(
    accepted: Home, database: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One that decided nothing: the last hour's, of a run that ended."""
    original = accepted.database.read_bytes()
    monkeypatch.setattr("sys.argv", ["mooring", "replay", "verify", "--models", "--home", str(accepted.root)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    assert "were asked again" in capsys.readouterr().out
    forge(database, f"UPDATE model_outputs SET specialist_score = global_score, global_score = 7 WHERE seq = ({SCORE})")
    shutil.copy(database, accepted.database)
    with pytest.raises(SystemExit) as ended:
        main()
    accepted.database.write_bytes(original)
    said = capsys.readouterr()
    assert ended.value.code == 6
    assert "model_answers_differ" in said.err, said
