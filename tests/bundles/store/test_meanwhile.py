"""What happens while something else is under way: a look at the repository, a trial, a second wish of the same person."""

from __future__ import annotations

import errno
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest

from mooring.bundles.store.examining import ASKED_TO_END, ChildExaminer
from mooring.bundles.store.ports import Loaded
from mooring.bundles.store.state import TRIES, Phase
from mooring.errors import Conflict, Denied, Halt
from tests.bundles.store.store_rig import FolderFetcher, World, world

SECONDS = 60.0


@pytest.fixture
def made(tmp_path: Path) -> World:
    return world(tmp_path)


@dataclass(frozen=True)
class Slow:
    """A server that is asked, and answers once it may."""

    inner: FolderFetcher
    sideloaded: bool = False
    asked: threading.Event = field(default_factory=threading.Event)
    may: threading.Event = field(default_factory=threading.Event)

    def fetch(self, place: str, name: str, *, most: int, seconds: float) -> Iterator[bytes]:
        self.asked.set()
        assert self.may.wait(SECONDS)
        return self.inner.fetch(place, name, most=most, seconds=seconds)


def hours_pass(made: World, count: int) -> bool:
    """Whether the engine did so many hours, without waiting for anything that is under way."""
    engine = threading.Thread(target=lambda: [made.hour() for _ in range(count)], daemon=True)
    engine.start()
    engine.join(SECONDS / 4)
    return not engine.is_alive()


def test_the_engine_never_waits_for_a_server_that_is_asked(made: World) -> None:
    made.commit(1)
    made.release(2)
    made.manager.update(made.source)
    source = made.source
    slow = Slow(source.fetch)
    look = threading.Thread(target=made.manager.check, args=(replace(source, fetch=slow),), daemon=True)
    look.start()
    try:
        assert slow.asked.wait(SECONDS)
        assert hours_pass(made, 4), "a trial begins, is passed and is committed meanwhile"
        assert made.manager.state.phase is Phase.NONE
        assert made.running == "core@2"
    finally:
        slow.may.set()
        look.join(SECONDS)


def test_what_is_left_over_is_removed_in_a_running_process_and_not_by_the_engine(made: World) -> None:
    made.commit(1)
    made.release(2)
    made.manager.update(made.source)
    made.manager.rollback()
    assert len(folders(made)) == 2
    made.manager.tidy()
    assert folders(made) == ["1"]


def folders(made: World) -> list[str]:
    return sorted(path.name.split("-")[0] for path in (made.root / "slots").iterdir() if path.is_dir())


def test_the_one_on_trial_is_not_brought_in_once_more(made: World) -> None:
    """As an automatic look does every day, and a person who presses twice."""
    made.commit(1)
    made.release(2)
    made.manager.update(made.source)
    made.hour()
    assert made.manager.update(made.source).state == "up_to_date"
    assert [(one.seq, one.standing) for one in made.manager.offered] == [(2, "installed"), (1, "installed")]
    for again in (False, True):
        with pytest.raises(Conflict) as refused:
            made.manager.update(made.source, wanted="core@2", again=again)
        assert refused.value.code == "bundle_in_use"
    assert (made.manager.state.phase, made.manager.running.trial.bars) == (Phase.TRYING, 1)


@pytest.mark.parametrize("name", ["core@1", "core@2", "core@3"])
def test_what_is_on_trial_is_not_ended_or_accepted_by_naming_a_bundle(made: World, name: str) -> None:
    made.commit(1)
    made.commit(2)
    made.release(3)
    made.manager.update(made.source)
    made.hour()
    with pytest.raises(Conflict) as refused:
        made.manager.activate(name)
    assert refused.value.code == "bundle_on_trial"
    assert made.running == "core@3"


