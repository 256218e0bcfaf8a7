"""Which models are asked while others load: the engine's turn waits for none, least of all while a person kills."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import pytest

from mooring.bundles.store import state as st
from mooring.bundles.store.ports import Loaded, NoModel
from mooring.bundles.store.state import State, Trial
from mooring.daemon.bundle_health import component, families
from mooring.daemon.bundle_runtime import ActiveModels
from mooring.daemon.trader import Trader
from mooring.home import Home
from mooring.runtime.models.bounded import Bounded
from tests.bundles.store.slot_kit import TERMS, slot_of
from tests.daemon.daemons import running
from tests.support.models import Scripted

SECONDS = 60.0


def loaded(seq: int) -> Loaded:
    manifest: Any = SimpleNamespace(strategy=SimpleNamespace(parameters={}))
    return Loaded(slot=slot_of(seq), manifest=manifest, files={})


@dataclass
class Decides:
    """What decides, as the store would say it: `found` is what the next safe point comes to."""

    found: Loaded | NoModel | None = None
    instead: Loaded | NoModel | None = None
    state: State = field(default_factory=State)
    trial: Trial = field(default_factory=Trial)
    failures: list[str] = field(default_factory=list)
    gone: set[int] = field(default_factory=set)
    quiet: list[bool] = field(default_factory=list)
    blamed: list[bool] = field(default_factory=list)
    load: Callable[[st.Slot], AbstractContextManager[None]] = nullcontext

    def given_up(self, slot: st.Slot) -> bool:
        return slot.seq in self.gone

    def at_safe_point(self, *, quiet: bool = True) -> Loaded | NoModel | None:
        self.quiet.append(quiet)
        if self.state.phase is st.Phase.ARMED and quiet:
            self.state = st.begin_try(self.state)
        found, self.found = self.found, None
        return found

    def failed(self, one: Loaded, reason: str, *, blamed: bool = True) -> None:
        self.blamed.append(blamed)
        self.failures.append(f"{one.slot.seq}: {reason}")
        self.found = self.instead


@dataclass(frozen=True)
class Managing:
    """As much of a manager as is asked."""

    running: Decides

    @property
    def state(self) -> State:
        return self.running.state


@dataclass
class Makes:
    """Makes models of a bundle; of some only once it may, and of some none."""

    hangs: dict[int, threading.Event] = field(default_factory=dict)
    fails: set[int] = field(default_factory=set)
    error: Exception = field(default_factory=lambda: RuntimeError("no models"))
    begun: threading.Event = field(default_factory=threading.Event)

    def __call__(self, found: Loaded, symbols: Any) -> Bounded:
        del symbols
        self.begun.set()
        if found.slot.seq in self.hangs:
            assert self.hangs[found.slot.seq].wait(SECONDS)
        if found.slot.seq in self.fails:
            raise self.error
        models = Scripted()
        models.reference = found.slot.reference
        return Bounded(models)


@pytest.fixture
def decides() -> Decides:
    return Decides()


@pytest.fixture
def makes() -> Iterator[Makes]:
    made = Makes()
    yield made
    for event in made.hangs.values():
        event.set()


def active(decides: Decides, makes: Makes, **how: float) -> ActiveModels:
    desk: Any = SimpleNamespace(asked=False, asks=None, ignored=(), running=None, manager=Managing(decides))
    return ActiveModels(desk, ["BTC-USDT"], lambda: True, makes, **{"turn_seconds": SECONDS, **how})


def asked(made: ActiveModels) -> str | None:
    assert made._desk.asks == (None if made.models is None else made.models.reference)
    return made._desk.asks


def hang(makes: Makes, seq: int) -> threading.Event:
    makes.hangs[seq] = threading.Event()
    return makes.hangs[seq]


def take_up_once_loaded(made: ActiveModels) -> bool:
    """The next turn after the load has ended."""
    assert made._coming is not None
    assert made._coming[1].wait(SECONDS)
    return made.take_up()


def test_what_loads_within_the_turn_is_asked_from_this_hour_on(decides: Decides, makes: Makes) -> None:
    made = active(decides, makes)
    decides.found = loaded(1)
    assert made.take_up()
    assert asked(made) == slot_of(1).reference
    assert not made.take_up()
    made.close()


def test_until_models_are_loaded_those_before_them_are_asked(decides: Decides, makes: Makes) -> None:
    made = active(decides, makes)
    decides.found = loaded(1)
    made.take_up()
    made._turn_seconds = 0.0
    let = hang(makes, 2)
    decides.found = loaded(2)
    assert not made.take_up()
    assert asked(made) == slot_of(1).reference
    let.set()
    assert take_up_once_loaded(made)
    assert asked(made) == slot_of(2).reference
    made.close()


@pytest.mark.parametrize("found", [None, 2])
def test_what_was_taken_back_is_asked_no_more_though_what_takes_its_place_still_loads(
    decides: Decides, makes: Makes, found: int | None
) -> None:
    """Also where that was loading before the word came: better an hour without an answer than with this one's."""
    made = active(decides, makes)
    decides.found = loaded(1)
    made.take_up()
    made._turn_seconds = 0.0
    let = hang(makes, 2)
    decides.found = loaded(2)
    if found is None:
        assert not made.take_up()
        assert asked(made) == slot_of(1).reference
    decides.gone = {1}
    assert made.take_up(), "the run that asks it ends"
    assert asked(made) is None
    let.set()
    assert take_up_once_loaded(made)
    assert asked(made) == slot_of(2).reference
    made.close()


