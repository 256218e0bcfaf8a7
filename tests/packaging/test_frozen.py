"""The built application does what the sources do: the same hashes, the same keychain, the same children.

It is built once for the same sources, which takes a minute of a processor; `make app` builds the same.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mooring.daemon.instance import holder
from mooring.daemon.selftest import CHECKS
from tests.acceptance.program import answer, command, environ, mooring, same, short_home
from tests.daemon.daemons import short_home as daemons_home
from tests.daemon.daemons import without_keychain
from tests.packaging.frozen_scenario import PERSONS_LIBRARIES
from tests.support.keyring_session import keyring_session, why_not
from tests.support.screen import Screen, missing, screen

ROOT = Path(__file__).resolve().parents[2]
WAIT_SECONDS = 60.0
BUILDERS = ("ldd", "objcopy", "objdump")
NO_LIBRARY = re.compile(r"ERROR: Python (was built without a )?shared library")
# A busy machine builds for minutes.
pytestmark = [pytest.mark.frozen, pytest.mark.timeout(1800)]


@pytest.fixture(scope="session")
def application() -> Path:
    """The folder of the application, built if need be; tests that ask for it are skipped where none can be built."""
    lacking = [] if sys.platform == "darwin" else [name for name in BUILDERS if shutil.which(name) is None]
    if lacking:
        pytest.skip(f"not installed: {', '.join(lacking)} (make system-packages)")
    subprocess.run(["make", "-s", "app-env"], cwd=ROOT, check=True, capture_output=True, stdin=subprocess.DEVNULL)
    build = [str(ROOT / "build/app/venv/bin/python"), str(ROOT / "tools/build_app.py"), "--quiet"]
    done = subprocess.run(build, capture_output=True, text=True, check=False, env=environ())
    if done.returncode != 0 and NO_LIBRARY.search(done.stderr):
        pytest.skip(
            "this Python has no shared library (Debian: libpython3.11 or so), which an application is built with"
        )
    assert done.returncode == 0, done.stderr[-4000:]
    return Path(done.stdout.splitlines()[-1]).parent


@pytest.fixture
def frozen(application: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The command of the application, which the helpers then run."""
    monkeypatch.setenv("TESTED_PROGRAM", str(application / "mooring"))
    return application / "mooring"


@pytest.fixture(scope="module")
def told(application: Path) -> Iterator[dict[str, Any]]:
    """The facts of the scenario, which is run once."""
    if why_not():
        pytest.skip(why_not())
    with short_home() as home, keyring_session() as session:
        arguments = f"{str(home)!r}, {str(application / 'mooring')!r}"
        done = session.run(f"from tests.packaging.frozen_scenario import main; main({arguments})", timeout=600)
        assert done.returncode == 0, done.stderr[-4000:]
        yield json.loads(done.stdout)


def out(fact: dict[str, Any]) -> dict[str, Any]:
    value = json.loads(fact["out"])
    assert isinstance(value, dict)
    return value


def test_everything_that_came_with_it_is_there_and_what_did_not_is_named(frozen: Path) -> None:
    said = mooring("selftest", "--json")
    lines = {line["name"]: line for line in answer(said)["items"]}
    assert said.returncode == 0, said.stdout
    assert list(lines) == [name for name, _ in CHECKS]
    assert lines["program"]["detail"].startswith("frozen")
    assert "polars" in lines["left_out"]["detail"]
    with short_home() as home:
        examined = answer(mooring("--home", home, "doctor", "--json"))
    (packages,) = (line for line in examined["items"] if line["name"] == "packages")
    assert (packages["state"], "selftest" in packages["detail"]) == ("ok", True)


