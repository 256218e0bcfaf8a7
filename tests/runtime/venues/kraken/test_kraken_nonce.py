"""Nonces rise: over restarts, kill -9, clocks that go back, threads; and one process owns a key."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mooring.errors import Conflict, Halt
from mooring.runtime.venues.kraken.nonce import NONCE_LAST, NonceFile, Nonces

KEY = "0123456789abcdef"

WRITER = """
import sys
from pathlib import Path
from mooring.runtime.venues.kraken.nonce import NonceFile, Nonces
times = iter(int(t) for t in sys.argv[2].split(","))
last = [0]
def now():
    last[0] = next(times, last[0])
    return last[0]
nonces = Nonces(NonceFile(Path(sys.argv[1]), "0123456789abcdef"), now, block=7)
while True:
    sys.stdout.write(f"{nonces.next()}\\n")
    sys.stdout.flush()
"""


class Memory:
    """A store that survives the death of `Nonces`, and counts how often it was asked."""

    def __init__(self) -> None:
        self.upto = 0
        self.writes = 0

    def load(self) -> int:
        return self.upto

    def reserve(self, upto: int) -> None:
        assert upto > self.upto
        self.upto = upto
        self.writes += 1


@settings(deadline=None)
@given(
    st.lists(st.lists(st.integers(1, 10**6), max_size=20), max_size=6),
    st.integers(1, 50),
)
def test_nonces_rise_over_restarts_whatever_the_clock_says(lives, block) -> None:
    store, given_out = Memory(), []
    for times in lives:
        clock = iter(times)
        nonces = Nonces(store, lambda clock=clock: next(clock), block=block)
        for _ in times:
            nonce = nonces.next()
            assert nonce <= store.upto
            given_out.append(nonce)
    assert given_out == sorted(set(given_out))


def test_a_nonce_is_the_time_while_the_clock_goes_on() -> None:
    nonces = Nonces(Memory(), iter([5_000, 6_000, 9_000]).__next__, block=10)
    assert [nonces.next() for _ in range(3)] == [5_000, 6_000, 9_000]


def test_a_clock_that_goes_back_counts_on_from_the_last() -> None:
    nonces = Nonces(Memory(), iter([5_000, 100, 100]).__next__, block=10)
    assert [nonces.next() for _ in range(3)] == [5_000, 5_001, 5_002]


def test_the_disk_is_asked_once_for_each_block() -> None:
    store = Memory()
    nonces = Nonces(store, lambda: 1, block=100)
    for _ in range(1_000):
        nonces.next()
    assert store.writes == 10


def test_what_cannot_be_made_durable_is_not_given_out() -> None:
    class Full(Memory):
        def reserve(self, upto: int) -> None:
            raise OSError("disk full")

    nonces = Nonces(Full(), lambda: 5)
    with pytest.raises(OSError, match="disk full"):
        nonces.next()


def test_a_key_without_nonces_left_halts() -> None:
    with pytest.raises(Halt) as halted:
        Nonces(Memory(), lambda: NONCE_LAST).next()
    assert halted.value.code == "kraken_nonce_spent"


def test_threads_never_get_the_same_nonce() -> None:
    nonces, given_out = Nonces(Memory(), lambda: 1, block=13), []

    def take() -> None:
        given_out.extend([nonces.next() for _ in range(500)])

    threads = [threading.Thread(target=take) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(given_out) == list(range(1, 2_001))


def test_after_kill_9_the_next_nonce_is_above_all_that_were_given_out(tmp_path) -> None:
    seen: list[int] = []
    for life, times in enumerate(["1000,2000,3000", "1500", "10", "4000,5"]):
        process = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), times], stdout=subprocess.PIPE)
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(20 + 13 * life)]
        os.kill(process.pid, signal.SIGKILL)
        rest = process.stdout.read().splitlines()  # what it managed to give out before it died
        process.stdout.close()
        process.wait()
        seen += [int(line) for line in [*lines, *rest[:-1]]]
    assert seen == sorted(set(seen))
    with NonceFile(tmp_path, KEY) as file:
        assert Nonces(file, lambda: 1).next() > seen[-1]


def test_one_process_owns_a_key(tmp_path) -> None:
    with NonceFile(tmp_path, KEY):
        with pytest.raises(Conflict) as refused:
            NonceFile(tmp_path, KEY)
        assert refused.value.code == "kraken_key_in_use"
        NonceFile(tmp_path, "another").close()
    NonceFile(tmp_path, KEY).close()


def test_files_are_private(tmp_path) -> None:
    with NonceFile(tmp_path / "new", KEY) as file:
        Nonces(file, lambda: 1).next()
    for path in (tmp_path / "new").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700


@pytest.mark.parametrize("content", [b"", b"12", b"abc\n", b"-5\n", b"1\n2\n", b"9" * 40 + b"\n"])
def test_a_file_with_something_else_in_it_halts_instead_of_starting_low(tmp_path, content) -> None:
    with NonceFile(tmp_path, KEY) as file:
        file.path.write_bytes(content)
        with pytest.raises(Halt) as halted:
            Nonces(file, lambda: 1)
    assert halted.value.code == "kraken_nonce_file"


def test_a_half_written_new_file_of_a_crash_does_not_matter(tmp_path) -> None:
    with NonceFile(tmp_path, KEY) as file:
        first = Nonces(file, lambda: 50, block=5).next()
        file.path.with_name(f"{file.path.name}.new").write_bytes(b"1")
        assert Nonces(file, lambda: 1, block=5).next() > first


def test_a_disk_that_refuses_halts(tmp_path) -> None:
    with NonceFile(tmp_path, KEY) as file:
        file.path.with_name(f"{file.path.name}.new").mkdir()
        with pytest.raises(Halt) as halted:
            Nonces(file, lambda: 1).next()
    assert halted.value.code == "kraken_nonce_file"