def test_what_is_taken_back_in_the_very_turn_in_which_it_loads_is_never_asked(decides: Decides, makes: Makes) -> None:
    made = active(decides, makes)
    decides.found = loaded(1)
    made.take_up()
    let = hang(makes, 2)
    decides.found = loaded(2)
    looked = 0

    def taken_back_while_the_turn_waits() -> bool:
        nonlocal looked
        looked += 1
        if looked == 3:
            decides.gone, decides.found = {2}, loaded(1)
            let.set()
        return False

    assert not made.take_up(hurried=taken_back_while_the_turn_waits)
    assert (asked(made), decides.failures) == (slot_of(1).reference, [])
    made.close()


@pytest.mark.parametrize("quiet", [True, False])
def test_where_what_decides_makes_no_run_a_trial_begins_only_where_it_may(
    decides: Decides, makes: Makes, quiet: bool
) -> None:
    made = active(decides, makes)
    decides.found = loaded(1)
    made.take_up(quiet=quiet)
    assert made.give_up("no run can be begun")
    assert decides.quiet == [quiet, quiet]
    assert asked(made) is None


def test_what_loads_goes_on_where_what_was_asked_meanwhile_makes_no_run(decides: Decides, makes: Makes) -> None:
    made = active(decides, makes)
    decides.found = loaded(1)
    made.take_up()
    made._turn_seconds = 0.0
    let = hang(makes, 2)
    decides.found = loaded(2)
    made.take_up()
    assert made.give_up("no run can be begun")
    assert asked(made) is None
    let.set()
    assert take_up_once_loaded(made)
    assert asked(made) == slot_of(2).reference
    made.close()


def test_models_that_hang_while_they_load_are_given_up_and_those_before_them_go_on(
    decides: Decides, makes: Makes
) -> None:
    made = active(decides, makes, load_seconds=0.05)
    makes.hangs = {}
    decides.found = loaded(1)
    made._load_seconds = SECONDS
    assert made.take_up()
    made._load_seconds = 0.02
    hang(makes, 2)
    decides.found, decides.instead = loaded(2), loaded(1)
    assert not made.take_up()
    assert decides.failures == ["2: The models cannot be used: they did not load within 0.02 s."]
    assert asked(made) == slot_of(1).reference
    made.close()


def test_one_after_the_other_is_taken_until_one_loads_or_none_is_left(decides: Decides, makes: Makes) -> None:
    made = active(decides, makes)
    makes.fails = {1, 2}
    decides.found, decides.instead = loaded(2), loaded(3)
    assert made.take_up()
    assert asked(made) == slot_of(3).reference
    decides.found, decides.instead = loaded(1), NoModel(reason="None is left.")
    assert made.take_up()
    assert asked(made) is None
    assert decides.failures == ["2: it failed (RuntimeError)", "1: it failed (RuntimeError)"]
    assert decides.blamed == [True, True]


def test_too_little_memory_is_no_fault_of_the_bundle(decides: Decides, makes: Makes) -> None:
    made = active(decides, makes)
    makes.fails, makes.error = {2}, MemoryError()
    decides.found, decides.instead = loaded(2), loaded(1)
    assert made.take_up()
    assert asked(made) == slot_of(1).reference
    assert decides.failures == ["2: this machine had too little memory to load it"]
    assert decides.blamed == [False]
    made.close()


def test_what_is_given_up_while_it_loads_is_never_asked(decides: Decides, makes: Makes) -> None:
    made = active(decides, makes, turn_seconds=0.0)
    let = hang(makes, 2)
    decides.found = loaded(2)
    made.take_up()
    decides.found = NoModel(reason="It was taken back.")
    made.take_up()
    let.set()
    assert not made.take_up()
    assert asked(made) is None


