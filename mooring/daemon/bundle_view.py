"""The bundles as the control API shows them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from mooring.bundles.store.bringing import Offered
from mooring.bundles.store.manager import Manager
from mooring.bundles.store.ports import NoModel, Trust
from mooring.bundles.store.slots import Slots
from mooring.bundles.store.state import Phase, Slot
from mooring.control_api.models_bundles import (
    Bundle,
    BundleEvent,
    Bundles,
    OfferedBundle,
    Probation,
    Rejected,
    Repository,
    RevokedBundle,
    Staleness,
)
from mooring.daemon.present import time_text
from mooring.errors import MooringError
from mooring.runtime.store.reader import Reader

HISTORY: Final = 50
LISTED_MAX: Final = 200
CACHED_MAX: Final = 64

_WAITS: Final = "Waits for the next hour to be tried; while live is armed, until it is disarmed."


class BundleView:
    """Reads what there is; never waits for the network or for work under way.

    Args:
        trust: the repository of a name, for the notes and figures that were signed.
        reader: of the records, for the history.
    """

    def __init__(
        self, manager: Manager, slots: Slots, trust: Callable[[str], Trust], reader: Callable[[], Reader]
    ) -> None:
        self._manager = manager
        self._slots = slots
        self._trust = trust
        self._reader = reader
        self._said: dict[str, Mapping[str, Any]] = {}

    def bundles(
        self,
        repository: Repository | None,
        staleness: Staleness,
        ignored: Sequence[str],
        *,
        asked: bool,
        asks: str | None,
    ) -> Bundles:
        """All of it; `asks` is the bundle whose models are asked."""
        state, running = self._manager.state, self._manager.running.now
        none = running.reason if isinstance(running, NoModel) else ""
        revoked = [one for known in self._manager.revocations.values() for one in known.revoked.values()]
        return Bundles(
            active=self._maybe(state.active),
            last_known_good=self._maybe(state.last_good),
            candidate=self._maybe(state.candidate),
            phase=state.phase.value,
            running=asks,
            probation=self.probation(),
            no_model=isinstance(running, NoModel),
            no_model_reason=none,
            asked=asked,
            ignored=list(ignored),
            offered=[self.offered(one, repository) for one in self.offers(repository)[:LISTED_MAX]],
            staleness=staleness,
            repository=repository,
            revoked=[
                RevokedBundle(manifest_sha256=one.manifest_sha256, severity=one.severity, reason=one.reason)
                for one in revoked[:LISTED_MAX]
            ],
            rejected=[_rejected(one) for one in self._slots.rejections()[:LISTED_MAX]],
            history=self._history(),
        )

    def offers(self, repository: Repository | None) -> list[Offered]:
        """What that repository offered in that channel when it was asked last; nothing where another one was asked."""
        if repository is None or repository.name != self._manager.asked:
            return []
        return [one for one in self._manager.offered if one.offer.custom["channel"] == repository.channel]

    def installed(self, slot: Slot) -> Bundle:
        """One that is installed."""
        said = self._said_of(slot)
        return Bundle(
            id=slot.reference,
            bundle_id=slot.bundle_id,
            seq=slot.seq,
            version=slot.version,
            channel=slot.channel,
            repository=slot.repository,
            manifest_sha256=slot.manifest_sha256,
            size=slot.size,
            **_words(said),
        )

    def offered(self, one: Offered, repository: Repository | None) -> OfferedBundle:
        """One that is offered."""
        custom = one.offer.custom
        return OfferedBundle(
            id=one.reference,
            bundle_id=one.bundle_id,
            seq=one.seq,
            version=str(custom["version"]),
            channel=str(custom["channel"]),
            repository="" if repository is None else repository.name,
            manifest_sha256=str(custom["manifest_sha256"]),
            size=one.offer.length,
            standing=one.standing,
            why=one.why,
            **_words(custom),
        )

    def _maybe(self, slot: Slot | None) -> Bundle | None:
        return None if slot is None else self.installed(slot)

    def _said_of(self, slot: Slot) -> Mapping[str, Any]:
        """What was signed about it; nothing where that cannot be proved."""
        if slot.name not in self._said:
            if len(self._said) >= CACHED_MAX:
                self._said.clear()
            try:
                offer = self._trust(slot.repository).authorised(
                    slot.target, generation=slot.generation, as_of=datetime.fromtimestamp(slot.as_of, UTC)
                )
            except (MooringError, OSError):
                return {}
            self._said[slot.name] = offer.custom
        return self._said[slot.name]

    def probation(self) -> Probation | None:
        """How the trial stands; None without one."""
        state, trial = self._manager.state, self._manager.running.trial
        terms = state.terms
        if terms is None or state.phase not in {Phase.ARMED, Phase.TRYING}:
            return None
        minutes = trial.seconds // 60
        line = f"On trial: {min(trial.bars, terms.min_bars)} of {terms.min_bars} bars"
        if minutes < terms.min_minutes and trial.bars >= terms.min_bars:
            line += f", {minutes} of {terms.min_minutes} minutes"
        well = (
            "all well" if not trial.errors and not trial.slow else f"{trial.errors} errors, {trial.slow} slow answers"
        )
        return Probation(
            bars_done=trial.bars,
            min_bars=terms.min_bars,
            minutes_done=minutes,
            min_minutes=terms.min_minutes,
            errors=trial.errors,
            max_errors=terms.max_errors,
            slow=trial.slow,
            worst_us=trial.worst_us,
            p99_us=terms.p99_us,
            psi_max=terms.psi_max,
            tries_left=state.tries_left,
            line=f"{line}, {well}." if state.phase is Phase.TRYING else _WAITS,
        )

    def _history(self) -> list[BundleEvent]:
        rows = self._reader().page("bundle_events", limit=HISTORY).items
        return [
            BundleEvent(
                at=time_text(row["at"]) or "", kind=row["kind"], id=row["bundle_id"], detail=_detail(row["detail"])
            )
            for row in rows
        ]


def _words(custom: Mapping[str, Any]) -> dict[str, Any]:
    """Notes and figures; whatever is none of the right kind is left out."""
    notes, figures, released = custom.get("notes"), custom.get("evaluation"), custom.get("released_at")
    return {
        "notes": notes if isinstance(notes, str) else "",
        "evaluation": {str(k): str(v) for k, v in figures.items()} if isinstance(figures, Mapping) else {},
        "released_at": released if isinstance(released, str) else None,
    }


def _rejected(said: Mapping[str, Any]) -> Rejected:
    return Rejected(
        id=str(said.get("reference", "")),
        manifest_sha256=str(said["manifest_sha256"]),
        version=str(said.get("version", "")),
        reason=str(said.get("reason", "")),
        at=time_text(int(said.get("at", 0)) or None),
    )


def _detail(text: str) -> dict[str, str]:
    try:
        said = orjson.loads(text)
    except ValueError:
        return {}
    return {str(key): str(value) for key, value in said.items()} if isinstance(said, dict) else {}
