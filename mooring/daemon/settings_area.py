"""The settings as the control API shows and changes them."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from itertools import islice
from typing import Any, Final

import orjson

from mooring.control_api.events import EventHub
from mooring.control_api.facade import Actor
from mooring.control_api.models_settings import (
    Pending,
    Setting,
    SettingChange,
    SettingsHistory,
    SettingsNow,
    SettingsVersion,
)
from mooring.daemon import settings_versions as stored
from mooring.daemon.present import time_text
from mooring.daemon.settings_keeper import KEYS, Ask, Keeper, Standing, plain
from mooring.daemon.trader import Trader
from mooring.errors import Invalid
from mooring.settings import SettingInfo, Settings, describe, value_of
from mooring.settings_rules import Effect, Rule
from mooring.settings_sources import is_secret

DIGITS_MAX: Final = 18
_KNOWN: Final = frozenset(KEYS)


class SettingsDoor:
    """Implements the API's `SettingsArea` over a keeper and a trader.

    Args:
        hub: tells whoever listens that the settings, or what is in force of them, changed.
    """

    def __init__(self, keeper: Keeper, trader: Trader, hub: EventHub) -> None:
        self._keeper = keeper
        self._trader = trader
        self._hub = hub
        keeper.tell = self._told

    @property
    def keys(self) -> Container[str]:
        """The settings there are."""
        return _KNOWN

    def now(self) -> SettingsNow:
        """All settings, as they are in force and as they are wanted."""
        standing, run = self._keeper.standing(lambda: self._trader.run.manifest)
        items = [_setting(info, standing, self._keeper.rule(info.key)) for info in describe()]
        waits = {item.pending.effective for item in items if item.pending is not None}
        return SettingsNow(
            version=standing.version,
            pending_restart=Effect.START.value in waits,
            pending_cycle=Effect.CYCLE.value in waits,
            run_id=run["run_id"],
            run_settings_hash=run["settings_hash"],
            run_settings_version=run["settings_version"],
            items=items,
        )

    def history(self, limit: int, cursor: str | None) -> SettingsHistory:
        """Versions, newest first."""
        before = None
        if cursor is not None:
            if len(cursor) > DIGITS_MAX or not (cursor.isascii() and cursor.isdecimal()):
                raise Invalid("bad_cursor", "The cursor is none that this daemon gave.", todo="Begin without one.")
            before = max(1, int(cursor))
        found = list(islice(stored.versions(self._trader.store.reader(), before=before), limit + 1))
        older = [*found[1:], None][: len(found)]
        values = stored.values_at(self._trader.store.reader(), found[-1].number) if found else {}
        items: list[SettingsVersion] = []
        for one, previous in reversed([*zip(found, older, strict=True)]):
            values = values if one.record is None else dict(one.record.values)
            items.insert(0, _shown(one, previous, values))
        more = len(found) > limit
        return SettingsHistory(items=items[:limit], next_cursor=str(found[limit - 1].number) if more else None)

    def change(self, actor: Actor, version: int, changes: Mapping[str, Any], note: str) -> SettingsNow:
        """Record changes as a new version."""
        self._keeper.change(Ask(version=version, actor=str(actor), note=note), changes, self._trader)
        return self.now()

    def revert(self, actor: Actor, version: int, to: int, note: str) -> SettingsNow:
        """Record a new version with the changes of an earlier one."""
        self._keeper.revert(Ask(version=version, actor=str(actor), note=note), to, self._trader)
        return self.now()

    def _told(self, version: int, keys: tuple[str, ...], in_force: bool) -> None:
        self._hub.publish("settings", {"version": version, "keys": list(keys), "in_force": in_force})


def _setting(info: SettingInfo, standing: Standing, rule: Rule) -> Setting:
    secret = is_secret(info)
    value, wanted = _in_force(standing, info.key, rule), value_of(standing.wanted.target, info.key)
    pending = Pending(value=plain(wanted), effective=rule.effect.value) if value != wanted and not secret else None
    return Setting(
        key=info.key,
        value=None if secret else plain(value),
        default=plain(info.default),
        bounds=info.bounds,
        description=info.description,
        variable=info.env,
        source=standing.layers.source_of(info.key, standing.wanted.values),
        effective=rule.effect.value,
        changeable=not rule.fixed and info.key not in standing.layers.command.values,
        while_armed=rule.armed.value,
        secret=secret,
        pending=pending,
    )


def _in_force(standing: Standing, key: str, rule: Rule) -> Any:
    by_effect: dict[Effect, Settings] = {
        Effect.NOW: standing.wanted.target,
        Effect.CYCLE: standing.running,
        Effect.START: standing.boot,
    }
    return value_of(by_effect[rule.effect], key)


def _shown(one: stored.Version, previous: stored.Version | None, values: Mapping[str, Any]) -> SettingsVersion:
    record = one.record
    changes = tuple(_found_at_start(one, previous)) if record is None else record.changes
    return SettingsVersion(
        version=one.number,
        at=time_text(one.at) or "",
        actor=one.actor,
        kind="start" if record is None else record.kind,  # type: ignore[arg-type]
        note=one.note if record is None else record.note,
        settings_hash=one.settings_hash,
        changes=[SettingChange.model_validate({"key": c.key, "from": c.before, "to": c.after}) for c in changes],
        values=dict(values),
    )


def _found_at_start(one: stored.Version, previous: stored.Version | None) -> Iterator[stored.Changed]:
    """What decides and was another at a start: in file, variables or in what had waited for it."""
    if previous is None:
        return
    before, after = _flat(previous.settings), _flat(one.settings)
    for key in KEYS:
        if before.get(key) != after.get(key):
            yield stored.Changed(key=key, before=before.get(key), after=after.get(key))


def _flat(text: str) -> dict[str, Any]:
    try:
        told = orjson.loads(text)
        return {f"{section}.{name}": value for section, kept in told.items() for name, value in kept.items()}
    except (ValueError, AttributeError):
        return {}
