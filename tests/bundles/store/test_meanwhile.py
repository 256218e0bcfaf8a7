"""What happens while something else is under way: a look at the repository, a trial, a second wish of the same person."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from mooring.bundles.store.state import Phase
from mooring.errors import Conflict
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
