from __future__ import annotations

import base64
import hashlib
import io
import json
import logging
import re
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from mooring.daemon.logs import MAX_LINE_BYTES, configure_logging
from mooring.errors import Invalid
from mooring.home import Home
from mooring.secrets.redaction import Redactor
from mooring.settings import load_settings

SECRET = base64.b64encode(hashlib.sha512(b"private").digest()).decode()
SHA256 = hashlib.sha256(b"row").hexdigest()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(root=tmp_path / "home")
    made.prepare()
    return made


@pytest.fixture
def start(home: Home) -> Iterator[Callable[..., None]]:
    closers: list[Callable[[], None]] = []

    def configure(*, console: bool = False, redactor: Any = None, stream: Any = None, **logs: object) -> None:
        settings = load_settings(home.root, {}, overrides={f"logs.{name}": value for name, value in logs.items()})
        more = {} if redactor is None else {"redactor": redactor}
        closers.append(configure_logging(home, settings, console=console, stream=stream, **more))

    yield configure
    for close in closers:
        close()
        close()


def lines(home: Home) -> list[dict[str, Any]]:
    return [json.loads(line) for line in home.log_file.read_text(encoding="utf-8").splitlines()]


def test_a_record_is_one_json_line_with_time_level_logger_and_fields(home: Home, start: Callable[..., None]) -> None:
    start()
    structlog.get_logger("mooring.engine").info("cycle done", hour=5, ledger_head=SHA256)
    (line,) = lines(home)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("timestamp"))
    assert line == {
        "level": "info",
        "logger": "mooring.engine",
        "event": "cycle done",
        "hour": 5,
        "ledger_head": SHA256,
    }


def test_the_standard_librarys_records_take_the_same_way(home: Home, start: Callable[..., None]) -> None:
    start()
    logging.getLogger("uvicorn.error").warning("port %d, token=%s", 8080, "abcdef")
    (line,) = lines(home)
    assert (line["logger"], line["level"], line["event"]) == ("uvicorn.error", "warning", "port 8080, token=[redacted]")


def test_no_secret_reaches_file_or_terminal_by_any_way(home: Home, start: Callable[..., None]) -> None:
    terminal, known = io.StringIO(), "a-known-session-value"
    start(console=True, stream=terminal, redactor=Redactor(known=[known]).redact, level="debug")
    log = structlog.get_logger("mooring.secrets")
    text = f"text {SECRET}"
    log.info(text, api_key="k", nested={"deep": [{"password": "p" * 9}]}, plain=known)
    log.info("positional %s", SECRET)
    log.bind(token="t" * 9).warning("bound", url=f"https://x:{SECRET}@host/")
    logging.getLogger("other").error("args %s %s", SECRET, {"private_key": "q" * 9})
    logging.getLogger("other").error("extra", extra={"token": "z" * 9})
    try:
        fail(f"Authorization: Bearer {SECRET} {known}")
    except RuntimeError:
        log.exception("failed")
        logging.getLogger("other").exception("failed")
    for written in (home.log_file.read_text(), terminal.getvalue()):
        assert written.count("RuntimeError: Authorization") == 2
        for secret in (SECRET, SECRET[:20], known, "p" * 9, "t" * 9, "q" * 9, "z" * 9):
            assert secret not in written


def fail(text: str) -> None:
    raise RuntimeError(text)


def test_levels_are_kept_and_talkative_libraries_only_warn(home: Home, start: Callable[..., None]) -> None:
    start(level="info")
    structlog.get_logger("mooring").debug("hidden")
    logging.getLogger("httpx").info("GET https://host/?token=x")
    logging.getLogger("sqlalchemy.engine").info("SELECT 1")
    logging.getLogger("sqlalchemy.engine").warning("shown")
    logging.getLogger("alembic").info("shown too")
    assert [line["event"] for line in lines(home)] == ["shown", "shown too"]


