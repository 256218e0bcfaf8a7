"""Die by SIGKILL before every fifth statement between an accepted change of settings and the hours after it: nothing is lost."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from mooring.runtime.store.place import Place
from tests.faults import settings_change
from tests.support import history

ROOT = Path(__file__).parents[2]
MOST = 32


def test_kill_9_before_every_fifth_statement_of_changes_and_their_hours_ends_as_if_nothing_had_happened(
    tmp_path: Path,
) -> None:
    first = tmp_path / "first" / "mooring.db"
    first.parent.mkdir()
    settings_change.begin(Place.of(first))
    places = []
    for number in range(MOST):
        (tmp_path / str(number)).mkdir()
        places.append(history.copied(first, tmp_path / str(number)))
    wanted = settings_change.drive(Place.of(first))
    assert wanted["settings_versions"][0] == 3
    assert wanted["runs"][0] == 3
    command = [sys.executable, "-m", "tests.faults.settings_change", "1", "5", *map(str, places)]
    done = subprocess.run(command, cwd=ROOT, timeout=280, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    said = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    ends = [one["end"] for one in said]
    assert ends[-1] == 0, "there were more statements than places"
    assert set(ends[:-1]) == {-9}
    assert len(ends) > 10
    for number, one in enumerate(said):
        assert one["breaks"] == [], number
        assert one["heads"] == wanted, number
