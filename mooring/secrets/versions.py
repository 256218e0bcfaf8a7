"""A secret that is replaced: the new one is kept beside the old one, then a note switches, then the old one goes.

The keychain of macOS replaces an item by deleting and adding it, so a crash between the two would lose the only copy.
Here each version is an item of its own, `NAME/v3`, and a note outside the keychain says which one counts. The note
names, before anything is written, which items may be left over; so a crash at any point leaves the old secret or the
new one in force, and the next start knows what to clean up, without asking the keychain for what was never there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from mooring.errors import Denied, MooringError
from mooring.secrets.vault import Vault

LEFT_MOST: Final = 8
VERSION_MOST: Final = 1_000_000
LABEL_MOST: Final = 32
_LABEL: Final = re.compile(r"[\x20-\x7e]*\Z")


class Note(Protocol):
    """A small document that outlives a crash; it holds no secret."""

    def load(self) -> dict[str, Any] | None:
        """What was saved last; None where nothing was.

        Raises:
            MooringError: it cannot be read.
        """
        ...

    def save(self, document: Mapping[str, Any]) -> None:
        """Save it, durably and whole, in the place of the former one.

        Raises:
            MooringError: it cannot be written; the former one is still there.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What is known of the secret in force, without asking the keychain.

    Attributes:
        version: rises with each secret, also over removals. label: what a person knows it by.
        stored_at: UTC unix seconds.
    """

    version: int
    label: str
    stored_at: int


@dataclass(frozen=True, kw_only=True)
class _Written:
    version: int = 0
    highest: int = 0
    label: str = ""
    stored_at: int = 0
    left: tuple[int, ...] = ()

    def document(self) -> dict[str, Any]:
        return {
            "version": self.version,
            "highest": self.highest,
            "label": self.label,
            "stored_at": self.stored_at,
            "left": list(self.left),
        }


class Versions:
    """One secret and its versions. One process at a time; one thread changes it, others may read.

    Args:
        vault: keeps the versions; one that is read-only has the one item `name`, without versions.
        name: of the secret; `NAME/v3` is an item.
        note: says which version counts.
        now: UTC unix seconds.
    """

    def __init__(self, vault: Vault, name: str, note: Note, now: Callable[[], int]) -> None:
        self._vault, self._name, self._note, self._now = vault, name, note, now

    @property
    def where(self) -> str:
        """The place in words."""
        return self._vault.where

    @property
    def read_only(self) -> bool:
        """Whether somebody else puts the secret there."""
        return self._vault.read_only

    def kept(self) -> Kept | None:
        """What the note says is in force; None where nothing is, or where the vault is read-only."""
        if self._vault.read_only:
            return None
        noted = self._noted()
        if noted.version == 0:
            return None
        return Kept(version=noted.version, label=noted.label, stored_at=noted.stored_at)

    def read(self) -> dict[str, str] | None:
        """The secret in force; None where there is none.

        Raises:
            MooringError: as `Vault.get` and `Note.load`.
        """
        if self._vault.read_only:
            return self._vault.get(self._name)
        noted = self._noted()
        found = self._vault.get(self._item(noted.version)) if noted.version else None
        if found is None and (again := self._noted()).version not in {0, noted.version}:
            return self._vault.get(self._item(again.version))  # it was replaced between the two looks
        return found

    def require_vault(self) -> None:
        """See that the vault answers.

        Raises:
            MooringError: as `Vault.get`.
        """
        self._vault.get(self._name if self._vault.read_only else self._item(self._noted().version))

    def replace(self, document: Mapping[str, str], label: str) -> Kept:
        """Keep a new version and let it count; the one before is deleted.

        Args:
            label: at most `LABEL_MOST` characters, and nothing secret.

        Raises:
            Denied: the vault refuses, or is read-only; the former version still counts.
            Unknown: it reads back differently, or there was no answer; the former version still counts.
        """
        assert len(label) <= LABEL_MOST
        assert _LABEL.match(label)
        if self._vault.read_only:
            self._vault.put(self._name, document)  # which refuses, before anything is noted
        self.tidy()
        before = self._noted()
        fresh = before.highest + 1
        # Said before it is done: whatever happens now, the next start knows of this item.
        self._save(replace(before, highest=fresh, left=(*before.left, fresh)))
        self._vault.put(self._item(fresh), document)
        left = (*before.left, before.version) if before.version else before.left
        made = _Written(version=fresh, highest=fresh, label=label, stored_at=self._now(), left=left)
        self._save(made)
        with suppress(MooringError):  # the new one counts, and what is left over is noted for the next time
            self._clean(made)
        return Kept(version=fresh, label=label, stored_at=made.stored_at)

    def remove(self) -> bool:
        """Forget the secret; False where there was none.

        Raises:
            MooringError: as `Vault.delete`; it does not count any more, and what is left is deleted at the next start.
        """
        if self._vault.read_only:
            return self._vault.delete(self._name)
        before = self._noted()
        if not before.version:
            self.tidy()
            return False
        gone = _Written(highest=before.highest, left=(*before.left, before.version))
        self._save(gone)
        self._clean(gone)
        return True

    def tidy(self) -> int:
        """Delete what a crash left over; how many items that were.

        Raises:
            MooringError: as `Vault.delete`; they stay noted.
        """
        if self._vault.read_only:
            return 0
        return self._clean(self._noted())

    def _clean(self, noted: _Written) -> int:
        if not noted.left:
            return 0
        gone = sum(self._vault.delete(self._item(version)) for version in noted.left)
        self._save(replace(noted, left=()))
        return gone

    def _item(self, version: int) -> str:
        return f"{self._name}/v{version}"

    def _save(self, written: _Written) -> None:
        self._note.save(written.document())

    def _noted(self) -> _Written:
        said = self._note.load()
        if said is None:
            return _Written()
        try:
            noted = _Written(
                version=_number(said["version"]),
                highest=_number(said["highest"]),
                label=str(said["label"])[:LABEL_MOST],
                stored_at=int(said["stored_at"]),
                left=tuple(_number(version) for version in said["left"]),
            )
            if noted.version <= noted.highest and noted.version not in noted.left and len(noted.left) <= LEFT_MOST:
                return noted
        except (KeyError, TypeError, ValueError):
            pass  # said below
        raise Denied(
            "secret_note_damaged",
            f"The note of which version of the secret {self._name} counts is damaged.",
            money="No order was sent; nothing was changed.",
            todo="Move the file of that name out of the home's data directory, and connect the key again.",
        )


def _number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= VERSION_MOST:
        raise ValueError("no version")
    return value
