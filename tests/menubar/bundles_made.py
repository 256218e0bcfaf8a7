"""Answers about bundles, made by hand."""

from __future__ import annotations

from typing import Any

from mooring.control_api.models_bundles import Bundles, OfferedBundle, Staleness


def bundle(seq: int, name: str = "core", **changes: Any) -> dict[str, Any]:
    """The fields of one."""
    made = {
        "id": f"{name}@{seq}:{'0' * 16}",
        "bundle_id": name,
        "seq": seq,
        "version": f"2026-{seq:02d}",
        "channel": "stable",
        "repository": "own",
        "manifest_sha256": "0" * 64,
        "size": 1,
    }
    return made | changes


def found(**changes: Any) -> Bundles:
    """All of it; nothing is installed unless it is said."""
    made: dict[str, Any] = {
        "active": None,
        "last_known_good": None,
        "candidate": None,
        "phase": "none",
        "running": None,
        "probation": None,
        "no_model": True,
        "offered": [],
        "staleness": Staleness(),
        "repository": None,
        "revoked": [],
        "rejected": [],
        "history": [],
    }
    return Bundles(**(made | changes))


def offered(seq: int, name: str = "core", standing: str = "new", **changes: Any) -> OfferedBundle:
    """One that is offered."""
    return OfferedBundle(**bundle(seq, name, **changes), standing=standing)  # type: ignore[arg-type]
