"""What the control API needs of the daemon for settings; the composition root supplies it."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any, Protocol

from mooring.control_api.facade import Actor
from mooring.control_api.models_settings import SettingsHistory, SettingsNow


class SettingsArea(Protocol):
    """The settings, synchronous and safe from any thread; every method is called in a worker thread."""

    @property
    def keys(self) -> Container[str]:
        """The settings there are, by `section.name`; never waits."""
        ...

    def now(self) -> SettingsNow:
        """All settings, as they are in force and as they are wanted."""
        ...

    def history(self, limit: int, cursor: str | None) -> SettingsHistory:
        """Versions, newest first.

        Raises:
            Invalid: the cursor is none that this daemon gave.
        """
        ...

    def change(self, actor: Actor, version: int, changes: Mapping[str, Any], note: str) -> SettingsNow:
        """Record changes as a new version; a value of None goes back to what file, variables and defaults say.

        Args:
            version: the newest one that the caller has seen.

        Raises:
            Stale: there is a newer one.
            Invalid: an unknown key, or a value outside its bounds; names all of them, and no value.
            Denied: the API does not change it, or not while live trading is armed.
        """
        ...

    def revert(self, actor: Actor, version: int, to: int, note: str) -> SettingsNow:
        """Record a new version with the changes of an earlier one; as `change`.

        Raises:
            NotFound: there is no such version.
        """
        ...
