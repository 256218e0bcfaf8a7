"""From a proved bundle to what a run is made of: models to ask, and settings that it may state."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from mooring.bundles.store.ports import Loaded
from mooring.errors import Denied
from mooring.runtime.decision.model_features import MODEL_FEATURE_NAMES, PIPELINE
from mooring.runtime.models.bounded import Bounded
from mooring.settings import Settings, value_of

if TYPE_CHECKING:
    from mooring.runtime.models.predictor import Predictor

LOAD_SECONDS: Final = 30.0  # a hundred models take about one
PRODUCER: Final = "model"
MODEL_KEYS: Final = "signals.model_"
RISK: Final = "risk."
STRATEGY: Final = "strategy."


def models_of(loaded: Loaded, symbols: Sequence[str], monotonic: Callable[[], float] = time.monotonic) -> Bounded:
    """The bundle's models for an engine, asked once. May take long, or hang.

    Raises:
        Unverified: they do not answer. MooringError: as `predictor_of`.
    """
    models = Bounded(predictor_of(loaded, symbols, monotonic))
    models.warm(len(symbols), len(MODEL_FEATURE_NAMES), LOAD_SECONDS)
    return models


def predictor_of(loaded: Loaded, symbols: Sequence[str], monotonic: Callable[[], float]) -> Predictor:
    """The bundle's models, loaded from the bytes that were proved.

    Raises:
        Invalid, Unverified: they are none that this version can ask. Denied: they know no symbol of these.
    """
    from mooring.bundles.format.features import read_names  # noqa: PLC0415 -- a daemon without bundles stays light
    from mooring.runtime.models.model_set import Model, ModelSet  # noqa: PLC0415
    from mooring.runtime.models.predictor import Predictor  # noqa: PLC0415

    manifest = loaded.manifest
    if not set(symbols) & set(manifest.universe.symbols):
        raise Denied(
            "bundle_incompatible",
            "It knows none of the symbols that are traded here.",
            money="It decides nothing; what decided goes on.",
            todo="Take one that was trained for them, or name its symbols in market.symbols.",
        )
    made = ModelSet(
        reference=loaded.slot.reference,
        pipeline=manifest.feature_schema.id,
        features=read_names(manifest, lambda path: loaded.files[path]),
        symbols=manifest.universe.symbols,
        models=tuple(
            Model(role=model.role, symbol=model.symbol, data=loaded.files[model.path]) for model in manifest.models
        ),
    )
    return Predictor(made, pipeline=PIPELINE, features=MODEL_FEATURE_NAMES, symbols=symbols, monotonic=monotonic)


@dataclass(frozen=True, kw_only=True)
class Adjusted:
    """Settings with what a bundle states of them.

    Attributes:
        ignored: keys that were not taken, as they would loosen a limit, fit no bound, or were judged for other
            signals.
    """

    settings: Settings
    ignored: tuple[str, ...] = ()


def adjusted(settings: Settings, loaded: Loaded | None) -> Adjusted:
    """A person's settings as a bundle would have them: limits of risk only ever tighter, nothing past a bound.

    When to enter and to leave was judged with the models alone. Where other producers are weighed with them, it is a
    person's again: a score that is a lot for models alone is next to nothing for all of them together.
    """
    alone = settings.signals.producers == (PRODUCER,)
    if loaded is None or PRODUCER not in settings.signals.producers:
        return Adjusted(settings=settings)
    stated = sorted(loaded.manifest.strategy.parameters.items())
    taken = {
        key: value
        for key, value in stated
        if _may_state(settings, key, value) and (alone or not key.startswith(STRATEGY))
    }
    made = _with(settings, taken)  # at once: two that bound each other may only go together
    if made is None:
        made = settings
        for key, value in list(taken.items()):
            changed = _with(made, {key: value})
            if changed is None:
                del taken[key]
            else:
                made = changed
    return Adjusted(settings=made, ignored=tuple(key for key, _ in stated if key not in taken))


def _may_state(settings: Settings, key: str, value: int) -> bool:
    """Whether it is a setting that a bundle may state; a limit of risk must not become looser by it."""
    section, _, name = key.partition(".")
    if not key.startswith((MODEL_KEYS, RISK, STRATEGY)) or name not in type(getattr(settings, section)).model_fields:
        return False
    former: Any = value_of(settings, key)
    if isinstance(former, bool) or not isinstance(former, int):
        return False
    return not key.startswith(RISK) or value <= former


def _with(settings: Settings, changes: Mapping[str, int]) -> Settings | None:
    """Settings with these changed; None where one is out of its bounds, or they do not go together."""
    made: dict[str, Any] = {}
    for key, value in changes.items():
        section, _, name = key.partition(".")
        made.setdefault(section, getattr(settings, section).model_dump())[name] = value
    try:
        sections = {name: type(getattr(settings, name)).model_validate(values) for name, values in made.items()}
    except ValidationError:
        return None
    return settings.model_copy(update=sections)
