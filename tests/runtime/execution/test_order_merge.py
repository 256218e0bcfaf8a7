"""One order put together from sightings in any order, twice or late: what the books are told is the same."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from mooring.runtime.domain.orders import ENDED, RANK, Fill, Status
from mooring.runtime.execution.orders import Track, adopted, after, due, joined, reached, released
from mooring.runtime.execution.ports import Known
from mooring.runtime.venues.protocol import VenueOrder
from tests.support.execution_rig import entry

ORDER = entry(lots=100)


def fill(n: int, lots: int, *, time_ms: int | None = None) -> Fill:
    return Fill(
        trade_id=f"T{n}", quantity=lots, price=10, notional=10 * lots, fee=lots, maker=True,
        time_ms=n if time_ms is None else time_ms,
    )  # fmt: skip


def seen(status: Status, *fills: Fill, filled: int | None = None, order_id: str = "O1", reason: str = "") -> VenueOrder:
    total = sum(one.quantity for one in fills) if filled is None else filled
    return VenueOrder(
        order_id=order_id, client_id=ORDER.client_id, symbol=ORDER.symbol, side=ORDER.side, kind=ORDER.kind,
        quantity=ORDER.quantity, filled=total, status=status, fills=fills, reason=reason,
    )  # fmt: skip


def sent() -> Track:
    return released(Track(order=ORDER), ORDER, since_ms=0)


def tell(track: Track, told: list) -> Track:
    update = due(track)
    if update is None:
        return track
    told.append(update)
    return after(track, update)


@st.composite
def histories(draw):
    """What truly happened to an order at a venue, and sightings of it in any order, some of them many times."""
    parts = draw(st.lists(st.integers(1, 30), max_size=5).filter(lambda lots: sum(lots) <= ORDER.quantity))
    fills = [fill(n, lots) for n, lots in enumerate(parts)]
    states = [(Status.OPEN, [])]
    states += [(Status.PARTIAL, fills[: n + 1]) for n in range(len(fills))]
    if sum(parts) == ORDER.quantity:
        states[-1] = (Status.FILLED, fills)
    else:
        states.append((draw(st.sampled_from([Status.CANCELLED, Status.EXPIRED])), fills))
    sightings = []
    for status, so_far in states:
        total = sum(one.quantity for one in so_far)
        kinds = draw(st.lists(st.sampled_from(["whole", "last", "bare"]), max_size=3))
        shown = {"whole": so_far, "last": so_far[-1:], "bare": []}
        sightings += [seen(status, *shown[kind], filled=total) for kind in kinds]
    final = seen(states[-1][0], *fills)
    return draw(st.permutations([*sightings, final])), final


@given(histories())
def test_any_order_of_sightings_comes_to_the_same_and_only_goes_forward(history) -> None:
    sightings, final = history
    told: list = []
    track = tell(sent(), told)
    for one in sightings:
        track = tell(joined(track, one), told)
    ended = final.status if final.filled < ORDER.quantity else Status.FILLED
    assert (track.status, track.filled) == (ended, final.filled)
    ranks = [RANK[update.status] for update in told]
    assert ranks == sorted(ranks)
    ids = [one.trade_id for update in told for one in update.fills]
    assert sorted(ids) == [one.trade_id for one in final.fills]
    assert track.settled
    count = 0
    for update in told:
        count += sum(one.quantity for one in update.fills)
        assert update.filled == count
        assert update.status not in ENDED or update.filled == final.filled
        assert [one.time_ms for one in update.fills] == sorted(one.time_ms for one in update.fills)


@given(histories(), st.integers(0, 5))
def test_a_process_that_starts_in_the_middle_comes_to_the_same(history, cut: int) -> None:
    sightings, final = history
    told: list = []
    track = tell(sent(), told)
    for n, one in enumerate(sightings):
        track = tell(joined(track, one), told)
        if n == cut and not track.settled:
            if track.ended:
                break
            known = Known(
                order=ORDER, status=track.status, filled=track.filled, trade_ids=track.told, order_id=track.told_id,
                since_ms=0,
            )  # fmt: skip
            track = tell(adopted(known), told)
    else:
        track = tell(joined(track, final), told)
        assert (track.status, track.filled) == (final.status, final.filled)
        assert track.settled
    ids = [one.trade_id for update in told for one in update.fills]
    assert len(ids) == len(set(ids))


def test_an_end_waits_for_its_fills() -> None:
    track = joined(sent(), seen(Status.CANCELLED, filled=40))
    update = due(track)
    assert update is not None
    assert (update.status, update.filled) == (Status.OPEN, 0)
    assert track.missing
    track = joined(after(track, update), seen(Status.CANCELLED, fill(1, 40)))
    update = due(track)
    assert update is not None
    assert (update.status, update.filled, len(update.fills)) == (Status.CANCELLED, 40, 1)


def test_a_refusal_of_what_the_venue_has_is_not_believed() -> None:
    track = joined(sent(), seen(Status.OPEN))
    assert reached(track, Status.REJECTED, reason="no").end is None


def test_unknown_is_left_only_by_finding_out() -> None:
    track = reached(sent(), Status.UNKNOWN)
    assert track.unsure
    assert reached(track, Status.SUBMITTING) == track
    assert not joined(track, seen(Status.OPEN)).unsure


def test_what_was_concluded_is_undone_by_the_venues_word_but_told_forward_only() -> None:
    track = reached(reached(sent(), Status.UNKNOWN), Status.CANCELLED, reason="never_arrived")
    update = due(track)
    assert update is not None
    track = after(track, update)
    assert track.settled
    late = joined(track, seen(Status.OPEN))
    assert late.at_venue
    filled = due(joined(late, seen(Status.PARTIAL, fill(1, 10))))
    assert filled is not None
    assert (filled.status, filled.filled) == (Status.CANCELLED, 10)


def test_another_order_with_the_same_client_id_changes_nothing() -> None:
    track = joined(sent(), seen(Status.OPEN))
    assert joined(track, seen(Status.FILLED, fill(1, 100), order_id="O2")) == track


def test_a_venue_that_calls_a_part_closed_has_cancelled_the_rest() -> None:
    update = due(joined(sent(), seen(Status.FILLED, fill(1, 60))))
    assert update is not None
    assert (update.status, update.filled) == (Status.CANCELLED, 60)


def test_a_smaller_release_is_filled_by_its_own_quantity() -> None:
    track = released(Track(order=ORDER), replace(ORDER, quantity=60), since_ms=0)
    update = due(joined(track, seen(Status.FILLED, fill(1, 60))))
    assert update is not None
    assert update.status is Status.FILLED
