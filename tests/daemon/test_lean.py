"""What `mooring run` does not carry: each line here was weighed, and costs megabytes for as long as the daemon lives."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

LOADED = """
import json, sys
from unittest import mock

from mooring.cli.entry import main

sys.argv[1:] = ["--home", sys.argv[1], "--json", "run"]
with mock.patch("asyncio.run", lambda work: work.close()):
    main()
print(json.dumps(sorted(name for name, module in sys.modules.items() if module is not None)))
"""
NAMES = (
    "greenlet",
    "mooring.cli.main",
    "numba",
    "onnxruntime",
    "polars",
    "pydantic.v1",
    "pygments",
    "PySide6",
    "rich",
    "sqlalchemy.dialects.postgresql",
    "tuf",
    "typer",
)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory) -> set[str]:
    """The modules of a process that was about to serve, under settings that ask no keychain."""
    home = tmp_path_factory.mktemp("home")
    mounted = tmp_path_factory.mktemp("mounted")
    mounted.chmod(0o700)
    (home / "settings.toml").write_text(f'[secrets]\nbackend = "files"\nfiles_dir = "{mounted}"\n')
    done = subprocess.run(
        [sys.executable, "-c", LOADED, str(home)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


@pytest.mark.parametrize("name", NAMES)
def test_a_daemon_is_not_made_heavier_by_what_it_does_not_use(loaded, name):
    assert "mooring.daemon.app" in loaded
    assert name not in loaded
