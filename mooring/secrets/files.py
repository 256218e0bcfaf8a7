"""Secrets from mounted files, read only: for containers, where there is no keychain, and only where a setting says so.

An item is one file of JSON in one directory. Who put it there changes it there; nothing here writes.
"""

from __future__ import annotations

import errno
import json
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from mooring.errors import Denied

MODE: Final = 0o400
MAX_FILE_BYTES: Final = 4096
_ITEM: Final = re.compile(r"[a-z][a-z-]{0,40}\Z")
_NOTHING: Final = "No order was sent."


class FilesVault:
    """Documents of one directory: `ITEM.json`, an object of texts.

    A file must be a regular one of mode 0400, of this user or of root, at most `MAX_FILE_BYTES` long. A link may lead
    to another place in the same directory, as Kubernetes mounts them, and nowhere else.

    Args:
        directory: absolute; nobody else may write in it.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.read_only = True
        self.where = f"files in {directory}"

    def probe(self) -> str:
        """Look at the directory, and say that it will do.

        Raises:
            Denied: `secret_file_unsafe`.
        """
        self._checked()
        return f"read-only files in {self._directory}"

    def get(self, item: str) -> dict[str, str] | None:
        """The document, or None where there is no such file.

        Raises:
            Denied: `secret_file_unsafe`, `secret_file_damaged`.
        """
        assert _ITEM.match(item), "items are named by the program"
        root = self._checked()
        file = root / f"{item}.json"
        try:
            real = file.resolve(strict=True)
        except FileNotFoundError:
            if file.is_symlink():
                raise _unsafe(file, "it is a link that leads nowhere") from None
            return None
        except (OSError, RuntimeError) as error:
            raise _unsafe(file, getattr(error, "strerror", None) or "its links lead in a circle") from None
        if not real.is_relative_to(root):
            raise _unsafe(file, "it is a link that leads out of its directory")
        return _document(file, _content(file, real))

    def put(self, item: str, document: Mapping[str, str]) -> None:  # noqa: ARG002 -- refused, whatever it is
        """Refused: `secrets_read_only`."""
        raise self.refusal()

    def delete(self, item: str) -> bool:  # noqa: ARG002
        """Refused: `secrets_read_only`."""
        raise self.refusal()

    def hurry(self, seconds: float) -> None:
        """Nothing here waits."""

    def refusal(self) -> Denied:
        """Why nothing is changed here, and who changes it."""
        return Denied(
            "secrets_read_only",
            f"Secrets come from {self.where}, which Mooring only reads.",
            money="Nothing was changed; the key that is mounted stays in use.",
            todo="Change the secret where it is kept (the container's platform), and start the daemon again.",
        )

    def _checked(self) -> Path:
        try:
            root = self._directory.resolve(strict=True)
            facts = root.stat()
        except (OSError, RuntimeError) as error:
            raise _unsafe(self._directory, getattr(error, "strerror", None) or "it cannot be found") from None
        if not stat.S_ISDIR(facts.st_mode):
            raise _unsafe(self._directory, "it is no directory")
        if facts.st_uid not in {0, os.geteuid()}:
            raise _unsafe(self._directory, "it belongs to another user")
        # The sticky bit does not help: who may add files could add the one that is missing.
        if facts.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise _unsafe(self._directory, "others can write in it")
        return root


def _content(file: Path, real: Path) -> bytes:
    try:
        descriptor = os.open(real, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        why = "it was replaced by a link" if error.errno == errno.ELOOP else error.strerror or "it cannot be read"
        raise _unsafe(file, why) from None
    try:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            raise _unsafe(file, "it is no regular file")
        if facts.st_uid not in {0, os.geteuid()}:
            raise _unsafe(file, "it belongs to another user")
        if stat.S_IMODE(facts.st_mode) != MODE:
            raise _unsafe(file, f"its mode is {stat.S_IMODE(facts.st_mode):04o} and must be {MODE:04o}")
        content = os.read(descriptor, MAX_FILE_BYTES + 1)
    except OSError as error:
        raise _unsafe(file, error.strerror or "it cannot be read") from None
    finally:
        os.close(descriptor)
    if len(content) > MAX_FILE_BYTES:
        raise _unsafe(file, f"it is longer than {MAX_FILE_BYTES} bytes")
    return content


def _document(file: Path, content: bytes) -> dict[str, str]:
    try:
        document = json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError):
        document = None  # said below without the text, which is a secret
    if not isinstance(document, dict) or not all(isinstance(value, str) for value in document.values()):
        raise Denied(
            "secret_file_damaged",
            f"{file} is no JSON object of texts.",
            money=_NOTHING,
            todo="Write it as docs/onboarding.md says, and mount it again.",
        )
    return document


def _unsafe(path: Path, why: str) -> Denied:
    return Denied(
        "secret_file_unsafe",
        f"{path} is not taken as a secret: {why}.",
        money=_NOTHING,
        todo="Mount secrets of the daemon's own user (or root) with mode 0400, in a directory that only it can write.",
    )
