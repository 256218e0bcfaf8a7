"""One repository of bundles as this machine knows it: refresh, offers, downloads, and proofs of what is installed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO, Final

from tuf.api.exceptions import LengthOrHashMismatchError, RepositoryError
from tuf.api.metadata import Root, Snapshot, TargetFile, Targets, Timestamp

from mooring.bundles.trust.book import Book, Page, Pointer, kept
from mooring.bundles.trust.chain import FAULTS, NOTHING, Chain
from mooring.bundles.trust.floors import Floors, Keeper
from mooring.bundles.trust.generations import Generation
from mooring.bundles.trust.policy import MODELS, Policy, PolicyError
from mooring.bundles.trust.refusals import bad_root, changed, disk, floors_lost, not_offered, translated
from mooring.bundles.trust.shapes import Fetcher, Fresh, Limits, Offer
from mooring.bundles.trust.targets import Hashes, path_of
from mooring.bundles.trust.updater import GuardedUpdater, Held
from mooring.bundles.trust.wire import Nowhere, Wire, capped
from mooring.errors import MooringError

_TOP_LEVEL: Final = (Root.type, Timestamp.type, Snapshot.type, Targets.type)
_MAY_HAVE_EXPIRED: Final = frozenset({Timestamp.type, Snapshot.type})


class Repository:
    """One folder of one repository. Threads may share it; of processes there may be one, and its owner sees to that.

    Args:
        folder: private; made where it is not there, its parent has to be.
        root: the trust root, as shipped or as a person gave it; given anew at every start.
        clock: now, with its zone.
        built_at: when this program was built: earlier it cannot be.
        policy: what is demanded beyond TUF.
        former: sha256 of roots that were trusted before `root`; what was installed under them can still be proved.
        monotonic: seconds of a clock that never goes back, for deadlines.

    Raises:
        Invalid: `bundle_bad_root`, the root is none.
    """

    def __init__(
        self,
        folder: Path,
        root: bytes,
        *,
        clock: Callable[[], datetime],
        built_at: datetime,
        policy: Policy = MODELS,
        limits: Limits | None = None,
        former: Collection[str] = (),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limits = limits or Limits()
        self._policy = policy
        self._monotonic = monotonic
        self._chain = Chain(
            root=root,
            clock=clock,
            built_at=built_at,
            policy=policy,
            limits=self._limits,
            former=frozenset(former),
            monotonic=monotonic,
        )
        self._refreshing = threading.Lock()
        self._disk = threading.RLock()
        self._folder = folder
        self._book = Book(folder, self._limits)
        try:
            self._chain.fetching(Held(), Keeper(None), Wire(Nowhere(), self._limits, monotonic), NOTHING)
        except RepositoryError:
            raise bad_root() from None

    def refresh(
        self, fetcher: Fetcher, *, accept_expired: frozenset[str] = NOTHING, names: Collection[str] = ()
    ) -> Fresh:
        """Bring the stored metadata up to date. What was verified before a failure is kept.

        Args:
            fetcher: where the files come from.
            accept_expired: of a sideloaded file only, and by a person's word only: `timestamp`, `snapshot`.
            names: targets besides those of the channels whose metadata is wanted.

        Raises:
            Unverified: what is there must not be believed. Retry: it cannot be had, or the disk fails.
            ValueError: more is to be accepted than may be.
        """
        if accept_expired - _MAY_HAVE_EXPIRED or (accept_expired and not fetcher.sideloaded):
            raise ValueError("only a sideloaded timestamp or snapshot may have expired")
        with self._refreshing, _disk_faults():
            self._folder.mkdir(mode=0o700, exist_ok=True)
            page = self._page()
            before = self._before(page)
            keeper = Keeper(page.floors)
            held = before.held.copy() if before is not None else Held()
            targets = dict(before.targets) if before is not None else {}
            wire = Wire(fetcher, self._limits, self._monotonic)
            updater = self._chain.fetching(held, keeper, wire, accept_expired)
            refused: dict[str, MooringError] = {}
            failure: MooringError | None = None
            try:
                updater.refresh()
                refused = self._chain.load_channels(updater)
                for name in names:
                    updater.find(name)
                targets = self._small_targets(updater, targets, wire)
            except FAULTS as error:
                failure = translated(error)
            after = Generation(
                held=held,
                targets=targets,
                made_at=updater.reference_time,
                complete=failure is None,
                accepted=accept_expired,
            )
            page = self._keep_progress(page, before, after, keeper.seen)
            if failure is not None:
                raise failure
            return _fresh(page, updater, refused)

    def stored(self) -> Fresh | None:
        """How the newest complete metadata stands now, without asking anybody; None where there is none yet.

        Raises:
            Unverified: what is stored is not what was verified. Retry: the disk fails.
        """
        with self._completed() as (page, generation):
            if generation is None:
                return None
            updater = self._chain.as_it_was(generation, generation.made_at)
            fresh = _fresh(page, updater, self._chain.load_channels(updater))
            now = self._chain.now(Keeper(page.floors).time(updater.trusted.root))
            return replace(fresh, trusted_time=now, staleness=_staleness(fresh.expires, now))

    def offers(self, channel: str) -> list[Offer]:
        """What a channel offers by the newest complete metadata, expired or not, by name; nothing malformed.

        Raises:
            Unverified: the channel's metadata was not accepted, or is not what was verified. Retry: the disk fails.
            ValueError: there is no such channel.
        """
        if channel not in self._policy.channels:
            raise ValueError("there is no such channel")
        role = self._policy.channels[channel]
        with self._completed() as (page, generation):
            if generation is None or page.complete is None:
                return []
            updater = self._chain.as_it_was(generation, generation.made_at)
            if not self._chain.delegated(updater, role):
                return []
            every = updater.load(role, Targets.type).targets
            names = sorted(name for name in every if name.startswith(f"bundles/{channel}/"))
            found = [self._chain.offer(updater, name, page.complete.number) for name in names]
            return [offer for offer in found if offer is not None]

    def offer(self, name: str) -> Offer | None:
        """One target by the newest complete metadata; None where it is not offered. Errors as `offers`."""
        with self._completed() as (page, generation):
            if generation is None or page.complete is None:
                return None
            return self._chain.offer(self._chain.as_it_was(generation, generation.made_at), name, page.complete.number)

    def download(
        self, offer: Offer, fetcher: Fetcher, into: BinaryIO, told: Callable[[int, int], None] | None = None
    ) -> None:
        """Write a target, hashing what is written. Nothing of it may be used before this returns.

        Args:
            offer: as the newest complete metadata offers it; that must not have expired.
            into: written from where it stands.
            told: bytes so far, and of all.

        Raises:
            Unverified: it is not offered any more, its metadata has expired, or the bytes are others.
            Retry: it cannot be had. OSError: `into` refuses.
        """
        with self._completed() as (page, generation):
            if generation is None:
                raise not_offered()
            accepted = generation.accepted if fetcher.sideloaded else NOTHING
            updater = self._chain.stored(generation.held, Keeper(page.floors), accept_expired=accepted)
            target = self._chain.target(updater, offer.name)
            if target is None or (target.length, target.hashes) != (offer.length, dict(offer.hashes)):
                raise not_offered()
        with _translating():
            if target.length > self._limits.target:
                raise PolicyError(f"it is longer than {self._limits.target} bytes")
            hashes = Hashes(target.length, target.hashes)
            path, seconds = path_of(updater, target), self._limits.target_seconds
            for part in capped(fetcher, "targets", path, most=target.length, seconds=seconds):
                hashes.update(part)
                into.write(part)
                if told is not None:
                    told(hashes.done, target.length)
            hashes.check()

    def revocations(self) -> bytes | None:
        """The revocations that belong to the newest complete metadata, as signed; None where there are none.

        Raises:
            Unverified: what is stored is not what was verified. Retry: the disk fails.
        """
        with self._completed() as (_, generation):
            if generation is None:
                return None
            updater = self._chain.as_it_was(generation, generation.made_at)
            target = updater.trusted.targets.targets.get(self._policy.revocations)
            if target is None:
                return None
            data = generation.targets.get(self._policy.revocations)
            if data is None:
                raise changed(f"{self._policy.revocations} is not there")
            target.verify_length_and_hashes(data)
            return data

    def authorised(self, name: str, *, generation: int, as_of: datetime) -> Offer:
        """Prove anew, offline, that a stored generation offered a target at a time.

        Args:
            name: the target.
            generation: which one; `keep` it, or it may be gone.
            as_of: when it was activated; expiry is judged by it.

        Raises:
            Unverified: it did not, or is not stored as it was. Retry: the disk fails.
        """
        with _disk_faults(), _translating():
            try:
                with self._disk:
                    stored = self._book.generations.read(generation)
            except ValueError as error:
                raise changed(f"generation {generation}: {error}") from None
            offer = self._chain.offer(self._chain.as_it_was(stored, as_of), name, generation)
            if offer is None:
                raise not_offered()
            return offer

    def trusted(self) -> dict[str, bytes]:
        """The metadata that the next refresh begins with, by role; perhaps not all of one state.

        Raises:
            Unverified, Retry: as `stored`.
        """
        with _disk_faults(), self._disk:
            generation = self._book.load(self._page().current)
            if generation is None:
                return {}
            roots = generation.held.roots
            return {Root.type: roots[max(roots)], **generation.held.roles}

    def keep(self, generation: int) -> None:
        """Not collect a generation from now on, over restarts too.

        Raises:
            Retry: the disk fails. Unverified: it is not there any more. Denied: too many are kept.
        """
        with self._refreshing, self._disk, _disk_faults():
            if generation not in self._book.generations.numbers():
                raise changed(f"generation {generation}")
            page = self._page()
            if generation not in page.kept:
                self._book.note(kept(page, generation))

    def release(self, generation: int) -> None:
        """Let a generation be collected again; nothing happens where it was not kept. Errors as `keep`."""
        with self._refreshing, self._disk, _disk_faults():
            page = self._page()
            if generation in page.kept:
                self._book.note(replace(page, kept=page.kept - {generation}))

    def keep_only(self, generations: Collection[int]) -> None:
        """Not collect these, and let all others be collected; what is not there is left out. Errors as `keep`.

        For a start: a record that was lost keeps everything, as nobody knows any more what is needed.
        """
        with self._refreshing, self._disk, _disk_faults():
            page, wanted = self._page(), frozenset(generations) & frozenset(self._book.generations.numbers())
            if wanted != page.kept:
                self._book.note(kept(replace(page, kept=frozenset()), *wanted))

    def _before(self, page: Page) -> Generation | None:
        """What a refresh begins with; what cannot be read is fetched anew, as a generation of its own."""
        with suppress(OSError):
            return self._book.load(page.current)
        return None

    def _page(self) -> Page:
        with self._disk:
            page = self._book.read()
            if page is None:
                page = self._rebuilt() if self._book.begun() else Page()
            return page

    def _rebuilt(self) -> Page:
        """The record from what is stored, where both of its copies are lost: floors are as high as any of it says.

        Raises:
            Unverified: nothing that is stored says anything.
        """
        numbers = self._book.generations.numbers()
        page = Page(kept=frozenset(numbers))  # which of them somebody needs is lost too
        for number in numbers:
            try:
                generation = self._book.generations.read(number)
            except ValueError:
                continue
            seen, whole = self._chain.seen(generation)
            pointer = Pointer(number=number, sha256=self._book.generations.sha256(number))
            page = replace(page, current=pointer, floors=page.floors.raised(seen))
            if whole and generation.complete:
                page = replace(page, complete=pointer)
        if page.current is None:
            raise floors_lost()
        return page

    @contextmanager
    def _completed(self) -> Iterator[tuple[Page, Generation | None]]:
        """The newest complete metadata; within, errors of tuf and the disk become ours."""
        with _disk_faults(), _translating():
            with self._disk:
                page = self._page()
                generation = self._book.load(page.complete)
            if page.complete is not None and generation is None:
                raise changed(f"generation {page.complete.number}")
            yield page, generation

    def _small_targets(self, updater: GuardedUpdater, stored: Mapping[str, bytes], wire: Wire) -> dict[str, bytes]:
        name = self._policy.revocations
        target = updater.trusted.targets.targets.get(name)
        if target is None:
            return {}
        if target.length > self._limits.revocations:
            raise PolicyError(f"{name} is longer than {self._limits.revocations} bytes")
        data = stored.get(name)
        if data is None or not _fits(target, data):
            data = b"".join(wire.parts("targets", path_of(updater, target), most=target.length))
            target.verify_length_and_hashes(data)
        return {name: data}

    def _keep_progress(self, page: Page, before: Generation | None, after: Generation, seen: Floors) -> Page:
        floors = page.floors.raised(seen)
        known = before is not None and replace(before, made_at=after.made_at) == after
        if known and floors == page.floors and (page.complete == page.current or not after.complete):
            return page
        try:
            with self._disk:
                return self._book.commit(replace(page, floors=floors), after)
        except ValueError as error:
            raise translated(PolicyError(str(error))) from None


def _fits(target: TargetFile, data: bytes) -> bool:
    try:
        target.verify_length_and_hashes(data)
    except LengthOrHashMismatchError:
        return False
    return True


def _fresh(page: Page, updater: GuardedUpdater, refused: Mapping[str, MooringError]) -> Fresh:
    expires = {role: signed.expires for role, signed in updater.trusted.payloads().items()}
    now = updater.reference_time
    return Fresh(
        generation=page.complete.number if page.complete is not None else 0,
        trusted_time=now,
        expires=expires,
        staleness=_staleness(expires, now),
        refused=refused,
    )


def _staleness(expires: Mapping[str, datetime], now: datetime) -> timedelta:
    return max(timedelta(0), now - min(expires[role] for role in _TOP_LEVEL))


@contextmanager
def _translating() -> Iterator[None]:
    try:
        yield
    except FAULTS as error:
        raise translated(error) from None


@contextmanager
def _disk_faults() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise disk(error) from None
