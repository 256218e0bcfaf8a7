"""Which locked requirements this build was made and tested with; each run records it. `make lock` writes it anew."""

from __future__ import annotations

from typing import Final

LOCK_SHA256: Final = "536dba2954d8f4b996b662e9a8c5b6ca3b7ac13a1e1477f7bbe19fed58d9e24e"
