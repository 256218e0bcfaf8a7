"""Which locked requirements this build was made and tested with; each run records it. `make lock` writes it anew."""

from __future__ import annotations

from typing import Final

LOCK_SHA256: Final = "9d6b95fcc5be1050bf93859b4b811fbbc2d48f66b70292b62e43d164625f4d52"