def test_the_engine_may_be_quicker_than_a_second_wish(made: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the look at what waits and the record of the wish, what waits is taken up."""
    made.release(1)
    made.manager.update(made.source)
    lock = made.manager._books.slots.lock

    def slowly() -> AbstractContextManager[None]:
        made.manager.running.at_safe_point()
        return lock()

    monkeypatch.setattr(made.manager._books.slots, "lock", slowly)
    with pytest.raises(Conflict) as refused:
        made.manager.activate("core@1")
    assert refused.value.code == "bundle_changed_meanwhile"
    assert made.running == "core@1"


def test_an_offer_stands_as_it_is_now_and_not_as_it_was_when_the_repository_was_asked(made: World) -> None:
    def standing() -> str:
        return made.manager.offered[0].standing

    made.release(1)
    made.manager.check(made.source)
    assert standing() == "new"
    made.manager.update(made.source)
    made.hour()
    made.hour(faults=1)
    assert standing() == "rejected"


def test_who_goes_back_leaves_what_decides_and_not_what_only_waits_for_a_word(made: World) -> None:
    made.commit(1)
    made.commit(2)
    made.release(3)
    assert made.manager.update(made.source, activate=False).state == "staged"
    assert made.manager.rollback().bundle.startswith("core@1:")
    made.hour()
    assert made.running == "core@1"
    assert [one["seq"] for one in made.manager._books.slots.rejections()] == [2]


def test_a_disk_that_refuses_to_note_it_does_not_keep_a_person_from_going_back(
    made: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    made.commit(1)
    made.commit(2)
    monkeypatch.setattr(made.manager._books._journal, "write", refused)
    with pytest.raises(Halt) as told:
        made.manager.rollback()
    assert told.value.code == "bundle_disk_failed"
    made.hour()
    assert made.running == "core@1"


def refused(*_: object, **__: object) -> None:
    raise OSError(errno.EIO, "the disk")


def test_a_disk_that_cannot_be_read_uses_up_no_try(made: World, monkeypatch: pytest.MonkeyPatch) -> None:
    made.commit(1)
    made.release(2)
    made.manager.update(made.source)
    with monkeypatch.context() as bad:
        bad.setattr("mooring.bundles.store.reading.read_verified", refused)
        for _ in range(TRIES + 1):
            made.hour()
    assert (made.manager.state.phase, made.manager.state.tries_left) == (Phase.TRYING, TRIES)
    made.hour()
    assert made.running == "core@2"


def test_a_trial_begins_at_a_safe_point_and_not_because_of_a_start(made: World) -> None:
    made.commit(1)
    made.release(2)
    made.manager.update(made.source)
    made.begin()
    assert (made.running, made.manager.state.phase) == ("core@1", Phase.ARMED)
    assert made.manager.running.at_safe_point(quiet=False) is None, "an order is on its way"
    made.hour()
    assert made.running == "core@2"


def test_starts_of_a_daemon_that_asks_no_models_use_up_no_try(made: World) -> None:
    made.commit(1)
    made.release(2)
    made.manager.update(made.source)
    made.hour()
    for _ in range(TRIES + 1):
        made.manager = made.make()
        made.manager.start(asked=False)
    assert (made.running, made.manager.state.tries_left) == ("core@1", TRIES - 1)
    made.hour()
    assert made.running == "core@2"


@pytest.mark.parametrize("number", sorted(ASKED_TO_END))
def test_an_examination_that_a_shutdown_ends_is_no_refusal(tmp_path: Path, number: int) -> None:
    examine = ChildExaminer(
        (
            sys.executable,
            "-c",
            f"import os, signal; signal.signal({int(number)}, signal.SIG_DFL); os.kill(os.getpid(), {int(number)})",
        )
    )
    with pytest.raises(Halt) as told:
        examine(tmp_path, "0" * 64)
    assert told.value.code == "bundle_not_examined"


def test_an_examination_that_crashes_is_one() -> None:
    examine = ChildExaminer((sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"))
    with pytest.raises(Denied, match="signal 9"):
        examine(Path(), "0" * 64)


def test_who_comes_while_it_is_tidied_is_not_refused(made: World, monkeypatch: pytest.MonkeyPatch) -> None:
    made.release(1)
    made.manager.update(made.source)
    made.manager.rollback()
    tidying, may = threading.Event(), threading.Event()

    def slowly() -> None:
        tidying.set()
        assert may.wait(SECONDS)

    monkeypatch.setattr(made.manager._books, "collect", slowly)
    tidy = threading.Thread(target=made.manager.tidy, daemon=True)
    tidy.start()
    assert tidying.wait(SECONDS)
    threading.Timer(0.05, may.set).start()
    assert [one.standing for one in made.manager.check(made.source)] == ["rejected"]
    tidy.join(SECONDS)


def test_what_a_process_was_told_is_known_to_the_next_one_without_asking(made: World) -> None:
    made.commit(1)
    made.release(2)
    made.manager.check(made.source)
    made.begin()
    made.now += timedelta(days=400)
    assert made.manager.offered == []
    made.manager.recall("demo", made.repository(), "stable")
    assert [(one.seq, one.standing) for one in made.manager.offered] == [(2, "new"), (1, "installed")]
    assert made.manager.seen.staleness > timedelta(days=300)


def test_generations_that_prove_nothing_installed_do_not_stay(tmp_path: Path) -> None:
    """Such as of one that a crash kept from coming in, or all of them under a record that was lost."""
    made = world(tmp_path)

    def kept() -> frozenset[int]:
        return made.repository()._page().kept

    made.release(1)
    made.manager.check(made.source)
    made.repository().keep(1)
    made.manager.check(made.source)
    assert kept() == frozenset(), "nothing is installed"

    made.commit(2)
    mine = made.manager.state.active
    assert mine is not None
    assert kept() == {mine.generation}
    made.release(3)
    newest = made.repository().refresh(made.source.fetch).generation
    made.repository().keep(newest)
    assert kept() == {mine.generation, newest}
    assert isinstance(made.begin(), Loaded)
    assert kept() == {mine.generation}, "a start needs no repository for that"
