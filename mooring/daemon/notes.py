"""Small documents of the home that outlive a crash: what counts, and how far something got. None holds a secret."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from mooring.durable import read_private, replace_file
from mooring.errors import Invalid

MAX_BYTES: Final = 65_536


class JsonNote:
    """One JSON object in one file (0600), replaced whole and durably."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> dict[str, Any] | None:
        """What was saved last; None where nothing was.

        Raises:
            Invalid: the file is not what was saved, or cannot be read.
        """
        try:
            data = read_private(self._path, MAX_BYTES)
            said = None if data is None else json.loads(data)
        except (ValueError, RecursionError):
            raise self._unusable("it is not what Mooring wrote") from None
        except OSError as error:
            raise self._unusable(error.strerror or "it cannot be read") from None
        if said is not None and not isinstance(said, dict):
            raise self._unusable("it is not what Mooring wrote")
        return said

    def save(self, document: Mapping[str, Any]) -> None:
        """Save it in the place of the former one.

        Raises:
            Invalid: the disk did not take it; the former one is still there.
        """
        data = json.dumps(document, sort_keys=True, ensure_ascii=True).encode()
        assert len(data) <= MAX_BYTES
        try:
            replace_file(self._path, data)
        except OSError as error:
            raise self._unusable(error.strerror or "it cannot be written") from None

    def _unusable(self, why: str) -> Invalid:
        return Invalid(
            "note_unusable",
            f"{self._path} cannot be used: {why}.",
            money="Nothing was changed and no order was sent.",
            todo="Free the disk or the file's permissions; a file with something else in it may be moved away.",
        )
