"""The bundle that a backtest asks: the one that decides in a home, another installed one, or a file.

It only reads, so a daemon may run in the same home.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from mooring import __version__
from mooring.bundles.store.books import UnreadError
from mooring.bundles.store.journal import Journal
from mooring.bundles.store.ports import Loaded
from mooring.bundles.store.proof import Prover
from mooring.bundles.store.refusals import disk_failed
from mooring.bundles.store.slots import Slots
from mooring.bundles.store.state import Phase, Slot, State
from mooring.daemon.bundle_models import PRODUCER, adjusted, predictor_of
from mooring.daemon.bundle_repositories import Repositories, bundles_dir
from mooring.errors import NotFound
from mooring.home import Home
from mooring.runtime.decision.model_features import PIPELINE
from mooring.runtime.market.clock import Clock
from mooring.settings import Settings

if TYPE_CHECKING:
    from mooring.bundles.format.archive import Place, Sink
    from mooring.bundles.publisher.reading import Examine
    from mooring.bundles.store.reading import FormatReader
    from mooring.runtime.models.predictor import Predictor


@dataclass(frozen=True, kw_only=True)
class ToAsk:
    """What a backtest is made with.

    Attributes:
        models: None: no producer asks any.
        settings: as the bundle would have them.
        ignored: settings that the bundle states and that were not taken.
        alone: whether the models were made the only producer here, as the settings name none that asks them.
    """

    models: Predictor | None
    settings: Settings
    ignored: tuple[str, ...] = ()
    alone: bool = False


def to_ask(
    home: Home,
    settings: Settings,
    symbols: Sequence[str],
    named: str | None,
    clock: Clock,
    examine: Examine | None = None,
) -> ToAsk:
    """The models and settings of a backtest.

    Args:
        named: a bundle's file, or an installed bundle as `ID@NUMBER` or in full; None: the one that decides, where a
            producer asks models.
        examine: runs the models of a file for the first time; None: a process of its own.

    Raises:
        NotFound: `no_bundle_to_ask`, models are asked for and there are none; `no_such_bundle`.
        Invalid: `bundle_unreadable`. Unverified, Denied: it is not what was signed, or nothing for this machine.
        Halt: as `recorded`.
    """
    asked = PRODUCER in settings.signals.producers
    if named is None and not asked:
        return ToAsk(models=None, settings=settings)
    loaded = _from_file(Path(named), clock, examine) if named is not None and _is_file(named) else None
    if loaded is None:
        loaded = _installed(home, named, lambda: datetime.fromtimestamp(clock.now(), UTC))
    wanted = settings if asked else _alone(settings)
    made = adjusted(wanted, loaded)
    return ToAsk(
        models=predictor_of(loaded, symbols, clock.monotonic),
        settings=made.settings,
        ignored=made.ignored,
        alone=not asked,
    )


def _alone(settings: Settings) -> Settings:
    """As bundles are judged: with the models as the only producer."""
    return settings.model_copy(
        update={
            "signals": settings.signals.model_copy(update={"producers": (PRODUCER,)}),
            "strategy": settings.strategy.model_copy(update={"weights": (1,)}),
        }
    )


def _is_file(named: str) -> bool:
    return os.sep in named or named.endswith(".zip") or Path(named).is_file()


def _installed(home: Home, named: str | None, now: Callable[[], datetime]) -> Loaded:
    slots = Slots(bundles_dir(home))
    slot = _slot(recorded(slots), named)
    return Prover(slots, Repositories(home, now), format_reader()).proved(slot)


def recorded(slots: Slots) -> State:
    """The record of installed bundles, for who only looks.

    Raises:
        Halt: `bundle_record_unreadable`: no copy tells it, and that may pass.
    """
    found = Journal(slots.state).read()
    if found.state is None:
        for error in found.unreadable.values():
            raise disk_failed(UnreadError(error.errno, error.strerror), "Nothing was run, and nothing was changed.")
    return found.state or State()


def _slot(state: State, named: str | None) -> Slot:
    trying = state.candidate if state.phase is Phase.TRYING else None
    if named is None:
        found = trying or state.active
        if found is None:
            raise NotFound(
                "no_bundle_to_ask",
                "signals.producers asks models, and no model bundle decides in this home.",
                money="Nothing was run: without models nothing would ever be bought.",
                todo="Name one with --bundle FILE, install one with `mooring bundle update`, or take model out of "
                "signals.producers.",
            )
        return found
    for slot in (state.active, trying, state.candidate, state.last_good):
        if slot is not None and named in {slot.reference, slot.reference.partition(":")[0]}:
            return slot
    raise NotFound(
        "no_such_bundle",
        f"No bundle {named} is installed in this home, and there is no such file.",
        money="Nothing was run.",
        todo="Name one that `mooring bundle list` shows, or a bundle's file.",
    )


def _from_file(path: Path, clock: Clock, examine: Examine | None) -> Loaded:
    """A bundle that nobody has to have signed: whoever names a file of theirs wants to see what it does."""
    from mooring.bundles.format.archive import open_archive  # noqa: PLC0415 -- what is heavy, only where it is needed
    from mooring.bundles.publisher.reading import look  # noqa: PLC0415

    looked = look(path, datetime.fromtimestamp(clock.now(), UTC), examine)
    manifest = looked.manifest
    format_reader().require_fit(manifest.requires)
    parts = {path: bytearray() for path in (manifest.feature_schema.path, *(model.path for model in manifest.models))}

    def sink(place: Place) -> Sink:
        return parts.get(place.path, bytearray()).extend

    with path.open("rb") as file:
        open_archive(file.fileno(), manifest_sha256=looked.manifest_sha256).read(sink)
    slot = Slot(
        repository="",
        bundle_id=manifest.bundle_id,
        seq=manifest.seq,
        version=manifest.version,
        channel=manifest.channel,
        target="",
        generation=0,
        as_of=0,
        manifest_sha256=looked.manifest_sha256,
        sha256=looked.bundle.sha256,
        size=looked.bundle.size,
    )
    return Loaded(slot=slot, manifest=manifest, files={path: bytes(data) for path, data in parts.items()})


def format_reader() -> FormatReader:
    """Who reads bundles of this installation; it asks for no gates of a person."""
    from mooring.bundles.format.agree import Host  # noqa: PLC0415 -- as in `_from_file`
    from mooring.bundles.store.reading import FormatReader  # noqa: PLC0415

    return FormatReader(Host.here(app=__version__, feature_pipelines=frozenset({PIPELINE})), lambda: ())
