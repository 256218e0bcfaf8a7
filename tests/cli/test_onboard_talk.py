"""The talk on a terminal: what is asked, what a slip of the hand does, and what leaving means."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest

from mooring.cli import onboard_show
from mooring.cli.onboard_talk import TRIES, Left, Talk
from mooring.control_api.models_onboarding import Onboarding
from mooring.daemon.onboard import model_of
from mooring.errors import Denied, Retry
from mooring.key_rights import NEEDED
from mooring.onboarding import shapes
from tests.support.onboarding_stage import Stage, a_key

ONE, TWO = a_key(1), a_key(2)


class Guided:
    """The real steps, over a venue and a keychain in memory."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    def onboarding(self) -> Onboarding:
        return model_of(self.stage.machine.view())

    def onboarding_begin(self) -> Onboarding:
        return model_of(self.stage.machine.begin())

    def onboarding_paste(self, key: str, secret: str) -> Onboarding:
        return model_of(self.stage.machine.paste(key, secret))

    def onboarding_verify(self) -> Onboarding:
        return model_of(self.stage.machine.verify())

    def onboarding_complete(self) -> Onboarding:
        return model_of(self.stage.machine.complete())

    def onboarding_disconnect(self) -> Onboarding:
        return model_of(self.stage.machine.disconnect())

    def onboarding_check_old(self) -> Onboarding:
        return model_of(self.stage.machine.check_old())


class Person:
    """Answers in order; a callable happens before the answer that follows, and `None` is Ctrl-C."""

    def __init__(self, *answers: str | Callable[[], object] | None) -> None:
        self.answers: Iterator[str | Callable[[], object] | None] = iter(answers)
        self.asked: list[str] = []
        self.opened: list[str] = []

    def answer(self, question: str) -> str:
        self.asked.append(question)
        said = next(self.answers)
        while callable(said):
            said()
            said = next(self.answers)
        if said is None:
            raise KeyboardInterrupt
        return said

    def browse(self, url: str) -> bool:
        self.opened.append(url)
        return True


