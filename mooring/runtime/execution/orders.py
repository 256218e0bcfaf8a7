"""What is known of one order, put together from whatever order it is told in; pure.

Everything that a venue says of an order joins what was said before: counts only rise, a fill counts once by its trade
id, an end stays. So sightings may come late, twice or in any order, and what is told to the books is the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from mooring.runtime.domain.codes import Role
from mooring.runtime.domain.orders import ENDED, GONE, RANK, Fill, Order, Status, Update
from mooring.runtime.execution.ports import Known
from mooring.runtime.venues.protocol import VenueOrder

AT_VENUE: Final = frozenset({Status.SUBMITTING, Status.UNKNOWN, Status.OPEN, Status.PARTIAL})


@dataclass(frozen=True, kw_only=True)
class Track:
    """An order on its way.

    Attributes:
        status, filled, told: what the books were told last; `told` holds trade ids.
        reached: how far it has come by what we did ourselves (sent, unknown, refused).
        before: lots of fills that the books had before this process knew of them.
        fills: all that are known here, by trade id.
        count: lots filled by the venue's count, the highest one told.
        end: how it ended; told to the books only once every fill is known.
        own: whether the end is our conclusion (refused, never arrived) and not the venue's word.
        order_id: the venue's; the first one that was told stays.
        since_ms: UTC unix milliseconds of the venue before which nothing of it can have happened.
        deadline_ms: until when the venue may take it, UTC unix milliseconds; 0 while it was not sent from here.
    """

    order: Order
    status: Status = Status.INTENT
    filled: int = 0
    told: frozenset[str] = frozenset()
    reached: Status = Status.INTENT
    before: int = 0
    fills: tuple[Fill, ...] = field(default=())
    count: int = 0
    end: Status | None = None
    own: bool = False
    reason: str = ""
    order_id: str = ""
    told_id: str = ""
    since_ms: int = 0
    deadline_ms: int = 0

    @property
    def known(self) -> int:
        """Lots of all fills that are known."""
        return self.before + sum(fill.quantity for fill in self.fills)

    @property
    def missing(self) -> bool:
        """Whether the venue counts more than the fills that were told, so that they have to be asked for."""
        return self.count > self.known

    @property
    def unsure(self) -> bool:
        """Whether only looking it up can say how it stands."""
        return self.missing or (self.reached is Status.UNKNOWN and self.end is None)

    @property
    def ended(self) -> bool:
        """Whether the books know that it ended."""
        return self.status in ENDED

    @property
    def at_venue(self) -> bool:
        """Whether it may rest or fill there."""
        return self.end is None and self.reached in AT_VENUE

    @property
    def settled(self) -> bool:
        """Whether it ended, nothing of it is missing, and the books know it."""
        return self.ended and self.end is not None and not self.missing and due(self) is None

    @property
    def is_entry(self) -> bool:
        return self.order.role is Role.ENTRY


def adopted(known: Known) -> Track:
    """An order that the books had before this process; what left and was not heard of again is unknown."""
    status = Status.UNKNOWN if known.status is Status.SUBMITTING else known.status
    return Track(
        order=known.order,
        status=known.status,
        filled=known.filled,
        told=known.trade_ids,
        reached=status,
        before=known.filled,
        count=known.filled,
        order_id=known.order_id,
        told_id=known.order_id,
        since_ms=known.since_ms,
    )


def reached(track: Track, status: Status, *, reason: str = "", order_id: str = "") -> Track:
    """The order after something that we did or found out ourselves; never back.

    An end of our own making (refused, never arrived) does not stand against the venue's word that it has the order.
    """
    seen = RANK[track.reached] >= RANK[Status.OPEN]
    if RANK[status] <= RANK[track.reached] or track.end is not None or (status in ENDED and seen):
        return replace(track, order_id=track.order_id or order_id)
    return replace(
        track,
        reached=status,
        end=status if status in ENDED else None,
        own=status in ENDED,
        reason=reason or track.reason,
        order_id=track.order_id or order_id,
    )


def vanished(track: Track) -> Track:
    """An order that the venue had and lists nowhere any more; its word that it has it undoes this."""
    return replace(track, end=Status.CANCELLED, own=True, reason=GONE)


def joined(track: Track, found: VenueOrder) -> Track:
    """The order with one sighting more; one of another order with the same client id changes nothing."""
    if track.order_id and found.order_id and found.order_id != track.order_id:
        return track
    have = {fill.trade_id for fill in track.fills} | track.told
    fresh = {fill.trade_id: fill for fill in found.fills if fill.trade_id not in have}
    fills = _by_time((*track.fills, *fresh.values()))
    known = track.before + sum(fill.quantity for fill in fills)
    count = max(track.count, found.filled, known)
    # The venue's word undoes a conclusion of ours.
    earlier = Status.UNKNOWN if track.own else track.reached
    arrived = found.status if RANK[found.status] > RANK[earlier] else earlier
    end = None if track.own else track.end
    end = end or (found.status if found.status in ENDED else None)
    if end is None and count >= track.order.quantity:
        end = Status.FILLED
    reason = found.reason if found.reason and (found.status in ENDED or not track.reason) else track.reason
    return replace(
        track,
        fills=fills,
        count=count,
        reached=arrived,
        end=end,
        own=False,
        reason=reason,
        order_id=track.order_id or found.order_id,
    )


def due(track: Track) -> Update | None:
    """What the books have to be told; None where they know all of it."""
    fresh = tuple(fill for fill in track.fills if fill.trade_id not in track.told)
    status = _status(track)
    if RANK[status] <= RANK[track.status]:
        status = track.status
    moved = status is not track.status or (track.order_id and not track.told_id)
    if not moved and not fresh:
        return None
    return Update(
        client_id=track.order.client_id,
        status=status,
        filled=track.filled + sum(fill.quantity for fill in fresh),
        fills=fresh,
        reason=track.reason if status in ENDED else "",
        order_id=track.order_id,
    )


def after(track: Track, update: Update) -> Track:
    """The order once the books were told."""
    return replace(
        track,
        status=update.status,
        filled=update.filled,
        told=track.told | {fill.trade_id for fill in update.fills},
        told_id=update.order_id,
    )


def withheld(track: Track) -> Track:
    """The order after the books said that it may not leave, and recorded so."""
    return replace(track, status=Status.WITHHELD, reached=Status.WITHHELD, end=Status.WITHHELD, own=True)


def released(track: Track, order: Order, *, since_ms: int) -> Track:
    """The order after the books recorded that it leaves now, perhaps as a smaller one."""
    return replace(track, order=order, status=Status.SUBMITTING, reached=Status.SUBMITTING, since_ms=since_ms)


def _status(track: Track) -> Status:
    if track.known >= track.order.quantity:
        return Status.FILLED if not track.missing else Status.PARTIAL
    if track.end is not None and not track.missing:
        # A venue that calls an order closed with a part of it open has cancelled that part.
        return Status.CANCELLED if track.end is Status.FILLED else track.end
    if track.known:
        return Status.PARTIAL
    if track.reached in ENDED or track.reached is Status.PARTIAL:
        return Status.OPEN
    return track.reached


def _by_time(fills: Iterable[Fill]) -> tuple[Fill, ...]:
    return tuple(sorted(fills, key=lambda fill: (fill.time_ms, fill.trade_id)))
