"""The talk on a terminal while a key is connected. Leaving it at any point stores nothing and loses nothing."""

from __future__ import annotations

import getpass
import webbrowser
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol

from mooring.cli.context import hint
from mooring.cli.onboard_show import (
    COMMAND,
    asking,
    refusal_of,
    show_connected,
    show_findings,
    show_old,
    show_old_checked,
    show_screen,
    wrapped,
)
from mooring.errors import Denied, Invalid

if TYPE_CHECKING:
    from mooring.control_api.models_onboarding import Onboarding

TRIES: Final = 20  # of one question; who answers nothing useful so often is no person
DANGEROUS: Final = "key_may_withdraw"


class Guide(Protocol):
    """The steps, at a daemon or in this process."""

    def onboarding(self) -> Onboarding: ...
    def onboarding_begin(self) -> Onboarding: ...
    def onboarding_paste(self, key: str, secret: str) -> Onboarding: ...
    def onboarding_verify(self) -> Onboarding: ...
    def onboarding_complete(self) -> Onboarding: ...
    def onboarding_disconnect(self) -> Onboarding: ...
    def onboarding_check_old(self) -> Onboarding: ...


class Shapes(Protocol):
    """What a pasted text can be."""

    def is_private_key(self, text: str) -> bool: ...
    def read_key(self, text: str) -> str: ...


class Left(Exception):  # noqa: N818 -- no error: a person went away
    """The person left before the end."""


class Talk:
    """One talk.

    Args:
        running: whether a daemon runs, which remembers what was pasted when this process has ended.
        shapes: what a pasted text can be.
        ask: a question with an answer that is shown; hidden: one whose answer is not.
        browse: opens a page; False where it cannot.
    """

    def __init__(
        self,
        guide: Guide,
        *,
        running: bool,
        shapes: Shapes,
        ask: Callable[[str], str] = input,
        hidden: Callable[[str], str] = getpass.getpass,
        browse: Callable[[str], bool] = webbrowser.open,
    ) -> None:
        self._guide, self._running, self._shapes = guide, running, shapes
        self._ask, self._hidden, self._browse = ask, hidden, browse

    def connect(self) -> Onboarding:
        """From the first screen to a key that is kept, or from where it was left.

        Raises:
            Left: the person went away.
            MooringError: the key is refused, or something does not answer.
        """
        try:
            return self._connect()
        except (KeyboardInterrupt, EOFError):
            hint("")
            raise Left from None

    def goodbye(self) -> None:
        """What leaving means."""
        hint(f"Nothing was stored. Go on whenever you like with: {COMMAND}")
        if self._running:
            hint("What you pasted, if you did, is forgotten after 15 minutes at the latest.")

    def _connect(self) -> Onboarding:
        view = self._guide.onboarding()
        if view.connected:
            wrapped(f"A key that ends in {view.key_ends} is connected. It stays in force until a new one has passed.")
        if not self._goes_on(view):
            self._begin()
            self._paste()
        while True:
            view = self._checked()
            if view.step == "verified":
                break
            self._after_refusal(view)
        view = self._guide.onboarding_complete()
        show_connected(view)
        self._end_of_the_old_one(view)
        return view

    def _goes_on(self, view: Onboarding) -> bool:
        """Whether a key that was pasted before is to be checked now."""
        if not view.expires_at:
            return False
        hint(f"The key that you pasted, which ends in {view.pasted_ends}, is still at hand.")
        answer = self._ask("Enter checks it, n begins anew: ")
        return not answer.strip()

    def _begin(self) -> Onboarding:
        view = self._guide.onboarding_begin()
        show_screen(view, "needs")
        show_screen(view, "make")
        return view

    def _paste(self) -> None:
        view = self._guide.onboarding()
        show_screen(view, "paste")
        wrapped("At the first question you can also type: open (Kraken's page in the browser), back, or quit.")
        secret = ""
        for _ in range(TRIES):
            key = self._first(view)
            if self._shapes.is_private_key(key):
                secret = key
                wrapped("That is the private key, the longer one. It goes into its own place; now paste the API key.")
                continue
            try:
                self._shapes.read_key(key)
                self._guide.onboarding_paste(key, secret or self._hidden("Private key: ").strip())
            except Invalid as error:
                for line in (error.what, error.todo):
                    wrapped(line)
                continue
            return
        raise Left

    def _first(self, view: Onboarding) -> str:
        for _ in range(TRIES):
            said = self._hidden("API key: ").strip()
            word = said.lower()
            if word == "quit":
                raise Left
            if word == "back":
                self._begin()
                show_screen(view, "paste")
            elif word == "open":
                opened = self._browse(view.key_page)
                hint(f"  {'Opened' if opened else 'No browser could be opened; go to'} {view.key_page}")
            else:
                return said
        raise Left

    def _checked(self) -> Onboarding:
        view = self._guide.onboarding()
        show_screen(view, "check")
        with asking(view):
            view = self._guide.onboarding_verify()
        show_findings(view)
        return view

    def _after_refusal(self, view: Onboarding) -> None:
        """Let the person mend it at Kraken and check again, or paste another key; a dangerous one ends the talk."""
        refusal = refusal_of(view)
        if refusal.code == DANGEROUS or not view.expires_at:
            raise refusal
        for line in (refusal.what, refusal.money, refusal.todo, f"({refusal.code})"):
            if line:
                wrapped(line)
        answer = self._answer("Enter checks it again, p pastes another key, q leaves: ", refusal)
        if answer.startswith("q"):
            raise refusal
        if answer:
            self._paste()

    def _answer(self, question: str, refusal: Denied) -> str:
        try:
            return self._ask(question).strip().lower()
        except (KeyboardInterrupt, EOFError):
            hint("")
            raise refusal from None

    def _end_of_the_old_one(self, view: Onboarding) -> None:
        """Without a daemon nobody remembers the old key once this process has ended, so it is checked now or never."""
        show_old(view, running=self._running)
        if self._running or view.old_key is None or not view.old_key.checkable:
            return
        for _ in range(TRIES):
            try:
                answer = self._ask("Enter, once it is deleted there, checks that it is dead; s leaves it at that: ")
            except (KeyboardInterrupt, EOFError):
                hint("")
                return
            if answer.strip():
                return
            with asking(view):
                view = self._guide.onboarding_check_old()
            show_old_checked(view)
            if view.old_key is not None and view.old_key.state == "refused":
                return
