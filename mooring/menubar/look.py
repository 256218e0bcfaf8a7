"""What the menu shows of what is known: states, words, and what can be asked. Without Qt, and without any clock."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from mooring.control_api.models import Status

TIP_MOST: Final = 120


class Icon(StrEnum):
    """What the status item is drawn as; a state is told by its shape, never by colour alone."""

    OFF = "off"
    PAPER = "paper"
    SHADOW = "shadow"
    LIVE = "live"
    PAUSED = "paused"
    HALTED = "halted"
    KILLED = "killed"
    UNKNOWN = "unknown"


class Link(StrEnum):
    """How it stands with the daemon."""

    LOOKING = "looking"  # it was not asked yet
    THERE = "there"
    OFF = "off"  # there is none
    SILENT = "silent"  # it runs and does not answer
    STRANGE = "strange"  # it answers what this version does not understand


@dataclass(frozen=True, kw_only=True)
class Known:
    """All that is known of the daemon now.

    Attributes:
        status: as it last said, where it is there.
        today: the result since midnight UTC with its sign and currency; empty where there is none.
        why: why it is off, or what is wrong with it, in sentences.
        own_version: of this program.
        busy: what was asked and is not answered yet, as a word for the menu; empty otherwise.
    """

    link: Link = Link.LOOKING
    status: Status | None = None
    today: str = ""
    why: str = ""
    own_version: str
    busy: str = ""


@dataclass(frozen=True, kw_only=True)
class Look:
    """What is shown.

    Attributes:
        word: of the state, as everywhere.
        line: the state in one sentence. money: what there is and today's result; empty where nothing is known.
        note: something a person should know besides; empty otherwise.
        start, stop, pause, resume, kill, release: whether each can be asked now.
        daemon_start, daemon_restart: the same for the process itself.
        windows: whether windows that need the daemon can be opened.
    """

    icon: Icon
    word: str
    line: str
    money: str = ""
    note: str = ""
    start: bool = False
    stop: bool = False
    pause: bool = False
    resume: bool = False
    kill: bool = False
    release: bool = False
    daemon_start: bool = False
    daemon_restart: bool = False
    windows: bool = False

    @property
    def tip(self) -> str:
        """For the pointer over the icon."""
        return f"Mooring: {self.line}"[:TIP_MOST]


def look_of(known: Known) -> Look:
    """What a menu shows of it."""
    if known.link is Link.THERE and known.status is not None:
        return _there(known, known.status)
    if known.link is Link.OFF:
        why = known.why or "Mooring is off. Nothing is being traded."
        return Look(icon=Icon.OFF, word="Off", line=why, daemon_start=not known.busy, note=known.busy)
    if known.link is Link.SILENT:
        line = "Mooring runs and does not answer. It may be trading; what it does is recorded."
        return Look(
            icon=Icon.UNKNOWN, word="Unknown", line=line, note=known.busy or known.why, kill=True, daemon_restart=True
        )
    if known.link is Link.STRANGE:
        line = "Mooring's daemon is of another version than this menu. What it does goes on."
        note = known.busy or "Restart it, so that both are of one version."
        return Look(
            icon=Icon.UNKNOWN, word="Unknown", line=line, note=note, stop=True, kill=True, daemon_restart=not known.busy
        )
    return Look(icon=Icon.UNKNOWN, word="Unknown", line="Looking for Mooring.")


def _there(known: Known, status: Status) -> Look:
    free = not known.busy
    killed = status.kill_switch.active
    running = status.state == "running"
    return Look(
        icon=Icon(status.word.lower()),
        word=status.word,
        line=status.first_line,
        money=_money(status, known.today),
        note=known.busy or _note(known, status),
        start=free and not killed and status.state == "stopped",
        stop=status.state != "stopped",
        pause=free and not killed and running,
        resume=free and not killed and status.state in {"paused", "halted"},
        kill=not killed,  # never waits for anything
        release=free and killed,
        daemon_restart=free and status.version != known.own_version,
        windows=True,
    )


def _money(status: Status, today: str) -> str:
    if status.equity is None:
        return ""
    worth = f"{grouped(status.equity)} {status.quote}"
    made_up = " (made-up prices)" if status.made_up_prices else ""
    return f"{worth}, {today} today{made_up}" if today else f"{worth}{made_up}"


def _note(known: Known, status: Status) -> str:
    if status.version != known.own_version:
        return f"The daemon is version {status.version}, this menu {known.own_version}. Restart the daemon."
    if status.alerts_open:
        return f"{status.alerts_open} alert{'s' * (status.alerts_open != 1)} to look at in the dashboard."
    return ""


def grouped(text: str, places: int = 2) -> str:
    """Decimal text with thousands apart and so many places, cut and not rounded: what is shown must be there."""
    sign = "\u2212" if text.startswith("-") else ""
    whole, _, part = text.removeprefix("-").partition(".")
    return f"{sign}{int(whole or 0):,}.{part[:places]:0<{places}}"


def signed(text: str) -> str:
    """The same with a plus in front of a gain; a nought has no sign."""
    shown = grouped(text)
    if not any(digit in shown for digit in "123456789"):
        return shown.removeprefix("\u2212")
    return shown if shown.startswith("\u2212") else f"+{shown}"
