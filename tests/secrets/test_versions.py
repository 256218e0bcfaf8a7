"""A secret is replaced; whatever crashes in between, the old or the new one is in force and nothing stays behind."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mooring.errors import Denied, Invalid, Unknown
from mooring.secrets.vault import KeyringVault, MemoryVault
from mooring.secrets.versions import Versions
from tests.support.keyring_session import keyring_session, why_not

OLD, NEW = {"key": "old", "secret": "o" * 88}, {"key": "new", "secret": "n" * 88}


class Died(BaseException):
    """The process ended here."""


class MemoryNote:
    """What was saved last."""

    def __init__(self) -> None:
        self.text: str | None = None
        self.step: Callable[[], None] = lambda: None

    def load(self) -> dict[str, Any] | None:
        return None if self.text is None else dict(json.loads(self.text))

    def save(self, document: Mapping[str, Any]) -> None:
        self.step()
        self.text = json.dumps(document)
        self.step()


class AddingChest:
    """As macOS keeps items: what is set is deleted first and added then, and each may be the last thing that happens."""

    def __init__(self) -> None:
        self.items: dict[tuple[str, str], str] = {}
        self.step: Callable[[], None] = lambda: None

    def get_password(self, service: str, username: str) -> str | None:
        return self.items.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.step()
        self.items.pop((service, username), None)
        self.step()
        self.items[service, username] = password
        self.step()

    def delete_password(self, service: str, username: str) -> None:
        self.step()
        del self.items[service, username]
        self.step()


class Stage:
    """Chest and note, in which the process dies at the nth step."""

    def __init__(self) -> None:
        self.chest, self.note = AddingChest(), MemoryNote()
        self.left = -1
        self.chest.step = self.note.step = self._step

    def _step(self) -> None:
        if self.left == 0:
            raise Died
        self.left -= 1

    def versions(self) -> Versions:
        return Versions(KeyringVault(backend=lambda: self.chest), "kraken", self.note, lambda: 7)

    def dies_at(self, step: int, work: Callable[[Versions], object]) -> bool:
        """Whether it died; otherwise the work was done before that step."""
        self.left = step
        try:
            work(self.versions())
        except Died:
            return True
        finally:
            self.left = -1
        return False

    @property
    def names(self) -> list[str]:
        return [name for _, name in self.chest.items]


def deaths(work: Callable[[Versions], object], *, before: Mapping[str, str] | None) -> list[Stage]:
    """A stage for each place at which the work can die, after it died."""
    stages: list[Stage] = []
    while True:
        stage = Stage()
        if before is not None:
            stage.versions().replace(before, "old")
        if not stage.dies_at(len(stages), work):
            return stages
        stages.append(stage)


@pytest.mark.parametrize("before", [None, OLD], ids=["first", "replaced"])
def test_wherever_a_replacement_dies_the_old_or_the_new_one_is_in_force_and_the_next_start_cleans_up(
    before: dict[str, str] | None,
) -> None:
    stages = deaths(lambda versions: versions.replace(NEW, "new"), before=before)
    found = []
    for stage in stages:
        # Read first: whoever starts may need the key before anything is cleaned up.
        found.append(stage.versions().read())
        assert found[-1] in (before, NEW)
        stage.versions().tidy()
        assert stage.versions().read() == found[-1]
        assert len(stage.names) == (found[-1] is not None)
    assert len(stages) == (7 if before is None else 11)
    assert found == sorted(found, key=lambda one: one == NEW), "once the new one counts it stays"
    assert {json.dumps(one) for one in found} == {json.dumps(before), json.dumps(NEW)}


def test_wherever_a_removal_dies_the_secret_is_whole_or_gone() -> None:
    stages = deaths(lambda versions: versions.remove(), before=OLD)
    assert len(stages) == 6
    for stage in stages:
        found = stage.versions().read()
        assert found in (OLD, None)
        stage.versions().tidy()
        assert stage.versions().read() == found
        assert len(stage.names) == (found is not None)


@given(st.lists(st.tuples(st.sampled_from(["replace", "remove", "tidy"]), st.integers(-1, 14)), max_size=12))
def test_any_sequence_of_changes_and_deaths_ends_in_what_was_said_last(steps: list[tuple[str, int]]) -> None:
    stage, expected = Stage(), None
    for count, (name, dies) in enumerate(steps):
        document = {"key": f"key {count}"}
        work = {
            "replace": lambda versions, document=document: versions.replace(document, "x"),
            "remove": lambda versions: versions.remove(),
            "tidy": lambda versions: versions.tidy(),
        }[name]
        after = {"replace": document, "remove": None, "tidy": expected}[name]
        died = stage.dies_at(dies, work)
        found = stage.versions().read()
        assert found in ((expected, after) if died else (after,))
        expected = found
    stage.versions().tidy()
    assert stage.versions().read() == expected
    assert len(stage.names) == (expected is not None)


def test_versions_only_rise_and_say_when_and_what() -> None:
    stage = Stage()
    versions = stage.versions()
    assert versions.kept() is None
    assert versions.replace(OLD, "aaaa").version == 1
    assert versions.replace(NEW, "bbbb").version == 2
    kept = versions.kept()
    assert kept is not None
    assert (kept.version, kept.label, kept.stored_at) == (2, "bbbb", 7)
    assert stage.names == ["kraken/v2"]
    assert versions.remove() is True
    assert versions.remove() is False
    assert versions.kept() is None
    assert versions.replace(OLD, "aaaa").version == 3
    assert "oooo" not in str(stage.note.text)


class RefusingVault(MemoryVault):
    """Takes what it is given, and then says what it was told to say."""

    error: Exception | None = None

    def put(self, item: str, document: Mapping[str, str]) -> None:
        if RefusingVault.error is not None:
            raise RefusingVault.error
        super().put(item, document)


@pytest.mark.parametrize("error", [Denied("keychain_locked", "Locked."), Unknown("keychain_timeout", "No answer.")])
def test_a_keychain_that_refuses_leaves_the_former_secret(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    vault, note = RefusingVault(), MemoryNote()
    versions = Versions(vault, "kraken", note, lambda: 7)
    versions.replace(OLD, "old")
    monkeypatch.setattr(RefusingVault, "error", error)
    with pytest.raises(type(error)):
        versions.replace(NEW, "new")
    assert versions.read() == OLD
    monkeypatch.setattr(RefusingVault, "error", None)
    assert versions.replace(NEW, "new").version == 3, "a number that may be in use is not used again"
    assert vault.documents == {"kraken/v3": NEW}


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        '{"version": 2, "highest": 1, "label": "", "stored_at": 0, "left": []}',
        '{"version": 1, "highest": 1, "label": "", "stored_at": 0, "left": [1]}',
        '{"version": true, "highest": 1, "label": "", "stored_at": 0, "left": []}',
        '{"version": -1, "highest": 1, "label": "", "stored_at": 0, "left": []}',
        '{"version": 1, "highest": 30, "label": "", "stored_at": 0, "left": [2,3,4,5,6,7,8,9,10]}',
    ],
)
def test_a_note_that_cannot_be_true_is_damaged_and_nothing_is_deleted(text: str) -> None:
    stage = Stage()
    stage.versions().replace(OLD, "old")
    stage.note.text = text
    for work in (Versions.read, Versions.tidy, Versions.remove, lambda one: one.replace(NEW, "new")):
        with pytest.raises(Denied) as caught:
            work(stage.versions())
        assert caught.value.code == "secret_note_damaged"
    assert stage.names == ["kraken/v1"]


def test_a_note_that_cannot_be_written_changes_nothing_in_the_keychain() -> None:
    class FullNote(MemoryNote):
        def save(self, document: Mapping[str, Any]) -> None:
            raise Invalid("note_unusable", "The disk is full.")

    vault = MemoryVault()
    with pytest.raises(Invalid):
        Versions(vault, "kraken", FullNote(), lambda: 7).replace(NEW, "new")
    assert vault.documents == {}


# Each death is a real process that ends by SIGKILL in the middle of a replacement, over a real keyring and a real file.
KILLED = """
import json, os, signal, sys
from pathlib import Path
import mooring.durable
from mooring.daemon.notes import JsonNote
from mooring.secrets.vault import KeyringVault, system_backend
from mooring.secrets.versions import Versions
root, old, new = Path(sys.argv[1]), {"key": "old"}, {"key": "new"}
class Dying:
    def __init__(self, at): self.at, self.backend, self.write = at, system_backend(), mooring.durable.replace_file
    def step(self):
        if self.at == 0: os.kill(os.getpid(), signal.SIGKILL)
        self.at -= 1
    def get_password(self, s, u): return self.backend.get_password(s, u)
    def set_password(self, s, u, p):
        self.step(); self.backend.set_password(s, u, p); self.step()
    def delete_password(self, s, u):
        self.step(); self.backend.delete_password(s, u); self.step()
    def replace_file(self, path, data):
        self.step(); self.write(path, data); self.step()
