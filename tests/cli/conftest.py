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


@pytest.fixture(scope="session")
def kept_demos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of homes and figures that `demo` keeps."""
    return tmp_path_factory.mktemp("demos")


@pytest.fixture
def demo(mooring: Command, home: Path, kept_demos: Path) -> Callable[[int], dict[str, Any]]:
    """Puts into the home what a demo of so many hours leaves there, and gives its figures; each length is played once."""

    def fill(hours: int) -> dict[str, Any]:
        kept, figures = kept_demos / str(hours), kept_demos / f"{hours}.json"
        if not figures.exists():
            said = mooring("demo", "--no-bundle", "--hours", hours, "--no-open", "--json", "--home", home)
            assert said.status == 0, said.err
            shutil.copytree(home, kept)
            figures.write_text(said.out)
        else:
            shutil.copytree(kept, home, dirs_exist_ok=True)
        told = json.loads(figures.read_text())
        assert isinstance(told, dict)
        return told

    return fill
