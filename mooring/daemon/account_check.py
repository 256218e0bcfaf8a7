"""The doctor's line about the live account: what the last comparison of the books with Kraken came to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import orjson

from mooring.daemon.doctor import CheckResult
from mooring.daemon.present import time_text
from mooring.errors import NotFound
from mooring.runtime.store.place import Place
from mooring.runtime.store.reader import Reader
from mooring.runtime.store.types import Row
from mooring.settings import Settings

NAME: Final = "account"
NONE_YET: Final = "Nothing was traded live yet."
MS: Final = 1000

Checks = tuple[tuple[str, Callable[[], CheckResult]], ...]


def account_checks(settings: Settings, place: Place) -> Checks:
    """A check for `Probes.more`; none where the settings do not ask for live trading."""
    return ((NAME, lambda: _account(place)),) if settings.trading.mode == "live" else ()


def _account(place: Place) -> CheckResult:
    last = _last_comparison(place)
    if last is None:
        return CheckResult(name=NAME, state="ok", detail=NONE_YET)
    time = time_text(last["at_ms"] // MS)
    if last["equal"]:
        return CheckResult(name=NAME, state="ok", detail=f"The books and Kraken agreed at {time}.")
    breaks = " ".join(str(one) for one in orjson.loads(last["breaks"]))
    return CheckResult(
        name=NAME,
        state="fail",
        detail=f"The books and Kraken differed at {time}, so nothing is bought: {breaks}",
        fix="Put right what is named; the next comparison, ten minutes later at most, ends it.",
    )


def _last_comparison(place: Place) -> Row | None:
    """The newest one of the newest live account; None where there is none."""
    if place.file is not None and not place.file.exists():
        return None
    try:
        reader = Reader.open(place)
    except NotFound as error:
        if error.code == "no_records":
            return None
        raise
    try:
        run = reader.find("runs", mode="live")
        if run is None:
            return None
        return next(iter(reader.page("reconciles", limit=1, account_id=run["account_id"]).items), None)
    finally:
        reader.close()
