"""Loads and questions that did not end: three in a row give an accepted bundle up, and nothing else does."""

from __future__ import annotations

import errno
import re
from contextlib import suppress
from pathlib import Path

import orjson
import pytest

from mooring.bundles.store import load_counts as module
from mooring.bundles.store.load_counts import IN_A_ROW, KEPT_MAX
from mooring.bundles.store.loads import Loads
from mooring.bundles.store.state import TRIES, Slot
from mooring.daemon.supervision.unit import unit
from mooring.errors import Denied
from tests.bundles.store.slot_kit import slot_of

ONE = slot_of(1)


def killed(folder: Path, slot: Slot = ONE, times: int = 1, version: str = "1") -> None:
    """So many processes, each of which ended while it loaded this one."""
    for _ in range(times):
        Loads(folder, version).around(slot, counted=True).__enter__()


def killed_asking(folder: Path, slot: Slot = ONE, times: int = 1) -> None:
    """So many processes, each of which loaded it well, and ended while it was asked."""
    for _ in range(times):
        made = Loads(folder, "1")
        with made.around(slot, counted=True):
            pass
        made.asking(slot, counted=True).__enter__()


def answers(folder: Path, slot: Slot = ONE) -> None:
    """Another process asks it, and it answers."""
    with Loads(folder, "1").asking(slot, counted=True):
        pass


def loads(folder: Path, slot: Slot = ONE, version: str = "1") -> bool:
    """Whether another process would load it."""
    made = Loads(folder, version)
    try:
        with made.around(slot, counted=True):
            return True
    except Denied:
        return False


def begun(folder: Path, which: str = "begun") -> dict[str, int]:
    found: dict[str, int] = orjson.loads((folder / "loading").read_bytes())[which]
    return found


def in_a_row(folder: Path) -> int:
    return int(orjson.loads((folder / "loading").read_bytes())["in_a_row"])


def test_the_fourth_load_after_three_that_did_not_end_is_not_begun_and_stays_so(tmp_path: Path) -> None:
    killed(tmp_path, times=TRIES)
    made = Loads(tmp_path, "1")
    assert made.why_not(ONE).startswith("Mooring ended 3 times in a row while it was being loaded. ")
    with pytest.raises(Denied, match=r"core@1 --again") as refused, made.around(ONE, counted=True):
        pass
    assert refused.value.code == "bundle_given_up"
    made.close()
    assert not loads(tmp_path), "an orderly end is none of its loads"
    assert loads(tmp_path, slot_of(2)), "another one is not to blame"
    assert not loads(tmp_path), "and does not forgive it"


@pytest.mark.parametrize("error", [None, RuntimeError("no models"), MemoryError()])
def test_a_load_that_ends_well_or_not_takes_back_those_before_it(tmp_path: Path, error: Exception | None) -> None:
    killed(tmp_path, times=TRIES - 1)
    try:
        with Loads(tmp_path, "1").around(ONE, counted=True):
            assert begun(tmp_path) == {ONE.name: TRIES}, "on the disk before it is loaded"
            if error is not None:
                raise error
    except (RuntimeError, MemoryError):
        pass
    assert (begun(tmp_path), in_a_row(tmp_path)) == ({}, TRIES - 1), "the row goes on until one of them answers"
    answers(tmp_path, slot_of(2))
    assert list(tmp_path.iterdir()) == []


def test_an_orderly_end_while_it_loads_takes_back_this_load_and_none_before_it(tmp_path: Path) -> None:
    killed(tmp_path, times=TRIES - 1)
    made = Loads(tmp_path, "1")
    made.around(ONE, counted=True).__enter__()
    made.close()
    assert begun(tmp_path) == {ONE.name: TRIES - 1}
    made.around(slot_of(2), counted=True).__enter__()
    assert begun(tmp_path) == {ONE.name: TRIES - 1}, "what begins after the end is none"


