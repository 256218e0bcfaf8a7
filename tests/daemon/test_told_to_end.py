"""A daemon that is told to end while it starts and Kraken is silent: it ends then, not once its patience is over."""

from __future__ import annotations

import asyncio
import os
import signal
import threading

import pytest

from mooring.daemon.instance import holder
from mooring.daemon.options import Options
from mooring.daemon.serving import serve
from mooring.errors import Halt
from mooring.home import Home
from mooring.runtime.engine.live_engine import LiveEngine
from mooring.runtime.execution.service import Execution
from mooring.runtime.market.clock import SystemClock
from mooring.settings import load_settings
from tests.daemon.daemons import TOKEN
from tests.daemon.test_kraken_desk import LIVE
from tests.support.keys import with_key
from tests.support.served import Served, served


def no_market(*_: object) -> object:
    raise AssertionError("prices are Kraken's")


def options_at(it: Served, home: Home) -> Options:
    return Options(
        vault=with_key(home, it),  # which makes the home
        home=home,
        settings=load_settings(home.root, {}, overrides=LIVE | it.overrides),
        market_for=no_market,  # type: ignore[arg-type]
        clock=SystemClock(),
        console=False,
        autostart=True,
        token_source=lambda: TOKEN,
    )


@pytest.mark.parametrize("asked", [1, 2], ids=["prices", "account"])
def test_it_ends_at_once_and_without_an_error(home: Home, monkeypatch: pytest.MonkeyPatch, asked: int) -> None:
    silent, let_go, calls = threading.Event(), threading.Event(), []

    def end() -> None:
        assert silent.wait(60)
        os.kill(os.getpid(), signal.SIGTERM)

    with served(speed=60) as it:
        options = options_at(it, home)
        methods = it.simulation.rest._public.methods
        pairs = methods["AssetPairs"]

        def answer(fields: dict[str, str]) -> object:
            calls.append(fields)
            if len(calls) == asked:  # from now on it answers nobody
                silent.set()
                let_go.wait()
            return pairs(fields)

        monkeypatch.setitem(methods, "AssetPairs", answer)
        started: list[bool] = []
        teller = threading.Thread(target=end)
        teller.start()
        try:
            asyncio.run(serve(options, lambda: started.append(True)))
        finally:
            let_go.set()
            teller.join()
    assert (len(calls), started) == (asked, [])
    assert list(home.run_dir.iterdir()) in ([], [home.run_dir / "daemon.lock"])


@pytest.mark.parametrize(("settled", "stores"), [(True, True), (False, True), (False, False)])
def test_it_says_what_its_end_left_at_kraken_while_nobody_takes_it_for_ended(
    home: Home, monkeypatch: pytest.MonkeyPatch, settled: bool, stores: bool
) -> None:
    said: list[str] = []
    disconnect = LiveEngine.disconnect

    def full(engine: LiveEngine) -> None:
        disconnect(engine)
        raise Halt("disk_full", "The disk is full.", todo="Make room.")

    async def drain(*_: object, **__: object) -> bool:
        return settled

    def left(text: str) -> None:
        assert holder(home) == os.getpid(), "`mooring down` looks for these words once the lock is free"
        said.append(text)

    monkeypatch.setattr(Execution, "drain", drain)
    if not stores:
        monkeypatch.setattr(LiveEngine, "disconnect", full)
    with served(speed=60) as it:
        asyncio.run(serve(options_at(it, home), lambda: os.kill(os.getpid(), signal.SIGTERM), left))
    if settled:
        assert said == []
    else:
        assert ["before Kraken had said how all orders stand" in text for text in said] == [True]
    assert holder(home) is None
