"""What the update window says of models: the offer, the trial, and what came of it."""

from __future__ import annotations

import re
from typing import Final

from mooring.control_api.models_bundles import Bundle, BundleEvent, Bundles, OfferedBundle

KINDS: Final = {"stable": "Signed by trainer and reviewer.", "canary": "An early one, signed by one key."}
BOUND: Final = "It can't loosen your limits. A bad one undoes itself."
BY_PERSON: Final = "a person went back"
OUTCOMES: Final = frozenset({"committed", "rolled_back", "revoked"})
_NEGATIVE: Final = re.compile(r"(?<![0-9A-Za-z])-(?=[0-9])")


def newest(found: Bundles) -> OfferedBundle | None:
    """What an update would bring: the newest of the line that decides, as the daemon chooses.

    Where nothing decides yet and several lines are offered, a person has to choose; that is for the command line.
    """
    fresh = [one for one in found.offered if one.standing == "new"]
    if found.active is not None:
        fresh = [one for one in fresh if one.bundle_id == found.active.bundle_id]
    return fresh[0] if fresh and len({one.bundle_id for one in fresh}) == 1 else None


def decides_text(found: Bundles) -> str:
    """What decides now, or is about to."""
    if found.phase == "trying" and found.candidate is not None:
        return f"Trying model {found.candidate.version}."
    if found.active is not None:
        return f"You're on model {found.active.version}."
    return "No model decides."


def standing_text(found: Bundles) -> str:
    """How it stands with what comes next: a trial, what waits for one, what came of the last, why there is none."""
    if found.phase == "trying" and found.probation is not None:
        return found.probation.line
    if found.phase == "armed" and found.candidate is not None:
        return f"Model {found.candidate.version} passed its examination. Its trial begins after the next hour."
    return outcome_text(found) or ("" if found.active is not None else found.no_model_reason)


def offer_text(one: Bundle, found: Bundles) -> str:
    """What is offered, with the figures that count and those of what decides now."""
    lines = [f"Model {one.version} is available. {KINDS.get(one.channel, '')}".rstrip()]
    if one.evaluation:
        lines.append(f"Out of sample, after fees: {figures(one)}.")
    if found.active is not None and found.active.evaluation:
        lines.append(f"Yours now: {figures(found.active)}.")
    return "\n\n".join([*lines, BOUND])


def figures(one: Bundle) -> str:
    """The figures that a person compares, in one line."""
    said = one.evaluation
    main = " ".join(part for part in (said.get("net_return", ""), said.get("uncertainty", "")) if part)
    folds = f" over {said['folds']} folds" if "folds" in said else ""
    worst = f"; worst drawdown {said['worst_drawdown']}" if "worst_drawdown" in said else ""
    compared = said.get("baseline", "")
    baseline = f"; buy and hold {compared}" if any(digit.isdigit() for digit in compared) else ""
    return _NEGATIVE.sub("\u2212", f"{main}{folds}{worst}{baseline}") or "no figures"


def outcome_text(found: Bundles) -> str:
    """What came of the last update; empty where there was none."""
    last = next((one for one in found.history if one.kind in OUTCOMES), None)
    if last is None:
        return ""
    name = _name(found, last)
    reason = last.detail.get("reason", "").rstrip(".")
    if last.kind == "committed":
        return f"Accepted: {name} passed its trial."
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


def can_go_back(found: Bundles) -> bool:
    """Whether there is a trial to end, or one to go back to."""
    if found.phase in {"staged", "armed", "trying"}:
        return True
    before, now = found.last_known_good, found.active
    return before is not None and now is not None and before.id != now.id