def talk(stage: Stage, person: Person, *, running: bool = True) -> Talk:
    return Talk(
        Guided(stage),
        running=running,
        shapes=shapes,
        ask=person.answer,
        hidden=person.answer,
        browse=person.browse,
    )


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_two_pastes_connect_a_key(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    person = Person(f" {ONE.key} ", ONE.secret)
    assert talk(stage, person).connect().connected is True
    assert person.asked == ["API key: ", "Private key: "]
    assert stage.keeper.kept == ONE
    said = capsys.readouterr()
    for words in ("1 of 4", "2 of 4", "3 of 4", "4 of 4", "[x] Funds: Query", "[ ] Funds: Withdraw", "granted"):
        assert words in said.err
    assert ONE.key not in said.out + said.err
    assert ONE.secret not in said.out + said.err
    assert f"ends in {ONE.ends}" in said.out


def test_the_private_key_first_is_recognised_and_put_where_it_belongs(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    person = Person(ONE.secret, "not a key", ONE.key)
    talk(stage, person).connect()
    assert person.asked == ["API key: "] * 3
    assert stage.keeper.kept == ONE
    assert "That is the private key" in capsys.readouterr().err


def test_a_bad_api_key_is_said_before_the_private_key_is_asked_for(stage: Stage) -> None:
    person = Person("cut off", "", ONE.key[:-30], ONE.key, ONE.secret[:-3], ONE.key, ONE.secret)
    talk(stage, person).connect()
    assert person.asked == [*["API key: "] * 4, "Private key: ", "API key: ", "Private key: "]
    assert stage.keeper.kept == ONE


def test_words_lead_back_and_to_the_page(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    person = Person("open", "Back", ONE.key, ONE.secret)
    talk(stage, person).connect()
    assert person.opened == ["https://pro.kraken.com/app/settings/api"]
    assert capsys.readouterr().err.count("1 of 4") == 2


@pytest.mark.parametrize(
    "answers",
    [("quit",), (None,), (ONE.key, None), (ONE.secret, None)],
    ids=["quit", "at the key", "at the private key", "after a slip"],
)
def test_leaving_stores_nothing_and_says_how_to_go_on(
    stage: Stage, answers: tuple[str | None, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    it = talk(stage, Person(*answers))
    with pytest.raises(Left):
        it.connect()
    it.goodbye()
    assert stage.keeper.ever == []
    said = capsys.readouterr().err
    assert "Nothing was stored" in said
    assert "mooring onboard kraken" in said


def test_leaving_at_the_check_keeps_the_pasted_key_for_the_next_time(stage: Stage) -> None:
    def gone() -> None:
        raise KeyboardInterrupt

    stage.venue.meanwhile = gone
    with pytest.raises(Left):
        talk(stage, Person(ONE.key, ONE.secret)).connect()
    stage.venue.meanwhile = lambda: None
    person = Person("")
    assert talk(stage, person).connect().connected is True
    assert person.asked == ["Enter checks it, n begins anew: "]
    assert stage.keeper.kept == ONE


def test_who_begins_anew_pastes_again(stage: Stage) -> None:
    stage.machine.begin()
    stage.machine.paste(ONE.key, ONE.secret)
    talk(stage, Person("n", TWO.key, TWO.secret)).connect()
    assert stage.keeper.kept == TWO


def test_a_dangerous_key_ends_the_talk(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    stage.venue.rights = frozenset({*NEEDED, "withdraw-funds"})
    with pytest.raises(Denied) as caught:
        talk(stage, Person(ONE.key, ONE.secret)).connect()
    assert caught.value.code == "key_may_withdraw"
    assert re.search(r"refused +Funds: Withdraw", capsys.readouterr().err)
    assert stage.keeper.ever == []


def test_what_is_missing_is_ticked_and_checked_again(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    stage.venue.rights = frozenset(NEEDED) - {"query-ledger"}

    def tick() -> None:
        stage.venue.rights = frozenset(NEEDED)

    person = Person(ONE.key, ONE.secret, tick, "")
    assert talk(stage, person).connect().connected is True
    said = capsys.readouterr().err
    assert re.search(r"missing +Data: Query ledger entries\n +To explain every balance. Tick it", said)
    assert "(key_lacks_rights)" in said


def test_another_key_can_be_pasted_or_the_talk_left_after_a_refusal(stage: Stage) -> None:
    stage.venue.rights = frozenset(NEEDED) - {"query-ledger"}

    def tick() -> None:
        stage.venue.rights = frozenset(NEEDED)

    talk(stage, Person(ONE.key, ONE.secret, "p", tick, TWO.key, TWO.secret)).connect()
    assert stage.keeper.kept == TWO
    stage.venue.rights = frozenset()
    for last in ("q", None):
        with pytest.raises(Denied) as caught:
            talk(stage, Person(ONE.key, ONE.secret, last)).connect()
        assert caught.value.code == "key_lacks_rights"
        stage.machine.begin()
    assert stage.keeper.kept == TWO


def test_a_venue_that_is_silent_is_told_and_the_key_stays_at_hand(stage: Stage) -> None:
    stage.venue.error = Retry("venue_slow", "No answer.", todo="Wait.")
    with pytest.raises(Retry):
        talk(stage, Person(ONE.key, ONE.secret)).connect()
    assert stage.machine.view().expires_at > 0


def test_without_a_daemon_the_old_key_is_checked_before_the_command_ends(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    stage.connect(TWO)

    def delete() -> None:
        stage.venue.dead = True

    talk(stage, Person(ONE.key, ONE.secret, "", delete, ""), running=False).connect()
    said = capsys.readouterr()
    assert f"The key that ends in {TWO.ends} still works." in said.out
    assert f"Kraken refuses the key that ends in {TWO.ends}. If it is not listed any more, it is dead." in said.out


@pytest.mark.parametrize("last", ["s", None])
def test_the_check_of_the_old_key_can_be_left(stage: Stage, last: str | None) -> None:
    stage.connect(TWO)
    assert talk(stage, Person(ONE.key, ONE.secret, last), running=False).connect().connected is True


def test_with_a_daemon_the_next_step_is_named_and_not_asked_for(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    stage.connect(TWO)
    stage.use.ends = TWO.ends
    talk(stage, Person(ONE.key, ONE.secret)).connect()
    said = capsys.readouterr().err
    assert "still trades with the former key" in said
    assert f"Only then delete the key that ends in {TWO.ends}" in said
    assert "--check-old" in said


def test_who_never_answers_well_is_not_asked_for_ever(stage: Stage) -> None:
    with pytest.raises(Left):
        talk(stage, Person(*["open"] * (TRIES + 1))).connect()
    with pytest.raises(Left):
        talk(stage, Person(*["nonsense"] * (TRIES + 1))).connect()


@pytest.mark.parametrize("columns", [60, 80, 120, 400])
def test_every_line_fits_the_terminal(
    stage: Stage, columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    stage.venue.rights = frozenset({*NEEDED, "withdraw-funds", "earn-funds"}) - {"query-ledger"}
    with pytest.raises(Denied):
        talk(stage, Person(ONE.key, ONE.secret)).connect()
    said = capsys.readouterr().err.splitlines()
    assert max(len(line) for line in said if "https://" not in line) <= min(columns, onboard_show.WIDTH_MOST)


def test_colours_are_for_terminals_and_only_where_they_are_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert onboard_show._paint("refused", 31) == "\x1b[31mrefused\x1b[0m"
    monkeypatch.setenv("NO_COLOR", "1")
    assert onboard_show._paint("refused", 31) == "refused"


def test_where_an_old_key_is_deleted_is_where_it_was_made(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    stage.connect(ONE)
    view = model_of(stage.connect(a_key(2)))
    onboard_show.show_old(view, running=False)
    assert "at Kraken: https://pro.kraken.com/app/settings/api" in " ".join(capsys.readouterr().err.split())
    onboard_show.show_old(view.model_copy(update={"look_alike": True, "venue": "http://127.0.0.1:8080"}), running=False)
    said = " ".join(capsys.readouterr().err.split())
    assert f"Delete the key that ends in {ONE.ends} at the look-alike at http://127.0.0.1:8080." in said
    assert "pro.kraken.com" not in said
