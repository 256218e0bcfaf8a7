"""Models for tests of the runtime: real sets of tiny ONNX models, and scripted ones that answer, fail and hang as told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from mooring.runtime.decision.model_features import MODEL_FEATURE_NAMES, MODEL_FEATURES, PIPELINE
from mooring.runtime.domain.codes import ModelState
from mooring.runtime.domain.scores import NO_SCORE, no_models
from mooring.runtime.models.model_set import Model, ModelSet
from mooring.runtime.models.predicted import Predicted
from mooring.runtime.models.predictor import Predictor
from tests.support import bundle_models

REFERENCE = "test@1:0123456789abcdef"
OTHER = "test@2:fedcba9876543210"
OK, MISSING, FAULT = (int(state) for state in (ModelState.OK, ModelState.MISSING, ModelState.FAULT))
WEIGHTS = tuple(float(f"{0.31 * (-1) ** n / (n + 1):.4f}") for n in range(MODEL_FEATURES))


def model_set(
    symbols: tuple[str, ...] = ("S0-USD", "S1-USD", "S2-USD"),
    *,
    specialists: Mapping[str, bytes] | None = None,
    of_all: bytes | None = None,
    ensemble: bytes | None = None,
    without: tuple[str, ...] = (),
    reference: str = REFERENCE,
    **over: Any,
) -> ModelSet:
    """A global linear model, a specialist of the first symbol (one tree), and an ensemble of both."""
    if specialists is None:
        specialists = {symbols[0]: bundle_models.trees(MODEL_FEATURES, feature=12)}
    weights = [(0.5 + 0.1 * n, 0.5 - 0.1 * n) for n in range(len(symbols))]
    models = [
        Model(role="global", data=of_all or bundle_models.linear(WEIGHTS)),
        *(Model(role="specialist", symbol=symbol, data=data) for symbol, data in specialists.items()),
        Model(role="ensemble", data=ensemble or bundle_models.ensemble(weights)),
    ]
    given: dict[str, Any] = {"reference": reference, "pipeline": PIPELINE, "features": MODEL_FEATURE_NAMES}
    kept = tuple(model for model in models if model.role not in without)
    return ModelSet(**given | {"symbols": symbols, "models": kept} | over)


def predictor(models: ModelSet | None = None, symbols: tuple[str, ...] | None = None, **over: Any) -> Predictor:
    """Such a set, loaded; its clock stands still."""
    made = models or model_set(**over)
    return Predictor(
        made,
        pipeline=PIPELINE,
        features=MODEL_FEATURE_NAMES,
        symbols=symbols or made.symbols,
        monotonic=lambda: 0.0,
    )


class Scripted:
    """`Models` that answer by the features, and in the hours that `doing` names do something else.

    Args:
        doing: by number of the question, counted from 0: given the right answer, what is done instead.
    """

    def __init__(
        self, doing: Mapping[int, Callable[[Predicted], Predicted]] | None = None, *, reference: str = REFERENCE
    ) -> None:
        self.reference = reference
        self.doing = doing or {}
        self.asked: list[tuple[np.ndarray, np.ndarray]] = []

    def predict(self, values: np.ndarray, present: np.ndarray) -> Predicted:
        number = len(self.asked)
        self.asked.append((values.copy(), present.copy()))
        outputs = no_models(len(present))
        for symbol in np.flatnonzero(present):
            row = values[symbol]
            # Says a lot from the first bars on, so that short runs trade.
            known = row[np.isfinite(row)]
            score = int(np.clip(2e7 * known[:1].sum(), -1e6, 1e6))
            outputs[symbol] = [OK, score, NO_SCORE if symbol % 2 else -score, score]
        answer = Predicted(outputs=outputs, latency_us=100 + number)
        values[:] = 0.0  # what it does with what it was shown is its own affair
        return self.doing.get(number, lambda right: right)(answer)


def raising(answer: Predicted) -> Predicted:
    raise RuntimeError("the model broke")


def faulty(*symbols: int) -> Callable[[Predicted], Predicted]:
    """A fault of these symbols."""

    def does(answer: Predicted) -> Predicted:
        answer.outputs[list(symbols)] = [FAULT, NO_SCORE, NO_SCORE, NO_SCORE]
        return Predicted(outputs=answer.outputs, latency_us=9, faults=("global: a score that is none",))

    return does


def lacking(*symbols: int) -> Callable[[Predicted], Predicted]:
    """Features missing of these symbols."""

    def does(answer: Predicted) -> Predicted:
        answer.outputs[list(symbols)] = [MISSING, NO_SCORE, NO_SCORE, NO_SCORE]
        return answer

    return does


def senseless(column: int, value: int) -> Callable[[Predicted], Predicted]:
    """Something in the answer that no answer has."""

    def does(answer: Predicted) -> Predicted:
        answer.outputs[0, column] = value
        return answer

    return does