def test_a_load_that_ends_after_the_orderly_end_takes_nothing_back(tmp_path: Path) -> None:
    killed(tmp_path, times=TRIES - 1)
    made = Loads(tmp_path, "1")
    with made.around(ONE, counted=True):
        made.close()
    assert begun(tmp_path) == {ONE.name: TRIES - 1}


def test_a_trial_counts_in_the_row_alone_and_one_that_answers_is_forgiven(tmp_path: Path) -> None:
    Loads(tmp_path, "1").around(ONE, counted=False).__enter__()
    assert (begun(tmp_path), in_a_row(tmp_path)) == ({}, 1)
    killed(tmp_path, times=TRIES)
    assert in_a_row(tmp_path) == IN_A_ROW
    trial = Loads(tmp_path, "1")
    with trial.around(ONE, counted=False):
        pass
    assert not loads(tmp_path)
    with trial.asking(ONE, counted=False):
        pass
    assert loads(tmp_path)


def starts(folder: Path, *, trial: int = 0, asked: str = "") -> int:
    """How many starts end with one of two accepted bundles, or a trial before them; those of `asked` load well."""
    for start in range(20):
        made = Loads(folder, "1")
        if start < trial:
            made.around(slot_of(3), counted=False).__enter__()
            continue
        for slot in (slot_of(2), ONE):  # as they are asked for: the newest that was accepted, then what it replaced
            with suppress(Denied):
                load = made.around(slot, counted=True)
                load.__enter__()
                if slot.reference[: len("core@1")] in asked:
                    load.__exit__(None, None, None)
                    made.asking(slot, counted=True).__enter__()
                break
        else:
            return start
    return 20


@pytest.mark.parametrize("asked", ["", "core@1", "core@2", "core@1 core@2"])
@pytest.mark.parametrize("trial", [0, TRIES])
def test_where_every_one_kills_one_of_the_starts_that_systemd_grants_loads_none(
    tmp_path: Path, trial: int, asked: str
) -> None:
    """Else the service stays down, and nobody decides exits."""
    (burst,) = re.findall(r"^StartLimitBurst=(\d+)$", unit(["mooring"]), re.MULTILINE)
    assert starts(tmp_path, trial=trial, asked=asked) < int(burst)
    why = Loads(tmp_path, "1").why_not(ONE)
    assert why.startswith("Mooring ended 4 times in a row while models were being loaded or asked, not always of it. ")
    assert "core@1 --again" in why
    made = Loads(tmp_path, "1")
    with made.around(slot_of(4), counted=False):
        pass
    with made.asking(slot_of(4), counted=False):
        pass
    assert in_a_row(tmp_path) == 0, "a trial is refused by its own count alone, and one that answers ends the row"
    assert loads(tmp_path)


def test_whoever_has_one_loaded_again_begins_the_row_anew(tmp_path: Path) -> None:
    starts(tmp_path)
    Loads(tmp_path, "1").forgive(slot_of(2).name)
    assert in_a_row(tmp_path) == 0
    assert loads(tmp_path, slot_of(2))


def test_a_load_that_hangs_beside_another_is_one_end_of_the_process(tmp_path: Path) -> None:
    made = Loads(tmp_path, "1")
    for slot in (slot_of(2), ONE):
        made.around(slot, counted=True).__enter__()
    assert (begun(tmp_path), in_a_row(tmp_path)) == ({slot_of(2).name: 1, ONE.name: 1}, 1)
    made.close()
    assert list(tmp_path.iterdir()) == []


def test_after_three_that_ended_while_it_was_asked_it_is_loaded_no_more_and_the_next_one_decides(
    tmp_path: Path,
) -> None:
    killed_asking(tmp_path, times=TRIES)
    assert Loads(tmp_path, "1").why_not(ONE).startswith("Mooring ended 3 times in a row while it was being asked. ")
    assert Loads(tmp_path, "1").gone() == {ONE.name}
    assert not loads(tmp_path)
    assert loads(tmp_path, slot_of(2))
    answers(tmp_path, slot_of(2))
    assert (begun(tmp_path, "asked"), in_a_row(tmp_path)) == ({ONE.name: TRIES}, 0)
    Loads(tmp_path, "1").forgive(ONE.name)
    assert list(tmp_path.iterdir()) == []


