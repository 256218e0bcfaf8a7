"""The manifest of a bundle: what it says it is. What it says is true only as far as the signatures over it reach."""

from __future__ import annotations

import hashlib
from typing import Annotated, Final, Literal, Self

from pydantic import Field, ValidationError, model_validator

from mooring.bundles.format import fields as f
from mooring.bundles.format.canonical import canonical, parse_canonical
from mooring.errors import Unverified

_FOLD_NEEDS: Final = frozenset({"net_return", "baseline_return", "max_drawdown", "trades"})
_FOLD_MOST: Final = 32


class FileEntry(f.Part):
    """One file: bytes, and sha256 of them in hex."""

    size: f.FileSize
    sha256: f.Sha256


class Input(f.Part):
    """What a model takes; shape `("N", features)`, or `("N",)`."""

    name: f.TensorName
    dtype: Literal["float32", "int64"]
    shape: Annotated[tuple[Literal["N"] | Annotated[int, Field(ge=1, le=f.FEATURES_MAX)], ...], Field(max_length=2)]
    source: Literal["features", "scores", "symbol"]


class Output(f.Part):
    """What a model gives: `("N", 1)`."""

    name: f.TensorName
    dtype: Literal["float32"]
    shape: tuple[Literal["N"], Literal[1]]


class Model(f.Part):
    """One ONNX model.

    Attributes:
        role: `global` for all symbols, `specialist` for one, `ensemble` over the scores of both.
        symbol: of a specialist; None for the others.
        opset: version of the domain `ai.onnx`.
        ops: the names of its operators, sorted, each once.
    """

    role: Literal["global", "specialist", "ensemble"]
    symbol: f.Symbol | None
    path: f.Path
    opset: Annotated[int, Field(ge=1, le=64)]
    inputs: Annotated[tuple[Input, ...], Field(min_length=1, max_length=2)]
    outputs: Annotated[tuple[Output, ...], Field(min_length=1, max_length=1)]
    ops: Annotated[tuple[f.OpName, ...], Field(min_length=1, max_length=64)]

    @property
    def width(self) -> int:
        """How many columns its first input has."""
        width = self.inputs[0].shape[-1]
        assert isinstance(width, int)
        return width

    @model_validator(mode="after")
    def _signature(self) -> Self:
        taken = tuple((i.name, i.dtype, i.source, i.shape[:1], len(i.shape)) for i in self.inputs)
        rows: tuple[str, ...] = ("N",)
        wanted: tuple[tuple[str, str, str, tuple[str, ...], int], ...] = (("features", "float32", "features", rows, 2),)
        if self.role == "ensemble":
            wanted = (("scores", "float32", "scores", rows, 2), ("symbol", "int64", "symbol", rows, 1))
        if taken != wanted or not isinstance(self.inputs[0].shape[-1], int):
            raise ValueError("a model takes something else than its role is given")
        if self.outputs[0].name != "score" or (self.role == "ensemble" and self.width != len(("global", "specialist"))):
            raise ValueError("a model gives something else than its role says")
        if (self.symbol is None) != (self.role != "specialist"):
            raise ValueError("a specialist names its symbol, and nobody else does")
        if list(self.ops) != sorted(set(self.ops)) or not self.path.endswith(".onnx"):
            raise ValueError("the operators are not sorted, or the file is no ONNX file")
        return self


class FeatureSchema(f.Part):
    """The features of the models, by the file with their names in order."""

    path: f.Path
    id: f.Slug
    order_sha256: f.Sha256
    dtypes: Literal["float32"]


class Strategy(f.Part):
    """What it would have the daemon set; limits of `risk.*` only ever take effect where they are tighter."""

    parameters: Annotated[dict[f.Parameter, f.Setting], Field(max_length=64)]


class Requires(f.Part):
    """What a host must be like; ranges such as `>=0.1,<1`."""

    app: f.Range
    feature_pipeline: f.Slug
    onnxruntime: f.Range
    platform: Annotated[tuple[f.Platform, ...], Field(min_length=1, max_length=8)]
    python: f.Range


class Universe(f.Part):
    """The symbols that the models know, in the order of their numbers."""

    venue: Literal["kraken"]
    symbols: Annotated[tuple[f.Symbol, ...], Field(min_length=1, max_length=f.SYMBOLS_MAX)]
    symbols_sha256: f.Sha256
    timeframe: Literal["1h"]


