"""Mounted secrets: what is not safe is not taken, and nothing is ever written."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from mooring.errors import Denied
from mooring.secrets.files import MAX_FILE_BYTES, FilesVault

CANARY = "Zk3vW9qXcanaryR7tLm2Ys8"
TEXT = f'{{"api_key": "{CANARY}"}}'


@pytest.fixture
def mounted(tmp_path: Path) -> Path:
    directory = tmp_path / "mounted"
    directory.mkdir(mode=0o700)
    return directory


def put(path: Path, text: str | bytes = TEXT, mode: int = 0o400) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(mode)
    return path


def refused(work: Callable[[], object]) -> Denied:
    with pytest.raises(Denied) as caught:
        work()
    assert CANARY not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.todo
    return caught.value


def test_a_private_file_is_read_and_a_missing_one_is_none(mounted: Path) -> None:
    put(mounted / "kraken.json")
    vault = FilesVault(mounted)
    assert vault.get("kraken") == {"api_key": CANARY}
    assert vault.get("other") is None
    assert str(mounted) in vault.probe()
    assert CANARY not in repr(vault)


@pytest.mark.parametrize("mode", [0o600, 0o440, 0o404, 0o444, 0o640, 0o500, 0o4400])
def test_every_other_mode_than_0400_is_refused(mounted: Path, mode: int) -> None:
    put(mounted / "kraken.json", mode=mode)
    error = refused(lambda: FilesVault(mounted).get("kraken"))
    assert error.code == "secret_file_unsafe"
    assert "0400" in error.what


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o1777, 0o730])
def test_a_directory_that_others_can_write_is_refused(mounted: Path, mode: int) -> None:
    put(mounted / "kraken.json")
    mounted.chmod(mode)
    assert refused(lambda: FilesVault(mounted).get("kraken")).code == "secret_file_unsafe"
    assert refused(lambda: FilesVault(mounted).probe()).code == "secret_file_unsafe"


def test_a_link_within_the_directory_is_followed_as_kubernetes_makes_them(mounted: Path) -> None:
    (mounted / "..2026").mkdir()
    put(mounted / "..2026" / "kraken.json")
    (mounted / "..data").symlink_to("..2026")
    (mounted / "kraken.json").symlink_to("..data/kraken.json")
    assert FilesVault(mounted).get("kraken") == {"api_key": CANARY}


def test_a_link_out_of_the_directory_in_a_circle_or_to_nothing_is_refused(mounted: Path, tmp_path: Path) -> None:
    put(tmp_path / "elsewhere.json")
    (mounted / "kraken.json").symlink_to(tmp_path / "elsewhere.json")
    (mounted / "circle.json").symlink_to(mounted / "circle.json")
    (mounted / "nothing.json").symlink_to(mounted / "gone.json")
    vault = FilesVault(mounted)
    for item in ("kraken", "circle", "nothing"):
        assert refused(lambda item=item: vault.get(item)).code == "secret_file_unsafe"


def test_what_is_no_file_or_too_long_is_refused_without_waiting(mounted: Path) -> None:
    os.mkfifo(mounted / "pipe.json", 0o400)
    (mounted / "folder.json").mkdir(mode=0o400)
    put(mounted / "long.json", '{"a": "' + "x" * MAX_FILE_BYTES + '"}')
    vault = FilesVault(mounted)
    for item in ("pipe", "folder", "long"):
        assert refused(lambda item=item: vault.get(item)).code == "secret_file_unsafe"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_or_directory_of_another_user_is_refused(mounted: Path) -> None:
    os.chown(put(mounted / "kraken.json"), 65534, 65534)
    assert refused(lambda: FilesVault(mounted).get("kraken")).code == "secret_file_unsafe"
    os.chown(mounted, 65534, 65534)
    assert "another user" in refused(lambda: FilesVault(mounted).probe()).what


def test_a_directory_that_is_none_is_refused(mounted: Path, tmp_path: Path) -> None:
    assert refused(lambda: FilesVault(tmp_path / "gone").get("kraken")).code == "secret_file_unsafe"
    file = put(tmp_path / "file")
    assert refused(lambda: FilesVault(file).get("kraken")).code == "secret_file_unsafe"


@pytest.mark.parametrize(
    "text", ["", "[]", "null", f'{{"api_key": "{CANARY}"', '{"a": 1}', b"\xff\xfe" + CANARY.encode(), "[" * 3000]
)
def test_what_is_no_object_of_texts_is_damaged_and_not_shown(mounted: Path, text: str | bytes) -> None:
    put(mounted / "kraken.json", text)
    assert refused(lambda: FilesVault(mounted).get("kraken")).code == "secret_file_damaged"


def test_nothing_is_ever_written_and_the_next_step_is_said(mounted: Path) -> None:
    put(mounted / "kraken.json")
    vault = FilesVault(mounted)
    for change in (lambda: vault.put("kraken", {"a": "b"}), lambda: vault.delete("kraken")):
        error = refused(change)
        assert (error.code, error.money) == (
            "secrets_read_only",
            "Nothing was changed; the key that is mounted stays in use.",
        )
    assert (mounted / "kraken.json").read_text() == TEXT
    assert [path.name for path in mounted.iterdir()] == ["kraken.json"]
