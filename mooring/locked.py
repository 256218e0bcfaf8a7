"""Which locked requirements this build was made and tested with; each run records it. `make lock` writes it anew."""

from __future__ import annotations

from typing import Final

LOCK_SHA256: Final = "db4819bdd1da36e78094c3d96747451780f2d1abc318410d8003db60b64635af"
