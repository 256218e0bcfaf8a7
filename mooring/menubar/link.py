"""The menu bar's connection to the daemon: looks, follows, asks, and outlives a daemon that is down or another one.

Each kind of work has a thread of its own: one follows the event stream, one looks whether it still answers, one does
what the menu asks, one what windows ask, one stops, and one does nothing but the kill switch. So neither of the last
two waits for anybody. Each says what it found through `Listener`; none of them touches a window.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import orjson
import structlog
from pydantic import ValidationError

from mooring import __version__
from mooring.control_api.client import NOBODY, STRANGE, Client, StreamEvent
from mooring.control_api.models import ListKind, Status
from mooring.daemon.instance import is_off
from mooring.daemon.kill_press import press
from mooring.daemon.kill_request import is_asked
from mooring.daemon.supervision import attention
from mooring.errors import MooringError, Unreachable
from mooring.home import Home
from mooring.menubar import missed, pulse
from mooring.menubar.lanes import Lane
from mooring.menubar.look import OFF, Known, Link
from mooring.menubar.missed import Missed
from mooring.menubar.today import ROWS, day_result
from mooring.menubar.troubles import (
    KILLED_AT_START,
    NOT_KILLED,
    NOT_STOPPED,
    Grave,
    menu_failed,
    not_asked,
    not_confirmed,
    not_killed,
    too_much,
)
from mooring.runtime.market.clock import SystemClock

LOOK_SECONDS: Final = 1.0
ANSWER_SECONDS: Final = 10.0
ASKED_MAX: Final = 8
WINDOWS_MAX: Final = 32
INFO_BYTES_MAX: Final = 4096
VERSION_MOST: Final = 20

log = structlog.get_logger(__name__)


class Listener:
    """What a link tells; called from its threads. The default of each does nothing."""

    def known(self, known: Known) -> None:
        """Something is known that was not."""

    def heard(self, event: StreamEvent) -> None:
        """Something happened: an alert, progress of long work, a bundle."""

    def failed(self, error: MooringError, *, grave: Grave) -> None:
        """What a person asked was refused, or went wrong; `grave` says what was to stop what trades."""


class DaemonLink:
    """One home's daemon, as far as the menu is concerned. Safe to use from any thread.

    Args:
        connect: opens a client, waiting so many seconds for an answer; raises Unreachable where none answers.
        pulse_seconds: how often a daemon that is listened to is asked whether it still answers.
    """

    def __init__(
        self,
        home: Home,
        listener: Listener,
        connect: Callable[[float], Client] | None = None,
        *,
        pulse_seconds: float = pulse.PULSE_SECONDS,
    ) -> None:
        self._home = home
        self._listener = listener
        self._connect = connect or (
            lambda seconds: Client.connect(home.run_dir, actor="menubar", timeout_seconds=seconds)
        )
        self._telling = threading.Lock()
        self._known = Known(own_version=__version__)
        self._words: list[str] = []
        self._overtaken = 0  # how often what had been asked was overtaken by a stop or the kill switch
        self._missed = Missed()
        self._heard = 0  # how many states the stream told
        self._counts = 0  # how often a day's result was asked for
        self._ending = threading.Event()
        self._again = threading.Event()
        self._asks = Lane("ask", ASKED_MAX)
        self._windows = Lane("window", WINDOWS_MAX)
        self._stops = Lane("stop", ASKED_MAX)
        self._kills = Lane("kill", ASKED_MAX)
        self._following = threading.Thread(target=self._follow, name="follow", daemon=True)
        self._listening = threading.Event()
        self._pulse = pulse.Pulse(
            self._listening.is_set, self._answers, self._hangs, self._answers_again, pulse_seconds
        )

    @property
    def known(self) -> Known:
        """What is known now."""
        return self._known

    def start(self) -> None:
        """Begin to look."""
        self._following.start()
        self._pulse.start()

    def close(self) -> None:
        """Look no more. What was asked and has not begun is dropped; but what stops trading is done to its end."""
        self._ending.set()
        self._pulse.close()
        self._again.set()
        for lane in (self._asks, self._windows):
            lane.close(finish=False)
        for lane in (self._stops, self._kills):
            lane.close(finish=True)

    def look_again(self) -> None:
        """Look now rather than later."""
        self._again.set()

    def ask(self, words: str, do: Callable[[Client], Any], done: Callable[[Any], None] = lambda _: None) -> bool:
        """Have something asked of the daemon, after what was asked before it; False where too much waits already.

        Args:
            words: what the menu shows meanwhile, as "Pausing …".
            do: asks; a Status that it gives back is known at once.
            done: told what it gave back, on the thread that asked.
        """
        turn = self._overtaken

        def asked() -> None:
            with self._connect(ANSWER_SECONDS) as client:
                if self._overtaken != turn:  # else a release that waited for an answer would undo a kill after it
                    return
                found = self._known_at_once(client, do)
            done(found)

        return self._begin(self._asks, words, asked)

    def work(self, words: str, do: Callable[[], None]) -> bool:
        """The same for what needs no client, as starting the daemon itself."""
        return self._begin(self._asks, words, do)

    def ask_for_window(
        self, do: Callable[[Client], None], failed: Callable[[MooringError], None], *, seconds: float = ANSWER_SECONDS
    ) -> bool:
        """The same for a window, which shows by itself how it stands; the menu goes on meanwhile.

        Args:
            do, failed: asks and shows; is told what kept it from being asked. Both on the thread that asks.
            seconds: how long an answer may take.
        """

        def asked() -> None:
            try:
                with self._connect(seconds) as client:
                    do(client)
            except MooringError as error:
                failed(error)
            except Exception:
                failed(menu_failed())
                raise

        return self._windows.put(lambda: self._safely(asked))

    def stop(self, reason: str) -> bool:
        """End the decision cycle, past what was asked before: what of that has not begun is forgotten."""
        self._overtake()
        return self._begin(self._stops, "Stopping …", lambda: self._asked(lambda it: it.stop(reason)), NOT_STOPPED)

    def kill(self, reason: str) -> bool:
        """Press the kill switch, whatever else was asked."""
        self._overtake()
        return self._begin(self._kills, "Pressing the kill switch …", lambda: self._press(reason), NOT_KILLED)

    def _press(self, reason: str) -> None:
        heard = self._heard
        pressed = press(self._home, self._connect, actor="menubar", reason=reason, now=SystemClock().now)
        if pressed.status is not None:
            self._learn(pressed.status, unless_heard_since=heard)
        if pressed.error is not None:
            error = not_confirmed() if pressed.error.code == STRANGE else pressed.error
            raise not_killed(pressed, error, runs=not is_off(self._home))

    def _overtake(self) -> None:
        with self._telling:
            self._overtaken += 1
        self._asks.drop()

    def _begin(self, lane: Lane, words: str, do: Callable[[], object], undone: str = "") -> bool:
        """`undone`: of what stops trading, what is so where it was not even asked."""
        grave: Grave = "" if not undone else "kill" if lane is self._kills else "stop"

        def run() -> None:
            try:
                do()
            except MooringError as error:
                if grave and error.code == NOBODY:  # a daemon that cannot reach Kraken says so by another code
                    error = not_asked(error, undone)
                self._failed(error, grave=grave)
            finally:
                self._again.set()

        def over() -> None:
            self._busy(lambda busy: busy.remove(words))

        self._busy(lambda busy: busy.append(words), failed="")
        if lane.put(lambda: self._safely(run, grave=grave), over):
            return True
        over()
        if not self._ending.is_set():
            self._failed(too_much(), grave=grave)
        return False

    def _asked(self, do: Callable[[Client], Any]) -> Any:
        with self._connect(ANSWER_SECONDS) as client:
            return self._known_at_once(client, do)

    def _known_at_once(self, client: Client, do: Callable[[Client], Any]) -> Any:
        """Ask, and know what the answer says, unless the stream told of a state meanwhile, which may be a later one."""
        heard = self._heard
        found = do(client)
        if isinstance(found, Status):
            self._learn(found, unless_heard_since=heard)
        return found

    def _busy(self, change: Callable[[list[str]], None], **more: Any) -> None:
        with self._telling:
            change(self._words)
            self._tell(busy=self._words[-1] if self._words else "", **more)

    def _failed(self, error: MooringError, *, grave: Grave) -> None:
        told = not_confirmed() if error.code == STRANGE else error
        self._update(failed=" ".join(part for part in (told.what, told.money) if part))
        self._listener.failed(told, grave=grave)

    def _safely(self, do: Callable[[], object], *, grave: Grave = "") -> None:
        try:
            do()
        except Exception:  # a menu that dies of one fault would leave a person without a kill switch
            log.exception("menu_failed")
            self._failed(menu_failed(), grave=grave)

    def _follow(self) -> None:
        while not self._ending.is_set():
            self._again.clear()
            try:
                with self._connect(ANSWER_SECONDS) as client:
                    self._load(client)
                    self._listening.set()
                    # After no event that there is: the stream begins by saying so, and nothing falls between.
                    for event in client.events(last_id=0):
                        if self._ending.is_set():
                            return
                        self._take(client, event)
            except MooringError as error:
                loaded = self._listening.is_set()
                self._listening.clear()
                if not loaded or isinstance(error, Unreachable):
                    self._lost(error)  # else it has no stream left for us: its state is loaded each time that we look
            except Exception:  # answered in a way that nobody could foresee: of a later version
                if self._known.link is not Link.STRANGE:
                    log.exception("menu_not_understood")
                self._strange()
            finally:
                self._listening.clear()
            self._again.wait(LOOK_SECONDS)

    def _answers(self) -> bool:
        try:
            self._connect(pulse.ANSWER_SECONDS).close()
        except Unreachable:
            return False
        except MooringError:
            pass  # a refusal is an answer, too
        return True

    def _hangs(self) -> None:
        if not self._ending.is_set():
            self._update(link=Link.SILENT, status=None, today=None, why="", other_version="")

    def _answers_again(self) -> bool:
        """What happened meanwhile is in the stream, but that may have been nothing."""
        heard = self._heard
        try:
            with self._connect(ANSWER_SECONDS) as client:
                self._learn(client.status(), unless_heard_since=heard)
                self._count_today(client)
        except MooringError:
            return False
        return True

    def _load(self, client: Client) -> None:
        self._hear(client.status())
        self._count_today(client)
        self._tell_missed(client)

    def _take(self, client: Client, event: StreamEvent) -> None:
        if event.type == "status":
            self._hear(Status.model_validate(event.data))
        elif event.type == "reset":
            self._load(client)
        elif event.type == "equity":
            self._count_today(client)
        else:
            if event.type == "alert":
                self._missed.heard(event.data)
            self._listener.heard(event)

    def _count_today(self, client: Client) -> None:
        """Two threads ask; what was asked earlier and comes later is left out."""
        status = self._known.status
        with self._telling:
            self._counts += 1
            turn = self._counts
        rows = self._rows(client, "equity", ROWS) or []
        with self._telling:
            if turn == self._counts:
                self._tell(today=day_result(rows, "" if status is None else status.quote))

    def _tell_missed(self, client: Client) -> None:
        """Alerts that nobody here was told of."""
        status = self._known.status
        waiting = 0 if status is None else status.alerts_open
        rows = self._rows(client, "alerts", missed.ROWS) if waiting else []
        for alert in [] if rows is None else self._missed.found(rows, waiting):
            self._listener.heard(StreamEvent(id=None, type="alert", data=dict(alert)))

    def _rows(self, client: Client, kind: ListKind, most: int) -> list[dict[str, Any]] | None:
        """The newest of a list; None where it cannot be had: the state is known all the same."""
        try:
            return client.page(kind, limit=most).items
        except Unreachable as error:
            if error.code != STRANGE:
                raise
        except (MooringError, ValidationError):
            pass
        return None

    def _hear(self, status: Status) -> None:
        with self._telling:
            self._heard += 1
            self._tell(link=Link.THERE, status=status, why="", other_version="")

    def _learn(self, status: Status, *, unless_heard_since: int) -> None:
        with self._telling:
            if self._heard == unless_heard_since:
                self._tell(link=Link.THERE, status=status, why="", other_version="")

    def _lost(self, error: MooringError) -> None:
        if self._ending.is_set():
            return
        if error.code == STRANGE:
            self._strange()
        elif isinstance(error, Unreachable) and is_off(self._home):
            said = attention.read(self._home)
            why = "" if said is None else f"Mooring is off: {said.what} {said.todo}"
            why = f"{why or OFF} {KILLED_AT_START}" if is_asked(self._home) else why
            self._update(link=Link.OFF, status=None, today=None, why=why, other_version="")
        elif isinstance(error, Unreachable):
            self._update(link=Link.SILENT, status=None, today=None, why="", other_version="")
        else:
            self._update(link=Link.SILENT, status=None, today=None, why=error.what, other_version="")

    def _strange(self) -> None:
        self._update(link=Link.STRANGE, status=None, today=None, why="", other_version=told_version(self._home))

    def _update(self, **changes: Any) -> None:
        with self._telling:
            self._tell(**changes)

    def _tell(self, **changes: Any) -> None:
        """Under the lock `_telling`, so that it is told in the order in which it came to be known."""
        before = self._known
        self._known = after = replace(before, **changes)
        if after != before:
            self._listener.known(after)


def told_version(home: Home) -> str:
    """Which version the daemon says that it is, in the file that every version has; empty where it says none."""
    try:
        with home.control_json.open("rb") as file:
            told = orjson.loads(file.read(INFO_BYTES_MAX))
        version = str(told["version"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    return version[:VERSION_MOST] if version.isprintable() else ""
