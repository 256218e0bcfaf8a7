"""What a daemon leaves out of its memory though it is installed."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Final, cast

# structlog and httpx take the first two along for terminals, where they find them: 5 MB that stay. FastAPI asks the
# third whether one of our types is a model of Pydantic 1, which none is: 2 MB.
NOT_CARRIED: Final = ("rich", "pygments", "pydantic.v1")


def go_without(*names: str) -> None:
    """Have these libraries not found in this process from now on, where none of them was loaded before.

    For processes that do one thing and end with it: whoever asks for them here is told that they are not installed.
    """
    loaded = cast(dict[str, ModuleType | None], sys.modules)
    for name in names:
        loaded.setdefault(name, None)  # documented: an import of it ends as if it were not there
