"""The menu bar's connection to the daemon: looks, follows, asks, and outlives a daemon that is down or another one.

Three threads: one follows the event stream, one does what was asked in order, and a third does nothing but the kill
switch, which waits for nobody. Each says what it found through `tell`; none of them touches a window.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Final, TypeVar

import structlog

from mooring import __version__
from mooring.control_api.client import Client, StreamEvent
from mooring.control_api.models import Status
from mooring.daemon.instance import holder
from mooring.daemon.supervision import attention
from mooring.errors import MooringError, Unknown, Unreachable
from mooring.home import Home
from mooring.menubar.look import Known, Link
from mooring.menubar.today import ROWS, today_text

LOOK_SECONDS: Final = 1.0
KILL_SECONDS: Final = 5.0
ANSWER_SECONDS: Final = 10.0
STRANGE: Final = "strange_answer"
ASKED_MAX: Final = 8

T = TypeVar("T")
log = structlog.get_logger(__name__)


class Listener:
    """What a link tells; called from its threads. The default of each does nothing."""

    def known(self, known: Known) -> None:
        """Something is known that was not."""

    def heard(self, event: StreamEvent) -> None:
        """Something happened: an alert, progress of long work, a bundle."""

    def failed(self, error: MooringError) -> None:
        """What a person asked was refused, or went wrong."""


class DaemonLink:
    """One home's daemon, as far as the menu is concerned. Safe to use from any thread.

    Args:
        connect: opens a client, waiting so many seconds for an answer; raises Unreachable where none answers.
    """

    def __init__(self, home: Home, listener: Listener, connect: Callable[[float], Client] | None = None) -> None:
        self._home = home
        self._listener = listener
        self._connect = connect or (
            lambda seconds: Client.connect(home.run_dir, actor="menubar", timeout_seconds=seconds)
        )
        self._lock = threading.Lock()
        self._telling = threading.Lock()
        self._known = Known(own_version=__version__)
        self._waiting = 0
        self._ending = threading.Event()
        self._again = threading.Event()
        self._asks = ThreadPoolExecutor(1, thread_name_prefix="ask")
        self._kills = ThreadPoolExecutor(1, thread_name_prefix="kill")
        self._following = threading.Thread(target=self._follow, name="follow", daemon=True)

    @property
    def known(self) -> Known:
        """What is known now."""
        return self._known

    def start(self) -> None:
        """Begin to look."""
        self._following.start()

    def close(self) -> None:
        """Look no more; what was asked and has not begun is dropped."""
        self._ending.set()
        self._again.set()
        self._asks.shutdown(wait=False, cancel_futures=True)
        self._kills.shutdown(wait=False, cancel_futures=True)

    def look_again(self) -> None:
        """Look now rather than later."""
        self._again.set()

    def ask(self, words: str, do: Callable[[Client], Any], done: Callable[[Any], None] = lambda _: None) -> bool:
        """Have something asked of the daemon, after what was asked before it; False where too much waits already.

        Args:
            words: what the menu shows meanwhile, as "Stopping".
            do: asks; a Status that it gives back is known at once.
            done: told what it gave back, on the thread that asked.
        """
        return self._begin(words, lambda: self._asked(do), done)

    def work(self, words: str, do: Callable[[], Any], done: Callable[[Any], None] = lambda _: None) -> bool:
        """The same for what needs no client, as starting the daemon itself."""
        return self._begin(words, do, done)

    def kill(self, reason: str) -> None:
        """Press the kill switch, whatever else was asked."""

        def press() -> None:
            try:
                with self._connect(KILL_SECONDS) as client:
                    self._learn(client.kill_switch(active=True, reason=reason))
            except MooringError as error:
                if not self._is_strange(error):  # pressed, by a daemon that answers in another way
                    self._listener.failed(error)
            self.look_again()

        self._kills.submit(self._safely, press)

    def _begin(self, words: str, do: Callable[[], T], done: Callable[[T], None]) -> bool:
        with self._lock:
            if self._waiting >= ASKED_MAX or self._ending.is_set():
                return False
            self._waiting += 1
        self._update(busy=words)

        def run() -> None:
            try:
                done(do())
            except MooringError as error:
                if not self._is_strange(error):
                    self._listener.failed(error)
            finally:
                with self._lock:
                    self._waiting -= 1
                    idle = not self._waiting
                if idle:
                    self._update(busy="")
                self.look_again()

        self._asks.submit(self._safely, run)
        return True

    def _asked(self, do: Callable[[Client], T]) -> T:
        with self._connect(ANSWER_SECONDS) as client:
            found = do(client)
        if isinstance(found, Status):
            self._learn(found)
        return found

    def _safely(self, do: Callable[[], None]) -> None:
        try:
            do()
        except Exception:  # a menu that dies of one fault would leave a person without a kill switch
            log.exception("menu_failed")
            self._listener.failed(
                Unknown(
                    "menu_failed",
                    "Something went wrong in the menu bar itself.",
                    money="The daemon goes on as it was.",
                    todo="Look at what the menu shows before asking again.",
                )
            )

    def _follow(self) -> None:
        while not self._ending.is_set():
            self._again.clear()
            try:
                with self._connect(ANSWER_SECONDS) as client:
                    self._load(client)
                    # After no event that there is: the stream begins by saying so, and nothing falls between.
                    for event in client.events(last_id=0):
                        if self._ending.is_set():
                            return
                        self._take(client, event)
            except MooringError as error:
                self._lost(error)
            except Exception:
                log.exception("menu_failed")
                self._update(link=Link.STRANGE, status=None, today="")
            self._again.wait(LOOK_SECONDS)

    def _load(self, client: Client) -> None:
        self._learn(client.status())
        self._count_today(client)

    def _take(self, client: Client, event: StreamEvent) -> None:
        if event.type == "status":
            self._learn(Status.model_validate(event.data))
        elif event.type == "reset":
            self._load(client)
        elif event.type == "equity":
            self._count_today(client)
        else:
            self._listener.heard(event)

    def _count_today(self, client: Client) -> None:
        status = self._known.status
        rows = client.page("equity", limit=ROWS).items
        self._update(today=today_text(rows, "" if status is None else status.quote))

    def _learn(self, status: Status) -> None:
        self._update(link=Link.THERE, status=status, why="")

    def _lost(self, error: MooringError) -> None:
        if self._ending.is_set():
            return
        if self._is_strange(error):
            self._update(link=Link.STRANGE, status=None, today="")
        elif isinstance(error, Unreachable) and holder(self._home) is None:
            said = attention.read(self._home)
            why = "" if said is None else f"Mooring is off: {said.what} {said.todo}"
            self._update(link=Link.OFF, status=None, today="", why=why)
        elif isinstance(error, Unreachable):
            self._update(link=Link.SILENT, status=None, today="")
        else:
            self._update(link=Link.SILENT, status=None, today="", why=error.what)

    def _is_strange(self, error: MooringError) -> bool:
        return error.code == STRANGE

    def _update(self, **changes: Any) -> None:
        with self._telling:  # told in the order in which it came to be known
            before = self._known
            self._known = after = replace(before, **changes)
            if after != before:
                self._listener.known(after)
