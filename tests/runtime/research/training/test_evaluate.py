"""What a fold's probabilities are judged against."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from mooring.runtime.research.training import evaluate
from mooring.runtime.research.training.dataset import make_dataset
from mooring.runtime.research.training.folds import Span
from tests.support.training import plan_of, random_bars


def test_knowing_how_often_prices_rose_in_all_hours_learned_from_is_no_skill() -> None:
    plan = plan_of()
    data = make_dataset(random_bars(1500, 2, seed=4), plan.labels)
    train, test = Span(169, 1000), Span(1000, 1400)
    data = data._replace(outcome=np.where(data.row < 800, -1, 1).astype(np.int8))
    at = data.within(train)
    usual = float(data.target[at][data.known[at]].mean())
    stale = float(data.target[data.within(Span(169, 750))].mean())
    made: Any = SimpleNamespace(
        lap=SimpleNamespace(general=SimpleNamespace(train=train)), general=SimpleNamespace(base=stale)
    )
    bench: Any = SimpleNamespace(data=data, plan=plan)
    scores = np.full(len(data.row[data.within(test)]), 2.0 * usual - 1.0)
    found = evaluate._probabilities(made, bench, test, scores)
    assert (found["log_loss_gain"], found["sure_gain"], found["brier_gain"]) == ("0", "0", "0")
