"""Asking the models at each close: what goes in, what is believed of the answer, and what observers are told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import structlog

from mooring.runtime.domain.bars import Bools, Float64s, Int64s
from mooring.runtime.domain.codes import ModelState
from mooring.runtime.domain.scores import (
    MODEL_COLUMNS,
    NO_SCORE,
    P_GLOBAL,
    P_STATE,
    SCORE_UNIT,
    no_models,
    without_scores,
)
from mooring.runtime.models.predicted import Models, Predicted

# Given the features of all symbols (float64, symbols and the pipeline's columns) and which have a bar: `Inputs.models`.
Ask = Callable[[Float64s, Bools], Int64s]

OK, MISSING, FAULT = (int(state) for state in (ModelState.OK, ModelState.MISSING, ModelState.FAULT))
NOT_AN_ANSWER: Final = "an answer that is none"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Observed:
    """What asking the models came to in one hour, told once the hour is durable.

    Attributes:
        reference: of the bundle.
        latency_us: microseconds that the answer took.
        asked: symbols whose bar closed.
        answered, missing, faulted: how many of these got scores, lacked features, or met a fault.
        faults: what went wrong, a few words each.
        values: the features that were shown, float64 (symbols, features); present: which symbols had a bar.
        catch_up: the hour was past already when it was done, so that nothing was ordered on it.
    """

    close_ts: int
    reference: str
    latency_us: int
    asked: int
    answered: int
    missing: int
    faulted: int
    faults: tuple[str, ...]
    values: Float64s
    present: Bools
    catch_up: bool


def nobody(values: Float64s, present: Bools) -> Int64s:  # noqa: ARG001 -- as `Ask` has it
    """`Ask` where there are no models."""
    return no_models(len(present))


class Asker:
    """Asks models hour by hour, and believes nothing that is no answer.

    Args:
        models: None: there are none.
    """

    def __init__(self, models: Models | None) -> None:
        self._models = models
        self._last: tuple[Predicted, Float64s, Bools] | None = None

    def __call__(self, values: Float64s, present: Bools) -> Int64s:
        """`Ask`: what the models say; whatever they do instead is a fault of every symbol."""
        if self._models is None:
            return no_models(len(present))
        seen = values.copy()  # what is asked is told as it was, whatever the models do with it
        try:
            answer = self._models.predict(seen, present.copy())
        except Exception as error:  # noqa: BLE001 -- whatever a model does, exits and stops go on
            log.warning("models_failed", error=type(error).__name__)
            answer = Predicted(
                outputs=without_scores(len(present), ModelState.FAULT), latency_us=0, faults=(type(error).__name__,)
            )
        outputs, sound = believed(answer.outputs, present)
        faults = answer.faults if sound else (*answer.faults, NOT_AN_ANSWER)
        self._last = (
            Predicted(outputs=outputs, latency_us=answer.latency_us, faults=faults),
            values.copy(),
            present.copy(),
        )
        return outputs

    def observed(self, close_ts: int, *, catch_up: bool) -> Observed | None:
        """What the last hour's asking came to; None where nothing was asked. It is told once."""
        last, self._last = self._last, None
        if last is None or self._models is None:
            return None
        answer, values, present = last
        states = answer.outputs[present, P_STATE]
        counted = {state: int(np.count_nonzero(states == state)) for state in (OK, MISSING, FAULT)}
        return Observed(
            close_ts=close_ts,
            reference=self._models.reference,
            latency_us=answer.latency_us,
            asked=int(np.count_nonzero(present)),
            answered=counted[OK],
            missing=counted[MISSING],
            faulted=counted[FAULT],
            faults=answer.faults,
            values=values,
            present=present,
            catch_up=catch_up,
        )


def believed(outputs: Int64s, present: Bools) -> tuple[Int64s, bool]:
    """(an answer with nothing in it that is none, whether there was nothing to mend).

    A symbol without a bar has no answer; one whose state or scores are none, or with scores and another state than OK,
    or OK and no score, has met a fault.
    """
    shape = (len(present), MODEL_COLUMNS)
    if not isinstance(outputs, np.ndarray) or outputs.shape != shape or outputs.dtype != np.int64:
        said, sound = without_scores(len(present), ModelState.FAULT), False
    else:
        scores = outputs[:, P_GLOBAL:]
        none = scores == NO_SCORE
        within = none | ((scores >= -SCORE_UNIT) & (scores <= SCORE_UNIT))
        known = np.isin(outputs[:, P_STATE], [int(state) for state in ModelState])
        fits = known & within.all(axis=1) & ((outputs[:, P_STATE] == OK) != none.all(axis=1))
        said = np.where(fits[:, None], outputs, without_scores(1, ModelState.FAULT))
        sound = bool(fits[present].all())
    said[~present] = no_models(1)
    return said, sound
