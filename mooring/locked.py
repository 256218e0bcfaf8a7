"""Which locked requirements this build was made and tested with; each run records it. `make lock` writes it anew."""

from __future__ import annotations

from typing import Final

LOCK_SHA256: Final = "47479508068d52537f4ba28174fb948823fc47adb57d4a88284021f9e618c539"
