"""How the bundles are, for health, metrics and the doctor."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from mooring.bundles.store.journal import Journal
from mooring.bundles.store.loads import Loads
from mooring.bundles.store.ports import NoModel
from mooring.bundles.store.slots import Slots
from mooring.bundles.store.state import Phase
from mooring.control_api.metrics import Family, by, one
from mooring.control_api.models import Component
from mooring.daemon.bundle_desk import BundleDesk
from mooring.daemon.bundle_repositories import bundles_dir
from mooring.daemon.doctor import CheckResult
from mooring.home import Home

BUILT_IN: Final = "None is installed: Mooring decides with the strategy that is built in."
DAY: Final = 86_400


def component(desk: BundleDesk) -> Component:
    """One line of health."""
    now, stale = desk.manager.running.now, desk.staleness()
    state = desk.manager.state
    if desk.manager.unread:
        return Component(name="bundle", state="warn", detail=desk.manager.unread)
    if isinstance(now, NoModel):
        never = state.active is None and not state.floors
        return Component(name="bundle", state="ok" if never else "warn", detail=BUILT_IN if never else now.reason)
    if not desk.asked:
        return Component(name="bundle", state="ok", detail=f"{now.slot.reference} is installed; no producer asks it.")
    if desk.asks != now.slot.reference:
        until = "nothing" if desk.asks is None else desk.asks
        waits = ", or waits until its trial may begin" if state.phase is Phase.TRYING else ""
        detail = f"{now.slot.reference} is being loaded{waits}; {until} decides until then."
        return Component(name="bundle", state="ok", detail=detail)
    said = f"{now.slot.reference} decides" + (", on trial." if state.phase is Phase.TRYING else ".")
    if stale.expired_seconds:
        said += f" What is known of its repository expired {stale.expired_seconds // DAY + 1} days ago."
    return Component(name="bundle", state="warn" if stale.expired_seconds else "ok", detail=said)


def families(desk: BundleDesk) -> Iterable[Family]:
    """What is measured."""
    now = desk.manager.running.now
    active = {} if desk.asks is None else {desk.asks: 1.0}
    yield by("mooring_bundle", "gauge", "1 for the bundle that decides.", "bundle", active)
    text = "1 where no bundle decides, also while one is still being loaded and no other one is asked."
    none = isinstance(now, NoModel) or (desk.asked and not active)
    yield one("mooring_no_model", "gauge", text, none)
    trying = desk.manager.state.phase is Phase.TRYING
    yield one("mooring_bundle_on_trial", "gauge", "1 while a bundle is on trial.", trying)
    text = "Seconds since what is known of the repository expired; 0 while it has not."
    yield one("mooring_bundle_metadata_expired_seconds", "gauge", text, desk.staleness().expired_seconds)


def examined(home: Home) -> CheckResult:
    """The doctor's line, also without a daemon: the record, not the bundle itself, which a start proves."""
    folder = Slots(bundles_dir(home)).state
    found = Journal(folder).read()
    if found.unreadable:
        return CheckResult(
            name="bundle",
            state="fail",
            detail=f"The record of installed bundles cannot be read whole: {', '.join(sorted(found.unreadable))}.",
            fix="See to the disk, and to who may read bundles/state of the home; nothing new is tried until then.",
        )
    if found.state is None and not found.fresh:
        return CheckResult(
            name="bundle",
            state="fail",
            detail="Both copies of the record of installed bundles are damaged.",
            fix="Start Mooring: it makes the record anew from what it can prove; then look at `mooring bundle list`.",
        )
    if found.damaged:
        return CheckResult(
            name="bundle",
            state="warn",
            detail="A copy of the record of installed bundles is damaged; the other one counts.",
            fix="Nothing has to be done; look whether the disk is well.",
        )
    active = None if found.state is None else found.state.active
    if active is not None and Loads(folder).why_not(active):
        return CheckResult(
            name="bundle",
            state="warn",
            detail=f"{active.reference} is loaded no more: Mooring ended several times as models loaded or answered.",
            fix="Run `mooring bundle activate ID --again` to have it loaded once more, or `mooring bundle rollback`.",
        )
    return CheckResult(name="bundle", state="ok", detail=BUILT_IN if active is None else f"{active.reference} decides.")
