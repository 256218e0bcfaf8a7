"""`mooring bundle`, the user's side, against a whole daemon and a repository on loopback."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mooring.cli import bundle_user
from mooring.control_api.models_bundles import Bundle, BundleEvent
from mooring.daemon.starter import StarterRepository, Version
from mooring.daemon.static_files import served
from mooring.home import Home
from tests.daemon.daemons import SYMBOLS, running
from tests.menubar.bundles_made import bundle, found


def test_a_repository_is_trusted_and_its_bundle_shown_asked_about_brought_in_and_given_up(
    mooring, home: Path, tmp_path: Path
) -> None:
    starter = StarterRepository(tmp_path / "starter", SYMBOLS, lambda: datetime.now(UTC).replace(microsecond=0))
    starter.begin()
    starter.release(Version(text="one"))
    root = tmp_path / "root.json"
    root.write_bytes(starter.root)
    with served(starter.public) as host:
        url = host.url
        asked = mooring("bundle", "trust", "demo", url, str(root), "--json")
        assert (asked.status, asked.error["code"]) == (3, "not_confirmed"), "a machine has to say --yes"
        assert mooring("bundle", "trust", "demo", url, str(root), "--yes", "--json").answer["name"] == "demo"
        with running(Home(root=home), bundles__repository="demo", bundles__check_hours=0):
            said = mooring("bundle", "list")
            assert "No model decides." in said.out
            assert "No producer asks models" in said.err
            found = mooring("bundle", "check")
            assert "Model one is available (starter@1). Signed by trainer and reviewer." in found.out
            assert "It can't loosen your limits." in found.out
            assert "Out of sample, after fees: " in found.out
            refused = mooring("bundle", "update", "--json")
            assert (refused.status, refused.error["code"]) == (3, "not_confirmed")
            assert mooring("bundle", "update", "--yes", "--json").answer["state"] == "armed"
            assert "Waits for the next hour" in mooring("bundle", "list").out
            assert "No bundle decides from the next hour on." in mooring("bundle", "rollback", "--reason", "no").out
            gone = mooring("bundle", "list")
            assert "Refused: starter@1, a person went back: no" in gone.out
            assert "There is nothing newer." in mooring("bundle", "update").out
            again = mooring("bundle", "update", "starter@1", "--yes", "--json")
            assert (again.status, again.error["code"]) == (3, "bundle_rejected")
            assert mooring("bundle", "activate", "starter@1", "--again", "--yes", "--json").answer["state"] == "armed"
            missing = mooring("bundle", "activate", "starter@9", "--yes", "--json")
            assert (missing.status, missing.error["code"]) == (5, "no_such_bundle")


def test_a_file_that_is_no_sideload_is_refused(mooring, home: Path, tmp_path: Path) -> None:
    file = tmp_path / "x.mbundle"
    file.write_bytes(b"PK nothing")
    with running(Home(root=home)):
        said = mooring("bundle", "sideload", str(file), "--json")
        assert (said.status, said.error["code"]) == (2, "no_repository_named")
        said = mooring("bundle", "sideload", str(tmp_path / "missing"), "--json")
        assert (said.status, said.error["code"]) == (2, "cannot_read_file")


@pytest.mark.parametrize("again", [True, False])
def test_what_was_given_up_and_is_loaded_again_is_said(capsys: pytest.CaptureFixture[str], again: bool) -> None:
    ended: Any = SimpleNamespace(result={"state": "loads_again" if again else "up_to_date", "bundle": "core@2:0"})
    client: Any = SimpleNamespace(bundles=found)
    bundle_user._show_outcome(ended, client, as_json=False)
    said = capsys.readouterr().out
    assert said.startswith("It is loaded again from the next hour on." if again else "There is nothing newer.")


def test_the_list_says_once_why_an_accepted_one_does_not_decide(capsys: pytest.CaptureFixture[str]) -> None:
    two, why = Bundle(**bundle(2)), "Mooring ended 3 times"
    event = BundleEvent(at="2026-01-01T00:00:00Z", kind="unfit", id=two.id, detail={"reason": why})
    bundle_user._show_running(found(active=two, history=[event], no_model_reason=f"core@2 does not decide: {why}"))
    assert capsys.readouterr().out == f"No model decides. core@2 does not decide: {why}\n"
    bundle_user._show_running(found(active=two, history=[event], running=bundle(1)["id"]))
    assert capsys.readouterr().out == f"core@1 decides.\nModel 2026-02 does not decide: {why}.\n"


def test_who_goes_back_is_told_where_that_one_was_given_up_too(capsys: pytest.CaptureFixture[str]) -> None:
    one, why = Bundle(**bundle(1)), "Mooring ended 4 times"
    event = BundleEvent(at="2026-01-01T00:00:00Z", kind="unfit", id=one.id, detail={"reason": f"{why}."})
    bundle_user._show_went_back(found(active=one, history=[event]))
    said = f"Back on core@1, which did not decide when it was its turn last: {why}.\n"
    assert capsys.readouterr().out == said
    bundle_user._show_went_back(found(active=one, history=[event.model_copy(update={"kind": "loaded"})]))
    assert capsys.readouterr().out == "Back on core@1 from the next hour on.\n"
