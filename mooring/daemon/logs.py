"""Logs: JSON lines in `logs/daemon.log`, bounded and private; plain lines on a terminal. Both without secrets.

Records of structlog and of the standard library (uvicorn, SQLAlchemy, Alembic) take the same way out, so redaction
cannot be walked around by logging through the other one.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable, MutableMapping
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from typing import TYPE_CHECKING, Any, Final, TextIO

import orjson
import structlog
from structlog.stdlib import ProcessorFormatter

from mooring.errors import Invalid
from mooring.secrets.redaction import MAX_TEXT, redact

if TYPE_CHECKING:
    from mooring.home import Home
    from mooring.settings import Settings

MAX_LINE_BYTES: Final = 64 * 1024
# These repeat at "info" what was asked of them, URLs and statements included, or greet at each start.
_TALKATIVE: Final = (
    *("httpx", "httpcore", "sqlalchemy", "alembic.runtime.plugins"),
    *("asyncio", "keyring", "urllib3", "h11"),
)
_FIRST: Final = ("timestamp", "level", "logger", "event")
_CONTROL: Final = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\n\t"}

Event = MutableMapping[str, Any]


def configure_logging(
    home: Home,
    settings: Settings,
    *,
    console: bool,
    redactor: Callable[[Any], Any] = redact,
    stream: TextIO | None = None,
) -> Callable[[], None]:
    """Send all records of this process to the home's log file, and to a terminal where asked.

    Args:
        home: prepared home.
        settings: level, size and number of files.
        console: also write lines for people to `stream`.
        redactor: takes secrets out of a record's fields.
        stream: standard error by default.

    Returns:
        A function that closes the file and puts logging back as it was; calling it twice is fine.

    Raises:
        Invalid: the log file cannot be opened.
    """
    root = logging.getLogger()
    before = (root.level, structlog.get_config(), {name: logging.getLogger(name).level for name in _TALKATIVE})
    handlers: list[logging.Handler] = [_file_handler(home, settings)]
    handlers[0].setFormatter(_formatter(redactor, _json_line))
    if console:
        target = stream or sys.stderr
        handlers.append(_TerminalHandler(target))
        handlers[1].setFormatter(_formatter(redactor, _Human(colors=target.isatty())))
    for handler in handlers:
        root.addHandler(handler)
    apply_levels(settings)
    _route_structlog()

    def close() -> None:
        while handlers:
            handler = handlers.pop()
            root.removeHandler(handler)
            handler.close()
            if not handlers:
                root.setLevel(before[0])
                structlog.configure(**before[1])
                for name, former in before[2].items():
                    logging.getLogger(name).setLevel(former)

    return close


def apply_levels(settings: Settings) -> None:
    """Put level, size and number of files into force for the log that is open."""
    root = logging.getLogger()
    level = getattr(logging, settings.logs.level.upper())
    root.setLevel(level)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
    for handler in root.handlers:
        if isinstance(handler, _PrivateFile):
            handler.maxBytes, handler.backupCount = settings.logs.max_bytes, settings.logs.backups


def _route_structlog() -> None:
    """Structlog's records become the standard library's, so that one handler sees them all."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.PositionalArgumentsFormatter(),
            ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


class _Quiet(logging.Handler):
    """Says that a record was lost, and never what was in it: the standard handler prints the arguments, secrets too."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802, ARG002 -- the standard library's name
        kind = sys.exc_info()[0]
        try:
            sys.stderr.write(f"A log record could not be written ({kind.__name__ if kind else 'unknown'}).\n")
        except (OSError, ValueError):
            return  # no terminal either; the daemon goes on trading by its ledger, not by its log


class _PrivateFile(_Quiet, RotatingFileHandler):
    """A rotating file that only its owner can read, the rotated ones included."""

    def _open(self) -> Any:
        def private(path: str, flags: int) -> int:
            descriptor = os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            os.fchmod(descriptor, 0o600)
            return descriptor

        return open(self.baseFilename, self.mode, encoding="utf-8", opener=private)


class _TerminalHandler(_Quiet, logging.StreamHandler[TextIO]):
    """A stream that is not ours to close."""


class _Human:
    """One line for people; text that came from outside cannot move the terminal's cursor."""

    def __init__(self, *, colors: bool) -> None:
        self._render = structlog.dev.ConsoleRenderer(
            colors=colors, exception_formatter=structlog.dev.plain_traceback, timestamp_key="timestamp"
        )

    def __call__(self, logger: Any, name: str, event: Event) -> str:
        safe = {key: value.translate(_CONTROL) if isinstance(value, str) else value for key, value in event.items()}
        return str(self._render(logger, name, safe))


def for_people(*, colors: bool) -> Callable[[Event], str]:
    """What makes one line for people of a line of the log."""
    human = _Human(colors=colors)
    return lambda event: human(None, "", dict(event))


def _file_handler(home: Home, settings: Settings) -> logging.Handler:
    try:
        return _PrivateFile(home.log_file, maxBytes=settings.logs.max_bytes, backupCount=settings.logs.backups)
    except OSError as error:
        raise Invalid(
            "log_file_unusable",
            f"{home.log_file} cannot be opened: {error.strerror or 'unknown reason'}.",
            money="Nothing was started and no order was sent.",
            todo="Make the logs directory writable for you, or choose another --home.",
        ) from None


def _formatter(redactor: Callable[[Any], Any], render: Callable[[Any, str, Event], str]) -> ProcessorFormatter:
    def without_secrets(_logger: Any, _name: str, event: Event) -> Event:
        clean: Event = redactor(event)
        return clean

    return ProcessorFormatter(
        foreign_pre_chain=[structlog.contextvars.merge_contextvars],
        processors=[
            _facts,
            ProcessorFormatter.remove_processors_meta,
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            _end_of_traceback,
            without_secrets,
            render,
        ],
        pass_foreign_args=False,
    )


def _facts(_logger: Any, _name: str, event: Event) -> Event:
    """When, how serious, from whom: of the record itself, whichever library made it."""
    record: logging.LogRecord = event["_record"]
    at = datetime.fromtimestamp(record.created, tz=UTC)
    event["timestamp"] = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    event["level"] = record.levelname.lower()
    event["logger"] = record.name
    return event


def _end_of_traceback(_logger: Any, _name: str, event: Event) -> Event:
    """Where a traceback is too long, keep whole lines from its end: there stands what went wrong."""
    text = event.get("exception")
    if isinstance(text, str) and len(text) > MAX_TEXT:
        kept: list[str] = []
        room = MAX_TEXT - 100
        for line in reversed(text.splitlines()):
            room -= len(line) + 1
            if room < 0:
                break
            kept.append(line)
        event["exception"] = "\n".join(["[cut]", *reversed(kept)])
    return event


def _json_line(_logger: Any, _name: str, event: Event) -> str:
    ordered = {key: event[key] for key in _FIRST if key in event} | dict(event)
    try:
        line = orjson.dumps(ordered, default=str).decode()
    except TypeError:  # what orjson refuses: integers past 64 bits, lone surrogates
        line = json.dumps(ordered, default=str)
    if len(line) <= MAX_LINE_BYTES:
        return line
    kept = {key: str(event.get(key, ""))[:1000] for key in _FIRST}
    return json.dumps({**kept, "cut": f"{len(line)} characters were too many"})
