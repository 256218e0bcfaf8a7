"""Pages of the file overwritten, under a daemon or before it starts: it halts where it reads them, and never half trades."""

from __future__ import annotations

import pytest

from mooring.errors import MooringError
from mooring.runtime.store.store import Store
from mooring.runtime.store.verify import verify
from tests.faults import broken
from tests.support import history, runs

PAGE = 4096
STEP = 16


@pytest.fixture(scope="module")
def twenty_hours(tmp_path_factory):
    path = tmp_path_factory.mktemp("twenty") / "mooring.db"
    history.go_on(path, 20)
    assert path.stat().st_size > 140 * PAGE
    return path


@pytest.fixture
def database(twenty_hours, tmp_path):
    return history.copied(twenty_hours, tmp_path)


def overwrite(path, pages):
    with path.open("r+b") as file:
        for page in pages:
            file.seek(page * PAGE)
            file.write(b"\xff" * PAGE)


def pages_of(path):
    return path.stat().st_size // PAGE


@pytest.mark.parametrize("share", [1, 2])
def test_a_file_overwritten_under_the_daemon_halts_it_with_nothing_half_stored(database, share):
    told = runs.Told()
    with Store.open(database) as store:
        made = history.engine(store, told=told)
        overwrite(database, range(pages_of(database) // share if share > 1 else 1, pages_of(database)))
        broken.run_into_a_halt(made, told, "database_corrupt")
        assert made.status.hours == 20
        made.stop()
    report = verify(database)
    assert not report.ok
    assert report.breaks


def test_a_file_overwritten_before_the_start_is_refused(database):
    overwrite(database, range(1, pages_of(database)))
    with pytest.raises(MooringError) as caught, Store.open(database):
        pass
    assert caught.value.code == "database_corrupt"
    assert caught.value.exit_code == 6


def test_a_file_whose_first_page_is_gone_is_refused(database):
    overwrite(database, [0])
    with pytest.raises(MooringError) as caught, Store.open(database):
        pass
    assert caught.value.code == "not_a_database"


@pytest.mark.parametrize("running", [True, False], ids=["while running", "before the start"])
@pytest.mark.parametrize("page", range(1, 140, STEP))
def test_one_page_overwritten_halts_where_it_is_read_and_else_is_found_by_the_check(database, wanted, page, running):
    """Pages of the past are not read to trade on; what is decided without them is what would have been decided."""
    told = runs.Told()
    if not running:
        overwrite(database, [page])
    try:
        with Store.open(database) as store:
            made = history.engine(store, told=told)
            if running:
                overwrite(database, [page])
            made.start()
            assert made.wait_finished(runs.WAIT_S)
            ended, decided = made.status.ended, made.status.decision_hash
            made.stop()
    except MooringError as error:
        assert error.code == "database_corrupt"  # noqa: PT017 -- whether it is raised depends on the page
        ended = False
    else:
        assert ended or told.alerts == [("critical", "database_corrupt")]
        assert not ended or decided == wanted["decision_hash"]
    report = verify(database)
    # A page that was still in memory is written anew, and is then as it should be.
    assert not report.ok or (ended and report.heads["manifests"].count == 60)
