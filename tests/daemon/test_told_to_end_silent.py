"""A daemon that is told to end while something that it waits for is silent: keychain, venue, hour, repository."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import Any

import pytest

from mooring.daemon import ending
from mooring.daemon.app import Daemon
from mooring.daemon.daemon_thread import DaemonThread
from mooring.daemon.instance import holder
from mooring.daemon.serving import serve
from mooring.errors import MooringError
from mooring.home import Home
from mooring.runtime.engine.live_engine import LiveEngine
from mooring.runtime.engine.worker import Worker
from mooring.runtime.execution.service import Execution
from mooring.runtime.store import connect_postgres
from mooring.runtime.store.place import Place
from mooring.runtime.store.store import Store
from mooring.secrets.vault import KeyringVault
from tests.daemon.daemons import options, short_home
from tests.daemon.test_told_to_end import options_at
from tests.secrets.test_vault_hurried import FOR_EVER, Prompting
from tests.support.postgres import Server, name_of
from tests.support.served import served


@pytest.fixture
def chest() -> Iterator[Prompting]:
    made = Prompting()
    yield made
    made.answered.set()


@pytest.fixture
def own() -> Iterator[Home]:
    with short_home() as home:
        yield home


@pytest.mark.parametrize("asked", [1, 2], ids=["for the venue's key", "for the daemon's token"])
def test_a_prompt_of_the_keychain_that_nobody_answers_keeps_no_start_from_ending(own: Home, chest, asked) -> None:
    vault = KeyringVault(backend=lambda: chest, timeout_seconds=FOR_EVER)
    if asked == 2:  # the first one is answered
        chest.before = lambda what: chest._prompt(what) if what == "set" else None
    made = replace(options(own), vault=vault)
    teller = threading.Thread(target=lambda: chest.asked.acquire(timeout=60) and os.kill(os.getpid(), signal.SIGTERM))
    teller.start()
    started: list[bool] = []
    asyncio.run(serve(made, lambda: started.append(True)))
    teller.join()
    assert started == []
    assert holder(own) is None


def test_a_daemon_in_a_thread_that_is_broken_off_at_its_start_ends_in_order(own: Home, chest, monkeypatch) -> None:
    made = DaemonThread(replace(options(own), vault=KeyringVault(backend=lambda: chest, timeout_seconds=FOR_EVER)))

    def interrupted() -> bool:
        assert chest.asked.acquire(timeout=60)
        raise KeyboardInterrupt

    monkeypatch.setattr(made._ready, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        made.__enter__()
    assert not made._thread.is_alive()
    assert holder(own) is None


class Silent(ending.Ending):
    """Hundredths of what it would be, so that nobody waits; what each stage was given is noted."""

    def __init__(self) -> None:
        super().__init__(seconds=ending.END_SECONDS / 100)
        self.given: dict[str, float] = {}

    def seconds(self, stage: str) -> float:
        self.given[stage] = super().seconds(stage)
        return self.given[stage]


async def silent_for_ever(*_: Any, **__: Any) -> Any:
    await asyncio.sleep(FOR_EVER)


def test_where_all_stages_are_silent_at_once_the_end_is_in_order_and_says_what_it_left(
    home: Home, monkeypatch: pytest.MonkeyPatch, chest: Prompting
) -> None:
    hundredth = {stage: (most / 100, least / 100) for stage, (most, least) in ending.STAGES.items()}
    monkeypatch.setattr(ending, "STAGES", hundredth)
    budget, closed, let_go = Silent(), [], threading.Event()
    monkeypatch.setattr("mooring.daemon.app.Ending", lambda: budget)

    async def deaf(*_: Any) -> None:
        while not let_go.is_set():
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(0.05)

    async def end() -> str:
        daemon, stopping = Daemon(replace(made, vault=vault)), asyncio.Event()
        assert await daemon.begin(stopping)
        assert daemon.desk is not None
        daemon.evidence.operations.begin("stuck", lambda _: {"over": let_go.wait()})
        daemon.desk._loop.submit(deaf())
        chest.answered.clear()
        monkeypatch.setattr(Execution, "drain", silent_for_ever)
        monkeypatch.setattr(daemon.desk._venue, "close", silent_for_ever)
        monkeypatch.setattr(daemon.desk._prices, "_leave", silent_for_ever)
        monkeypatch.setattr(Worker, "join", lambda _, seconds: let_go.wait(seconds))
        monkeypatch.setattr(daemon.bundles._thread, "join", let_go.wait)
        monkeypatch.setattr(daemon.replaying._thread, "join", let_go.wait)
        await daemon.stop()
        return daemon.desk.left

    former = Store.close
    monkeypatch.setattr(Store, "close", lambda self: (former(self), closed.append("store")))
    chest.answered.set()
    with served(speed=60) as it:
        made = options_at(it, home)
        vault = KeyringVault(backend=lambda: chest, timeout_seconds=FOR_EVER)
        for item, document in made.vault.documents.items():
            vault.put(item, document)
        try:
            left = asyncio.run(end())
        finally:
            let_go.set()
    assert left
    assert closed == ["store"]
    assert holder(home) is None
    assert set(budget.given) == set(ending.STAGES) - {"doors", "awake"}


def test_an_hour_that_never_gives_its_turn_back_keeps_no_live_end_from_its_end(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    hundredth = {stage: (most / 100, least / 100) for stage, (most, least) in ending.STAGES.items()}
    monkeypatch.setattr(ending, "STAGES", hundredth)
    monkeypatch.setattr("mooring.daemon.app.Ending", Silent)
    has_it, let_go = threading.Event(), threading.Event()

    def hour(engine: Any) -> None:
        with engine._turns:
            has_it.set()
            let_go.wait()

    async def end() -> bool:
        daemon = Daemon(made)
        assert await daemon.begin(asyncio.Event())
        assert isinstance(daemon.trader.engine, LiveEngine)
        threading.Thread(target=hour, args=(daemon.trader.engine,), daemon=True).start()
        assert await asyncio.to_thread(has_it.wait, 60)
        ends = asyncio.ensure_future(daemon.stop())
        await asyncio.wait({ends}, timeout=30)
        ended = ends.done()
        let_go.set()
        await ends
        return ended

    with served(speed=60) as it:
        made = options_at(it, home)
        try:
            assert asyncio.run(end()), "it waited for the turn"
        finally:
            let_go.set()
    assert holder(home) is None


@pytest.fixture
def hundredth(monkeypatch: pytest.MonkeyPatch) -> None:
    stages = {stage: (most / 100, least / 100) for stage, (most, least) in ending.STAGES.items()}
    monkeypatch.setattr(ending, "STAGES", stages)
    monkeypatch.setattr("mooring.daemon.app.Ending", Silent)


@pytest.mark.usefixtures("hundredth")
def test_a_server_of_the_records_that_answers_nobody_keeps_no_end_from_its_end(
    own: Home, postgres: Server, pg_place: Place
) -> None:
    async def end() -> None:
        daemon = Daemon(options(own, store__url=postgres.url(name_of(pg_place))))
        assert await daemon.begin(asyncio.Event())
        reader = daemon.trader.store.reader()
        with postgres.silent():
            asking = asyncio.ensure_future(asyncio.to_thread(reader.heads))  # asyncio.run waits for its thread
            await daemon.stop()
            with pytest.raises(MooringError):
                await asking

    asyncio.run(end())
    assert holder(own) is None


def test_a_server_of_the_records_that_falls_silent_keeps_no_start_from_ending(
    own: Home, postgres: Server, pg_place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    take, started, stopped = connect_postgres._take_lock, [], ExitStack()

    def falls_silent(*asked: Any) -> None:
        stopped.enter_context(postgres.silent())
        os.kill(os.getpid(), signal.SIGTERM)
        take(*asked)

    monkeypatch.setattr("mooring.daemon.app.START_SECONDS", 0.1)
    monkeypatch.setattr(connect_postgres, "_take_lock", falls_silent)
    with stopped:
        asyncio.run(serve(options(own, store__url=postgres.url(name_of(pg_place))), lambda: started.append(True)))
    assert started == []
    assert holder(own) is None
