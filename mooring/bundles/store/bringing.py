"""From an offer to a slot, steps 1 to 6: refresh, choose, download, verify, unpack, keep."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal

from mooring.bundles.store import state as st
from mooring.bundles.store.books import Books
from mooring.bundles.store.ports import Fresh, Offer, Reader, Trust
from mooring.bundles.store.proof import require_acceptable
from mooring.bundles.store.revocation import Revocations
from mooring.bundles.store.state import UNTOUCHED, Phase, Slot, State, Terms
from mooring.errors import Conflict, Denied, MooringError, NotFound

if TYPE_CHECKING:
    from mooring.bundles.format.manifest import Manifest

Standing = Literal["new", "installed", "older", "rejected", "revoked", "unfit"]
Tell = Callable[[int, int], None]
OFFERS_MAX: Final = 500


@dataclass(frozen=True, kw_only=True)
class Offered:
    """An offer, and what it would be here; `why` says why not where it is not `new`."""

    offer: Offer
    standing: Standing
    why: str

    @property
    def bundle_id(self) -> str:
        """Whose line it is of."""
        return str(self.offer.custom["bundle_id"])

    @property
    def seq(self) -> int:
        """Its number in that line."""
        return int(self.offer.custom["seq"])

    @property
    def slot(self) -> str:
        """As `Slot.name`."""
        return f"{self.seq}-{self.offer.custom['manifest_sha256'][:16]}"

    @property
    def reference(self) -> str:
        """As `Slot.reference`."""
        return f"{self.bundle_id}@{self.seq}:{self.offer.custom['manifest_sha256'][:16]}"


@dataclass(frozen=True, kw_only=True)
class Floors:
    """What a person asks of every bundle, beside what it asks of itself."""

    min_bars: int = 0
    min_minutes: int = 0


class Bringer:
    """Brings bundles in; whoever uses it holds the lock of the slots.

    Args:
        least: the person's own minimum for a trial.
        gone: names of the slots that are loaded no more, as `Loads.gone`.
    """

    def __init__(
        self,
        books: Books,
        reader: Reader,
        least: Callable[[], Floors],
        gone: Callable[[], frozenset[str]] = frozenset,
    ) -> None:
        self._books = books
        self._gone = gone
        self._reader = reader
        self._least = least

    def offered(self, trust: Trust, channel: str, revoked: Revocations) -> list[Offered]:
        """What there is, newest first. An offer whose description is no such thing is left out."""
        state, gone = self._books.fit_state(), self._gone()
        found = [
            self._offered(offer, state, revoked, gone)
            for offer in trust.offers(channel)
            if self._reader.describes(offer.custom, channel)
        ]
        return sorted(found, key=lambda one: (one.seq, one.reference), reverse=True)[:OFFERS_MAX]

    def anew(self, offered: list[Offered], revoked: Revocations) -> list[Offered]:
        """The same offers as they stand now: meanwhile one was accepted, or refused."""
        state, gone = self._books.fit_state(), self._gone()
        return [self._offered(one.offer, state, revoked, gone) for one in offered]

    def choose(self, offered: list[Offered], wanted: str | None) -> Offered | None:
        """The one that a person names, else the newest of the line that decides; None where there is nothing new.

        Raises:
            NotFound: nothing of that name is offered. Conflict: there are several lines, and none decides yet.
        """
        if wanted is not None:
            named = [one for one in offered if wanted in {one.reference, one.reference.partition(":")[0]}]
            if not named:
                raise no_such_bundle(wanted)
            return named[0]
        fresh = [one for one in offered if one.standing == "new"]
        active = self._books.state.active
        if active is not None:
            fresh = [one for one in fresh if one.bundle_id == active.bundle_id]
        lines = sorted({one.bundle_id for one in fresh})
        if len(lines) > 1:
            raise Conflict(
                "several_bundles",
                f"The repository offers {len(lines)} different bundles: {', '.join(lines[:8])}.",
                money=UNTOUCHED,
                todo="Name the one that you want, as `mooring bundle list` shows it.",
            )
        return fresh[0] if fresh else None

    def bring(
        self, trust: Trust, chosen: Offered, fetch: Any, fresh: Fresh, tell: Tell, *, repository: str, wanted: bool
    ) -> Slot:
        """Steps 2 to 6: its files are in a slot, proved, and the record says so.

        Raises:
            Unverified: it is not what was signed. Denied: it does not fit, is too old, or shows too little.
            Retry: it does not come. OSError: the disk refuses.
        """
        books, offer = self._books, chosen.offer
        require_standing(chosen)
        st.require_free(books.state)
        books.slots.require_refusable()
        size = int(offer.custom["unpacked_size"])
        with books.slots.part(offer.sha256, offer.length + size) as file:
            trust.download(offer, fetch, file, tell)  # 2, and hashed as it is written: 3
            file.flush()
            staged = books.slots.fresh(chosen.slot)
            manifest = self._reader.unpack(file.fileno(), offer.custom, staged)
        require_acceptable(self._reader, manifest, fresh.trusted_time)
        slot = Slot(
            repository=repository,
            bundle_id=manifest.bundle_id,
            seq=manifest.seq,
            version=manifest.version,
            channel=manifest.channel,
            target=offer.name,
            generation=fresh.generation,
            as_of=int(fresh.trusted_time.timestamp()),
            manifest_sha256=offer.custom["manifest_sha256"],
            sha256=offer.sha256,
            size=offer.length,
        )
        trust.keep(fresh.generation)  # before the engine could wait for it
        with books.turn:
            staging = st.stage(books.fit_state(), slot, self.terms(manifest), wanted=wanted)
            books.slots.keep(staged, slot)  # 4 and 5
            books.put(staging)  # 6
            books.unfit.pop(slot.name, None)
        books.tell("staged", slot, version=slot.version, channel=slot.channel)
        return slot

    def terms(self, manifest: Manifest) -> Terms:
        """What its trial has to hold: its own terms, never below the person's."""
        own, least = manifest.probation, self._least()
        return Terms(
            min_bars=max(own.min_bars, least.min_bars),
            min_minutes=max(own.min_minutes, least.min_minutes),
            max_errors=own.max_errors,
            p99_us=own.p99_us,
            psi_max=str(own.psi_max),
        )

    def _offered(self, offer: Offer, state: State, revoked: Revocations, gone: frozenset[str]) -> Offered:
        standing, why = self._standing(offer.custom, state, revoked)
        made = Offered(offer=offer, standing=standing, why=why)
        if standing == "new" and made.slot in gone:  # else who updates by themselves would begin all over with it
            return replace(made, standing="rejected", why="Mooring ended whenever it was loaded or asked.")
        return made

    def _standing(self, custom: Mapping[str, Any], state: State, revoked: Revocations) -> tuple[Standing, str]:
        bundle_id, seq, manifest = str(custom["bundle_id"]), int(custom["seq"]), str(custom["manifest_sha256"])
        found: tuple[Standing, str] = ("new", "")
        if why := revoked.why_not(bundle_id, seq, manifest):
            found = ("revoked", why)
        elif manifest in {slot.manifest_sha256 for slot in state.good}:
            found = ("installed", "It is installed.")
        elif (
            state.phase is Phase.TRYING and state.candidate is not None and manifest == state.candidate.manifest_sha256
        ):
            found = ("installed", "It is on trial.")
        elif self._books.slots.is_rejected(manifest):
            found = ("rejected", "It was refused here before.")
        else:
            try:
                st.require_newer(state, bundle_id, seq, manifest)
            except Denied as error:
                return "older", error.what
            try:
                self._reader.require_fit(custom["requires"])
            except MooringError as error:
                return "unfit", error.what
        return found


