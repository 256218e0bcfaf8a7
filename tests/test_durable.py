from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mooring import durable


def test_a_replaced_file_is_whole_private_and_alone(tmp_path: Path) -> None:
    path = tmp_path / "state"
    durable.replace_file(path, b"one")
    durable.replace_file(path, b"two")
    assert path.read_bytes() == b"two"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["state"]


def test_what_a_killed_writer_left_is_in_nobodys_way(tmp_path: Path) -> None:
    (tmp_path / "state.new").write_bytes(b"half")
    durable.replace_file(tmp_path / "state", b"whole")
    assert [each.name for each in tmp_path.iterdir()] == ["state"]


def test_a_link_in_the_place_of_the_fresh_file_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"mine")
    (tmp_path / "state.new").symlink_to(victim)
    durable.replace_file(tmp_path / "state", b"other")
    assert victim.read_bytes() == b"mine"
    assert not (tmp_path / "state").is_symlink()


def test_where_it_cannot_be_synced_the_file_is_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "state"
    durable.replace_file(path, b"before")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(durable, "sync", full)
        with pytest.raises(OSError, match="No space"):
            durable.replace_file(path, b"after")
    assert path.read_bytes() == b"before"
    assert [each.name for each in tmp_path.iterdir()] == ["state"]


def test_bytes_and_names_are_synced_in_that_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    real = os.fsync

    def noted(descriptor: int) -> None:
        seen.append("folder" if Path(f"/proc/self/fd/{descriptor}").readlink() == tmp_path else "file")
        real(descriptor)

    if not Path("/proc/self/fd").exists():
        pytest.skip("the system does not say what a descriptor stands for")
    monkeypatch.setattr(os, "fsync", noted)
    durable.replace_file(tmp_path / "state", b"x")
    assert seen == ["file", "folder"]


def test_a_mac_answers_by_numbers_that_linux_has_one_of() -> None:
    """A disk without links, such as a stick with exFAT: ENOTSUP, 45; a socket in a file's place: EOPNOTSUPP, 102."""
    code = (
        "import errno\n"
        "errno.ENOTSUP, errno.EOPNOTSUPP = 45, 102\n"
        "from mooring import durable\n"
        "from mooring.runtime.store import disk\n"
        "assert 102 in durable._NO_FILE\n"
        "assert {45, 102} <= disk.NO_LINKS\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
