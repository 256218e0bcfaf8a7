"""Generations of verified metadata on disk: each a folder that is written once, whole, and never changed.

    tuf/gen-7/generation.json    what is in it: role, file, size, sha256 of each
    tuf/gen-7/root-1.json        roots by version
    tuf/gen-7/role-0.json        the other roles, numbered: names of roles are a publisher's, and no names of files
    tuf/gen-7/target-0.json      small targets that belong to it
    tuf/new/                     one that is being written; nothing reads it

Which one counts is said by the record beside the floors, with the sha256 of `generation.json`; so what was swapped, cut
or replaced is found, and counts as lost.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import stat
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import orjson

from mooring.bundles.trust.policy import parse_time, write_time
from mooring.bundles.trust.updater import Held
from mooring.durable import read_private, sync_folder, write_new

INDEX: Final = "generation.json"
FORMAT: Final = "mooring-metadata/1"
_INDEX_MAX: Final = 1_048_576
_FILES_MAX: Final = 1024
_FOLDER: Final = re.compile(r"gen-([1-9][0-9]{0,17})")
_KEYS: Final = {"accepted", "complete", "files", "format", "made_at"}


@dataclass(frozen=True, kw_only=True)
class Generation:
    """One generation, as read or as to be written.

    Attributes:
        held: the metadata.
        targets: small targets by name.
        made_at: what counted as now.
        complete: whether the whole chain was verified then, its small targets too.
        accepted: roles that were let through though they had expired (`timestamp`, `snapshot`).
    """

    held: Held
    targets: dict[str, bytes] = field(default_factory=dict)
    made_at: datetime
    complete: bool
    accepted: frozenset[str] = frozenset()


class Generations:
    """All generations of one repository. One writer at a time.

    Args:
        folder: `tuf/`; made when the first one is written.
        most: bytes of all metadata of one generation.
    """

    def __init__(self, folder: Path, *, most: int) -> None:
        self._folder = folder
        self._most = most

    def numbers(self) -> list[int]:
        """Of those that are there, whole or not; ascending.

        Raises:
            OSError: the folder cannot be read, or is none.
        """
        if not self._is_folder(self._folder):
            return []
        matches = (_FOLDER.fullmatch(one.name) for one in self._folder.iterdir())
        return sorted(int(match[1]) for match in matches if match is not None)

    def write(self, number: int, generation: Generation) -> str:
        """Have a generation on the disk when this returns; gives its sha256.

        Raises:
            OSError: it is not there.
            ValueError: it is more than may be kept.
        """
        files = dict(_files(generation))
        index = orjson.dumps(_index(generation, files), option=orjson.OPT_SORT_KEYS)
        if len(files) > _FILES_MAX or len(index) > _INDEX_MAX or sum(map(len, files.values())) > self._most:
            raise ValueError("there is more metadata than may be kept")
        new = self._folder / "new"
        if not self._is_folder(self._folder):
            self._folder.mkdir(mode=0o700)
            sync_folder(self._folder.parent)
        self._remove(new)
        new.mkdir(mode=0o700)
        for name, data in {**files, INDEX: index}.items():
            write_new(new / name, data)
        sync_folder(new)
        new.rename(self.path(number))
        sync_folder(self._folder)
        return hashlib.sha256(index).hexdigest()

    def read(self, number: int, sha256: str = "") -> Generation:
        """A generation, each file of it held against the index, and that against `sha256` where one is given.

        Raises:
            ValueError: it is not there, is a link, or is not what was written. OSError: it cannot be read.
        """
        path = self.path(number)
        try:
            there = self._is_folder(self._folder) and self._is_folder(path)
        except NotADirectoryError:
            there = False
        if not there:
            raise ValueError("it is not there")
        index = _present(path / INDEX, _INDEX_MAX)
        if sha256 and hashlib.sha256(index).hexdigest() != sha256:
            raise ValueError("its index is another")
        said = orjson.loads(index)
        if not isinstance(said, dict) or set(said) != _KEYS or said["format"] != FORMAT:
            raise ValueError("its index is none")
        try:
            return self._read(path, said)
        except (KeyError, TypeError, AttributeError):
            raise ValueError("its index is none") from None

    def sha256(self, number: int) -> str:
        """Of the index of a generation; errors as `read`."""
        return hashlib.sha256(_present(self.path(number) / INDEX, _INDEX_MAX)).hexdigest()

    def collect(self, keep: Collection[int]) -> None:
        """Remove all but some. What cannot be removed stays, and is tried again the next time."""
        with suppress(OSError):
            for number in self.numbers():
                if number not in keep:
                    self._remove(self.path(number))

    def path(self, number: int) -> Path:
        """Where a generation is."""
        return self._folder / f"gen-{number}"

    def _read(self, path: Path, said: dict[str, Any]) -> Generation:
        held, left = Held(), self._most
        targets: dict[str, bytes] = {}
        for entry in said["files"]:
            kind, key, size = entry["kind"], entry["key"], entry["size"]
            if (
                not isinstance(size, int)
                or not 0 <= size <= left
                or not re.fullmatch(r"[a-z]+-[0-9]+\.json", entry["file"])
            ):
                raise ValueError("its index is none")
            left -= size
            data = _present(path / entry["file"], size)
            if len(data) != size or hashlib.sha256(data).hexdigest() != entry["sha256"]:
                raise ValueError(f"{entry['file']} is not what was written")
            if kind == "root":
                held.roots[int(key)] = data
            else:
                {"role": held.roles, "target": targets}[kind][str(key)] = data
        accepted = frozenset(map(str, said["accepted"])) & {"timestamp", "snapshot"}
        made_at, complete = parse_time(said["made_at"]), said["complete"] is True
        return Generation(held=held, targets=targets, made_at=made_at, complete=complete, accepted=accepted)

    def _is_folder(self, path: Path) -> bool:
        """Whether it is there.

        Raises:
            OSError: it is something else: a link could lead anywhere.
        """
        try:
            facts = path.lstat()
        except FileNotFoundError:
            return False
        if not stat.S_ISDIR(facts.st_mode):
            raise NotADirectoryError(20, f"{path.name} is no folder")
        return True

    def _remove(self, path: Path) -> None:
        """Raises: OSError."""
        try:
            if stat.S_ISDIR(path.lstat().st_mode):
                shutil.rmtree(path)  # follows no links
            else:
                path.unlink()
        except FileNotFoundError:
            return


def _files(generation: Generation) -> Iterator[tuple[str, bytes]]:
    for version, data in sorted(generation.held.roots.items()):
        yield f"root-{version}.json", data
    for number, (_, data) in enumerate(sorted(generation.held.roles.items())):
        yield f"role-{number}.json", data
    for number, (_, data) in enumerate(sorted(generation.targets.items())):
        yield f"target-{number}.json", data


def _index(generation: Generation, files: dict[str, bytes]) -> dict[str, Any]:
    keys = [("root", str(version)) for version in sorted(generation.held.roots)]
    keys += [("role", role) for role in sorted(generation.held.roles)]
    keys += [("target", name) for name in sorted(generation.targets)]
    entries = [
        {"file": file, "key": key, "kind": kind, "sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
        for (kind, key), (file, data) in zip(keys, files.items(), strict=True)
    ]
    return {
        "accepted": sorted(generation.accepted),
        "complete": generation.complete,
        "files": entries,
        "format": FORMAT,
        "made_at": write_time(generation.made_at.replace(microsecond=0)),
    }


def _present(path: Path, most: int) -> bytes:
    data = read_private(path, most)
    if data is None:
        raise ValueError(f"{path.name} is not there")
    return data
