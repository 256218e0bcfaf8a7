"""A rehearsal of live trading: a daemon in live mode, armed, whose orders go to a look-alike in this process.

It has a home that is thrown away, a key that only the look-alike knows, in a vault in memory, and addresses of loopback
alone. At its end the kill switch is pressed, and what the look-alike has is compared with the books.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from mooring.daemon.app import Daemon
from mooring.daemon.credentials import KeyStore
from mooring.daemon.daemon_thread import DaemonThread
from mooring.daemon.demo import HOURS_MAX, Demo, summary
from mooring.daemon.options import Options
from mooring.daemon.rehearsal import Rehearsal, rehearsing
from mooring.errors import Denied, Invalid
from mooring.home import Home
from mooring.hosts import is_local
from mooring.runtime.domain.bars import HOUR_SECONDS
from mooring.runtime.domain.orders import Status
from mooring.runtime.engine.gates import PHRASE
from mooring.runtime.engine.live_engine import LiveEngine
from mooring.runtime.execution.ports import BooksNow
from mooring.runtime.market.clock import SystemClock
from mooring.runtime.venues.simulator.faults import parse_scenario
from mooring.runtime.venues.simulator.simulation import Simulation
from mooring.runtime.venues.simulator.venue import Config
from mooring.secrets.vault import MemoryVault
from mooring.settings import Settings, load_settings

LIVE_SPEED: Final = 600.0  # an hour of market in six seconds; faster than this orders were never rehearsed
DEPOSIT: Final = "20000"  # of the quote asset, of which the settings let half be used
SETTLE_SECONDS: Final = 30.0
ROUNDING: Final = Decimal("0.0002")  # that Kraken may charge less than was booked, for each fill
KILLED: Final = "end of the rehearsal"
# Buys as often as it can, as one wants to see orders. The line breaks twice, once together with the answer to an order.
EAGER: Final = {
    "strategy.entry_score": 1,
    "strategy.cooldown_bars": 0,
    "signals.ema_fast": 4,
    "signals.ema_slow": 10,
    "costs.taker_fee_ppm": 8000,
    "costs.maker_fee_ppm": 8000,
}
FAULTS: Final = (
    {"kind": "disconnect", "match": "ws:add_order", "skip": 1, "times": 1, "name": "an answer is lost"},
    {"kind": "disconnect_all", "after": HOUR_SECONDS + 900, "name": "the line breaks"},
)


@dataclass(frozen=True, kw_only=True)
class LiveRequest:
    """What to rehearse.

    Attributes:
        home: one of its own, thrown away afterwards: the look-alike's account is another each time.
        symbols: None for the settings' own. hours: of trading after which it ends, None for no end.
        speed: market seconds a second, at most `LIVE_SPEED`; 0 for that.
    """

    home: Home
    symbols: tuple[str, ...] | None
    hours: int | None
    speed: float
    seed: int | None


class LiveDemo:
    """A rehearsal that runs."""

    def __init__(self, daemon: Daemon, rehearsal: Rehearsal, *, hours: int | None) -> None:
        self.daemon = daemon
        self._rehearsal = rehearsal
        self._hours = hours
        self._pause = threading.Event()

    @property
    def hours(self) -> int:
        """Hours of trading done; those before the look-alike's time began only made producers warm."""
        last = self.daemon.trader.status.last_cycle
        return 0 if last is None else max(0, (last - self._rehearsal.origin) // HOUR_SECONDS)

    def wait_finished(self, seconds: float) -> bool:
        """Whether all hours are done, or the engine has stopped itself, within the time."""
        ended = self.daemon.trader.engine.wait_finished(seconds)
        return ended or (self._hours is not None and self.hours >= self._hours)

    def end(self) -> dict[str, Any]:
        """Press the kill switch, stop, and say what happened and whether books and look-alike agree."""
        trader = self.daemon.trader
        trader.kill(KILLED)
        differences = self._settled()
        trader.engine.stop()
        told = _told(trader.store.reader().scan("order_events", trader.run.run_id))
        return {
            **summary(Demo(daemon=self.daemon, starter=None)),
            "hours_traded": self.hours,
            "sent": sum("SUBMITTING" in each for each in told),
            "filled": sum("FILLED" in each for each in told),
            "unknown": sum("UNKNOWN" in each for each in told),
            "resolved": sum("UNKNOWN" in each[:-1] and each[-1] != "UNKNOWN" for each in told),
            "open_after_kill": self._rehearsal.ask(lambda it: len(it.venue.account.open)),
            "books_equal": not differences,
            "differences": differences,
        }

    def _settled(self) -> list[str]:
        """Differences between books and look-alike, once nothing is on its way any more, or time is up."""
        engine = self.daemon.trader.engine
        assert isinstance(engine, LiveEngine)
        found: list[str] = []
        for _ in range(round(SETTLE_SECONDS / 0.1)):
            books = engine.books.now()
            found = self._rehearsal.ask(lambda it, books=books: differences(books, it))  # type: ignore[misc]
            if not found and engine.books.now() == books:
                return []
            self._pause.wait(0.1)
        return found


def differences(books: BooksNow, venue: Simulation) -> list[str]:
    """Where the books are not what the look-alike truly has, a sentence each."""
    account, catalog = venue.venue.account, venue.venue.catalog
    found: list[str] = []
    for asset_id, units in sorted(account.balances.items()):
        asset = catalog.bare(asset_id)
        has = Decimal(units).scaleb(-catalog.decimals(asset_id))
        known = books.outside.get(asset.name, Decimal(0))
        money = asset.name == books.quote
        known += books.cash if money else books.positions.get(asset.name, Decimal(0))
        # Each fill is booked rounded against us, so the venue may have a little more money.
        spare = ROUNDING * len(account.fills) if money else Decimal(0)
        if not known <= has <= known + spare:
            found.append(f"{asset.name}: the look-alike has {has}, the books have {known}.")
    working = {each.order.client_id for each in books.working}
    resting = {order.ticket.cl_ord_id for order in account.open.values()}
    found += [f"Order {name} works at the look-alike, and the books do not have it." for name in resting - working]
    found += [f"Order {name} is not at the look-alike any more." for name in working - resting]
    return sorted(found)


@contextmanager
def live_demonstration(
    request: LiveRequest, environ: Mapping[str, str], tell: Callable[[str], None] = lambda _: None
) -> Iterator[LiveDemo]:
    """A rehearsal of live trading; look-alike, daemon, key and account end with it.

    Raises:
        Invalid: hours, speed or symbols out of bounds, or a setting is wrong.
        Denied: this machine lets no program listen on loopback; and as `Daemon`.
    """
    if request.hours is not None and not 1 <= request.hours <= HOURS_MAX:
        raise Invalid("bad_range", f"--hours must be 1 to {HOURS_MAX}.", todo="Give a number of hours.")
    if request.speed > LIVE_SPEED:
        raise Invalid(
            "bad_speed", f"--speed is above {LIVE_SPEED:g}.", todo=f"With --live give at most {LIVE_SPEED:g}."
        )
    overrides: dict[str, object] = {
        "trading.mode": "live",
        "trading.dry_run": False,
        "market.source": "kraken",
        "venue.name": "kraken",
        "store.url": None,
        **EAGER,
    }
    if request.symbols is not None:
        overrides["market.symbols"] = list(request.symbols)
    request.home.prepare()
    before = load_settings(request.home.root, environ, overrides=overrides)
    symbols = before.market.symbols
    seed = before.market.seed if request.seed is None else request.seed
    quote = symbols[0].partition("-")[2]
    config = Config(seed=seed, balances={quote: DEPOSIT}, tier=before.venue.tier)
    scenario = parse_scenario({"seed": seed, "fault": FAULTS}, "the rehearsal")
    with rehearsing(
        lambda: Simulation(symbols, config=config, scenario=scenario), SystemClock(), speed=request.speed or LIVE_SPEED
    ) as rehearsal:
        settings = load_settings(request.home.root, environ, overrides=overrides | rehearsal.urls)
        with DaemonThread(_options(request.home, settings, rehearsal)) as daemon:
            daemon.trader.arm(PHRASE)
            tell("A rehearsal: orders go to a look-alike on this machine, with a key that only it knows.")
            tell(f'Its kill switch, from another terminal: mooring kill --reason "I try it" --home {request.home.root}')
            yield LiveDemo(daemon, rehearsal, hours=request.hours)


def _options(home: Home, settings: Settings, rehearsal: Rehearsal) -> Options:
    """A daemon that can reach this machine alone.

    Raises:
        Denied: the settings name another one.
    """
    venue = settings.venue
    stated = {"venue.rest_url": venue.rest_url, "venue.ws_url": venue.ws_url, "venue.ws_auth_url": venue.ws_auth_url}
    if stated != rehearsal.urls or not all(is_local(url) for url in stated.values()):
        raise Denied(
            "rehearsal_not_local",
            "The rehearsal would speak with something else than its look-alike.",
            money="Nothing was started and no order was sent.",
            todo="Report this with the settings.",
        )
    vault, clock = MemoryVault(), SystemClock()
    home.prepare()
    KeyStore(vault, home, venue.rest_url, clock.now).store(rehearsal.key, rehearsal.secret)
    return Options(
        home=home,
        settings=settings,
        market_for=_no_other_market,
        vault=vault,
        clock=clock,
        console=False,
        autostart=True,
    )


def _no_other_market(_reader: object, _settings: object) -> Any:
    raise AssertionError("a rehearsal follows its look-alike")


def _told(events: Iterator[Mapping[str, Any]]) -> list[list[str]]:
    """What was told of each order, oldest first."""
    told: dict[str, list[str]] = {}
    for event in events:
        told.setdefault(event["client_order_id"], []).append(Status(event["status"]).value)
    return list(told.values())
