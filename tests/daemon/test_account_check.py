"""What the doctor says of the last comparison of the books with Kraken."""

from __future__ import annotations

from pathlib import Path

import pytest

from mooring.daemon.account_check import NONE_YET, account_checks
from mooring.daemon.doctor import CheckResult
from mooring.runtime.store.place import Place
from mooring.runtime.store.store import Store
from mooring.settings import Settings, load_settings
from tests.runtime.store import book


def made(mode: str = "live") -> Settings:
    names = {"market.source": "kraken", "venue.name": "kraken", "trading.mode": mode}
    return load_settings(Path("/nonexistent"), {}, overrides=names)


def checked(file: Path) -> CheckResult:
    ((name, check),) = account_checks(made(), Place(file=file))
    line = check()
    assert name == line.name == "account"
    return line


def lived(file: Path, hours: int) -> Path:
    """A live account after so many hours; the comparison of the third finds a difference."""
    with Store.open(file) as store:
        for batch in (book.begin(), *map(book.hour, range(hours))):
            store.commit(batch)
    return file


@pytest.mark.parametrize("mode", ["paper", "shadow"])
def test_other_modes_have_no_such_line(tmp_path: Path, mode: str) -> None:
    assert account_checks(made(mode), Place(file=tmp_path / "m.db")) == ()


def test_nothing_was_traded_live_where_there_is_no_database_or_no_comparison(tmp_path: Path) -> None:
    assert checked(tmp_path / "none.db").detail == NONE_YET
    with Store.open(tmp_path / "m.db") as store:
        assert checked(tmp_path / "m.db").detail == NONE_YET
        store.commit(book.begin())
    line = checked(tmp_path / "m.db")
    assert (line.state, line.detail, line.fix) == ("ok", NONE_YET, "")


def test_books_that_agree_are_told_with_the_time_of_the_comparison(tmp_path: Path) -> None:
    line = checked(lived(tmp_path / "m.db", 2))
    assert (line.state, line.fix) == ("ok", "")
    assert line.detail == "The books and Kraken agreed at 2020-09-13T14:00:00Z."


def test_a_difference_fails_and_is_told_with_its_sentence_until_a_later_comparison_agrees(tmp_path: Path) -> None:
    line = checked(lived(tmp_path / "m.db", 3))
    assert line.state == "fail"
    assert line.detail.endswith("so nothing is bought: BTC: 0.1 too little.")
    assert line.fix
    with Store.open(tmp_path / "m.db") as store:
        store.commit(book.hour(3))
    assert checked(tmp_path / "m.db").state == "ok"
