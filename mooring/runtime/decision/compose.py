"""Put a step together from chosen producers and one strategy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from mooring.errors import Invalid
from mooring.runtime.decision.features import init_features
from mooring.runtime.decision.risk import init_risk
from mooring.runtime.decision.step import Decide, Step, make_decide, make_step
from mooring.runtime.decision.types import FeatureParams, Params, RiskParams, State
from mooring.runtime.domain.compiled import MARK, compiled
from mooring.runtime.domain.instruments import Scales

MAX_PRODUCERS: Final = 32


@dataclass(frozen=True, kw_only=True)
class Decider:
    """A step with everything it needs: what every driver runs.

    Attributes:
        decide: the step, writing into given room; compilable where all its parts are.
        step: the same as a pure function, plain.
        params: its parameters.
        producers: names, in the order of the signals' second axis.
        warmup_bars: bars before every producer has something to say.
        history_bars: bars after which what any producer looks at no longer depends on which bar was the first.
        reads_models: whether a producer asks models, so that their features are kept and `Inputs.models` is filled.
    """

    decide: Decide
    step: Step
    params: Params
    producers: tuple[str, ...]
    strategy: str
    warmup_bars: int
    history_bars: int
    init: Callable[[], State]
    reads_models: bool = False


def make_decider(
    *,
    scales: Scales,
    features: FeatureParams,
    risk: RiskParams,
    producers: Sequence[Any],
    strategy: Any,
    options: Mapping[str, Any],
) -> Decider:
    """Compose the step of these producer modules and this strategy module.

    Raises:
        Invalid: no producers, too many, or one named twice.
    """
    names = tuple(str(module.NAME) for module in producers)
    if not 1 <= len(names) <= MAX_PRODUCERS or len(set(names)) != len(names):
        raise Invalid(
            "bad_producers", f"Name 1 to {MAX_PRODUCERS} producers, each once.", todo="Correct signals.producers."
        )
    symbols = len(scales.notional_num)
    producer_params = [module.params(options) for module in producers]
    params = Params(
        scales=scales,
        features=features,
        producers=_nest(producer_params),
        strategy=strategy.params(options, list(names)),
        risk=risk,
        producer_count=len(names),
    )
    produce = chain_producers([module.step for module in producers])

    def init() -> State:
        return State(
            features=init_features(symbols, features),
            producers=_nest([m.init_state(symbols, p) for m, p in zip(producers, producer_params, strict=True)]),
            strategy=strategy.init_state(symbols, params.strategy),
            risk=init_risk(),
        )

    warmup_bars = max(m.warmup_bars(p) for m, p in zip(producers, producer_params, strict=True))
    decide = make_decide(produce, strategy.step)
    return Decider(
        decide=decide,
        step=make_step(decide),
        params=params,
        producers=names,
        strategy=str(strategy.NAME),
        warmup_bars=warmup_bars,
        history_bars=max(warmup_bars, *(getattr(module, "HISTORY_BARS", 0) for module in producers)),
        init=init,
        reads_models=any(getattr(module, "READS_MODELS", False) for module in producers),
    )


def is_compilable(decider: Decider) -> bool:
    """Whether every part of the step is marked `@compiled`."""
    return bool(getattr(decider.decide, MARK, False))


def chain_producers(steps: Sequence[Callable[..., None]]) -> Callable[..., None]:
    """One function that lets each producer write its signal row, in order.

    States and parameters are nested pairs (first, (second, (…, ()))): a tuple of unlike parts that numba can take
    apart at compile time, which it cannot do by a loop.
    """

    @compiled
    def nobody(states: Any, params: Any, inputs: Any, features: Any, symbol: int, signals: Any) -> None:
        pass

    chain: Callable[..., None] = nobody
    for index in range(len(steps) - 1, -1, -1):
        chain = _link(index, steps[index], chain)
    return chain


def _link(index: int, first: Callable[..., None], rest: Callable[..., None]) -> Callable[..., None]:
    def link(states: Any, params: Any, inputs: Any, features: Any, symbol: int, signals: Any) -> None:
        first(states[0], params[0], inputs, features, symbol, signals[symbol, index])
        rest(states[1], params[1], inputs, features, symbol, signals)

    # An unmarked producer makes its link, and so the whole step, plain only.
    return compiled(link) if getattr(first, MARK, False) and getattr(rest, MARK, False) else link


def _nest(parts: Sequence[Any]) -> Any:
    nested: Any = ()
    for part in reversed(parts):
        nested = (part, nested)
    return nested
