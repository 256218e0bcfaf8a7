"""What the menu shows of what is known: states, words, and what can be asked. Without Qt, and without any clock."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
from typing import Final

from mooring.control_api.models import Status
from mooring.menubar.times import local_time

OFF: Final = "Mooring is off. Nothing is being traded."
TIP_MOST: Final = 600  # the whole of what the state's lines cut
_NUMBER: Final = re.compile(r"-?[0-9]*(\.[0-9]*)?")


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
class DayResult:
    """What a day made.

    Attributes:
        day: in UTC, as 2026-01-31: of the last hour that was decided, which may be long ago, or made up.
        text: with its sign and currency.
    """

    day: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Known:
    """All that is known of the daemon now.

    Attributes:
        status: as it last said, where it is there.
        today: the result of the day of the last hour; None where there is none.
        why: why it is off, or what is wrong with it, in sentences.
        own_version: of this program.
        busy: what was asked and is not answered yet, as a word for the menu; empty otherwise.
        failed: what came of the last thing asked, where it went wrong; empty otherwise.
        other_version: of the daemon, where it is not understood and says so.
    """

    link: Link = Link.LOOKING
    status: Status | None = None
    today: DayResult | None = None
    why: str = ""
    own_version: str
    busy: str = ""
    failed: str = ""
    other_version: str = ""


@dataclass(frozen=True, kw_only=True)
class Look:
    """What is shown.

    Attributes:
        word: of the state, as everywhere.
        line: the state in one sentence, with the time by the person's clock. zoned: the same with that clock's zone;
            empty where it is no other. money: what there is and today's result; empty where nothing is known.
        note: something a person should know besides; empty otherwise.
        start, stop, pause, resume, kill, release: whether each can be asked now.
        daemon_start, daemon_restart: the same for the process itself.
        windows: whether windows that need the daemon can be opened.
    """

    icon: Icon
    word: str
    line: str
    zoned: str = ""
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
        return f"Mooring: {self.zoned or self.line}"[:TIP_MOST]


def stale(known: Known) -> str:
    """Why what a window shows may be so no longer; empty where the daemon says how it is."""
    why = {
        Link.OFF: "Mooring is off.",
        Link.SILENT: "Mooring runs and does not answer.",
        Link.STRANGE: "Mooring answers what this menu does not understand.",
    }.get(known.link)
    return "" if why is None else f"{why} What stands here is what it last said."


def look_of(known: Known, now: datetime, zone: tzinfo | None = None) -> Look:
    """What a menu shows of it.

    Args:
        now: with a zone. zone: the person's; None where it is this machine's.
    """
    if known.link is Link.THERE and known.status is not None:
        line, moment = known.status.first_line, _moment(known.status)
        return replace(
            _there(known, known.status, now.astimezone(UTC).date().isoformat()),
            line=local_time(line, moment, now, zone),
            zoned=local_time(line, moment, now, zone, zoned=True),
        )
    note = known.busy or known.failed
    free = not known.busy
    if known.link is Link.OFF:
        why = known.why or OFF
        return Look(icon=Icon.OFF, word="Off", line=why, daemon_start=free, note=note)
    # What trades may go on unseen, so it can be stopped in every other case, whatever else is being asked.
    unknown = Look(icon=Icon.UNKNOWN, word="Unknown", line="Looking for Mooring.", note=note, stop=True, kill=True)
    if known.link is Link.SILENT:
        line = "Mooring runs and does not answer. It may be trading; what it does is recorded."
        return replace(unknown, line=line, note=note or known.why, daemon_restart=free)
    if known.link is Link.STRANGE:
        other = f"version {known.other_version}" if known.other_version else "of another version"
        line = f"Mooring's daemon is {other}, this menu {known.own_version}. What it does goes on."
        todo = "Restart Mooring, so that both are of one version."
        return replace(unknown, line=line, note=note or todo, daemon_restart=free)
    return unknown


def _there(known: Known, status: Status, day: str) -> Look:
    free = not known.busy
    killed = status.kill_switch.active
    running = status.state == "running"
    return Look(
        icon=Icon(status.word.lower()),
        word=status.word,
        line=status.first_line,
        money=_money(status, known.today, day),
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


def _moment(status: Status) -> str | None:
    """What the state's sentence tells the time of."""
    told = {"Killed": status.kill_switch.since, "Paused": status.state_since, "Live": status.next_cycle}
    return told.get(status.word)


def _money(status: Status, result: DayResult | None, day: str) -> str:
    if status.equity is None:
        return ""
    worth = f"{grouped(status.equity)} {status.quote}"
    made_up = " (made-up prices)" if status.made_up_prices else ""
    if result is None:
        return f"{worth}{made_up}"
    when = "today" if result.day == day else f"on {result.day}"
    return f"{worth}, {result.text} {when}{made_up}"


def _note(known: Known, status: Status) -> str:
    if known.failed:
        return known.failed
    if status.version != known.own_version:
        return f"The daemon is version {status.version}, this menu {known.own_version}. Restart the daemon."
    if status.alerts_open:
        return f"{status.alerts_open} alert{'s' * (status.alerts_open != 1)} to look at in the dashboard."
    return ""


def grouped(text: str, places: int = 2) -> str:
    """Decimal text with thousands apart and so many places, cut and not rounded: what is shown must be there.

    What is no such text stays as it is: a daemon of another version may spell it otherwise.
    """
    if _NUMBER.fullmatch(text) is None:
        return text
    sign = "\u2212" if text.startswith("-") else ""
    whole, _, part = text.removeprefix("-").partition(".")
    return f"{sign}{int(whole or 0):,}.{part[:places]:0<{places}}"


def signed(text: str) -> str:
    """The same with a plus in front of a gain; a nought has no sign."""
    shown = grouped(text)
    if not any(digit in shown for digit in "123456789"):
        return shown.removeprefix("\u2212")
    return shown if shown.startswith("\u2212") else f"+{shown}"
