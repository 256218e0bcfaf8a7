"""What asking models comes to, and what can be asked: the seam between models and those who trade on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from mooring.runtime.domain.bars import Bools, Float64s, Int64s


@dataclass(frozen=True, kw_only=True)
class Predicted:
    """What models said at one close.

    Attributes:
        outputs: int64 (symbols, MODEL_COLUMNS) as `domain.scores` says; NO_MODEL where a symbol has no bar.
        latency_us: microseconds that asking took, by the clock of whoever was asked.
        faults: what went wrong, a few words each; the symbols that it struck are FAULT in `outputs`.
    """

    outputs: Int64s
    latency_us: int
    faults: tuple[str, ...] = ()


class Models(Protocol):
    """Models that can be asked about the universe of a run, at each close of an hour, in the engine's thread.

    Attributes:
        reference: `bundle_id@seq:sha256[:16]`; the run that they are asked for is recorded with it.
    """

    @property
    def reference(self) -> str: ...

    def predict(self, values: Float64s, present: Bools) -> Predicted:
        """Ask about every symbol whose bar closed.

        Must answer within a bounded time. An error that it raises is a fault of every symbol.

        Args:
            values: features, float64 (symbols, features) in the pipeline's order; NaN before warm-up.
            present: which symbols have a bar, bool (symbols,).
        """
        ...