@pytest.mark.parametrize("bars", [0, 1])
def test_a_trial_whose_models_were_late_begins_with_nobodys_real_money_either(
    decides: Decides, makes: Makes, bars: int
) -> None:
    """Armed between the turn that began it and the one in which its models are there: it waits. One under way goes on."""
    made = active(decides, makes, turn_seconds=0.0)
    let = hang(makes, 2)
    decides.state = st.arm(st.stage(State(), slot_of(2), TERMS, wanted=True))
    decides.found = loaded(2)
    assert not made.take_up()
    decides.trial = replace(decides.trial, last_close=3600 * bars)
    let.set()
    assert made._coming is not None
    assert made._coming[1].wait(SECONDS)
    assert made.take_up(quiet=False) is (bars == 1)
    made.take_up()
    assert asked(made) == slot_of(2).reference
    made.close()


@pytest.mark.parametrize("what", ["kill", "pause"])
def test_who_stops_waits_for_no_model_that_hangs_while_it_loads(
    home: Home, decides: Decides, makes: Makes, what: str
) -> None:
    with running(home, hours=20, signals__producers=["momentum", "model"], strategy__weights=[50, 50]) as it:
        trader: Trader = it.daemon.trader
        hang(makes, 1)
        decides.found = loaded(1)
        made = active(decides, makes)
        trader._parts = replace(trader._parts, bundles=made)
        trader.engine.start()
        assert makes.begun.wait(SECONDS)
        stops = trader.kill if what == "kill" else trader.engine.pause
        person = threading.Thread(target=stops, args=("now",), daemon=True)
        person.start()
        person.join(SECONDS / 4)
        assert (person.is_alive(), trader.status.kill_active) == (False, what == "kill")
        assert trader.engine._control.paused is (what == "pause")
        assert made.models is None, "they hang all the while"
        makes.hangs[1].set()
        assert trader.engine.wait_finished(SECONDS)
        assert asked(made) == slot_of(1).reference
        assert it.client.status().last_cycle == "2024-01-01T20:00:00Z", "every hour was done"


def test_an_alert_that_waits_for_its_turn_hurries_nobody_past_models_that_load(
    home: Home, decides: Decides, makes: Makes
) -> None:
    with running(home, hours=20, signals__producers=["momentum", "model"], strategy__weights=[50, 50]) as it:
        engine = it.daemon.trader.engine
        let = hang(makes, 1)
        decides.found = loaded(1)
        made = active(decides, makes)
        it.daemon.trader._parts = replace(it.daemon.trader._parts, bundles=made)
        engine.start()
        assert makes.begun.wait(SECONDS)
        telling = threading.Thread(
            target=engine.warn, args=("bundle_unfit", "Bundle a@1 does not decide."), daemon=True
        )
        telling.start()
        until = time.monotonic() + SECONDS
        while not engine._turns._waiting:
            assert time.monotonic() < until
            time.sleep(0.001)
        assert not engine.awaited
        assert engine.status.hours == 0
        let.set()
        assert engine.wait_finished(SECONDS)
        telling.join(SECONDS)
        assert asked(made) == slot_of(1).reference


@pytest.mark.parametrize(
    ("phase", "asks", "said"),
    [
        (st.Phase.NONE, None, "is being loaded; nothing decides until then."),
        (st.Phase.TRYING, "a@1", "is being loaded, or waits until its trial may begin; a@1 decides until then."),
    ],
)
def test_health_says_what_decides_until_models_are_there(phase: st.Phase, asks: str | None, said: str) -> None:
    now, state = SimpleNamespace(now=loaded(2)), SimpleNamespace(phase=phase)
    manager = SimpleNamespace(running=now, state=state, unread="")
    desk: Any = SimpleNamespace(manager=manager, staleness=lambda: None, asked=True, asks=asks)
    assert component(desk).detail == f"{slot_of(2).reference} {said}"


@pytest.mark.parametrize(
    ("now", "asked", "asks", "none"),
    [
        (loaded(2), True, "a@2", 0),
        (loaded(2), True, "a@1", 0),
        (loaded(2), True, None, 1),
        (loaded(2), False, None, 0),
        (NoModel(reason="None is left."), True, None, 1),
    ],
)
def test_metrics_say_where_nothing_decides_also_until_models_are_there(
    now: Loaded | NoModel, asked: bool, asks: str | None, none: int
) -> None:
    manager = SimpleNamespace(running=SimpleNamespace(now=now), state=State())
    stale = SimpleNamespace(expired_seconds=0)
    desk: Any = SimpleNamespace(manager=manager, staleness=lambda: stale, asked=asked, asks=asks)
    found = {one.name: one for one in families(desk)}
    assert [value for _, value in found["mooring_no_model"].samples] == [none]
    assert len(found["mooring_bundle"].samples) == (asks is not None)