def versions(dying=None, name=None):
    vault = KeyringVault(backend=lambda: dying) if dying else KeyringVault()
    return Versions(vault, name, JsonNote(root / f"{name}.json"), lambda: 7)
facts, at = [], 0
while at < 30:
    name = f"key-{at}"
    pid = os.fork()
    if pid == 0:
        dying = Dying(-1)
        one = versions(dying, name)
        one.replace(old, "old")
        dying.at = at
        import mooring.daemon.notes
        mooring.daemon.notes.replace_file = dying.replace_file
        one.replace(new, "new")
        os._exit(0)
    status = os.waitpid(pid, 0)[1]
    if status == 0: break
    found = versions(name=name).read()
    versions(name=name).tidy()
    vault = KeyringVault()
    items = [v for v in (1, 2, 3) if vault.get(f"{name}/v{v}")]
    facts.append([os.WTERMSIG(status), found, versions(name=name).read() == found, items])
    at += 1
print(json.dumps(facts))
"""


@pytest.mark.keyring
@pytest.mark.skipif(bool(why_not()), reason=why_not() or "a keyring can be started")
def test_killed_at_each_step_over_a_real_keyring_the_old_or_the_new_one_is_in_force(tmp_path: Path) -> None:
    with keyring_session() as session:
        done = session.run(f"import sys; sys.argv = ['x', {str(tmp_path)!r}]\n{KILLED}", timeout=120)
        assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert len(facts) == 10
    for signal, found, same, items in facts:
        assert signal == 9
        assert found in ({"key": "old"}, {"key": "new"})
        assert same
        assert items == [1 if found == {"key": "old"} else 2]
    assert {json.dumps(fact[1]) for fact in facts} == {'{"key": "old"}', '{"key": "new"}'}


class KeepingVault(MemoryVault):
    """Lets nothing be deleted while it is told so."""

    error: Exception | None = None

    def delete(self, item: str) -> bool:
        if KeepingVault.error is not None:
            raise KeepingVault.error
        return super().delete(item)


def test_a_new_secret_counts_though_the_old_one_could_not_be_deleted_and_that_is_done_next_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    vault, note = KeepingVault(), MemoryNote()
    versions = Versions(vault, "kraken", note, lambda: 7)
    versions.replace(OLD, "old")
    monkeypatch.setattr(KeepingVault, "error", Unknown("keychain_timeout", "No answer."))
    assert versions.replace(NEW, "new").version == 2
    assert versions.read() == NEW
    with pytest.raises(Unknown):
        versions.replace(OLD, "old")
    assert versions.read() == NEW, "what is refused before the switch changes nothing"
    monkeypatch.setattr(KeepingVault, "error", None)
    assert versions.tidy() == 1
    assert vault.documents == {"kraken/v2": NEW}