class Training(f.Part):
    """What it was trained on, and how to do it again."""

    data_from: f.Moment
    data_to: f.Moment
    embargo_bars: Annotated[int, Field(ge=0, le=100_000)]
    commit: f.Commit
    dataset_sha256: f.Sha256
    seed: f.Count


class Gate(f.Part):
    """A bound that a figure over all folds has to keep."""

    metric: f.Metric
    op: Literal[">=", "<=", ">", "<"]
    limit: f.Decimals


class Evaluation(f.Part):
    """The figures out of sample. `folds`: figure by name for each fold, besides `from` and `to`, which are times."""

    protocol: Literal["walk-forward"]
    folds: Annotated[tuple[dict[f.Key, f.Moment | f.Decimals], ...], Field(min_length=1, max_length=64)]
    metrics: Annotated[dict[f.Metric, f.Decimals], Field(max_length=64)]
    baseline: Annotated[f.Line, Field(max_length=64)]
    gates: Annotated[tuple[Gate, ...], Field(max_length=64)]
    summary: f.Summary

    @model_validator(mode="after")
    def _folds(self) -> Self:
        last = ""
        for fold in self.folds:
            figures = {name for name, value in fold.items() if not value.endswith("Z")}
            if not figures >= _FOLD_NEEDS or fold.keys() - figures != {"from", "to"} or len(fold) > _FOLD_MOST:
                raise ValueError("a fold lacks a figure, or has too many")
            if not last <= fold["from"] < fold["to"]:
                raise ValueError("folds follow one another in time")
            last = fold["to"]
            if f.number(fold["max_drawdown"]) < 0 or f.number(fold["trades"]) < 0:
                raise ValueError("a drawdown or a number of trades is negative")
        return self


class Golden(f.Part):
    """Inputs with the outputs that are known for them.

    Attributes:
        inputs: path; float32, little endian, shape (rows, features).
        symbols: path; int64, shape (rows,): places in the universe.
        outputs: path; int64, shape (rows, 3): millionths of global, specialist, ensemble.
        tolerance: in millionths.
    """

    inputs: f.Path
    outputs: f.Path
    symbols: f.Path
    rows: Annotated[int, Field(ge=1, le=f.GOLDEN_ROWS_MAX)]
    tolerance: Annotated[int, Field(ge=0, le=1000)]


class Probation(f.Part):
    """How long it is on trial, and what ends the trial badly."""

    min_bars: Annotated[int, Field(ge=1, le=10_000)]
    min_minutes: Annotated[int, Field(ge=0, le=600_000)]
    max_errors: Annotated[int, Field(ge=0, le=1000)]
    p99_us: Annotated[int, Field(ge=1, le=10_000_000)]
    psi_max: f.Decimals


class Rollback(f.Part):
    """The oldest sequence number that a publisher still stands behind."""

    min_seq: f.Sequence


class Manifest(f.Part):
    """All of it. `eval_` is `eval` in the file. See docs/bundles.md for every field."""

    model_config = f.Part.model_config | {
        "validate_by_alias": True,
        "validate_by_name": False,
        "serialize_by_alias": True,
    }

    format: Literal["mooring-bundle/1"]
    bundle_id: f.BundleId
    channel: f.Channel
    seq: f.Sequence
    version: f.Version
    created_at: f.Moment
    valid_until: f.Moment
    notes: f.Notes
    files: Annotated[dict[f.Path, FileEntry], Field(min_length=1, max_length=f.FILES_MAX)]
    models: Annotated[tuple[Model, ...], Field(min_length=1, max_length=f.FILES_MAX)]
    feature_schema: FeatureSchema
    psi_reference: f.Path
    strategy: Strategy
    requires: Requires
    universe: Universe
    training: Training
    eval_: Annotated[Evaluation, Field(alias="eval")]
    golden: Golden
    probation: Probation
    rollback: Rollback

    @property
    def width(self) -> int:
        """How many features the models take."""
        return next(model.width for model in self.models if model.role == "global")

    @property
    def reference(self) -> str:
        """`bundle_id@seq`."""
        return f"{self.bundle_id}@{self.seq}"

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        check_models(self)
        check_files(self)
        check_rest(self)
        return self


