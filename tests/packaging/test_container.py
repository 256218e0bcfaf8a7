"""The image and its compose files, by reading: there is no Docker where these tests run, and none was built."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from mooring.daemon.service import STOP_SECONDS
from mooring.daemon.supervision.attention import SUPERVISOR_VARIABLE
from mooring.daemon.supervision.elsewhere import AGAIN, OTHER
from mooring.settings import describe

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "packaging" / "docker"
USER = "10001:10001"


def steps() -> list[tuple[str, str]]:
    """(instruction, rest) of the Dockerfile, continued lines joined."""
    text = re.sub(r"\\\n\s*", "", (FOLDER / "Dockerfile").read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines)]


def last_stage() -> list[tuple[str, str]]:
    all_steps = steps()
    begins = max(number for number, (word, _) in enumerate(all_steps) if word == "FROM")
    return all_steps[begins:]


def service(name: str = "compose.yaml") -> dict[str, Any]:
    told = yaml.safe_load((FOLDER / name).read_text())["services"]["mooring"]
    assert isinstance(told, dict)
    return told


def test_what_is_copied_is_there_and_is_let_through_to_the_builder() -> None:
    copied = [rest.split()[:-1] for word, rest in steps() if word == "COPY" and not rest.startswith("--from")]
    names = [name for line in copied for name in line]
    assert {"mooring", "pyproject.toml", "requirements/base.txt"} <= set(names)
    ignore = (FOLDER / "Dockerfile.dockerignore").read_text().splitlines()
    assert "*" in ignore, "a list of what may pass"
    for name in names:
        assert (ROOT / name).exists(), name
        assert f"!{name}" in ignore, name


def test_nothing_goes_through_a_shell() -> None:
    for word, rest in steps():
        if word in {"RUN", "ENTRYPOINT", "CMD"}:
            assert isinstance(json.loads(rest), list), rest
    ((_, check),) = [step for step in steps() if step[0] == "HEALTHCHECK"]
    assert json.loads(check.partition("CMD ")[2])[:2] == ["mooring", "status"]


def test_what_it_is_built_of_is_locked_by_hashes() -> None:
    installs = [json.loads(rest) for word, rest in steps() if word == "RUN" and '"install"' in rest and "pip" in rest]
    assert len(installs) == 3
    for line in installs:
        assert ("--require-hashes" in line and "--only-binary=:all:" in line) or "--no-index" in line, line


def test_it_runs_as_a_user_without_rights_whose_home_is_private_and_who_can_add_no_secret() -> None:
    stage = last_stage()
    assert ("USER", USER) in stage
    after = stage[stage.index(("USER", USER)) :]
    assert not [step for step in after if step[0] in {"RUN", "COPY", "ADD"}]
    made = [json.loads(rest) for word, rest in stage if word == "RUN" and '"install"' in rest]
    assert ["install", "-d", "-m", "0700", "-o", "mooring", "-g", "mooring", "/var/lib/mooring"] in made
    assert ["install", "-d", "-m", "0755", "/run/secrets/mooring"] in made


def test_variables_of_the_image_are_settings_and_none_is_a_secret() -> None:
    (line,) = (rest for word, rest in last_stage() if word == "ENV")
    named = dict(pair.split("=", 1) for pair in line.split())
    known = {row.env for row in describe()} | {"MOORING_HOME", SUPERVISOR_VARIABLE}
    assert {name for name in named if name.startswith("MOORING_")} <= known
    assert named["MOORING_SECRETS__BACKEND"] == "files"


def test_a_restart_is_left_to_docker_which_starts_again_what_did_not_end_as_wanted() -> None:
    (line,) = (rest for word, rest in last_stage() if word == "ENV")
    assert f"{SUPERVISOR_VARIABLE}={OTHER}" in line.split()
    assert service()["restart"].startswith("on-failure")
    assert AGAIN != 0


@pytest.mark.parametrize("name", ["compose.yaml", "compose.dashboard.yaml"])
def test_nothing_is_published_beyond_this_machine(name: str) -> None:
    for port in service(name).get("ports", []):
        assert str(port).startswith("127.0.0.1:")


def test_the_container_can_change_nothing_but_its_home_and_has_time_to_end() -> None:
    told = service()
    assert told["read_only"] is True
    assert told["user"] == USER
    assert told["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in told["security_opt"]
    assert told["volumes"] == ["home:/var/lib/mooring"]
    assert "privileged" not in told
    assert int(told["stop_grace_period"].removesuffix("s")) > STOP_SECONDS
    assert (FOLDER / told["build"]["context"]).resolve() == ROOT
    assert (ROOT / told["build"]["dockerfile"]).is_file()
