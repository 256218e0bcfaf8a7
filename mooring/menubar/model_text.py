"""What the update window says of models: the offer, the trial, and what came of it."""

from __future__ import annotations

from mooring.control_api.bundle_words import fresh, offer_lines, outcome_text, why_not_active
from mooring.control_api.models_bundles import Bundle, Bundles, OfferedBundle


def newest(found: Bundles) -> OfferedBundle | None:
    """What an update would bring: the newest of the line that decides, as the daemon chooses.

    Where nothing decides yet and several lines are offered, a person has to choose; that is for the command line.
    """
    new = fresh(found)
    return new[0] if len({one.bundle_id for one in new}) == 1 else None


def decides_text(found: Bundles) -> str:
    """What decides now, or is about to."""
    if found.phase == "trying" and found.candidate is not None:
        return f"Trying model {found.candidate.version}."
    if why_not_active(found):
        good = found.last_known_good
        return f"You're on model {good.version}." if good and good.id == found.running else "No model decides."
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
    return "\n\n".join(offer_lines(one, found))


def can_go_back(found: Bundles) -> bool:
    """Whether there is a trial to end, or one to go back to."""
    if found.phase in {"staged", "armed", "trying"}:
        return True
    before, now = found.last_known_good, found.active
    return before is not None and now is not None and before.id != now.id
