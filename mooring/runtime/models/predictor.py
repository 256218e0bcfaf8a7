"""Asking the models of one bundle: features in, scores in millionths out, a fault for whatever is not a score."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from mooring.runtime.domain.bars import Bools, Float64s, Int64s
from mooring.runtime.domain.codes import ModelState
from mooring.runtime.domain.scores import (
    MODEL_COLUMNS,
    NO_SCORE,
    P_ENSEMBLE,
    P_GLOBAL,
    P_SPECIALIST,
    P_STATE,
    SCORE_UNIT,
    Float32s,
    as_given,
    no_models,
)
from mooring.runtime.models.model_set import ModelSet
from mooring.runtime.models.predicted import Predicted
from mooring.runtime.models.sessions import Given, Session

BATCH_ROWS: Final = 16_384
US: Final = 1_000_000
FAULTS_MAX: Final = 16
HALF: Final = 0.5
NO_MODEL, OK, MISSING, FAULT = (
    int(state) for state in (ModelState.NO_MODEL, ModelState.OK, ModelState.MISSING, ModelState.FAULT)
)


def quantised(scores: Float32s | Float64s) -> Int64s:
    """Scores from -1 to 1 as whole millionths: floor(score * 1e6 + 0.5) in float64."""
    return np.floor(scores.astype(np.float64) * SCORE_UNIT + HALF).astype(np.int64)


class Predictor:
    """The models of a bundle, loaded, for the symbols of a run. Not safe to share between threads.

    A symbol's answer depends on its own row alone, asked by itself or with others: recorded, streamed and batch
    predictions are the same bits.

    Args:
        models: what to load; takes its memory (about 30 MB for ONNX Runtime) and some 10 ms for each model.
        pipeline, features: id of the pipeline, and names of the columns, that it will be asked with.
        symbols: of the run, in its order; those outside the bundle's universe have no model.
        monotonic: seconds of a clock, to tell how long an answer took.

    Raises:
        Invalid: it was trained on other features.
        Unverified: a model cannot be loaded, or is not what its role says.
    """

    def __init__(
        self,
        models: ModelSet,
        *,
        pipeline: str,
        features: Sequence[str],
        symbols: Sequence[str],
        monotonic: Callable[[], float],
    ) -> None:
        models.require_pipeline(pipeline, features)
        self._reference = models.reference
        self._monotonic = monotonic
        places = {symbol: place for place, symbol in enumerate(models.symbols)}
        self._slots = np.array([places.get(symbol, -1) for symbol in symbols], np.int64)
        self._global: Session | None = None
        self._ensemble: Session | None = None
        self._specialists: dict[int, Session] = {}
        for model in models.models:
            if model.symbol is not None and model.symbol not in symbols:
                continue  # never asked
            session = Session(model, features=len(features))
            if model.symbol is not None:
                self._specialists[places[model.symbol]] = session
            elif model.role == "global":
                self._global = session
            else:
                self._ensemble = session

    @property
    def reference(self) -> str:
        """Of the bundle: what runs and hours name."""
        return self._reference

    def predict(self, values: Float64s, present: Bools) -> Predicted:
        """Ask about every symbol whose bar closed; see `predicted.Models`."""
        begun = self._monotonic()
        outputs = no_models(len(present))
        faults: dict[str, None] = {}
        where = np.flatnonzero(present & (self._slots >= 0))
        outputs[where] = self._said(as_given(values[where]), self._slots[where], faults)
        latency_us = round((self._monotonic() - begun) * US)
        return Predicted(outputs=outputs, latency_us=latency_us, faults=tuple(faults)[:FAULTS_MAX])

    def predict_hours(self, matrix: Float64s, present: Bools) -> Int64s:
        """What they would have said at each of many closes, for backtests: the same bits as one by one.

        Args:
            matrix: features, float64 (hours, symbols, features). present: bool (hours, symbols).

        Returns:
            int64 (hours, symbols, MODEL_COLUMNS).
        """
        hours, symbols = present.shape
        outputs = no_models(hours * symbols)
        rows, slots = matrix.reshape(hours * symbols, -1), np.tile(self._slots, hours)
        asked = np.flatnonzero(present.ravel() & (slots >= 0))
        for first in range(0, len(asked), BATCH_ROWS):
            where = asked[first : first + BATCH_ROWS]
            outputs[where] = self._said(as_given(rows[where]), slots[where], {})
        return outputs.reshape(hours, symbols, MODEL_COLUMNS)

    def _said(self, rows: Float32s, slots: Int64s, faults: dict[str, None]) -> Int64s:
        """The outputs of each row, int64 (rows, MODEL_COLUMNS); slots: each row's place in the bundle's universe."""
        outputs = no_models(len(rows))
        whole = np.isfinite(rows).all(axis=1)
        outputs[~whole, P_STATE] = MISSING
        at = np.flatnonzero(whole)
        if not len(at):
            return outputs
        rows, slots = rows[at], slots[at]
        said = no_models(len(at))
        scores = np.zeros((len(at), 2), np.float32)  # 0 where there is none
        if self._global is not None:
            scores[:, 0] = _asked(self._global, {"features": rows}, said, np.arange(len(at)), P_GLOBAL, faults)
        for slot in dict.fromkeys(slots.tolist()):
            specialist = self._specialists.get(slot)
            if specialist is not None:
                mine = np.flatnonzero(slots == slot)
                scores[mine, 1] = _asked(specialist, {"features": rows[mine]}, said, mine, P_SPECIALIST, faults)
        heard = np.flatnonzero(said[:, P_STATE] == OK)
        if self._ensemble is not None and len(heard):
            given = {"scores": scores[heard], "symbol": slots[heard]}
            _asked(self._ensemble, given, said, heard, P_ENSEMBLE, faults)
        said[said[:, P_STATE] == FAULT, P_STATE + 1 :] = NO_SCORE
        outputs[at] = said
        return outputs


def _asked(
    session: Session, given: Given, said: Int64s, where: Int64s, column: int, faults: dict[str, None]
) -> Float32s:
    """Ask one model about some rows of `said` and write its scores there; the scores, 0 where they are none."""
    try:
        scores = session.ask(given, len(where))
    except Exception as error:  # noqa: BLE001 -- a model is somebody else's, and whatever it does stops no exit
        faults[f"{session.name}: {type(error).__name__}"] = None
        said[where, P_STATE] = FAULT
        return np.zeros(len(where), np.float32)
    good = np.abs(scores) <= 1  # NaN is not
    if not good.all():
        faults[f"{session.name}: a score that is none"] = None
    usable = np.where(good, scores, np.float32(0))
    said[where, column] = quantised(usable)
    ok = good & (said[where, P_STATE] != FAULT)
    said[where, P_STATE] = np.where(ok, OK, FAULT)
    return usable
