"""What a daemon leaves out of its memory though it is installed."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Final, cast

# Each is asked for by a library that does without it, and would stay. For terminals, where they are found: the first
# two, by structlog and httpx, 5 MB. Whether one of our types is a model of Pydantic 1, which none is: by FastAPI, 2 MB.
# Coroutines of SQLAlchemy's and structlog's that are not asyncio's: 1 MB. Archives, of which we write and read none so
# packed: by shutil and zipfile, 1 MB.
NOT_CARRIED: Final = ("rich", "pygments", "pydantic.v1", "greenlet", "bz2", "lzma")


def go_without(*names: str) -> None:
    """Have these libraries not found in this process from now on, where none of them was loaded before.

    For processes that do one thing and end with it: whoever asks for them here is told that they are not installed.
    """
    loaded = cast(dict[str, ModuleType | None], sys.modules)
    for name in names:
        loaded.setdefault(name, None)  # documented: an import of it ends as if it were not there
