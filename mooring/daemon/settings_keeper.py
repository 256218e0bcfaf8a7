"""The settings while the daemon runs: what is wanted, what is in force, and one change after the other.

A change is a new version in the records before anything of it happens. What it names takes effect as `settings_rules`
says: at once, between two hours, or at the next start. Every start begins with the newest version.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

import structlog
from pydantic import ValidationError

from mooring.daemon import settings_versions as stored
from mooring.daemon.settings_problems import Trouble, bad_settings, troubles_of
from mooring.errors import Denied, Invalid, Stale
from mooring.runtime.market.clock import Clock
from mooring.runtime.store.store import Store
from mooring.runtime.store.types import Batch
from mooring.settings import Layers, Settings, describe, value_of
from mooring.settings_rules import Armed, Effect, Rule, rule_of

DAEMON: Final = "daemon"
KEYS: Final = tuple(info.key for info in describe())
UNKNOWN: Final = Trouble(field="changes", rule="unknown_setting", expected="a key that GET /v1/settings lists")

# Told after each change, within it: (version, keys that changed, whether all of it is in force).
Tell = Callable[[int, tuple[str, ...], bool], None]
T = TypeVar("T")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Ask:
    """A change that somebody asks for.

    Attributes:
        version: the newest one that whoever asks has seen.
        actor: who it is. note: their words.
    """

    version: int
    actor: str
    note: str = ""


class Trading(Protocol):
    """What the keeper must know of the one who trades."""

    @property
    def armed(self) -> bool:
        """Whether real orders may leave."""
        ...

    def check(self, running: Settings, target: Settings) -> None:
        """See that a run could go on with `running`, and a start begin with `target`.

        Raises:
            Invalid: it could not, as with a strategy that is not installed.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What the newest version asks for.

    Attributes:
        values: everything that is changed through the API.
        target: the settings that the next start begins with.
        running: those that the engine goes on with from the next hour; what only a start changes is as it is.
    """

    values: stored.Values
    target: Settings
    running: Settings


class Keeper:
    """Keeps the settings; safe to use from any thread.

    Args:
        layers: what was stated elsewhere.
        wanted: the settings that this start began with.
        apply_now: puts what takes effect at once into force.
    """

    def __init__(
        self, layers: Layers, wanted: Wanted, store: Store, clock: Clock, *, apply_now: Callable[[Settings], None]
    ) -> None:
        self.layers = layers
        self.boot = wanted.target
        self._store = store
        self._clock = clock
        self._apply_now = apply_now
        # Whoever holds it waits for the store at most, never for the engine, whose thread takes it between two hours.
        self._lock = threading.RLock()
        self._arming = 0
        self._wanted = wanted
        self._taken_up = wanted
        self.tell: Tell = lambda _version, _keys, _in_force: None

    @property
    def wanted(self) -> Settings:
        """What the engine is to go on with; the same object as long as nothing changes. Never waits."""
        return self._wanted.running

    @property
    def changed(self) -> stored.Values:
        """Everything that is changed through the API. Never waits."""
        return self._wanted.values

    @contextmanager
    def held(self) -> Iterator[Settings]:
        """What the engine is to go on with, while no other change can be made."""
        with self._lock:
            yield self._wanted.running

    @contextmanager
    def arming(self) -> Iterator[None]:
        """While a person arms: a change that may not be made while armed comes before it, or not at all."""
        with self._lock:
            self._arming += 1
        try:
            yield
        finally:
            with self._lock:
                self._arming -= 1

    def taken_up(self, settings: Settings) -> None:
        """The engine goes on with these, which it got from `held`, within which it says so."""
        assert settings is self._wanted.running
        before, self._taken_up = self._taken_up, self._wanted
        if before.running is not settings:
            self._tell(_differing(before.running, settings))

    def standing(self, also: Callable[[], T]) -> tuple[Standing, T]:
        """Everything at one moment, and what `also` says in it."""
        with self._lock:
            standing = Standing(
                version=self._version(),
                layers=self.layers,
                boot=self.boot,
                running=self._taken_up.running,
                wanted=self._wanted,
            )
            return standing, also()

    def rule(self, key: str) -> Rule:
        """What holds for a setting in this process."""
        return rule_of(key, live=self.boot.trading.mode == "live")

    def change(self, ask: Ask, changes: Mapping[str, Any], trading: Trading) -> int:
        """Record a change; its version. A value of None goes back to what file, variables and defaults say.

        Raises:
            Stale: the settings changed since.
            Invalid: an unknown key, or a value outside of its bounds; says all that is wrong at once.
            Denied: the API does not change it, or not while live trading is armed.
            Halt, Unknown: the store failed.
        """
        with self._lock:
            self._require_newest(ask)
            unknown = [UNKNOWN for key in changes if key not in KEYS]
            known = {key: value for key, value in changes.items() if key in KEYS}
            for key in known:
                self._require_changeable(key)
            values = {key: value for key, value in (dict(self._wanted.values) | known).items() if value is not None}
            target = self._checked(values, unknown[:1], trading)
            return self._record(stored.CHANGE, values, target, ask, trading)

    def revert(self, ask: Ask, version: int, trading: Trading) -> int:
        """Make a new version with what was changed as of an earlier one; errors as `change`.

        Raises:
            NotFound: there is no such version.
        """
        with self._lock:
            self._require_newest(ask)
            values = stored.values_at(self._store.reader(), version)
            target = self._checked(values, [], trading)
            note = ask.note or f"back to version {version}"
            asked = Ask(version=ask.version, actor=ask.actor, note=note)
            return self._record(stored.REVERT, values, target, asked, trading)

    def roll_back(self, why: str) -> int:
        """Give up what the engine could not take up, and record that; within `held`. The new version."""
        kept = {key: value for key, value in self._wanted.values.items() if self.rule(key).effect is not Effect.CYCLE}
        before = self._taken_up.values
        values = kept | {key: before[key] for key in before if self.rule(key).effect is Effect.CYCLE}
        target = self.layers.resolve(values)
        wanted = Wanted(values=values, target=target, running=self._taken_up.running)
        given_up = _differing(self._wanted.target, target)
        number = self._store_version(stored.ROLLBACK, wanted, actor=DAEMON, note=why)
        self._wanted = self._taken_up = wanted
        self._tell(given_up)
        return number

    def fall_back(self, values: stored.Values, why: str) -> int:
        """Begin with these changes instead of the newest, and record that; before the first run of this start.

        Raises:
            Invalid: they do not go with what file and variables state now.
        """
        with self._lock:
            wanted = wanted_at_start(self.layers, values)
            number = self._store_version(stored.ROLLBACK, wanted, actor=DAEMON, note=why)
            self.boot = wanted.target
            self._wanted = self._taken_up = wanted
        return number

    def _require_newest(self, ask: Ask) -> None:
        if ask.version != self._version():
            raise Stale(
                "stale_settings",
                "The settings were changed since you looked at them.",
                money="Nothing was changed.",
                todo="Look at them again with `mooring settings show`, then decide anew.",
            )

    def _checked(self, values: stored.Values, troubles: list[Trouble], trading: Trading) -> Settings:
        """The settings that these changes make; everything that is wrong with them at once."""
        merged = self.layers.merged(values)
        try:
            target = Settings(**merged.tree)
        except ValidationError as error:
            raise bad_settings([*troubles, *troubles_of(error)]) from None
        if troubles:
            raise bad_settings(troubles)
        try:
            trading.check(running_of(self.boot, target), target)
        except Invalid as error:
            raise bad_settings([Trouble(field="changes", rule=error.code, expected=error.todo)]) from error
        return target

    def _record(self, kind: str, values: stored.Values, target: Settings, ask: Ask, trading: Trading) -> int:
        before = self._wanted.target
        changed = _differing(before, target)
        for key in changed:
            self._require_changeable(key)
            if trading.armed or self._arming > 0:
                self._require_open_while_armed(key, before, target)
        wanted = Wanted(values=values, target=target, running=self._running(target))
        number = self._store_version(kind, wanted, actor=ask.actor, note=ask.note)
        self._wanted = wanted
        if any(self.rule(key).effect is Effect.NOW for key in changed):
            self._apply_now(target)
        self._tell(changed)
        return number

    def _require_changeable(self, key: str) -> None:
        fixed = self.rule(key).fixed
        if fixed:
            raise Denied(
                "setting_not_by_api",
                f"{key} is not changed through the API: {fixed}.",
                money="Nothing was changed.",
                todo="Set it in settings.toml and start again; the mode at hand is changed with `mooring mode`.",
            )
        if key in self.layers.command.values:
            raise Denied(
                "setting_stated_by_command",
                f"{key} was stated by the command that started this daemon.",
                money="Nothing was changed.",
                todo="Start it with another one.",
            )

    def _require_open_while_armed(self, key: str, before: Settings, after: Settings) -> None:
        rule = self.rule(key)
        limit = rule.armed is Armed.TIGHTER
        if rule.armed is Armed.YES or (limit and value_of(after, key) <= value_of(before, key)):
            return
        raise Denied(
            "live_armed",
            f"{key} {'may only become smaller' if limit else 'cannot change'} while live trading is armed.",
            money="Nothing was changed; real orders go on under the settings that they were armed with.",
            todo="Withdraw the arming with `mooring disarm`, change it, look at the limits, and arm again.",
        )

    def _running(self, target: Settings) -> Settings:
        """What the engine goes on with; the same object where nothing that concerns it is another."""
        made = running_of(self.boot, target)
        return next((one for one in (self._taken_up.running, self._wanted.running) if one == made), made)

    def _store_version(self, kind: str, wanted: Wanted, *, actor: str, note: str) -> int:
        before = self._wanted.target
        changes = tuple(
            stored.Changed(key=key, before=plain(value_of(before, key)), after=plain(value_of(wanted.target, key)))
            for key in _differing(before, wanted.target)
        )
        record = stored.Record(kind=kind, changes=changes, values=wanted.values, note=note)
        number = self._version() + 1
        row = {
            "version": number,
            "at": self._clock.now(),
            "actor": actor,
            "settings_hash": wanted.running.fingerprint(),
            "settings": wanted.running.kept_text(),
            "note": record.text(),
        }
        self._store.commit(Batch(rows=[(stored.TABLE, row)]))
        log.info("settings_changed", version=number, kind=kind, actor=actor, keys=[one.key for one in changes])
        return number

    def _version(self) -> int:
        newest = stored.newest(self._store.reader())
        return 0 if newest is None else newest.number

    def _tell(self, keys: Sequence[str]) -> None:
        in_force = self._taken_up.running is self._wanted.running and all(
            value_of(self.boot, key) == value_of(self._wanted.target, key)
            for key in KEYS
            if self.rule(key).effect is Effect.START
        )
        self.tell(self._version(), tuple(keys), in_force)


@dataclass(frozen=True, kw_only=True)
class Standing:
    """The settings at one moment.

    Attributes:
        version: the newest. boot: what this start began with. running: what the engine goes by.
    """

    version: int
    layers: Layers
    boot: Settings
    running: Settings
    wanted: Wanted


def _differing(before: Settings, after: Settings) -> tuple[str, ...]:
    return tuple(key for key in KEYS if value_of(before, key) != value_of(after, key))


def running_of(boot: Settings, target: Settings) -> Settings:
    """`boot`, with what takes effect between two hours as in `target`; bounds hold, as they do in each section."""
    live = boot.trading.mode == "live"
    update: dict[str, Any] = {}
    for section in Settings.model_fields:
        old, new = getattr(boot, section), getattr(target, section)
        effects = {name: rule_of(f"{section}.{name}", live=live).effect for name in type(old).model_fields}
        names = [name for name, effect in effects.items() if effect is not Effect.START]
        update[section] = old.model_copy(update={name: getattr(new, name) for name in names})
    return boot.model_copy(update=update)


def plain(value: Any) -> Any:
    """A value as JSON has it."""
    return list(value) if isinstance(value, tuple) else value


def wanted_at_start(layers: Layers, values: stored.Values) -> Wanted:
    """What a start begins with.

    Raises:
        Invalid: what was changed does not go with what file and variables state now.
    """
    settings = layers.resolve(values)
    return Wanted(values=values, target=settings, running=settings)
