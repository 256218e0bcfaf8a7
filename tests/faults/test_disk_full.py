"""A disk without room: nothing half stored, nothing traded, and once there is room it goes on to the same end."""

from __future__ import annotations

import pytest

from mooring.runtime.store.store import Store
from tests.faults import broken
from tests.support import history, runs


@pytest.mark.parametrize("left_kib", [0, 4, 36, 300])
def test_a_disk_that_fills_up_halts_and_with_room_again_the_run_comes_to_the_same_end(tmp_path, wanted, left_kib):
    told = runs.Told()
    with broken.small_disk(tmp_path / "disk", 16_384) as disk:
        path = disk / "mooring.db"
        with Store.open(path) as store:
            made = history.engine(store, told=told)
            runs.ahead(made, 12)
            _fill(disk, left_kib)
            broken.run_into_a_halt(made, told, "disk_full")
            stored = made.status.hours
            assert 12 <= stored < 60
            assert store.reader().count("manifests") == stored
            made.stop()
        assert broken.hours_of(path) == stored
        (disk / "filler").unlink()
        assert broken.end_of(path) == wanted


def test_after_a_full_disk_the_same_process_goes_on_once_there_is_room(tmp_path, wanted):
    told = runs.Told()
    with broken.small_disk(tmp_path / "disk", 16_384) as disk:
        path = disk / "mooring.db"
        with Store.open(path) as store:
            made = history.engine(store, told=told)
            runs.ahead(made, 12)
            _fill(disk, 0)
            broken.run_into_a_halt(made, told, "disk_full")
            (disk / "filler").unlink()
            runs.run_out(made)
            assert made.status.ended
        assert broken.end_of(path) == wanted


def test_a_full_disk_at_the_very_first_start_leaves_nothing_that_keeps_the_next_one_from_working(tmp_path, wanted):
    with broken.small_disk(tmp_path / "disk", 16_384) as disk:
        path = disk / "mooring.db"
        _fill(disk, 64)
        with pytest.raises(Exception, match=r"full|No space") as caught, Store.open(path):
            pass
        assert caught.value.code == "disk_full"
        (disk / "filler").unlink()
        assert broken.end_of(path) == wanted


def _fill(disk, left_kib):
    """Fill a disk up to so many KiB."""
    with (disk / "filler").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 4096)
        except OSError:
            pass
        file.truncate(max(0, file.tell() - left_kib * 1024))
