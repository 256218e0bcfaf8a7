"""`mooring demo --bundles` from outside: every step of a bundle's life comes to what it should."""

from __future__ import annotations

import json
import re
import subprocess

from tests.acceptance.program import answer, command, environ, mooring


def test_a_life_of_bundles_is_shown_step_by_step_and_each_comes_to_what_it_should() -> None:
    done = subprocess.run(
        command("demo", "--bundles", "--json"),
        env=environ(), capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["ok"] is True
    steps = {step["step"]: step for step in told["steps"]}
    assert {name: step["result"] for name, step in steps.items()} == {
        "v1": "committed",
        "v2": "rolled_back",
        "v3": "refused",
        "replay": "refused",
        "v4": "committed",
        "revoked": "revoked",
    }
    assert re.search(r"1 answer was not a number|\d+ answers were not numbers", steps["v2"]["text"])
    assert "not signed by enough" in steps["v3"]["text"]
    assert "older than what was seen before" in steps["replay"]["text"]
    assert "back on starter@1:" in steps["revoked"]["text"]
    for kind in ("committed", "rolled_back", "refused", "revoked"):
        assert f" {kind} " in done.stderr, "it stands in the history"
    for action in ("bundle.updated", "bundle.sideloaded", "bundle.checked"):
        assert action in done.stderr, "it stands in the audit table"
    assert "Traceback" not in done.stderr


def test_it_takes_no_home_and_no_hours_of_anybody() -> None:
    said = mooring("demo", "--bundles", "--hours", 3, "--json")
    assert said.returncode == 2
    assert answer(said)["error"]["code"] == "not_with_live"
