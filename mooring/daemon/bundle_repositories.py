"""The repositories of bundles that this home knows: those that come with this version, and those that a person added.

bundles/repositories/<name>/root.json         the root that everything is proved by, as the person was given it
bundles/repositories/<name>/repository.json   {"url", "root_sha256"}
bundles/<name>/                               what was verified of it
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import orjson

from mooring.durable import read_private, replace_file
from mooring.errors import Conflict, Invalid, NotFound, Retry, Unverified
from mooring.home import PRIVATE, Home

if TYPE_CHECKING:
    from mooring.bundles.trust import Repository

ROOT_BYTES_MAX: Final = 512_000
NOTE_BYTES_MAX: Final = 4096
KNOWN_MAX: Final = 64
AGAIN_SECONDS: Final = 60.0
RESERVED: Final = frozenset({"repositories", "slots", "staging", "state", "rejected", "lock"})
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,63}\Z")
_UNTOUCHED: Final = "Nothing was changed, and nothing was fetched."


@dataclass(frozen=True, kw_only=True)
class Known:
    """A repository that a person trusts.

    Attributes:
        root: the bytes of its first root. root_sha256: of them, hex.
    """

    name: str
    url: str
    root: bytes
    root_sha256: str


def bundles_dir(home: Home) -> Path:
    """Where all that concerns bundles lies."""
    return home.root / "bundles"


def known(home: Home, name: str) -> Known:
    """A repository by its name.

    Raises:
        NotFound: none was added under it. Unverified: its root is not the one that was added.
        Invalid: its note is none. Retry: the disk fails.
    """
    folder = bundles_dir(home) / "repositories" / name
    try:
        if _NAME.match(name) is None or (note := read_private(folder / "repository.json", NOTE_BYTES_MAX)) is None:
            raise _unknown()
        root = read_private(folder / "root.json", ROOT_BYTES_MAX)
        said = orjson.loads(note)
        url, sha256 = str(said["url"]), str(said["root_sha256"])
    except OSError as error:  # of the disk, at this moment: what is noted is as it was
        raise Retry(
            "repository_disk",
            f"What is noted of the repository {name} cannot be read now: {error.strerror or type(error).__name__}.",
            retry_after_seconds=AGAIN_SECONDS,
            money="What decides goes on.",
            todo="See to the disk, and to who may read bundles/repositories of the home; then ask again.",
        ) from None
    except (ValueError, KeyError, TypeError):
        raise Invalid(
            "repository_unreadable",
            f"What is noted of the repository {name} cannot be read.",
            money=_UNTOUCHED,
            todo="Add it again with `mooring bundle trust`.",
        ) from None
    from mooring.bundles.trust import checked_root  # noqa: PLC0415 -- a daemon that follows none stays light
    from mooring.bundles.trust.address import checked_address  # noqa: PLC0415

    return Known(name=name, url=checked_address(url), root=checked_root(root or b"", sha256), root_sha256=sha256)


def added(home: Home) -> list[str]:
    """The names of those that were added, sorted."""
    try:
        return sorted(path.name for path in (bundles_dir(home) / "repositories").iterdir() if path.is_dir())[:KNOWN_MAX]
    except FileNotFoundError:
        return []


def add(home: Home, name: str, url: str, root: bytes) -> Known:
    """Trust a repository from now on, by its root. The very same once more changes its address only.

    Raises:
        Invalid: name, address or root are none. Conflict: another one has this name.
    """
    if _NAME.match(name) is None or name in RESERVED:
        raise Invalid(
            "bad_repository_name",
            "A repository cannot have this name.",
            money=_UNTOUCHED,
            todo="Take a name of a-z, 0-9 and -, such as my-models.",
        )
    from mooring.bundles.trust import BUILT_AT, Repository  # noqa: PLC0415 -- as in `known`
    from mooring.bundles.trust.address import checked_address  # noqa: PLC0415

    sha256 = hashlib.sha256(root).hexdigest()
    made = Known(name=name, url=checked_address(url), root=root, root_sha256=sha256)
    home.prepare()
    top = bundles_dir(home)
    folder = top / "repositories" / name
    # Made without touching the disk: it refuses what is no root.
    Repository(top / name, root, clock=lambda: BUILT_AT, built_at=BUILT_AT)
    try:
        former = known(home, name).root_sha256
    except (NotFound, Invalid, Unverified):
        former = sha256
    if former != sha256:
        raise Conflict(
            "repository_known",
            f"Another repository is known as {name}, with another root.",
            money=_UNTOUCHED,
            todo="Choose another name; what is installed is proved by the root that it came with.",
        )
    for each in (top, folder.parent, folder):
        each.mkdir(mode=PRIVATE, exist_ok=True)
    replace_file(folder / "root.json", root)
    # Last: without it the repository is not there.
    replace_file(folder / "repository.json", orjson.dumps({"url": made.url, "root_sha256": sha256}))
    return made


class Repositories:
    """The repositories of a home, each made once: what they verify is theirs, and of processes there is one.

    Args:
        clock: now, with its zone.
    """

    def __init__(self, home: Home, clock: Callable[[], datetime]) -> None:
        self._home = home
        self._clock = clock
        self._lock = threading.Lock()
        self._made: dict[tuple[str, str], Repository] = {}

    def __call__(self, name: str) -> Repository:
        """One by its name. Errors as `known`."""
        from mooring.bundles.trust import BUILT_AT, Repository  # noqa: PLC0415 -- as in `known`

        found = known(self._home, name)
        key = (name, found.root_sha256)
        with self._lock:  # readers and work ask at once, and two writers of one folder would not know of each other
            if key not in self._made:
                folder = bundles_dir(self._home) / name
                self._made[key] = Repository(folder, found.root, clock=self._clock, built_at=BUILT_AT)
            return self._made[key]


def _unknown() -> NotFound:
    return NotFound(
        "no_such_repository",
        "No repository of this name was added to this home.",
        money=_UNTOUCHED,
        todo="Add it with `mooring bundle trust`, or name another one in bundles.repository.",
    )