def require_standing(chosen: Offered) -> None:
    """Refuse what is not new here.

    Raises:
        Denied, Conflict: what it is instead.
    """
    words = {
        "revoked": Denied("bundle_revoked", f"Bundle {chosen.reference} was revoked: {chosen.why}.", money=UNTOUCHED),
        "installed": Conflict("bundle_in_use", f"Bundle {chosen.reference} is installed.", money=UNTOUCHED),
        "rejected": Denied(
            "bundle_rejected",
            f"Bundle {chosen.reference} was refused here before.",
            money=UNTOUCHED,
            todo="Name it with `mooring bundle activate ID --again` where you want it tried once more.",
        ),
        "older": Denied("bundle_not_newer", chosen.why, money=UNTOUCHED),
        "unfit": Denied("bundle_incompatible", chosen.why, money=UNTOUCHED, todo="Update Mooring first."),
    }
    if chosen.standing in words:
        raise words[chosen.standing]


def no_such_bundle(name: str) -> NotFound:
    """Nothing is of that name; the name is not repeated where it may be anything."""
    del name
    return NotFound(
        "no_such_bundle",
        "There is no bundle of that name, neither installed nor offered.",
        money=UNTOUCHED,
        todo="Take a name from `mooring bundle list`; `mooring bundle check` asks the repository first.",
    )
