"""A trial in real use: what is counted, and when it is enough.

Nothing here looks at money: that a bundle earned something never lets it pass, and that it lost something within the
limits of risk never ends it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from typing import Final, Protocol

from mooring.bundles.store.state import Terms, Trial

# 99 of 100 can only be told of a hundred answers: with fewer, one slow one, as after a sleep, is none too many.
SLOW_PARDONED: Final = 1
MISSING_MAX: Final = 3
SECONDS_MAX: Final = 3_600  # one hour in use is no more than that, whatever a clock says
COUNT_MAX: Final = 2**40


class Seen(Protocol):
    """What one hour with the bundle on trial was like."""

    @property
    def close_ts(self) -> int:
        """Close of the hour, unix seconds."""
        ...

    @property
    def latency_us(self) -> int:
        """How long its answer took."""
        ...

    @property
    def faults(self) -> int:
        """Answers that were no numbers, out of range, or did not come."""
        ...

    @property
    def missing(self) -> int:
        """Symbols whose features were not there."""
        ...

    @property
    def answered(self) -> int:
        """Symbols that got scores."""
        ...

    @property
    def catch_up(self) -> bool:
        """Whether the hour was past when it was done, so that nothing was ordered on it."""
        ...


class Verdict(StrEnum):
    """What follows."""

    GOES_ON = "goes_on"
    PASSED = "passed"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A verdict and its reason in words for people; empty while it goes on."""

    verdict: Verdict
    reason: str = ""


def watched(
    trial: Trial,
    terms: Terms,
    seen: Seen,
    *,
    symbols: int,
    seconds: int,
    counts: Sequence[Sequence[int]] | None = None,
) -> Trial:
    """The trial after one more hour; the same where this hour was counted already.

    Args:
        symbols: how many had a bar. An hour counts where one of them got scores, and where it was no hour of the past:
            what was slept through is done again in seconds, and is no use that money hung on. Errors always count.
        seconds: of use since the last call, on a clock that does not go back.
        counts: how often each bin of each feature was met in this hour; None where nobody counts them.
    """
    if seen.close_ts <= trial.last_close:
        return trial
    absent = symbols > 0 and seen.missing >= symbols
    return replace(
        trial,
        bars=trial.bars + (seen.answered > 0 and not seen.catch_up),
        seconds=trial.seconds + (0 if seen.catch_up else max(0, min(seconds, SECONDS_MAX))),
        last_close=seen.close_ts,
        errors=trial.errors + max(0, seen.faults),
        slow=trial.slow + (seen.latency_us > terms.p99_us),
        worst_us=max(trial.worst_us, seen.latency_us),
        missing=trial.missing + 1 if absent else 0 if symbols else trial.missing,
        counts=trial.counts if counts is None else _added(trial.counts, counts),
    )


def judge(terms: Terms, trial: Trial, drift: Decimal | None, *, warmup_bars: int = 0) -> Judged:
    """What follows from how it went so far.

    Args:
        warmup_bars: how many hours features may need before they are there for the first time.
        drift: how far the features are from those of the training (PSI, the worst of them); None where it is unknown.
    """
    if trial.errors > terms.max_errors:
        were = "1 answer was not a number" if trial.errors == 1 else f"{trial.errors} answers were not numbers"
        return _failed(f"{were}, out of range, or did not come")
    if trial.slow > max(SLOW_PARDONED, max(trial.bars, terms.min_bars) // 100):
        return _failed(f"{trial.slow} answers took longer than {terms.p99_us} µs, the slowest {trial.worst_us} µs")
    # A home that is new has no history to look at; later on there is one, and features that go missing are a fault.
    if trial.missing > (MISSING_MAX if trial.bars else max(MISSING_MAX, warmup_bars)):
        return _failed(f"the features that it needs were missing for {trial.missing} hours")
    if trial.bars < terms.min_bars or trial.seconds < 60 * terms.min_minutes:
        return Judged(verdict=Verdict.GOES_ON)
    if drift is not None and (not drift.is_finite() or drift > Decimal(terms.psi_max)):
        return _failed(f"the market is unlike that of its training (PSI {drift:.3f}, at most {terms.psi_max})")
    return Judged(verdict=Verdict.PASSED)


def _failed(reason: str) -> Judged:
    return Judged(verdict=Verdict.FAILED, reason=reason)


def _added(former: tuple[tuple[int, ...], ...], more: Sequence[Sequence[int]]) -> tuple[tuple[int, ...], ...]:
    if not former:
        return tuple(tuple(int(one) for one in row) for row in more)
    return tuple(
        tuple(min(COUNT_MAX, had + int(new)) for had, new in zip(row, fresh, strict=True))
        for row, fresh in zip(former, more, strict=True)
    )
