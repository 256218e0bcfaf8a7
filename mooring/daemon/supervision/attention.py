"""Why a daemon stays down: what trying again cannot mend, written where the menu bar and `mooring status` find it.

launchd starts anything again that does not end with status 0, every ten seconds. So where it supervises, a wrong
setting or a refusal ends with 0, and this file says what a person has to do. Another one says what an end left at the
venue: it stays until a live start has compared books and venue, or a person says that it was seen.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from mooring.durable import read_private, replace_file
from mooring.errors import Conflict, Denied, Invalid, MooringError, NotFound, Unverified
from mooring.home import Home

SUPERVISOR_VARIABLE: Final = "MOORING_SUPERVISOR"
SUPERVISORD: Final = "SUPERVISOR_ENABLED"  # which supervisord gives to all that it starts, and they to their children
LAUNCHD: Final = "launchd"
SUPERVISORS: Final = frozenset({LAUNCHD, "systemd"})
FILE: Final = "attention.json"
LEFT_FILE: Final = "orders_left.json"
MOST: Final = 16_384
ALREADY_RUNNING: Final = "already_running"
ORDERS_LEFT: Final = "orders_left"
# What the same start would meet again; `packaging/linux/mooring.service` names their statuses.
STAY_DOWN: Final = frozenset(kind.exit_code for kind in (Invalid, NotFound, Denied, Unverified, Conflict))


@dataclass(frozen=True, kw_only=True)
class Attention:
    """What keeps it down. `at` is RFC 3339 in UTC; the texts are those of the error.

    `again` says that nothing keeps it: a supervisor tries again by itself.
    """

    at: str
    exit_code: int
    code: str
    what: str
    money: str
    todo: str
    again: bool = False

    @property
    def text(self) -> str:
        """All of it, for a person."""
        return " ".join(part for part in (self.what, self.money, self.todo) if part)


def stays_down(error: MooringError) -> bool:
    """Whether the same start would fail in the same way."""
    return error.exit_code in STAY_DOWN


def status_for(error: MooringError, environ: Mapping[str, str]) -> int:
    """What a daemon that could not start ends with: 0 where launchd would else start it again and again."""
    return 0 if stays_down(error) and environ.get(SUPERVISOR_VARIABLE) == LAUNCHD else error.exit_code


def write(home: Home, error: MooringError, now: datetime, environ: Mapping[str, str]) -> None:
    """Keep why; nothing where the home cannot be written, as that is what the error says then."""
    if error.code == ALREADY_RUNNING:  # that one is well, and this one was not needed
        return
    again = not stays_down(error) and error.code != ORDERS_LEFT
    if again and environ.get(SUPERVISOR_VARIABLE) not in SUPERVISORS:  # whoever started it sees it end
        return
    texts = {"code": error.code, "what": error.what, "money": error.money, "todo": error.todo}
    at = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    with suppress(OSError):
        file = LEFT_FILE if error.code == ORDERS_LEFT else FILE
        replace_file(
            home.run_dir / file, json.dumps({"at": at, "exit_code": error.exit_code, "again": again} | texts).encode()
        )


def read(home: Home) -> Attention | None:
    """What a person should know while it is down, all in one; None where there is nothing."""
    down, left = why_down(home), orders_left(home)
    if down is None or left is None:
        return down or left
    return replace(down, what=f"{down.what} {left.what}", money=left.money, todo=f"{down.todo} {left.todo}")


def why_down(home: Home) -> Attention | None:
    """Why it stays down; None where nothing keeps it, or the file cannot be understood."""
    return _read(home.run_dir / FILE)


def orders_left(home: Home) -> Attention | None:
    """What an end left at the venue without knowing how it stands; None where nothing, or it was settled since."""
    return _read(home.run_dir / LEFT_FILE)


def _read(file: Path) -> Attention | None:
    with suppress(OSError, ValueError, TypeError, KeyError):
        data = read_private(file, MOST)
        if data is not None:
            raw = json.loads(data)
            texts = {name: str(raw[name]) for name in ("at", "code", "what", "money", "todo")}
            return Attention(exit_code=int(raw["exit_code"]), again=raw.get("again") is True, **texts)
    return None


def clear(home: Home) -> None:
    """Nothing keeps it down any more."""
    _remove(home.run_dir / FILE)


def settle(home: Home) -> None:
    """What an end left at the venue is looked after, or was seen."""
    _remove(home.run_dir / LEFT_FILE)


def _remove(file: Path) -> None:
    with suppress(OSError):
        file.unlink(missing_ok=True)