def test_ends_within_its_loads_and_its_questions_count_together(tmp_path: Path) -> None:
    killed_asking(tmp_path, times=TRIES - 1)
    killed(tmp_path)
    assert "while it was being loaded or asked. " in Loads(tmp_path, "1").why_not(ONE)
    assert not loads(tmp_path)


def test_an_answer_or_an_orderly_end_takes_back_what_was_asked(tmp_path: Path) -> None:
    killed_asking(tmp_path, times=TRIES - 1)
    made = Loads(tmp_path, "1")
    made.asking(ONE, counted=True).__enter__()
    assert (begun(tmp_path, "asked"), in_a_row(tmp_path)) == ({ONE.name: TRIES}, TRIES)
    made.close()
    assert (begun(tmp_path, "asked"), in_a_row(tmp_path)) == ({ONE.name: TRIES - 1}, TRIES - 1)
    answers(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_follows_an_answer_closely_is_not_counted_and_the_next_hour_is(tmp_path: Path) -> None:
    """A week that is caught up would wait for the disk at each of its hours."""
    now = 0.0
    made = Loads(tmp_path, "1", lambda: now)
    counted = []
    for now in (0.0, 59.0, 61.0, 3600.0):  # noqa: B007 -- read by the clock
        with made.asking(ONE, counted=True):
            counted.append((tmp_path / "loading").exists())
    with made.asking(slot_of(2), counted=True):
        assert begun(tmp_path, "asked") == {slot_of(2).name: 1}, "another one has not answered yet"
    assert counted == [True, False, True, True]


def test_while_an_answer_is_overdue_this_process_still_counts(tmp_path: Path) -> None:
    """As what takes all memory before it ends the process does."""
    made = Loads(tmp_path, "1")
    overdue = made.asking(ONE, counted=True)
    overdue.__enter__()
    with made.around(slot_of(2), counted=True):
        pass
    with made.asking(slot_of(2), counted=True):
        pass
    assert (begun(tmp_path, "asked"), in_a_row(tmp_path)) == ({ONE.name: 1}, 1)
    overdue.__exit__(None, None, None)
    assert list(tmp_path.iterdir()) == []


def test_of_what_is_torn_a_trial_writes_nothing_over(tmp_path: Path) -> None:
    (tmp_path / "loading").write_bytes(b"{")
    Loads(tmp_path, "1").around(slot_of(2), counted=False).__enter__()
    assert (tmp_path / "loading").read_bytes() == b"{"


def test_of_two_loads_of_one_bundle_at_once_the_last_to_end_counts(tmp_path: Path) -> None:
    """One was left while it hung, as another bundle was to take its place, and came back."""
    made = Loads(tmp_path, "1")
    first = made.around(ONE, counted=True)
    first.__enter__()
    with made.around(ONE, counted=True):
        assert begun(tmp_path) == {ONE.name: 1}, "one process, one load that ends it"
        first.__exit__(None, None, None)
        assert begun(tmp_path) == {ONE.name: 1}
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_refuses_keeps_nothing_from_being_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    killed(tmp_path)
    with monkeypatch.context() as bad:
        bad.setattr(module, "replace_file", full)
        bad.setattr(Path, "unlink", full)
        for _ in range(TRIES + 1):
            assert loads(tmp_path)
            answers(tmp_path)
    assert begun(tmp_path) == {ONE.name: 1}
    assert loads(tmp_path / "not-there")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"x" * (module.BYTES_MAX + 1),
        b'{"begun":{},"asked":{},"version":"1"}',
        b'{"format":"mooring-loads/1","version":"1","begun":{},"asked":{}}',
        b'{"format":"mooring-loads/1","version":"1","begun":{},"asked":{},"in_a_row":"1"}',
        b'{"format":"mooring-loads/1","version":"1","begun":[],"asked":{},"in_a_row":0}',
        b'{"format":"mooring-loads/1","version":"1","begun":{"1-a":"3"},"asked":{},"in_a_row":0}',
        b'{"format":"mooring-loads/1","version":"1","begun":{},"asked":{"1-a":true},"in_a_row":0}',
        b'{"format":"mooring-loads/1","version":"1","begun":{},"asked":null,"in_a_row":0}',
    ],
)
def test_what_is_torn_may_have_said_two_and_one_more_gives_it_up(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "loading").write_bytes(data)
    killed(tmp_path)
    assert not loads(tmp_path)
    (tmp_path / "loading").write_bytes(data)
    assert loads(tmp_path), "one that ends is one that ends"
    answers(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_read_counts_the_same_and_is_no_loop_without_an_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> bytes:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as bad:
        bad.setattr(module, "read_private", fails)
        killed(tmp_path)
        assert not Loads(tmp_path, "1").why_not(ONE), "that it may not be, nobody knows"
    assert not loads(tmp_path)


def test_what_could_not_be_read_for_a_moment_is_kept_of_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> bytes:
        raise OSError(errno.EIO, "Input/output error")

    killed(tmp_path, times=TRIES)
    killed_asking(tmp_path, slot_of(2))
    with monkeypatch.context() as bad:
        bad.setattr(module, "read_private", fails)
        with pytest.raises(OSError, match="cannot be read"):
            Loads(tmp_path, "1").forgive(ONE.name)
        for slot in (slot_of(3), slot_of(4)):
            killed(tmp_path, slot)
        with Loads(tmp_path, "1").asking(slot_of(5), counted=False):
            pass
    assert Loads(tmp_path, "1").gone() == {ONE.name, slot_of(4).name}
    answers(tmp_path, slot_of(2))
    assert [one.name for one in tmp_path.iterdir()] == ["loading"]
    assert (begun(tmp_path)[ONE.name], begun(tmp_path, "asked"), in_a_row(tmp_path)) == (TRIES, {}, 0)


def test_what_was_read_once_is_not_lost_where_the_disk_fails_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> bytes:
        raise OSError(errno.EMFILE, "Too many open files")

    killed(tmp_path, times=TRIES)
    made = Loads(tmp_path, "1")
    assert made.why_not(ONE)
    with monkeypatch.context() as bad:
        bad.setattr(module, "read_private", fails)
        with made.around(slot_of(2), counted=True):
            assert begun(tmp_path) == {ONE.name: TRIES, slot_of(2).name: 1}
        assert made.gone() == {ONE.name}
    assert (begun(tmp_path), in_a_row(tmp_path)) == ({ONE.name: TRIES}, TRIES)
    assert [one.name for one in tmp_path.iterdir()] == ["loading"]


def test_another_version_of_mooring_tries_it_again(tmp_path: Path) -> None:
    killed(tmp_path, times=TRIES)
    assert loads(tmp_path, version="2")


def test_a_person_has_it_loaded_again(tmp_path: Path) -> None:
    for slot in (ONE, slot_of(2)):
        killed(tmp_path, slot, times=TRIES)
        answers(tmp_path, slot_of(3))
    Loads(tmp_path, "1").forgive(ONE.name)
    assert loads(tmp_path)
    assert not loads(tmp_path, slot_of(2))
    (tmp_path / "loading").write_bytes(b"")
    Loads(tmp_path, "1").forgive(ONE.name)
    assert list(tmp_path.iterdir()) == []


def test_only_so_many_bundles_are_kept(tmp_path: Path) -> None:
    for seq in range(1, KEPT_MAX + 3):
        killed(tmp_path, slot_of(seq))
        Loads(tmp_path, "1").forgive("the row alone")
    assert list(begun(tmp_path)) == [slot_of(seq).name for seq in range(3, KEPT_MAX + 3)]
