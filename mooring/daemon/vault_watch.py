"""Counts how calls of the keychain end, for health and metrics; it sees no secret but the ones that pass."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from mooring.errors import MooringError
from mooring.secrets.vault import Vault


class VaultWatch:
    """How the keychain answered last. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._errors = 0
        self._last = ""

    @property
    def errors(self) -> int:
        """Calls that failed since the start."""
        return self._errors

    @property
    def last_error(self) -> str:
        """What kept the last call from its end; empty where it reached it."""
        return self._last

    def over(self, vault: Vault) -> Vault:
        """The same vault, whose calls are counted."""
        return cast("Vault", _Watched(vault, self))

    def note(self, error: MooringError | None) -> None:
        """A call ended."""
        with self._lock:
            self._errors += error is not None
            self._last = "" if error is None else error.what


class _Watched:
    """Passes everything on, whatever the vault offers."""

    def __init__(self, vault: Vault, watch: VaultWatch) -> None:
        self._vault = vault
        self._watch = watch

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._vault, name)
        return self._noted(found) if callable(found) else found

    def hurry(self, seconds: float) -> None:
        """As `Vault`; it asks nothing, so it is no answer of the keychain either."""
        self._vault.hurry(seconds)

    def _noted(self, call: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(call)
        def noted(*given: Any, **named: Any) -> Any:
            try:
                answer = call(*given, **named)
            except MooringError as error:
                self._watch.note(error)
                raise
            self._watch.note(None)
            return answer

        return noted
