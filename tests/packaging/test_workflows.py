"""What CI is told, as far as it can be known without running it: it is read, its commands are there, its shell is sound."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
SCRIPTS = sorted((ROOT / "tools").glob("*.sh"))
# As of November 2026: images that are not to go soon, and of each action the first that runs on Node 24, with its inputs.
IMAGES = {"ubuntu-22.04", "ubuntu-24.04", "macos-15", "macos-26"}
ACTIONS = {
    "checkout": (5, {"persist-credentials"}),
    "setup-python": (6, {"python-version"}),
    "upload-artifact": (6, {"name", "path", "if-no-files-found", "retention-days"}),
    "download-artifact": (7, {"path", "merge-multiple"}),
}
OF_THE_SYSTEM = {"security", "codesign", "ditto", "sudo", "bash", "make", "echo", "grep", "rm", "gh", "if"}


def read(file: Path) -> dict[str, Any]:
    made = yaml.safe_load(file.read_text())
    assert isinstance(made, dict)
    return made


def steps() -> list[tuple[str, dict[str, Any]]]:
    return [
        (job, step)
        for file in WORKFLOWS
        for job, told in read(file)["jobs"].items()
        for step in told["steps"]
    ]  # fmt: skip


def shell(text: str) -> str:
    """The commands of a step as a script; what GitHub puts in is a word."""
    return "#!/usr/bin/env bash\n" + re.sub(r"\$\{\{[^}]*\}\}", "word", text)


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_a_workflow_may_read_and_no_more_and_every_job_has_an_end(file):
    told = read(file)
    assert told["permissions"] == {"contents": "read"}
    for job in told["jobs"].values():
        assert 0 < job["timeout-minutes"] <= 90
        assert all(("run" in step) != ("uses" in step) for step in job["steps"])
        for step in job["steps"]:
            assert re.fullmatch(r"actions/[a-z-]+@v\d+", step.get("uses", "actions/none@v0"))


def test_images_and_actions_are_those_that_there_are_and_know_what_they_are_given():
    for file in WORKFLOWS:
        for job in read(file)["jobs"].values():
            images = job.get("strategy", {}).get("matrix", {}).get("os", [job["runs-on"]])
            assert set(images) <= IMAGES
    for _, step in steps():
        if "uses" in step:
            name, _, version = step["uses"].removeprefix("actions/").partition("@v")
            assert int(version) == ACTIONS[name][0]
            assert set(step.get("with", {})) <= ACTIONS[name][1]


def test_what_a_step_calls_of_ours_is_there():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for _, step in steps():
        text = step.get("run", "")
        assert set(re.findall(r"\bmake ([a-z-]+)", text)) <= targets
        assert all((ROOT / path).is_file() for path in re.findall(r"\b(?:tools|packaging)/[\w./-]+", text))
        first = text.split()[0] if text else "make"
        ours = first.endswith("/mooring") or first.startswith(("packaging/", "version="))
        assert first in OF_THE_SYSTEM or ours, text


def test_the_job_on_a_mac_tries_the_service_the_keychain_and_the_application():
    texts = [step.get("run", "") for job, step in steps() if job == "macos"]
    wanted = (
        "security create-keychain",
        "make lint",
        "make test",
        ".venv/bin/mooring selftest",
        "tools/macos_service_check.sh .venv/bin/mooring",
        "make app",
        "codesign --verify --deep --strict",
        "Contents/MacOS/mooring selftest",
        "tools/macos_service_check.sh dist/Mooring.app/Contents/MacOS/mooring",
        "security delete-keychain",
    )
    places = [next((n for n, text in enumerate(texts) if one in text), -1) for one in wanted]
    assert -1 not in places, wanted[places.index(-1)]
    assert places == sorted(places)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda file: file.name)
def test_shell_scripts_are_sound(script):
    checked(script.read_text())


def test_the_shell_of_every_step_is_sound():
    for _, step in steps():
        checked(shell(step.get("run", "true")))


def test_what_a_mac_runs_asks_neither_a_gnu_tool_nor_a_newer_bash():
    """macOS has the tools of BSD, bash 3.2 and make 3.81; a line that needs Linux anyway is not theirs."""
    unknown = re.compile(
        r"sed\b[^|]*\\t|sed -i |readlink -f|date -d|stat -c|grep -P|xargs -r|head -n -|mapfile|readarray"
        r"|declare -A|local -n|wait -n|\$\{\w+(\^|,)|&>>"
    )
    for file in (ROOT / "Makefile", *SCRIPTS, *sorted((ROOT / "packaging").rglob("*.sh"))):
        found = [line for line in file.read_text().splitlines() if unknown.search(line)]
        assert found == [], file.name


def checked(text: str) -> None:
    tool = shutil.which("shellcheck")
    line = ["bash", "-n"] if tool is None else [tool, "--shell=bash", "--severity=warning", "-"]
    done = subprocess.run(line, input=text, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
