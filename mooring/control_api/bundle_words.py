"""What is said of bundles wherever a person sees them: the offer, its figures, and what came of the last one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from mooring.control_api.models_bundles import Bundle, BundleEvent, Bundles, OfferedBundle

KINDS: Final = {"stable": "Signed by trainer and reviewer.", "canary": "An early one, signed by one key."}
BOUND: Final = "It can't loosen your limits. A bad one undoes itself."
BY_PERSON: Final = "a person went back"
OUTCOMES: Final = frozenset({"committed", "rolled_back", "revoked"})
_NEGATIVE: Final = re.compile(r"(?<![0-9A-Za-z])-(?=[0-9])")


def fresh(found: Bundles) -> Sequence[OfferedBundle]:
    """What an update could bring, newest first, as the daemon chooses: of the line that decides, where one does."""
    new = [one for one in found.offered if one.standing == "new"]
    return new if found.active is None else [one for one in new if one.bundle_id == found.active.bundle_id]


def offer_lines(one: Bundle, found: Bundles, *, name: str = "") -> list[str]:
    """What is offered, with the figures that count and those of what decides now; without its notes.

    Args:
        name: what else it is called; empty to leave that out.
    """
    called = f" ({name})" if name else ""
    lines = [f"Model {one.version} is available{called}. {KINDS.get(one.channel, '')}".rstrip()]
    if one.evaluation:
        lines.append(f"Out of sample, after fees: {figures(one)}.")
    if found.active is not None and found.active.evaluation and found.active.id != one.id:
        lines.append(f"Yours now: {figures(found.active)}.")
    return [*lines, BOUND]


def figures(one: Bundle) -> str:
    """The figures that a person compares, in one line."""
    said = one.evaluation
    main = " ".join(part for part in (said.get("net_return", ""), said.get("uncertainty", "")) if part)
    folds = f" over {said['folds']} folds" if "folds" in said else ""
    worst = f"; worst drawdown {said['worst_drawdown']}" if "worst_drawdown" in said else ""
    compared = said.get("baseline", "")
    baseline = f"; buy and hold {compared}" if any(digit.isdigit() for digit in compared) else ""
    return _NEGATIVE.sub("\u2212", f"{main}{folds}{worst}{baseline}") or "no figures"


def why_not_active(found: Bundles) -> str:
    """Why the one that was accepted last is not asked, as after its load failed; empty where it is, or is not yet."""
    if found.active is None or not found.asked or found.running == found.active.id:
        return ""
    for one in found.history:
        if one.kind == "unfit" and one.id == found.active.id:
            return one.detail.get("reason", "").rstrip(".")
        # What was not fit as another one was accepted was not kept to go back to: so this one was, whatever is older.
        if one.kind == "committed" or (one.kind == "loaded" and one.id == found.active.id):
            break
    return ""


def outcome_text(found: Bundles) -> str:
    """What came of the last update, or why what it brought does not decide; empty where there was none."""
    if found.active is not None and (why := why_not_active(found)):
        return f"Model {found.active.version} does not decide: {why}."
    last = next((one for one in found.history if one.kind in OUTCOMES), None)
    if last is None:
        return ""
    name = _name(found, last)
    reason = last.detail.get("reason", "").rstrip(".")
    if last.kind == "committed":
        # Of another one than decides, it is of the update before: word of the last is a moment behind its acceptance.
        return f"Accepted: {name} passed its trial." if found.active is None or found.active.id == last.id else ""
    now = "" if found.active is None else f" You're on {found.active.version} again."
    if last.kind == "revoked":
        return f"Its publisher took {name} back: {reason}.{now}"
    if reason.startswith(BY_PERSON):
        return f"You went back from {name}."
    return f"Rolled back by itself, {name}: {reason}.{now}"


def _name(found: Bundles, event: BundleEvent) -> str:
    """A bundle's version, as whatever else is known of it says."""
    known = {one.id: one.version for one in found.offered}
    known |= {one.id: one.version for one in found.rejected if one.version}
    known |= {one.id: one.detail["version"] for one in found.history if "version" in one.detail}
    slots = (found.active, found.last_known_good, found.candidate)
    known |= {one.id: one.version for one in slots if one is not None}
    return f"model {known.get(event.id, event.id.partition(':')[0])}"
