"""The models of one bundle as they are handed over: verified bytes, and what they were declared to be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from mooring.errors import Invalid

Role = Literal["global", "specialist", "ensemble"]
MODELS_MAX: Final = 128
MODEL_BYTES_MAX: Final = 64 * 1024 * 1024
MODELS_BYTES_MAX: Final = 96 * 1024 * 1024  # together; loaded they take up to six times that (docs/models.md)
REFERENCE_MAX: Final = 200


@dataclass(frozen=True, kw_only=True)
class Model:
    """One model.

    Attributes:
        symbol: of a specialist; None for the others.
        data: the ONNX file's bytes, verified by whoever hands them over.
    """

    role: Role
    data: bytes
    symbol: str | None = None

    @property
    def name(self) -> str:
        """What a person knows it by."""
        return self.role if self.symbol is None else f"{self.role} {self.symbol}"


@dataclass(frozen=True, kw_only=True)
class ModelSet:
    """The models of one bundle.

    Attributes:
        reference: `bundle_id@seq:sha256[:16]`, which the run and its hours name.
        pipeline: id of the pipeline of features that they were trained on.
        features: its names in the declared order.
        symbols: the bundle's universe, in the order of the ensemble's input `symbol`.
        models: at most one global and one ensemble, and one specialist for each symbol.
    """

    reference: str
    pipeline: str
    features: tuple[str, ...]
    symbols: tuple[str, ...]
    models: tuple[Model, ...]

    def __post_init__(self) -> None:
        """See that it is a set that can be asked.

        Raises:
            Invalid: it is not.
        """
        known = [(model.role, model.symbol) for model in self.models]
        if not 0 < len(self.reference) <= REFERENCE_MAX:
            raise _bad("its reference is empty or too long")
        if not 0 < len(known) <= MODELS_MAX or len(set(known)) != len(known):
            raise _bad(f"it must hold 1 to {MODELS_MAX} models, each once")
        if len(set(self.symbols)) != len(self.symbols) or not self.symbols:
            raise _bad("its universe is empty or names a symbol twice")
        for model in self.models:
            if (model.symbol is not None) != (model.role == "specialist"):
                raise _bad("a specialist has a symbol, and no other model has one")
            if model.symbol is not None and model.symbol not in self.symbols:
                raise _bad(f"the specialist of {model.symbol} is outside of its universe")
            if not 0 < len(model.data) <= MODEL_BYTES_MAX:
                raise _bad(f"the model {model.name} is empty or larger than {MODEL_BYTES_MAX} bytes")
        if sum(len(model.data) for model in self.models) > MODELS_BYTES_MAX:
            raise _bad(f"together its models are larger than {MODELS_BYTES_MAX} bytes")
        if not any(role != "ensemble" for role, _ in known):
            raise _bad("an ensemble needs scores of a global model or of specialists")

    def require_pipeline(self, pipeline: str, features: Sequence[str]) -> None:
        """See that it looks at the very features that this version computes, in their order.

        Raises:
            Invalid: it does not.
        """
        if self.pipeline != pipeline or self.features != tuple(features):
            raise Invalid(
                "model_features_differ",
                f"The models of {self.reference} were trained on other features ({self.pipeline}) than this version "
                f"computes ({pipeline}).",
                money="They are not used, so that nothing is traded on their word.",
                todo="Use a bundle made for this version of Mooring.",
            )


def _bad(why: str) -> Invalid:
    return Invalid(
        "bad_model_set",
        f"The models cannot be used: {why}.",
        money="Nothing is traded on their word.",
        todo="Report this to whoever published the bundle.",
    )
