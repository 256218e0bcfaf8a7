from __future__ import annotations

import pytest

from mooring.control_api.bundle_words import figures, outcome_text
from mooring.control_api.models_bundles import Bundle, BundleEvent, Probation, Rejected
from mooring.menubar.model_text import (
    can_go_back,
    decides_text,
    newest,
    offer_text,
    standing_text,
)
from tests.menubar.bundles_made import bundle, found, offered

EVALUATION = {
    "net_return": "+4.1 %",
    "uncertainty": "± 3.0",
    "folds": "6",
    "worst_drawdown": "-6.2 %",
    "baseline": "+1.0 %",
}


def happened(kind: str, seq: int, **detail: str) -> BundleEvent:
    return BundleEvent(at="2026-01-01T00:00:00Z", kind=kind, id=bundle(seq)["id"], detail=detail)


def test_the_newest_of_the_line_that_decides_is_offered():
    now = found(active=Bundle(**bundle(1)), offered=[offered(9, "other"), offered(3), offered(2)])
    assert newest(now).seq == 3


def test_of_several_lines_a_person_chooses_elsewhere():
    assert newest(found(offered=[offered(3), offered(9, "other")])) is None


@pytest.mark.parametrize("standing", ["installed", "older", "rejected", "revoked", "unfit"])
def test_what_would_not_be_taken_is_not_offered(standing):
    assert newest(found(offered=[offered(3, standing=standing)])) is None


def test_an_offer_says_who_signed_it_what_it_was_worth_and_what_is_there_now():
    one = offered(3, evaluation=EVALUATION, notes="Trained anew.")
    text = offer_text(one, found(active=Bundle(**bundle(1, evaluation={"net_return": "+3.2 %"}))))
    assert "Model 2026-03 is available. Signed by trainer and reviewer." in text
    assert (
        "Out of sample, after fees: +4.1 % ± 3.0 over 6 folds; worst drawdown \u22126.2 %; buy and hold +1.0 %." in text
    )
    assert "Yours now: +3.2 %." in text
    assert "can't loosen your limits" in text
    assert "Trained anew." not in text, "the publisher's own words stand apart"


def test_without_figures_that_is_said():
    assert figures(offered(1)) == "no figures"


def test_a_baseline_that_is_a_name_is_no_figure():
    assert figures(offered(1, evaluation={"net_return": "+1 %", "baseline": "buy-and-hold"})) == "+1 %"


def test_a_trial_says_how_it_stands():
    trial = Probation(
        bars_done=3, min_bars=24, minutes_done=1, min_minutes=2, errors=0, max_errors=2, slow=0, worst_us=1, p99_us=9,
        psi_max="1", tries_left=2, line="On trial: 3 of 24 bars, all well.",
    )  # fmt: skip
    now = found(phase="trying", candidate=Bundle(**bundle(2)), probation=trial, history=[happened("committed", 1)])
    assert decides_text(now) == "Trying model 2026-02."
    assert standing_text(now) == "On trial: 3 of 24 bars, all well."


def test_one_that_waits_for_its_trial_is_not_yet_what_decides():
    now = found(phase="armed", candidate=Bundle(**bundle(2)), active=Bundle(**bundle(1)))
    assert decides_text(now) == "You're on model 2026-01."
    assert standing_text(now).startswith("Model 2026-02 passed its examination.")


def test_no_model_says_why():
    now = found(no_model_reason="No bundle is installed.")
    assert (decides_text(now), standing_text(now)) == ("No model decides.", "No bundle is installed.")


def test_what_was_rolled_back_says_why_and_what_decides_again():
    gone = Rejected(id=bundle(2)["id"], manifest_sha256="0" * 64, version="2026-02", reason="x")
    now = found(
        active=Bundle(**bundle(1)),
        rejected=[gone],
        history=[happened("loaded", 1), happened("rolled_back", 2, reason="2 answers were not numbers.")],
    )
    assert outcome_text(now) == (
        "Rolled back by itself, model 2026-02: 2 answers were not numbers. You're on 2026-01 again."
    )


def test_who_went_back_is_told_so_and_not_that_it_failed():
    now = found(active=Bundle(**bundle(1)), history=[happened("rolled_back", 2, reason="a person went back: menu")])
    assert outcome_text(now) == "You went back from model core@2."


def test_an_accepted_one_and_one_that_was_taken_back_are_told_by_the_newest_that_happened():
    staged = happened("staged", 2, version="2026-02")
    accepted = [happened("committed", 2), happened("rolled_back", 3, reason="x"), staged]
    assert outcome_text(found(history=accepted)) == "Accepted: model 2026-02 passed its trial."
    revoked = [happened("revoked", 2, reason="wrong data"), *accepted]
    assert outcome_text(found(history=revoked)) == "Its publisher took model 2026-02 back: wrong data."
    assert outcome_text(found(history=[staged])) == ""


@pytest.mark.parametrize("other", [True, False])
def test_an_accepted_one_that_does_not_decide_says_why_until_it_is_loaded_again(other):
    good = Bundle(**bundle(1))
    gone = [happened("unfit", 2, reason="Mooring ended 3 times."), happened("loaded", 2), happened("committed", 2)]
    now = found(active=Bundle(**bundle(2)), last_known_good=good, running=good.id if other else None, history=gone)
    assert decides_text(now) == ("You're on model 2026-01." if other else "No model decides.")
    assert standing_text(now) == "Model 2026-02 does not decide: Mooring ended 3 times."
    again = now.model_copy(update={"history": [happened("loaded", 2), *gone]})
    assert decides_text(again) == "You're on model 2026-02."
    assert standing_text(again) == "Accepted: model 2026-02 passed its trial."


def test_one_that_a_person_went_back_to_is_not_said_to_fail_by_what_was_long_ago():
    """Until the next hour nothing has loaded it."""
    good, two = Bundle(**bundle(1)), Bundle(**bundle(2))
    history = [happened("rolled_back", 2, reason="a person went back"), happened("committed", 2)]
    history.append(happened("unfit", 1, reason="Mooring ended 3 times."))
    now = found(active=good, last_known_good=good, running=two.id, history=history)
    assert standing_text(now) == "You went back from model core@2."
    recent = now.model_copy(update={"history": [history[0], history[2], history[1]]})
    assert standing_text(recent) == "Model 2026-01 does not decide: Mooring ended 3 times."


def test_there_is_a_way_back_only_where_there_is_something_to_go_back_to():
    one, two = Bundle(**bundle(1)), Bundle(**bundle(2))
    assert not can_go_back(found())
    assert not can_go_back(found(active=one, last_known_good=one))
    assert can_go_back(found(active=two, last_known_good=one))
    assert can_go_back(found(phase="trying", active=one, last_known_good=one))


def test_until_word_of_an_acceptance_is_there_that_of_the_one_before_is_not_told_instead():
    before = [happened("committed", 1)]
    now = found(active=Bundle(**bundle(2)), history=before)
    assert (decides_text(now), outcome_text(now)) == ("You're on model 2026-02.", "")
    now = found(active=Bundle(**bundle(2)), history=[happened("committed", 2), *before])
    assert outcome_text(now) == "Accepted: model 2026-02 passed its trial."
