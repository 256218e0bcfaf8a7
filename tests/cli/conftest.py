"""The command line within this process: quick, and with everything that it wrote."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mooring.cli.entry import main


@dataclass(frozen=True)
class Said:
    """What one command did."""

    status: int
    out: str
    err: str

    @property
    def answer(self) -> dict[str, Any]:
        """The one JSON object on standard output."""
        assert self.out.count("\n") == 1, self.out + self.err
        value = json.loads(self.out)
        assert isinstance(value, dict)
        return value

    @property
    def error(self) -> dict[str, Any]:
        found = self.answer["error"]
        assert isinstance(found, dict)
        assert found["exit_code"] == self.status
        assert found["what"]
        assert found["todo"], f"no next step: {found}"
        return found


Command = Callable[..., Said]


@pytest.fixture
def mooring(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    def run(*args: object) -> Said:
        monkeypatch.setattr(sys, "argv", ["mooring", *map(str, args)])
        status = 0
        try:
            main()
        except SystemExit as ended:
            status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        said = capsys.readouterr()
        assert "Traceback" not in said.err + said.out
        return Said(status, said.out, said.err)

    return run


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    # Short: pytest's own directories are too long for a control socket.
    root = Path(tempfile.mkdtemp(prefix="m-", dir="/tmp")).resolve()  # on a Mac /tmp is a link
    monkeypatch.setenv("MOORING_HOME", str(root))
    yield root
    shutil.rmtree(root, ignore_errors=True)
