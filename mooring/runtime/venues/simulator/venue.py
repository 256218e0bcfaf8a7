"""The whole venue in one time: market, exchange, keys and what is still to happen.

Nothing here waits. `run` goes to a moment and handles all that happens until then in order of time; between calls time
stands still. Sessions (WebSocket connections) are told of each happening as it happens.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from mooring.runtime.venues.simulator import counters
from mooring.runtime.venues.simulator.account import Account
from mooring.runtime.venues.simulator.auth import TRADING_RIGHTS, Key, Keyring
from mooring.runtime.venues.simulator.catalog import Catalog, Pair
from mooring.runtime.venues.simulator.digits import NANO, units_of
from mooring.runtime.venues.simulator.exchange import Exchange, Rules
from mooring.runtime.venues.simulator.ids import Ids
from mooring.runtime.venues.simulator.market import Market, Source
from mooring.runtime.venues.simulator.matching import Print
from mooring.runtime.venues.simulator.records import Event

TOKEN_SECONDS: Final = 900
TOKENS_MAX: Final = 10_000  # the oldest are forgotten first
ACCOUNT: Final = "main"


@dataclass(frozen=True, kw_only=True)
class Config:
    """What a simulation is made of.

    Attributes:
        balances: decimal text by asset name, such as USD or BTC; assets that no pair has are left out.
        tier: starter, intermediate or pro. rights: of the one key. window: the key's nonce window.
        volume: whole USD traded in the 30 days before. snake_case: GetApiKeyInfo's names; sources disagree on them.
        public_limit: public calls a second (and 15 at once) that are answered; 0 for any number.
    """

    seed: int = 0
    balances: Mapping[str, str] = field(default_factory=lambda: {"USD": "10000"})
    tier: str = "starter"
    rights: frozenset[str] = frozenset(TRADING_RIGHTS)
    window: int = 0
    volume: int = 0
    snake_case: bool = False
    public_limit: int = 0
    rules: Rules = field(default_factory=Rules)


class Listener(Protocol):
    """A session, as the venue sees it."""

    def on_events(self, events: Iterable[Event]) -> None:
        """What happened to accounts."""
        ...

    def on_print(self, trade: Print) -> None:
        """A public trade happened."""
        ...

    def on_book(self, pair: Pair) -> None:
        """The book of a pair changed without a trade."""
        ...

    def on_status(self) -> None:
        """The system's or a pair's status changed."""
        ...

    def on_time(self, now: int) -> None:
        """Time went on to now (ns)."""
        ...


class Venue:
    """One account, one key, one market; more of each can be added."""

    def __init__(self, catalog: Catalog, source: Source, config: Config | None = None) -> None:
        self.config = config or Config()
        self.catalog = catalog
        self.started = source.start * NANO
        self.ids = Ids(self.config.seed)
        self.market = Market(catalog, source, seed=self.config.seed, start=self.started)
        self.exchange = Exchange(catalog, self.ids, self.market, self.config.rules)
        self.keys = Keyring()
        self.skew = 0
        self.lag = 0
        self.pace = 1  # venue seconds that pass in one of the client's, where its heartbeats and tokens count in those
        self.public_calls = counters.Counter(self.config.public_limit * 100)
        self.listeners: list[Listener] = []
        self._tokens: dict[str, tuple[str, int]] = {}
        self._later: list[tuple[int, int, Callable[[], None]]] = []
        self._count = 0
        self.account = self._open_account()

    @property
    def now(self) -> int:
        """The venue's true time, ns."""
        return self.market.now

    @property
    def shown(self) -> int:
        """The time that the venue says it is; another one while its clock is wrong."""
        return self.market.now + self.skew

    @property
    def seen(self) -> int:
        """The moment that REST shows accounts at; earlier than now while REST lags behind."""
        return self.market.now - self.lag

    def run(self, until: int) -> None:
        """Go to a moment; one that has passed changes nothing."""
        while True:
            at = min(filter(None, (self.market.next_at, self.exchange.next_timer(), self._next_later())), default=0)
            if not at or at > until:
                break
            self._go(max(at, self.now))
        self._go(max(until, self.now))
        for listener in list(self.listeners):
            listener.on_time(self.now)

    def later(self, at: int, action: Callable[[], None]) -> None:
        """Have something happen at a moment; what is due at the same moment happens in the order it was asked for."""
        self._count += 1
        heapq.heappush(self._later, (at, self._count, action))

    def tell(self) -> None:
        """Tell sessions what orders and balances went through since the last time."""
        events = list(self.exchange.events)
        self.exchange.events.clear()
        if not events:
            return
        for listener in list(self.listeners):
            listener.on_events(events)
        touched = {one.fill.order.pair.id: one.fill.order.pair for one in events if one.fill and not one.fill.maker}
        for pair in touched.values():
            for listener in list(self.listeners):
                listener.on_book(pair)

    def set_mode(self, mode: str, pair: str | None = None) -> None:
        """Change the status of the system or of one pair, and say so."""
        if pair is None:
            self.exchange.mode = mode
        else:
            self.exchange.pair_modes[pair] = mode
        for listener in list(self.listeners):
            listener.on_status()

    def next_number(self) -> int:
        """A number that was not given before."""
        self._count += 1
        return self._count

    def mint_token(self, account: str) -> str:
        """A WebSocket token, to be used within 15 minutes."""
        self._count += 1
        token = self.ids.token(f"ws/{self._count}").hex()[:64]
        if len(self._tokens) >= TOKENS_MAX:
            del self._tokens[next(iter(self._tokens))]
        self._tokens[token] = (account, self.now + TOKEN_SECONDS * NANO * self.pace)
        return token

    def account_of(self, token: str) -> Account | None:
        """The account of a token that is still good for its first use."""
        name, until = self._tokens.get(token, ("", 0))
        return self.exchange.accounts.get(name) if self.now <= until else None

    def knows_token(self, token: str) -> bool:
        """Whether the token was ever handed out."""
        return token in self._tokens

    def add_key(self, account: str, *, rights: Iterable[str] = TRADING_RIGHTS, window: int = 0) -> Key:
        """A new key of an account; key and secret follow from the seed."""
        self._count += 1
        words = self.ids.token(f"key/{self._count}")
        tier = counters.TIERS[self.config.tier]
        key = Key(
            public=words.hex()[:56],
            secret=self.ids.token(f"secret/{self._count}"),
            account=account,
            rights=frozenset(rights),
            window=window,
            created=self.started // NANO,
            calls=counters.Counter(tier.calls_decay),
            calls_max=tier.calls_max,
        )
        self.keys.add(key)
        return key

    def _open_account(self) -> Account:
        amounts: dict[str, int] = {}
        for name, said in self.config.balances.items():
            asset = self.catalog.asset(name)
            if asset is not None:
                amounts[asset.id] = units_of(said, asset.decimals)
        account = self.exchange.open_account(ACCOUNT, self.config.tier, amounts, self.now)
        account.base_volume = self.config.volume
        self.exchange.events.clear()
        self.key = self.add_key(ACCOUNT, rights=self.config.rights, window=self.config.window)
        return account

    def _next_later(self) -> int:
        return self._later[0][0] if self._later else 0

    def _go(self, at: int) -> None:
        """All that happens up to and with `at`, which is no later than the next happening, or that itself."""
        for trade in self.market.run(at):
            self.exchange.on_print(trade)
            self.tell()
            for listener in list(self.listeners):
                listener.on_print(trade)
        self.exchange.on_time(at)
        self.tell()
        while self._later and self._later[0][0] <= at:
            heapq.heappop(self._later)[2]()
            self.tell()