def test_files_rotate_within_their_bound_and_all_are_private(home: Home, start: Callable[..., None]) -> None:
    home.log_file.touch(0o644)
    home.log_file.chmod(0o644)
    start(max_bytes=10_000, backups=2)
    log = structlog.get_logger("mooring")
    for number in range(400):
        log.info("filler" * 10, number=number)
    files = sorted(home.logs_dir.iterdir())
    assert [file.name for file in files] == ["daemon.log", "daemon.log.1", "daemon.log.2"]
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in files)
    assert all(file.stat().st_size <= 10_000 for file in files)
    assert lines(home)[-1]["number"] == 399


def test_the_terminal_gets_lines_for_people_without_control_characters(home: Home, start: Callable[..., None]) -> None:
    terminal = io.StringIO()
    start(console=True, stream=terminal)
    structlog.get_logger("mooring").info("venue said \x1b[2J\x07", detail="\x1b]0;title\x07")
    shown = terminal.getvalue()
    assert "venue said" in shown
    assert "\x1b" not in shown
    assert "\x07" not in shown
    assert not shown.startswith("{")


def test_without_console_the_terminal_stays_empty(home: Home, start: Callable[..., None], capsys: Any) -> None:
    start()
    structlog.get_logger("mooring").error("only in the file")
    assert capsys.readouterr() == ("", "")
    assert len(lines(home)) == 1


def test_odd_values_do_not_lose_the_line(home: Home, start: Callable[..., None]) -> None:
    start()
    structlog.get_logger("mooring").info("odd\nnewline", big=2**80, lone="\ud800", raw=b"\x00", path=Path("/x"))
    (line,) = lines(home)
    assert line["event"] == "odd\nnewline"
    assert line["big"] == 2**80
    assert line["path"] == "/x"


def test_a_huge_record_is_cut_to_one_bounded_line(home: Home, start: Callable[..., None]) -> None:
    start()
    structlog.get_logger("mooring").info("huge", **{f"f{i}": "word " * 1500 for i in range(100)})
    (line,) = lines(home)
    assert line["event"] == "huge"
    assert "too many" in line["cut"]
    assert home.log_file.stat().st_size <= MAX_LINE_BYTES


def test_a_long_traceback_keeps_its_end(home: Home, start: Callable[..., None]) -> None:
    start()

    def down(depth: int) -> None:
        if depth == 0:
            raise ValueError("the reason")
        (down if depth % 2 else other)(depth - 1)

    def other(depth: int) -> None:
        down(depth - 1) if depth > 0 else down(0)

    try:
        down(200)
    except ValueError:
        structlog.get_logger("mooring").exception("deep")
    (line,) = lines(home)
    assert line["exception"].startswith("[cut]")
    assert line["exception"].endswith("ValueError: the reason")


def test_a_record_that_cannot_be_written_is_not_shown_either(
    home: Home, start: Callable[..., None], capsys: Any
) -> None:
    def broken(value: Any) -> Any:
        raise OSError(28, "No space left on device")

    start(redactor=broken)
    logging.getLogger("other").error("args %s", SECRET)
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "A log record could not be written (OSError).\n"


def test_closing_puts_logging_back(home: Home) -> None:
    root = logging.getLogger()
    before = (root.level, list(root.handlers), logging.getLogger("httpx").level, structlog.is_configured())
    close = configure_logging(home, load_settings(home.root, {}), console=True, stream=io.StringIO())
    assert len(root.handlers) == len(before[1]) + 2
    close()
    close()
    assert (root.level, list(root.handlers), logging.getLogger("httpx").level) == before[:3]
    size = home.log_file.stat().st_size
    logging.getLogger("after").warning("goes nowhere of ours")
    assert home.log_file.stat().st_size == size


def test_a_linked_or_impossible_log_file_is_refused(home: Home, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("kept")
    home.log_file.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Invalid) as caught:
        configure_logging(home, load_settings(home.root, {}), console=False)
    assert caught.value.code == "log_file_unusable"
    assert (tmp_path / "elsewhere").read_text() == "kept"
