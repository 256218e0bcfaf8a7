"""The client's calls of the area settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mooring.control_api.client_wire import Wire
from mooring.control_api.models_settings import SettingsHistory, SettingsNow


class SettingsCalls(Wire):
    """What is set, and changes of it; a change names the version that it was decided on."""

    def settings(self) -> SettingsNow:
        """All settings."""
        return self._get("/v1/settings", SettingsNow)

    def settings_history(self, *, limit: int = 100, cursor: str | None = None) -> SettingsHistory:
        """Versions, newest first."""
        return self._get("/v1/settings/history", SettingsHistory, {"limit": str(limit), "cursor": cursor})

    def change_settings(self, changes: Mapping[str, Any], *, version: int, note: str = "") -> SettingsNow:
        """Change settings, decided on `version`; None goes back to what file, variables and defaults say.

        Raises:
            Stale: there is a newer version.
        """
        body = {"changes": dict(changes), "note": note}
        return self._call("PATCH", "/v1/settings", SettingsNow, body, {"if-match": f'"{version}"'})

    def revert_settings(self, to: int, *, version: int, note: str = "") -> SettingsNow:
        """Make a new version with the changes of version `to`, decided on `version`; as `change_settings`."""
        body = {"version": to, "note": note}
        return self._call("POST", "/v1/settings/revert", SettingsNow, body, {"if-match": f'"{version}"'})
