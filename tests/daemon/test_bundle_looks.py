"""When a repository is asked by itself, and that nothing is brought in by a look unless a person wanted it so."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mooring.bundles.store.ports import Loaded, NoModel
from mooring.bundles.store.state import Phase
from mooring.control_api.events import EventHub
from mooring.control_api.models_bundles import BundleUpdate
from mooring.daemon import bundle_desk, bundle_repositories
from mooring.daemon.bundle_desk import BundleDesk
from mooring.daemon.bundle_looks import HOUR, Looks
from mooring.daemon.starter import StarterRepository, Version
from mooring.daemon.static_files import Host, served
from mooring.errors import Invalid, NotFound, Retry
from mooring.home import Home
from mooring.runtime.decision.model_features import MODEL_FEATURE_NAMES
from mooring.runtime.engine.asking import Observed
from mooring.runtime.market.clock import SystemClock
from mooring.runtime.store.store import Store
from mooring.settings_bundles import Bundles
from tests.daemon.daemons import SYMBOLS, short_home

DAY = 24 * HOUR


class Moved(SystemClock):
    """Its time of running is moved on by hand."""

    ahead = 0.0

    def monotonic(self) -> float:
        return self.ahead


@dataclass
class Asked:
    """Counts looks, which fail as long as there are faults."""

    settings: Bundles = field(default_factory=lambda: Bundles(repository="demo"))
    now: float = 1e6
    seen: list[float] = field(default_factory=list)
    faults: list[Exception] = field(default_factory=list)

    def look(self, settings: Bundles) -> None:
        assert settings is self.settings
        self.seen.append(self.now)
        if self.faults:
            raise self.faults.pop()

    def over(self, hours: float) -> int:
        """Looks in so many hours of turns, one each minute."""
        before = len(self.seen)
        for _ in range(int(hours * 60)):
            self.looks.turn()
            self.now += 60.0
        return len(self.seen) - before

    def __post_init__(self) -> None:
        self.looks = Looks(lambda: self.settings, lambda: self.now, self.look)


def test_one_look_at_the_beginning_and_one_every_so_many_hours() -> None:
    assert Asked().over(73) == 4
    assert Asked(Bundles(repository="demo", check_hours=1)).over(10) == 10


def test_never_where_that_is_wanted_or_nobody_is_to_be_asked() -> None:
    assert Asked(Bundles(repository="demo", check_hours=0)).over(200) == 0
    assert Asked(Bundles()).over(200) == 0


def test_a_look_that_failed_is_done_again_after_an_hour_and_the_next_ones_as_before() -> None:
    asked = Asked(faults=[Retry("bundle_repository_away", "away"), OSError("the disk")])
    begun = asked.now
    asked.over(30)
    assert [at - begun for at in asked.seen] == [0, HOUR, 2 * HOUR, 2 * HOUR + DAY]


def test_a_repository_or_channel_that_was_changed_is_asked_at_once_and_changed_hours_count_at_once() -> None:
    asked = Asked()
    assert asked.over(1) == 1
    asked.settings = Bundles(repository="other")
    assert asked.over(1) == 1
    asked.settings = Bundles(repository="other", channel="canary")
    assert asked.over(1) == 1
    asked.settings = Bundles(repository="other", channel="canary", check_hours=2)
    assert asked.over(2) == 1
    asked.settings = Bundles()
    assert asked.over(100) == 0


@dataclass
class Desk:
    """A desk over a real repository, without an engine: its hours and its clock are moved by hand."""

    desk: BundleDesk
    clock: Moved
    host: Host
    settings: Bundles
    home: Home
    store: Store
    close_ts: int = 0

    def make(self) -> BundleDesk:
        self.desk = BundleDesk(self.home, lambda: self.settings, self.store, EventHub(first_id=1), self.clock)
        self.desk.manager.start()
        return self.desk

    def look(self, hours: float = 24) -> None:
        self.desk.looks.turn()
        self.clock.ahead += hours * HOUR

    def said(self, **change: Any) -> None:
        self.settings = Bundles(**{"repository": "demo", "trial_hours": 2, "trial_minutes": 0} | change)

    def hour(self) -> Loaded | NoModel:
        running = self.desk.manager.running
        running.at_safe_point()
        self.close_ts += int(HOUR)
        self.clock.ahead += HOUR
        if isinstance(running.now, Loaded):
            values, present = np.zeros((len(SYMBOLS), len(MODEL_FEATURE_NAMES))), np.ones(len(SYMBOLS), dtype=bool)
            seen = Observed(
                close_ts=self.close_ts,
                reference=running.now.slot.reference,
                latency_us=100,
                asked=len(SYMBOLS),
                answered=len(SYMBOLS),
                missing=0,
                faulted=0,
                faults=(),
                values=values,
                present=present,
                catch_up=False,
            )
            self.desk.observed(seen)
        return running.now

    @property
    def phase(self) -> Phase:
        return self.desk.manager.state.phase


@pytest.fixture(scope="module")
def starter(tmp_path_factory: pytest.TempPathFactory) -> StarterRepository:
    def utc_now() -> datetime:
        return datetime.now(UTC).replace(microsecond=0)

    made = StarterRepository(tmp_path_factory.mktemp("starter"), SYMBOLS, utc_now)
    made.begin()
    made.release(Version(text="one", bars=4))
    return made


@pytest.fixture
def desk(starter: StarterRepository) -> Iterator[Desk]:
    with served(starter.public) as host, short_home() as home:
        home.prepare()
        bundle_repositories.add(home, "demo", host.url, starter.root)
        with Store.open(home.database) as store:
            made = Desk(None, Moved(), host, Bundles(repository="demo"), home, store)  # type: ignore[arg-type]
            made.make()
            yield made
            made.desk.close()


def test_by_default_a_look_shows_what_is_new_and_never_brings_it_in(desk: Desk) -> None:
    assert desk.settings.activate_automatically is False
    for _ in range(4):
        desk.look()
        assert isinstance(desk.hour(), NoModel)
    assert [one.standing for one in desk.desk.now().offered] == ["new"]
    assert desk.phase is Phase.NONE
    assert list((desk.home.root / "bundles" / "slots").iterdir()) == []
    assert desk.desk.staleness().checked_at is not None


def test_where_it_is_wanted_a_look_brings_it_in_and_what_was_refused_is_not_taken_again(desk: Desk) -> None:
    desk.said(activate_automatically=True)
    desk.look()
    assert desk.phase is Phase.ARMED
    assert isinstance(desk.hour(), Loaded)
    desk.desk.manager.rollback("a person went back")
    assert isinstance(desk.hour(), NoModel)
    for _ in range(3):
        desk.look()
        assert isinstance(desk.hour(), NoModel)
    assert (desk.phase, [one.standing for one in desk.desk.now().offered]) == (Phase.NONE, ["rejected"])


def test_a_look_that_failed_is_told_and_the_next_one_takes_it_back(desk: Desk) -> None:
    desk.host.away()
    desk.look(hours=0.5)
    told = desk.desk.staleness()
    assert told.checked_at is None
    assert told.problem
    desk.host.back()
    desk.look(hours=0.5)
    assert desk.desk.staleness().problem, "half an hour later nobody was asked"
    desk.look()
    assert desk.desk.staleness().problem == ""
    assert desk.desk.staleness().checked_at is not None


def test_a_trial_goes_on_whatever_becomes_of_repository_and_channel_in_the_settings(desk: Desk) -> None:
    desk.said()
    desk.desk.update("a person", BundleUpdate())
    desk.hour()
    assert (desk.phase, len(desk.desk.now().offered)) == (Phase.TRYING, 1)

    desk.said(channel="canary")
    desk.look()
    desk.hour()
    assert desk.phase is Phase.TRYING
    assert desk.desk.now().offered == [], "the other channel offers nothing"

    desk.said()
    desk.look()
    assert len(desk.desk.now().offered) == 1
    known = bundle_repositories.known(desk.home, "demo")
    bundle_repositories.add(desk.home, "other", known.url, known.root)
    desk.said(repository="other")
    assert desk.desk.now().offered == [], "what another repository offered is not shown as its own"
    desk.said(repository="unknown")
    with pytest.raises(NotFound):
        desk.desk.check("a person")
    desk.hour()

    desk.said(repository=None)
    with pytest.raises(Invalid) as refused:
        desk.desk.check("a person")
    assert refused.value.code == "no_repository_named"
    desk.look()
    found = desk.hour()
    assert isinstance(found, Loaded)
    assert (desk.phase, found.slot.repository) == (Phase.NONE, "demo")
    assert desk.desk.manager.state.active == found.slot

    begun = desk.make().manager.running.now
    assert isinstance(begun, Loaded), "a start proves it by the repository that it came from"
    assert begun.slot == found.slot


def test_what_is_armed_waits_on_whatever_repository_is_named_then(desk: Desk) -> None:
    desk.said()
    desk.desk.update("a person", BundleUpdate())
    desk.said(repository=None)
    assert desk.phase is Phase.ARMED
    assert isinstance(desk.hour(), Loaded)
    assert desk.phase is Phase.TRYING


def test_a_fault_of_ours_while_it_takes_up_what_was_is_not_the_end_of_looks_and_alerts(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    tended = threading.Event()

    def broken(*_: object) -> None:
        raise KeyError("a fault of ours")

    monkeypatch.setattr(bundle_desk, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(desk.desk, "_recall", broken)
    monkeypatch.setattr(desk.desk.manager, "resume", broken)
    monkeypatch.setattr(desk.desk.looks, "turn", tended.set)
    desk.desk.begin(lambda: SimpleNamespace(warn=broken))  # type: ignore[arg-type, return-value]
    assert tended.wait(60)
