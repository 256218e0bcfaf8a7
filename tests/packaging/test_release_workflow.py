"""The release by reading: it calls what is there, and no secret gets further than the step that needs it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
TOLD: dict[str, Any] = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text())
STEPS = [
    (f"{job}: {step.get('name') or step.get('run') or step.get('uses')}"[:60], step)
    for job, jobs in TOLD["jobs"].items()
    for step in jobs["steps"]
]
RUN = [(name, step) for name, step in STEPS if "run" in step]


@pytest.mark.parametrize(("name", "step"), RUN, ids=[name for name, _ in RUN])
def test_each_step_can_be_read_and_calls_programs_that_are_there(name: str, step: dict[str, Any]) -> None:
    assert "${{" not in step["run"], "what others may choose reaches a shell as a variable only"
    assert subprocess.run(["bash", "-n"], input=step["run"], text=True, check=False).returncode == 0
    for path in re.findall(r"packaging/[\w/.-]+", step["run"]):
        assert (ROOT / path).stat().st_mode & 0o100, path
    targets = re.findall(r"^make (.*)$", step["run"], re.MULTILINE)
    makefile = (ROOT / "Makefile").read_text()
    for target in " ".join(targets).split():
        assert f"\n{target}: " in makefile


def test_secrets_are_given_to_single_steps_and_never_to_a_build() -> None:
    for job in TOLD["jobs"].values():
        assert "secrets." not in str(job.get("env", {}))
    for name, step in STEPS:
        if "make " in step.get("run", "") or "uses" in step:
            assert "secrets." not in str(step), name


def test_only_the_last_job_may_write_and_it_runs_nothing_of_the_tree() -> None:
    assert TOLD["permissions"] == {"contents": "read"}
    assert [name for name, job in TOLD["jobs"].items() if "permissions" in job] == ["publish"]
    assert not [step for step in TOLD["jobs"]["publish"]["steps"] if "checkout" in step.get("uses", "")]


def test_the_application_is_built_tried_signed_and_tried_again() -> None:
    runs = [step["run"] for step in TOLD["jobs"]["macos"]["steps"] if "run" in step]
    places = [
        next(number for number, run in enumerate(runs) if words in run)
        for words in ("make app", "sign.sh", "mooring selftest", "notarize.sh", "fill.sh")
    ]
    assert places == sorted(places)
