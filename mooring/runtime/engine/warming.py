"""How many hours of the past models have to be shown, and where these come from.

What they are shown begins with the account's recorded bars, where a run asks them and the one before it did not. Else
a person who turns models on would wait a week for the slowest average, and what models are shown would be off for weeks
more: it is warm long before it is what models were trained on. Bars are evidence: a replay begins with the same ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from mooring.runtime.decision.model_features import (
    MODEL_SETTLED_BARS,
    MODEL_WARMUP_BARS,
    ModelFeatureState,
    update_model_features,
)
from mooring.runtime.domain.bars import HOUR_SECONDS, Bar
from mooring.runtime.domain.instruments import Instrument
from mooring.runtime.engine.kept import Kept
from mooring.runtime.store.reader import Reader
from mooring.runtime.store.spans import bars_of_account

# After so many, what models are shown is the same whenever the first bar was: that is what they are trained on.
SETTLED_HOURS: Final = MODEL_SETTLED_BARS
# After so many they answer at all, also where a bar or two are missing; for who cannot wait, as a demo.
ANSWERING_HOURS: Final = MODEL_WARMUP_BARS + 7
PRICES: Final = ("open", "high", "low", "close", "volume")


def warmed(kept: Kept, reader: Reader, account_id: str, upto: int, instruments: Sequence[Instrument]) -> Kept:
    """The same, with features that have seen the account's last hours; unchanged where nothing asks models.

    Args:
        kept: with features that have seen nothing.
        account_id: of the account that is carried on; upto: close of its last hour, UTC unix seconds.
    """
    if not isinstance(kept.models, ModelFeatureState):
        return kept
    places = {instrument.symbol: at for at, instrument in enumerate(instruments)}
    after = upto - SETTLED_HOURS * HOUR_SECONDS
    hours: dict[int, np.ndarray[tuple[int, int], np.dtype[np.int64]]] = {}
    for hour_ts_utc, symbol, *prices in bars_of_account(reader, account_id, after=after, upto=upto):
        if symbol in places:
            columns = hours.setdefault(hour_ts_utc, np.zeros((len(PRICES), len(places)), np.int64))
            columns[:, places[symbol]] = prices
    for hour_ts_utc in sorted(hours):
        columns = hours[hour_ts_utc]
        present = columns[PRICES.index("low")] > 0  # no price is 0
        update_model_features(kept.models, Bar(hour_ts_utc, present, *columns))
    return kept
