"""What is told of bundles: people read of models by their versions, the records keep which bundle it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from mooring.bundles.store.ports import Told
from mooring.control_api.events import EventHub
from mooring.daemon.bundle_events import ALERTS, BundleEvents
from mooring.runtime.store.store import Store

REFERENCE = "starter@3:5e79aa"


@pytest.mark.parametrize(("version", "name"), [("2026-11", "2026-11"), ("", REFERENCE)])
@pytest.mark.parametrize("kind", sorted(ALERTS))
def test_an_alert_names_the_model_as_windows_do_and_the_record_its_bundle(
    tmp_path: Path, kind: str, version: str, name: str
) -> None:
    with Store.open(tmp_path / "m.db") as store:
        events = BundleEvents(store, EventHub(first_id=1), lambda: 1)
        events(Told(kind=kind, bundle=REFERENCE, version=version, detail={"reason": "2 answers."}))
        warned: list[tuple[str, str]] = []
        events.raise_alerts(lambda code, text: warned.append((code, text)))
        ((code, text),) = warned
        assert code == f"bundle_{kind}"
        assert text.startswith(f"Model {name} ") or "record" in kind
        assert "Bundle" not in text
        assert [row["bundle_id"] for row in store.reader().page("bundle_events", limit=9).items] == [REFERENCE]
