"""`up` and `down` with a supervisor that only remembers."""

from __future__ import annotations

import pytest

from mooring.daemon.supervision.ports import Seen


class Remembers:
    """A supervisor that does nothing."""

    name = "systemd"

    def __init__(self) -> None:
        self.told: list[str] = []

    def stop(self) -> bool:
        self.told.append("stop")
        return True

    def remove(self) -> None:
        self.told.append("remove")

    def seen(self) -> Seen:
        return Seen(loaded=True)


@pytest.fixture
def keeper(monkeypatch):
    made = Remembers()
    monkeypatch.setattr("mooring.daemon.supervision.choosing.chosen", lambda *_: made)
    monkeypatch.setattr("mooring.daemon.supervision.choosing.installed", lambda *_: made)
    monkeypatch.setattr("mooring.daemon.supervision.keeping.up", lambda *_, **__: None)
    return made


def test_what_only_this_shell_knows_is_named_without_its_value(mooring, home, keeper, monkeypatch):
    monkeypatch.setenv("MOORING_STORE__URL", "postgresql://me:hunter2@localhost/x")
    monkeypatch.setenv("MOORING_HOME", str(home))
    said = mooring("up")
    assert "MOORING_STORE__URL" in said.err
    assert "MOORING_HOME" not in said.err
    assert "hunter2" not in said.err + said.out


@pytest.mark.parametrize(("options", "told"), [((), ["stop"]), (("--forget",), ["stop", "remove"])])
def test_down_leaves_what_was_written_unless_it_is_to_be_forgotten(mooring, home, keeper, options, told):
    said = mooring("down", *options, "--home", str(home))
    assert said.status == 0
    assert keeper.told == told
