"""Stands where the link is, for windows by themselves."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from PySide6.QtWidgets import QApplication

from mooring.control_api.models_settings import Setting, SettingsNow
from mooring.errors import MooringError


class Asks:
    """Stands where the link is: keeps what windows ask, and answers when a test says so."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Callable[[Any], None], Callable[[MooringError], None], float]] = []
        self.full = False

    def __call__(self, do: Any, failed: Any, *, seconds: float = 10.0) -> bool:
        if not self.full:
            self.waiting.append((do, failed, seconds))
        return not self.full

    def answer(self, answer: Any) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
        """Answer the oldest question, from another thread as the link does; what was asked last of the client."""
        do, failed, _ = self.waiting.pop(0)
        client = Client(answer)

        def run() -> None:
            try:
                do(client)
            except MooringError as error:
                failed(error)

        thread = threading.Thread(target=run)
        thread.start()
        thread.join(20)
        QApplication.processEvents()
        return client.asked[-1]


class Client:
    """Answers every call with the same."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer
        self.asked: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*args: Any, **more: Any) -> Any:
            self.asked.append((name, args, more))
            if isinstance(self._answer, MooringError):
                raise self._answer
            return self._answer

        return call


def setting(key: str, value: Any, bounds: str, **more: Any) -> Setting:
    made = {
        "key": key,
        "value": value,
        "default": value,
        "bounds": bounds,
        "description": "What it is.",
        "variable": "X",
    }
    more = {"source": "defaults", "effective": "next_cycle", "changeable": True, "while_armed": "tighter"} | more
    return Setting(**(made | more))


def settings(*items: Setting, version: int = 3, pending: bool = False) -> SettingsNow:
    return SettingsNow(
        version=version, pending_restart=False, pending_cycle=pending, run_id="r", run_settings_hash="0" * 64,
        run_settings_version=0, items=list(items),
    )  # fmt: skip