def test_a_demo_comes_to_the_hashes_that_the_sources_come_to(
    frozen: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(frozen)
    monkeypatch.setenv("TESTED_PROGRAM", str(tmp_path / "link"))
    wanted = ("demo", "--no-bundle", "--hours", 48, "--no-open", "--json")
    figures = answer(mooring(*wanted))
    assert (figures["hours"], figures["verified"]) == (48, True)
    monkeypatch.delenv("TESTED_PROGRAM")
    assert same(figures) == same(answer(mooring(*wanted)))


def test_bundles_are_updated_refused_and_rolled_back_and_its_own_children_load_them_first(frozen: Path) -> None:
    line = command("demo", "--bundles", "--json")
    done = subprocess.run(line, env=environ(), capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    assert shown["ok"] is True
    results = {step["step"]: step["result"] for step in shown["steps"]}
    assert (results["v1"], results["v2"], results["v3"]) == ("committed", "rolled_back", "refused")


def test_bars_are_asked_for_in_vain_with_a_plain_word(frozen: Path, tmp_path: Path) -> None:
    bars = tmp_path / "BTC-USDT"
    bars.mkdir()
    (bars / "1h.parquet").write_bytes(b"PAR1")
    said = mooring("backtest", "--data", tmp_path, "--symbols", "BTC-USDT", "--json")
    assert said.returncode == 2
    assert answer(said)["error"]["code"] == "parquet_not_installed"


def test_nothing_of_the_machine_that_built_it_is_told_in_it(application: Path) -> None:
    whole = application.parents[1] if application.name == "MacOS" else application
    texts = [path for path in whole.rglob("*") if path.is_file() and path.suffix in {".json", ".txt", ".md", ""}]
    assert len(texts) > 50
    assert [path for path in texts if str(ROOT).encode() in path.read_bytes()] == []
    assert [*whole.rglob("__pycache__")] == []
    links = [path for path in whole.rglob("*") if path.is_symlink()]
    assert [path for path in links if not path.exists()] == []


@pytest.mark.keyring
def test_a_key_is_kept_in_the_real_keychain_and_a_dangerous_one_is_not(told: dict[str, Any]) -> None:
    assert told["dangerous"]["status"] == 3
    assert out(told["dangerous"])["error"]["code"] == "key_may_withdraw"
    assert told["kept after refusal"] is False
    assert told["good"]["status"] == 0, told["good"]["err"]
    assert told["kept"] is True
    assert told["seen"] == []


@pytest.mark.keyring
def test_the_daemon_is_the_application_itself_and_owns_what_it_starts(told: dict[str, Any], application: Path) -> None:
    assert told["up"]["status"] == 0, told["up"]["err"]
    assert told["program"] == str(application / "mooring")
    assert told["line"][0] == str(application / "mooring")
    assert "kraken-look-alike" in told["secrets"]["out"]
    assert (told["csv"]["status"], told["csv"]["code"]) == (200, "")
    assert told["csv"]["line"].startswith("seq,")
    assert told["parquet"]["code"] == "parquet_not_installed"


@pytest.mark.keyring
def test_a_browser_gets_the_persons_libraries_and_none_of_the_applications(
    told: dict[str, Any], application: Path
) -> None:
    assert told["browser"]["LD_LIBRARY_PATH"] == PERSONS_LIBRARIES
    named = {name for name, value in told["browser"].items() if str(application) in value}
    assert named == {"TESTED_PROGRAM"}, "which this test has set"


@pytest.mark.keyring
def test_killed_it_is_started_again_and_ended_it_stays_down_with_whole_records(told: dict[str, Any]) -> None:
    assert told["status after kill"]["status"] == 4
    assert told["up again"]["status"] == 0, told["up again"]["err"]
    assert told["another"]["is"] is True
    assert told["down"]["status"] == 0
    assert told["status after"]["status"] == 4
    assert out(told["check"])["ok"] is True
    assert told["upgrade"]["status"] == 0, told["upgrade"]["err"]
    assert out(told["copy"])["error"]["code"] == "parquet_not_installed"


def test_the_menu_bar_is_a_program_of_its_own_and_starts_the_daemon_beside_it(frozen: Path, tmp_path: Path) -> None:
    if missing():
        pytest.skip(f"not installed: {', '.join(missing())}")
    with screen() as made, daemons_home() as home:
        without_keychain(home, tmp_path / "mounted")
        display = {"DISPLAY": made.environ["DISPLAY"], "QT_QPA_PLATFORM": "xcb"}
        menu = subprocess.Popen(
            command("--home", home.root, "menubar"),
            env=environ(HOME=str(tmp_path), **display),
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            _start_by_menu(made)
            _until((home.run_dir / "control.json").exists, "the daemon answers")
            assert menu.poll() is None
            assert Path(f"/proc/{menu.pid}/exe").resolve() == frozen.with_name("mooring-menubar")
            assert Path(f"/proc/{holder(home)}/exe").resolve() == frozen
        finally:
            menu.terminate()
            _, said = menu.communicate(timeout=WAIT_SECONDS)
            ended = mooring("--home", home.root, "down")
        assert (menu.returncode, ended.returncode) == (0, 0), said


def _start_by_menu(made: Screen) -> None:
    """Open the menu at the item in the tray, and take what stands below the line of the state: Start Mooring."""
    _until(lambda: len(_windows(made)) == 1, "the item is in the tray")
    told = made.run("xdotool", "getwindowgeometry", "--shell", *_windows(made))
    shape = {name: int(value) for name, value in (line.split("=", 1) for line in told.splitlines())}
    made.click(shape["X"] + shape["WIDTH"] // 2, shape["Y"] + shape["HEIGHT"] // 2, button=3)
    _until(lambda: len(_windows(made)) > 1, "the menu opens")
    for name in ("Down", "Down", "Return"):
        made.key(name)


def _windows(made: Screen) -> list[str]:
    look = ["xdotool", "search", "--onlyvisible", "--class", "mooring"]
    found = subprocess.run(look, env=made.environ, capture_output=True, text=True, check=False)
    return found.stdout.split()


def _until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)