def check_files(manifest: Manifest) -> None:
    """Whether the files can all be beside one another, are not too much, and are those that the rest speaks of.

    Raises:
        ValueError: not so.
    """
    files = manifest.files
    golden = manifest.golden
    for path in files:
        names = path.split("/")
        above = {"/".join(names[:depth]) for depth in range(1, len(names))}
        if path == f.MANIFEST_NAME or not above.isdisjoint(files.keys()) or f.MANIFEST_NAME in above:
            raise ValueError("a file is in another one's place")
    if sum(entry.size for entry in files.values()) > f.UNPACKED_BYTES_MAX - f.MANIFEST_BYTES_MAX:
        raise ValueError("the files are too large together")
    named = [manifest.feature_schema.path, manifest.psi_reference, golden.inputs, golden.outputs, golden.symbols]
    named += [model.path for model in manifest.models]
    if len({*named}) != len(named) or not files.keys() >= {*named}:
        raise ValueError("a file that it speaks of is missing, or is two things at once")
    sizes = {golden.inputs: manifest.width * 4, golden.outputs: 3 * 8, golden.symbols: 8}
    if any(files[path].size != golden.rows * each for path, each in sizes.items()):
        raise ValueError("the golden vectors have another size than their rows")
    if any(files[model.path].size > f.MODEL_BYTES_MAX for model in manifest.models):
        raise ValueError("a model is too large")


def check_models(manifest: Manifest) -> None:
    """Whether there is one global model, one ensemble at the most, and specialists of symbols that it knows.

    Raises:
        ValueError: not so.
    """
    models = manifest.models
    roles = [(model.role, model.symbol) for model in models]
    symbols = manifest.universe.symbols
    if len({*roles}) != len(roles) or ("global", None) not in roles:
        raise ValueError("there is not one model for each role")
    if any(symbol is not None and symbol not in symbols for _role, symbol in roles):
        raise ValueError("a specialist is for a symbol that is not in its universe")
    if len({model.width for model in models if model.role != "ensemble"}) != 1:
        raise ValueError("the models take different features")
    if len({*symbols}) != len(symbols) or manifest.universe.symbols_sha256 != list_sha256(symbols):
        raise ValueError("the universe is not the one whose hash it states")


def check_rest(manifest: Manifest) -> None:
    """Whether times, numbers and names agree with one another.

    Raises:
        ValueError: not so.
    """
    training = manifest.training
    if not training.data_from < training.data_to <= manifest.created_at < manifest.valid_until:
        raise ValueError("its times are in no order")
    if manifest.eval_.folds[-1]["to"] > manifest.created_at:
        raise ValueError("it was evaluated on what had not been yet")
    if manifest.rollback.min_seq > manifest.seq:
        raise ValueError("it would not stand behind itself")
    if manifest.requires.feature_pipeline != manifest.feature_schema.id:
        raise ValueError("it requires other features than it has")
    if not 0 < f.number(manifest.probation.psi_max) <= f.number("10"):
        raise ValueError("its limit of drift is none")


def list_sha256(names: tuple[str, ...]) -> str:
    """sha256, in hex, of the canonical JSON list of names: their order counts."""
    return hashlib.sha256(canonical(list(names))).hexdigest()


def parse_manifest(data: bytes) -> Manifest:
    """The manifest that bytes say. Nothing of the content is repeated in an error, only which field it is.

    Raises:
        Unverified: `bundle_json_refused`, or `bundle_manifest_refused` where a field is not as the format says.
    """
    parse_canonical(data, most=f.MANIFEST_BYTES_MAX)
    try:
        return Manifest.model_validate_json(data)
    except ValidationError as error:
        raise Unverified(
            "bundle_manifest_refused",
            f"The manifest of a model bundle is not as the format says: {where(error)}.",
            money="Nothing of it was used; trading goes on as it was.",
            todo="Do not use this bundle; whoever published it has to build it again.",
        ) from None


def where(error: ValidationError) -> str:
    """The first fault of a document, by our own names of fields and kinds of faults; what it holds is not said."""
    names = _FIELD_NAMES
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(str(part) if isinstance(part, int) or part in names else "*" for part in first["loc"])
    said = first["msg"].removeprefix("Value error, ") if first["type"] == "value_error" else first["type"]
    return f"{place or 'as a whole'}: {said}"


def _field_names(*parts: type[f.Part]) -> frozenset[str]:
    names: set[str] = set()
    waiting = [*parts]
    while waiting:
        for name, field in waiting.pop().model_fields.items():
            names.add(field.alias or name)
            if isinstance(field.annotation, type) and issubclass(field.annotation, f.Part):
                waiting.append(field.annotation)
    return frozenset(names)


_FIELD_NAMES: Final = _field_names(Manifest, Model, Input, Output, Gate, FileEntry) | {
    *"manifest_sha256 unpacked_size released_at evaluation".split()
}
