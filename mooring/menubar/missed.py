"""Which alerts a person has not been told of: those from before the menu began, and from while it could not listen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from mooring.menubar.notices import SERIOUS

ROWS: Final = 100
HEARD_MOST: Final = 500
Words = tuple[str, str, str]


class Missed:
    """Compares the daemon's list with what was heard; for one thread."""

    def __init__(self) -> None:
        self._newest: int | None = None
        self._heard: Counter[Words] = Counter()

    def heard(self, data: Mapping[str, Any]) -> None:
        """One was told as it happened."""
        words = _words(data)
        if words in self._heard or len(self._heard) < HEARD_MOST:
            self._heard[words] += 1

    def found(self, rows: Sequence[Mapping[str, Any]], still_open: int) -> list[dict[str, str]]:
        """What is to be told now, oldest first: at the first look what is serious, later all that was not heard.

        Args:
            rows: of the list `alerts`, newest first; ROWS of them are enough.
            still_open: how many of all nobody has acknowledged, as the state says.
        """
        known = [row for row in rows if isinstance(row.get("id"), int)]
        newest = max((row["id"] for row in known), default=0)
        before = self._newest
        if before is not None and newest < before:  # another database took its place
            before = None
        heard, self._heard, self._newest = self._heard, Counter(), newest
        told = []
        for row in [row for row in known if row.get("acknowledged_at") is None][:still_open]:
            words = _words(row)
            is_new = words[0] in SERIOUS if before is None else row["id"] > before
            if is_new and heard[words] == 0:
                told.append(dict(zip(("severity", "code", "text"), words, strict=True)))
            elif is_new:
                heard[words] -= 1
        return told[::-1]


def _words(data: Mapping[str, Any]) -> Words:
    return str(data.get("severity", "")), str(data.get("code", "")), str(data.get("text", ""))
