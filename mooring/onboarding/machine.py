"""Connecting a key, step by step: idle → explained → pasted → verified | refused → complete.

The same for every frontend. Going back is always possible, and nothing is lost by leaving: how far it got outlives a
restart. A pasted key is in memory only, for `PASTED_SECONDS`; it is kept for good once it has been examined and a
person completes. A key with which money could leave is forgotten as soon as that is known.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any, Final

from mooring.errors import Conflict, Denied, MooringError, Retry, Unknown, Unreachable
from mooring.onboarding.ports import Parts
from mooring.onboarding.shapes import Pasted, read_pasted
from mooring.onboarding.state import Current, OldKey, Problem, Progress, Step, View
from mooring.onboarding.words import KEY_PAGE, ScreenName, key_name

PASTED_SECONDS: Final = 15 * 60.0
NOTHING_STORED: Final = "Nothing was stored and no order was sent."
OLD_SECONDS: Final = 60 * 60.0
_NEXT: Final = {
    Step.EXPLAINED: "Make the key at Kraken, then paste it.",
    Step.PASTED: "Have the key checked.",
    Step.VERIFIED: "Complete, and the key is kept.",
}


@dataclass(frozen=True, kw_only=True)
class _Held:
    """A key in memory, and until when by the monotonic clock."""

    pasted: Pasted
    until: float


class Onboarding:
    """The steps. Safe to use from several threads: changes one at a time, looks at any time."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._turn = threading.Lock()
        self._holding = threading.Lock()  # what is held is also looked at by `expire`, which waits for no turn
        self._pasted: _Held | None = None
        self._old: _Held | None = None
        said: dict[str, Any] | None = None
        with suppress(MooringError):  # where the note cannot be read, a person begins anew; nothing secret is lost
            said = parts.note.load()
        self._progress = self._caught_up(Progress() if said is None else Progress.of(said))

    def view(self) -> View:
        """How it stands."""
        parts, progress = self._parts, self._progress
        pasted, old = self._live(self._pasted), self._live(self._old)
        again = pasted is None and progress.step in {Step.PASTED, Step.VERIFIED}
        shown = replace(progress, step=Step.EXPLAINED) if again else progress
        current, used = parts.keeper.current(), parts.use.in_use()
        return View(
            progress=shown,
            screen=_screen(shown.step, again=again, connected=current is not None),
            venue=parts.venue,
            look_alike=parts.look_alike,
            where=parts.keeper.where,
            key_name=key_name(parts.host, parts.time.now()),
            key_page=KEY_PAGE,
            current=current,
            paste_again=again,
            expires_at=0 if pasted is None else parts.time.now() + round(pasted.until - parts.time.monotonic()),
            old_checkable=old is not None,
            restart_needed=bool(used) and (current is None or used != current.ends),
            following=_following(
                shown, again=again, kept=pasted is not None, current=current, checkable=bool(old), there=self._there
            ),
        )

    def begin(self) -> View:
        """Begin, or begin again; a key that was pasted is forgotten, the one in force stays.

        Raises:
            Denied: no keychain answers, so there would be nowhere to keep a key.
        """
        with self._working():
            self._parts.keeper.require()
            self._drop()
            return self._go(Progress(step=Step.EXPLAINED, begun_at=self._parts.time.now(), old=self._progress.old))

    def paste(self, key: str, secret: str) -> View:
        """Take what a person pasted, into memory.

        Raises:
            Invalid: it cannot be a key; nothing changes.
            Denied: as `begin`.
        """
        pasted = read_pasted(key, secret)
        with self._working():
            self._parts.keeper.require()
            self._drop()
            self._parts.hide(pasted.key, pasted.secret)
            with self._holding:
                self._pasted = self._hold(pasted, PASTED_SECONDS)
            before = self._progress
            begun = before.begun_at if before.step not in {Step.IDLE, Step.COMPLETE} else self._parts.time.now()
            return self._go(Progress(step=Step.PASTED, ends=pasted.ends, begun_at=begun, old=before.old))

    def verify(self) -> View:
        """Examine the pasted key at the venue; the step says whether it will do.

        Raises:
            Conflict: no pasted key is in memory, or another process uses it.
            Retry, Unreachable, Unknown: the venue does not answer; the key stays in memory, to be tried again.
        """
        with self._working():
            pasted = self._require_pasted()
            self._refuse_in_force(pasted)
            # Whatever ends this check, the one before does not count any more.
            self._progress = replace(self._progress, step=Step.PASTED)
            try:
                report = self._parts.examiner.examine(pasted)
            except (Retry, Unreachable, Unknown, Conflict) as error:
                self._go(replace(self._progress, step=Step.PASTED, problem=Problem.of(error)))
                raise
            except MooringError as error:
                return self._go(self._examined((), (), replace(Problem.of(error), money=NOTHING_STORED)))
            if report.verdict.named("refused"):
                self._drop()  # money could leave with it: it is held no longer than that took to find out
            return self._go(
                self._examined(
                    report.verdict.rows,
                    report.findings,
                    None if report.refusal is None else Problem.of(report.refusal),
                )
            )

    def complete(self) -> View:
        """Keep the key that passed; trading stays in the mode it is in.

        Raises:
            Conflict: none has passed, or it was forgotten since.
            Denied, Unknown: the keychain; a former key is still in force.
        """
        with self._working():
            if self._progress.step is not Step.VERIFIED:
                raise Conflict(
                    "onboarding_not_verified",
                    "No key has passed its check.",
                    money="Nothing was stored.",
                    todo="Paste a key and have it checked first.",
                )
            pasted = self._require_pasted()
            former = self._former()
            self._parts.keeper.keep(pasted)
            old = self._progress.old
            if former is not None and former.key != pasted.key:
                old = self._remember(former)
            elif old is not None and old.ends == pasted.ends:
                old = self._old = None  # it is in force again
            with self._holding:
                self._pasted = None  # and still hidden, as it is in force
            done = self._parts.time.now()
            return self._go(replace(self._progress, step=Step.COMPLETE, problem=None, completed_at=done, old=old))

    def disconnect(self) -> View:
        """Forget the key in force. At Kraken it stays valid until a person deletes it there.

        Raises:
            Denied: it is in use for live trading, or the keychain refuses.
        """
        with self._working():
            if blocked := self._parts.use.blocked():
                raise Denied(
                    "key_in_live_use",
                    f"The API key is needed now: {blocked}",
                    money="Nothing was changed; the key is still in force, and exits still work.",
                    todo="Cancel the orders with `mooring cancel-all`, disarm with `mooring disarm`, then disconnect.",
                )
            former = self._former()
            try:
                gone = self._parts.keeper.forget()
            except MooringError:
                # It may count no more though the keychain failed; it is still to be deleted at Kraken.
                if former is not None and self._parts.keeper.current() is None:
                    self._go(Progress(old=self._remember(former)))
                raise
            self._drop()
            old = self._remember(former) if gone and former is not None else self._progress.old
            return self._go(Progress(old=old))

    def check_old(self) -> View:
        """Try whether Kraken refuses the key that was replaced or removed.

        Raises:
            Conflict: no such key is known any more.
            Retry, Unreachable, Unknown: the venue does not answer.
        """
        with self._working():
            held = self._live(self._old)
            if held is None:
                raise Conflict(
                    "no_old_key",
                    "Mooring does not know the old key any more, so it cannot try it.",
                    money="Nothing was changed.",
                    todo=f"Look at {KEY_PAGE}: only the key in use, and those of other programs, should be listed.",
                )
            if self._parts.use.in_use() == held.pasted.ends:
                raise Conflict(
                    "old_key_still_used",
                    "The daemon still trades with the old key, so it cannot be tried beside it.",
                    money="Nothing was changed.",
                    todo="Let it take up the new one: stop, set the mode to paper and back to live; then check again.",
                )
            dead = self._parts.examiner.refused(held.pasted)
            if dead:
                self._old = None
            old = OldKey(ends=held.pasted.ends, state="refused" if dead else "works", checked_at=self._parts.time.now())
            return self._go(replace(self._progress, old=old))

    def expire(self) -> None:
        """Forget keys whose time in memory is over."""
        now = self._parts.time.monotonic()
        gone: _Held | None = None
        with self._holding:
            if self._pasted is not None and self._pasted.until <= now:
                gone, self._pasted = self._pasted, None
            if self._old is not None and self._old.until <= now:
                self._old = None
        if gone is not None:
            self._parts.unhide(gone.pasted.key, gone.pasted.secret)
            self._parts.tell(self.view())

    @contextmanager
    def _working(self) -> Iterator[None]:
        if not self._turn.acquire(blocking=False):
            raise Conflict(
                "onboarding_busy",
                "Another step of connecting a key is under way.",
                money="Nothing was changed.",
                todo="Wait until it is done; a check takes a few seconds.",
            )
        try:
            yield
        finally:
            self._turn.release()

    def _go(self, progress: Progress) -> View:
        self._progress = progress
        self._parts.note.save(progress.document())
        view = self.view()
        self._parts.tell(view)
        return view

    def _examined(self, rows: Any, findings: Any, problem: Problem | None) -> Progress:
        return replace(
            self._progress,
            step=Step.VERIFIED if problem is None else Step.REFUSED,
            rows=rows,
            findings=findings,
            problem=problem,
            examined_at=self._parts.time.now(),
        )

    def _require_pasted(self) -> Pasted:
        held = self._live(self._pasted)
        if held is None:
            self._drop()
            raise Conflict(
                "onboarding_paste_again",
                "No pasted key is in memory: it is kept there for 15 minutes, and never longer than the daemon runs.",
                money="Nothing was stored.",
                todo="Paste the API key and its private key again.",
            )
        return held.pasted

    def _refuse_in_force(self, pasted: Pasted) -> None:
        """A key that the daemon trades with cannot be tried beside it, and there is nothing to find out either."""
        if self._parts.use.in_use() != pasted.ends:
            return
        former = self._former()
        if former is not None and former.key == pasted.key:
            raise Conflict(
                "key_in_force",
                "This key is connected already, and the daemon trades with it.",
                money="Nothing was changed.",
                todo="Nothing is left to do; to replace it, make another key at Kraken and paste that.",
            )

    @property
    def _there(self) -> tuple[str, str]:
        """Where a key is deleted, and what follows that: its page; a key of a look-alike is not listed at Kraken."""
        parts = self._parts
        return (f"the look-alike at {parts.venue}", ".") if parts.look_alike else ("Kraken", f": {KEY_PAGE}")

    def _former(self) -> Pasted | None:
        """The key in force, for the check that it is dead later; a damaged one is none."""
        with suppress(MooringError):
            return self._parts.keeper.load()
        return None

    def _remember(self, former: Pasted) -> OldKey:
        with self._holding:
            self._old = self._hold(former, OLD_SECONDS)
        return OldKey(ends=former.ends)

    def _drop(self) -> None:
        """Forget what was pasted; nobody has it any more, so nobody could write it down either."""
        with self._holding:
            held, self._pasted = self._pasted, None
        if held is not None:
            self._parts.unhide(held.pasted.key, held.pasted.secret)

    def _caught_up(self, said: Progress) -> Progress:
        """What was noted last, and what was done after that: a crash may have come between keychain and note."""
        try:
            kept = self._parts.keeper.current()
        except MooringError:  # said when somebody looks
            return said
        if said.step is Step.COMPLETE and kept is None:
            return Progress(old=said.old)
        same = kept is not None and kept.ends == said.ends and kept.stored_at >= said.examined_at > 0
        if said.step is Step.VERIFIED and same and kept is not None:
            return replace(said, step=Step.COMPLETE, problem=None, completed_at=kept.stored_at)
        return said

    def _hold(self, pasted: Pasted, seconds: float) -> _Held:
        self._parts.after(seconds + 1, self.expire)  # a second late, so that it is over by every clock
        return _Held(pasted=pasted, until=self._parts.time.monotonic() + seconds)

    def _live(self, held: _Held | None) -> _Held | None:
        return held if held is not None and self._parts.time.monotonic() < held.until else None


def _screen(step: Step, *, again: bool, connected: bool) -> ScreenName:
    if step is Step.IDLE:
        return "done" if connected else "needs"
    if step is Step.EXPLAINED:
        return "paste" if again else "make"
    return "done" if step is Step.COMPLETE else "check"


def _following(
    shown: Progress, *, again: bool, kept: bool, current: Current | None, checkable: bool, there: tuple[str, str]
) -> str:
    """The next step, one sentence; `there` is where keys are made, and its page."""
    if again:
        return f"Paste the key that ends in {shown.ends} again: it was in memory only."
    if shown.step is Step.REFUSED:
        todo = "" if shown.problem is None else shown.problem.todo
        return todo if kept else f"{todo} Then paste the key."
    if shown.step in _NEXT:
        return _NEXT[shown.step]
    old = shown.old
    if old is not None and old.state != "refused":
        then = ", then have Mooring check that it is dead" if checkable else ""
        where, page = there
        return f"Delete the key that ends in {old.ends} at {where}{then}{page}"
    return "Connect a key when you want to trade live." if current is None else "Nothing: the key is connected."
