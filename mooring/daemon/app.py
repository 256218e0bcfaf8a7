"""The composition root: the one place that makes things and hands them to each other."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import structlog

from mooring.control_api.app import create_app
from mooring.control_api.auth import Tokens
from mooring.control_api.bundles_area import BundlesArea
from mooring.control_api.events import EventHub
from mooring.control_api.evidence_area import EvidenceArea
from mooring.control_api.limits import Limits
from mooring.control_api.server import ControlServer
from mooring.daemon import kill_request
from mooring.daemon.activity import Working, activities
from mooring.daemon.bundle_desk import BundleDesk
from mooring.daemon.bundle_health import component, families
from mooring.daemon.bundle_runtime import ActiveModels, Watching
from mooring.daemon.credentials import KeyStore
from mooring.daemon.doctor import CheckResult, run_checks
from mooring.daemon.ending import START_SECONDS, Ending, within
from mooring.daemon.evidence_desk import evidence_area
from mooring.daemon.examine import probes_of
from mooring.daemon.facade import EventListener, RuntimeFacade, StatusWriter
from mooring.daemon.health import Surroundings
from mooring.daemon.instance import InstanceLock
from mooring.daemon.kill_watch import KillWatch
from mooring.daemon.left_orders import LeftOrders
from mooring.daemon.logs import apply_levels, configure_logging
from mooring.daemon.market import Market
from mooring.daemon.measured import Counting, Measured
from mooring.daemon.options import KRAKEN, Options
from mooring.daemon.own_secrets import VAULT_ITEM, SecretAreas, secret_areas
from mooring.daemon.present import Presenter
from mooring.daemon.program_watch import ProgramWatch
from mooring.daemon.raised import Raised
from mooring.daemon.records import place_of
from mooring.daemon.replaying import Replaying, Waking
from mooring.daemon.settings_area import SettingsDoor
from mooring.daemon.settings_keeper import Keeper
from mooring.daemon.settings_start import begin_with
from mooring.daemon.trader import Parts, Trader
from mooring.daemon.trader_ports import Desk
from mooring.daemon.vault_watch import VaultWatch
from mooring.errors import MooringError
from mooring.runtime.engine.listener import Listener
from mooring.runtime.engine.lives import ENDED
from mooring.runtime.market.clock import Clock
from mooring.runtime.market.universe import instruments
from mooring.runtime.setup import decider_for
from mooring.runtime.store.guards import require_guards
from mooring.runtime.store.place import Place
from mooring.runtime.store.reader import Reader
from mooring.runtime.store.store import Store
from mooring.secrets.redaction import MIN_KNOWN, KnownSecrets
from mooring.settings import Layers

if TYPE_CHECKING:
    from mooring.daemon.kraken_desk import KrakenDesk

TOKENS_MAX: Final = 64

log = structlog.get_logger(__name__)


class Daemon:
    """One running daemon: lock, logs, store, trader and control API, made in this order and closed in reverse.

    Args:
        left: told what the end left at a venue without knowing how it stands, before another daemon may begin.

    Raises:
        Conflict: another daemon has this home, or its doors.
        Denied: no keychain, or the settings ask for live trading.
        Invalid: home, settings, market or database cannot be used.
        Unverified: the database is damaged.
    """

    def __init__(self, options: Options, left: Callable[[str], None] = lambda _: None) -> None:
        # Whatever asks for a secret asks through this, so that health and metrics know how the keychain answers.
        self._keychain = VaultWatch()
        self._options = replace(options, vault=self._keychain.over(options.vault))
        self._closing, self._left = ExitStack(), left
        self._program = ProgramWatch()
        self._left_orders = LeftOrders(options.home)
        self._settings = options.settings  # with what was changed through the API, once the store is open
        self.desk: KrakenDesk | None = None
        self._ending = Ending()
        self._hurried, self._begun = False, asyncio.Event()
        self._place: Place | None = None
        self.trader: Trader
        self.kill_watch: KillWatch
        self.replaying: Replaying
        self.evidence: EvidenceArea
        self.bundles: BundleDesk
        self.measured: Measured
        self.server: ControlServer

    async def start(self) -> None:
        """Make everything, open the doors, and begin to trade where that is wanted."""
        try:
            try:
                await self._start()
            finally:
                self._begun.set()
        except BaseException:
            await self.stop()
            raise

    async def begin(self, stopping: asyncio.Event) -> bool:
        """`start`, which is broken off where it is told to end meanwhile; whether it runs."""
        starting, told = asyncio.ensure_future(self.start()), asyncio.ensure_future(stopping.wait())
        try:
            await asyncio.wait({starting, told}, return_when=asyncio.FIRST_COMPLETED)
            if not starting.done():
                self.hurry()
                begun = asyncio.ensure_future(self._begun.wait())
                await asyncio.wait({begun}, timeout=START_SECONDS)
                begun.cancel()
                if not self._begun.is_set() and self._place is not None:
                    self._place.lines.cut()
            await starting
        except MooringError:
            if stopping.is_set():  # it has ended as it was told to
                return False
            raise
        finally:
            told.cancel()
        return True

    async def _start(self) -> None:
        options, closing = self._options, self._closing
        options.home.require_short()
        options.home.prepare()
        closing.enter_context(InstanceLock(options.home))
        closing.callback(self._tell_left)
        place = place_of(options.home, options.settings)
        token = options.token_source()
        known = await self._hide_and_keep(token, place)
        self._place = place
        store = await asyncio.to_thread(Store.open, place)
        closing.callback(self._close_store, store)
        await asyncio.to_thread(require_guards, store.reader())
        keeper, fell_back = await asyncio.to_thread(self._keeper, store)
        if self._settings.venue != options.settings.venue:  # another key may be used than the one that was stated
            known.add(*await asyncio.to_thread(self._key_texts))
        await self._trade(keeper, store, token, known)
        if fell_back:
            await asyncio.to_thread(self.trader.engine.warn, "settings_rolled_back", fell_back)
        changed = "trading.autostart" in keeper.changed
        if (keeper.boot.trading.autostart if changed else options.autostart) and not self.trader.engine.wanted_stopped:
            self.trader.engine.start()

    async def _trade(self, keeper: Keeper, store: Store, token: str, known: KnownSecrets) -> None:
        """Make the market, the trader and what looks at it, and open the doors."""
        options, closing, ending = self._options, self._closing, self._ending
        clock, desk, market = await asyncio.to_thread(self._market, store.reader())
        replaying = self.replaying = Replaying(lambda: Reader.open(store.place), options.clock)
        # Ids rise across restarts, so that a stream resumed with an old one is told to begin anew.
        hub = EventHub(first_id=options.clock.now_ms())
        bundles = self.bundles = await asyncio.to_thread(self._bundles, keeper, store, hub)
        writer = StatusWriter(
            options.clock,
            bundle=lambda: bundles.asks,
            quote=market.instruments[0].quote,
            replay=lambda: replaying.seen,
            connected=(lambda: True) if desk is None else (lambda: desk.connected),
        )
        listener = EventListener(hub, writer.write, self._left_orders.looked)
        listener.present_with(Presenter(market.instruments))
        models = ActiveModels(
            bundles,
            [one.symbol for one in market.instruments],
            asked=lambda: "model" in keeper.wanted.signals.producers,
        )
        counting = Counting(Watching(Waking(listener, replaying.wake), models.observed))
        closing.callback(models.close)
        self.trader = await asyncio.to_thread(
            Trader,
            Parts(
                settings=keeper.boot,
                store=store,
                clock=clock,
                market=market,
                listener=self._working(counting, keeper),
                desk=desk,
                keeper=keeper,
                bundles=models,
                kill_asked=lambda: kill_request.is_asked(options.home),
            ),
        )
        closing.callback(lambda: replaying.stop(ending.seconds("replay")))
        closing.callback(self._stop_engine)
        await self._heed_kills()
        self.evidence = evidence_area(options.home, store.place, hub, options.clock, known.redact, closing, ending)
        self.measured = Measured(
            counting,
            self._keychain,
            status=lambda: self.trader.status,
            connected=lambda: writer.connected,
            replay=lambda: replaying.seen,
            quote=market.instruments[0].quote,
            more=lambda: families(bundles),
        )
        tokens = Tokens(token, options.token_source, limit=TOKENS_MAX)
        areas = secret_areas(options, tokens, self.trader, desk, hub, known)
        await asyncio.to_thread(self._left_orders.begun, self.trader.engine, store.reader())
        await self._open_doors(tokens, hub, writer, areas, SettingsDoor(keeper, self.trader, hub))
        self._watch(listener)
        bundles.begin(lambda: self.trader.engine)

    def _watch(self, listener: EventListener) -> None:
        """Have hours done again, and the program's own files looked at; both may raise an alert."""
        raised = Raised(self.trader, listener, self._options.clock)
        self.replaying.start(raised.put)
        self._program.start(raised.tell)
        self._closing.callback(self._program.stop)

    async def _heed_kills(self) -> None:
        """Press the switch where somebody noted that, before anything is done, and look for it from now on."""
        watch = self.kill_watch = KillWatch(self._options.home, self.trader, self._options.clock)
        self._closing.callback(watch.close)
        await asyncio.to_thread(watch.begin)

    async def _open_doors(
        self, tokens: Tokens, hub: EventHub, writer: StatusWriter, areas: SecretAreas, settings: SettingsDoor
    ) -> None:
        options = self._options
        around = Surroundings(
            options.clock,
            self._keychain,
            self.evidence.operations,
            place=options.home.root,
            streams=lambda: hub.listening,
        )
        facade = RuntimeFacade(
            self.trader,
            writer,
            options.clock,
            self._doctor,
            lambda: self.replaying.seen,
            lambda: [*around.components(), component(self.bundles), self._program.component()],
            self._left_orders.seen,
            release=self.kill_watch.release,
        )
        api = create_app(
            facade,
            hub,
            tokens,
            limits=Limits(),
            evidence=self.evidence,
            measured=self.measured,
            onboarding=areas.onboarding,
            own_secrets=areas.token,
            settings=settings,
            bundles=BundlesArea(work=self.bundles, operations=self.evidence.operations),
        )
        self.server = ControlServer(
            api,
            run_dir=options.home.run_dir,
            started_at=writer.started_at,
            port=self._settings.api.port,
            clients=self._settings.api.allowed_clients,
        )
        await self.server.start()
        log.info("daemon_started", url=self.server.url, run_id=self.trader.run.run_id, market=self.trader.status.market)

    async def _hide_and_keep(self, token: str, place: Place) -> KnownSecrets:
        """Keep secrets out of the logs, which begin here, and the daemon's own token in the keychain."""
        options, closing = self._options, self._closing
        known = KnownSecrets(
            [
                token,
                *await asyncio.to_thread(self._key_texts),
                *(secret for secret in place.secrets if len(secret) >= MIN_KNOWN),
            ]
        )
        ending = configure_logging(options.home, options.settings, console=options.console, redactor=known.redact)
        closing.callback(lambda: within(self._ending.seconds("logs"), ending, "logs"))
        # A prompt of the keychain may take its time; the loop must not wait for it.
        if not options.vault.read_only:  # otherwise it is in memory only, and clients use the socket
            await asyncio.to_thread(options.vault.put, VAULT_ITEM, {"token": token})
            closing.callback(self._forget_token)
        return known

    def hurry(self) -> None:
        """It is to end while it starts: venue and keychain are waited for no longer, so the start fails."""
        log.info("start_broken_off")
        self._ending.begin()
        self._hurried = True
        self._options.vault.hurry(self._ending.seconds("keychain"))
        if self.desk is not None:
            self.desk.hurry()

    async def stop(self) -> None:
        """Close the doors, finish the hour at hand, and close everything, within `Ending`; safe to call twice."""
        self._ending.begin()
        try:
            if hasattr(self, "server"):
                await self.server.stop()
        finally:
            await asyncio.to_thread(self._closing.close)

    def _keeper(self, store: Store) -> tuple[Keeper, str]:
        """The keeper of the settings that this start begins with, and why they are not the newest ones."""
        options = self._options
        layers = options.layers or Layers.stated(options.settings)
        keeper, fell_back = begin_with(layers, store, options.clock, apply_now=apply_levels)
        self._settings = keeper.boot
        apply_levels(keeper.boot)
        return keeper, fell_back

    def _key_texts(self) -> tuple[str, ...]:
        """What no log may hold of the venue's key, where one may be used."""
        options = self._options
        keys = KeyStore(options.vault, options.home, self._settings.venue.rest_url, options.clock.now)
        with suppress(MooringError):  # what a crash left in the keychain is deleted now, or at another start
            keys.tidy()
        if self._settings.venue.name != KRAKEN:
            return ()
        key = keys.find()
        return () if key is None else key.known

    def _market(self, reader: Reader) -> tuple[Clock, Desk | None, Market]:
        """The market, and where it is a venue's, what speaks with the venue and the time that counts there."""
        options, settings = self._options, self._settings
        if KRAKEN not in {settings.market.source, settings.venue.name}:
            return options.clock, None, options.market_for(reader, settings)
        from mooring.daemon.kraken_desk import KrakenDesk  # noqa: PLC0415 -- clients that paper trading does not need

        rehearsal = options.rehearsal
        history = decider_for(settings, instruments(settings.market.symbols)).history_bars
        system = options.clock if rehearsal is None else rehearsal.clock
        desk = self.desk = KrakenDesk(
            settings, options.home, options.vault, system, warmup_bars=history, ending=self._ending
        )
        if self._hurried:
            desk.hurry()
        self._closing.callback(desk.close)
        if rehearsal is not None:
            shown = options.market_for(reader, settings)
            return options.clock, desk, rehearsal.market(shown, desk.begin(cold=True))
        if settings.market.source != KRAKEN:
            return options.clock, None, options.market_for(reader, settings)
        return desk.clock, desk, desk.begin()

    def _bundles(self, keeper: Keeper, store: Store, hub: EventHub) -> BundleDesk:
        """What is installed, proved anew."""
        options = self._options
        desk = BundleDesk(options.home, lambda: keeper.wanted.bundles, store, hub, options.clock)
        desk.manager.start(asked="model" in keeper.wanted.signals.producers)
        self._closing.callback(lambda: desk.close(self._ending.seconds("bundles")))
        return desk

    def _working(self, listener: Listener, keeper: Keeper) -> Working:
        """The listener, which also tells this system while it trades."""
        working = Working(listener, activities(keep_awake=keeper.boot.trading.keep_awake))
        self._closing.callback(working.end)
        return working

    def _stop_engine(self) -> None:
        try:
            self.trader.close(lambda: self._ending.seconds("hour"))
        except MooringError as error:  # it is recorded whole or not at all; a wanted end stays one
            log.warning("hour_not_ended", why=str(error))
        with suppress(MooringError):  # a store that can write no more must not keep the process
            within(self._ending.seconds("note"), lambda: self.trader.engine.note(ENDED, ""), "note")
        log.info("daemon_stopped", hours=self.trader.status.hours)

    def _close_store(self, store: Store) -> None:
        """What is being written is finished; a server that is silent is waited for no longer, by no thread."""
        half = self._ending.seconds("store") / 2
        closing = threading.Thread(target=store.close, name="mooring-store", daemon=True)
        closing.start()
        closing.join(half)
        store.place.lines.cut()
        closing.join(half)
        if closing.is_alive():
            log.warning("store_not_closed")

    def _tell_left(self) -> None:
        if self.desk is not None and self.desk.left:
            self._left(self.desk.left)

    def _forget_token(self) -> None:
        self._options.vault.hurry(self._ending.seconds("keychain"))
        with suppress(MooringError):  # it is worth nothing once the process has ended
            self._options.vault.delete(VAULT_ITEM)

    def _doctor(self) -> list[CheckResult]:
        options = self._options
        probes = probes_of(options.home, self._settings, options.vault, options.clock)
        return run_checks(options.home, self._settings, probes=probes)
