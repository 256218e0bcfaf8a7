"""A home with a store over a real repository: real signatures, real archives, real models; only the wire is a folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from tuf.api.exceptions import DownloadHTTPError

from mooring.bundles.format.agree import Host
from mooring.bundles.format.build import Built, build_bundle
from mooring.bundles.format.gates import MINIMUM_GATES
from mooring.bundles.preflight import examine
from mooring.bundles.store.books import Books
from mooring.bundles.store.bringing import Floors
from mooring.bundles.store.manager import Manager
from mooring.bundles.store.ports import Examiner, Loaded, NoModel, Told
from mooring.bundles.store.reading import FeatureDrift, FormatReader
from mooring.bundles.store.slots import Slots
from mooring.bundles.store.work import Source
from mooring.bundles.trust import Repository
from tests.support import bundle_models as kit
from tests.support.publishing import Publisher

HOST = Host(
    app="0.1.0", feature_pipelines=frozenset({"core-1"}), onnxruntime="1.23.0", platform="linux-x86_64", python="3.11.7"
)
BUILT_AT = datetime(2026, 11, 1, tzinfo=UTC)
BEGIN = kit.CREATED + timedelta(hours=1)
HOUR = 3600
SYMBOLS = 3


@dataclass(frozen=True)
class FolderFetcher:
    """The two trees of a publisher's public folder."""

    folder: Path
    sideloaded: bool = False

    def fetch(self, place: str, name: str, *, most: int, seconds: float) -> Iterator[bytes]:
        path = self.folder / place / name
        if not path.is_file():
            raise DownloadHTTPError("not there", 404)
        yield path.read_bytes()[: most + 1]


@dataclass(frozen=True)
class Hour:
    """One hour with a bundle, as an engine saw it."""

    close_ts: int
    latency_us: int = 100
    faults: int = 0
    missing: int = 0
    catch_up: bool = False

    @property
    def answered(self) -> int:
        return max(0, SYMBOLS - self.missing - self.faults)


def trial_terms(document: dict[str, Any], **terms: Any) -> None:
    document["probation"] |= {"min_bars": 3, "min_minutes": 1, "p99_us": 5_000_000, "psi_max": "10"} | terms


def build(folder: Path, seq: int, *, bundle_id: str = "core", channel: str = "stable", **change: Any) -> Built:
    """A bundle of tiny models, whose content depends on its number."""

    def alter(document: dict[str, Any]) -> None:
        trial_terms(document)
        document["bundle_id"], document["version"] = bundle_id, f"v{seq}"
        document["training"]["seed"] = seq
        for key, value in change.items():
            document[key] = {**document[key], **value} if isinstance(value, dict) else value

    folder.mkdir(parents=True, exist_ok=True)
    run = kit.write_run(folder / f"run-{bundle_id}-{seq}", kit.run_files(change=alter))
    out = folder / f"{bundle_id}-{seq}.zip"
    return build_bundle(run, channel=channel, seq=seq, created_at=kit.CREATED, valid_until=kit.VALID_UNTIL, out=out)


@dataclass
class World:
    """One home and the publisher it follows. `begin` is a start of the process."""

    root: Path
    publisher: Publisher
    examiner: Examiner = field(default_factory=lambda: examine)  # in this process: models of ours, and quick
    told: list[Told] = field(default_factory=list)
    now: datetime = BEGIN
    monotonic: float = 0.0
    close_ts: int = int(BEGIN.timestamp()) // HOUR * HOUR
    least: Floors = field(default_factory=Floors)
    manager: Manager = field(init=False)
    begun: Loaded | NoModel = field(init=False)
    repositories: dict[str, Repository] = field(default_factory=dict)

    def repository(self, name: str = "demo") -> Repository:
        """Each made once in a process, as a daemon does."""
        if name not in self.repositories:
            self.repositories[name] = Repository(
                self.root / name, self.publisher.root, clock=lambda: self.now, built_at=BUILT_AT
            )
        return self.repositories[name]

    @property
    def source(self) -> Source:
        fetcher = FolderFetcher(self.publisher.workshop.metadata.parent)
        return Source(name="demo", trust=self.repository(), fetch=fetcher, channel="stable")

    def make(self) -> Manager:
        books = Books(Slots(self.root), now=lambda: int(self.now.timestamp()), tell=self.told.append)
        return Manager(
            books,
            trust=self.repository,
            reader=FormatReader(HOST, lambda: MINIMUM_GATES),
            examine=self.examiner,
            drift=FeatureDrift(),
            monotonic=lambda: self.monotonic,
            least=lambda: self.least,
        )

    def begin(self) -> Loaded | NoModel:
        self.repositories = {}
        self.manager = self.make()
        self.begun = self.manager.start()
        return self.begun

    def release(self, seq: int, **change: Any) -> Built:
        built = build(self.root.parent / "runs", seq, **change)
        self.publisher.now = self.now
        self.publisher.release(built.path, dict(built.custom))
        return built

    def hour(self, **how: int) -> Loaded | NoModel | None:
        """The engine takes up what is new, does an hour with it, and says what it was like."""
        found = self.manager.running.at_safe_point()
        self.close_ts += HOUR
        self.monotonic += HOUR
        self.now += timedelta(hours=1)
        loaded = self.manager.running.now
        if isinstance(loaded, Loaded):
            values = np.zeros((3, len(kit.FEATURES)))
            self.manager.running.observed(Hour(self.close_ts, **how), loaded.slot.reference, 3, values)
        self.manager.tidy()
        return found

    def commit(self, seq: int, **change: Any) -> None:
        """Release, update, and come through the trial."""
        self.release(seq, **change)
        assert self.manager.update(self.source).state == "armed"
        for _ in range(3):
            self.hour()
        assert self.running == f"core@{seq}"

    @property
    def running(self) -> str:
        now = self.manager.running.now
        return now.slot.reference.partition(":")[0] if isinstance(now, Loaded) else ""

    @property
    def kinds(self) -> list[str]:
        return [one.kind for one in self.told]

    def events(self, kind: str) -> list[Mapping[str, str]]:
        return [one.detail for one in self.told if one.kind == kind]


def world(folder: Path, make: Callable[[Path], Publisher] | None = None) -> World:
    """A home that has never seen a bundle, and a repository that offers none."""
    publisher = (
        Publisher(folder / "publisher", now=kit.CREATED - timedelta(days=1)).begin() if make is None else make(folder)
    )
    root = folder / "bundles"
    root.mkdir(mode=0o700)
    made = World(root=root, publisher=publisher)
    made.begin()
    return made
