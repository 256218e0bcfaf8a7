"""Has a bundle examined by a process of its own, `mooring.bundles.preflight`; whatever becomes of it is an answer."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from mooring.bundles.preflight import NOT_READ
from mooring.errors import Denied, Halt, MooringError, Unverified
from mooring.programs import module_line

SECONDS: Final = 120.0
ANSWER_BYTES_MAX: Final = 16_384
END_SECONDS: Final = 5.0
WORDS_MAX: Final = 500
TOO_MUCH: Final = frozenset({"bundle_too_large", "bundle_too_slow"})  # for this machine; nothing about it is untrue
# A system that goes down, or a service that ends, asks all of its processes to end: no bundle is to blame for that.
ASKED_TO_END: Final = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
_KEPT: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT")


class ChildExaminer:
    """Implements `Examiner`.

    Args:
        command: how the process is started; the default is this installation's own.
        seconds: after which it is killed.
    """

    def __init__(self, command: Sequence[str] = (), *, seconds: float = SECONDS) -> None:
        self._command = tuple(command) or module_line("mooring.bundles.preflight")
        self._seconds = seconds

    def __call__(self, folder: Path, manifest_sha256: str) -> Mapping[str, Any]:
        """Have it examined.

        Raises:
            Denied: it failed, hung, died or answered nonsense. Unverified: it is not what was signed.
            Halt: no process could be started, or it was asked to end; that says nothing about the bundle.
        """
        environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
        environment["PYTHONDONTWRITEBYTECODE"] = "1"  # it may write no file, also no cache
        try:
            child = subprocess.Popen(  # noqa: S603 -- our own interpreter and module, no shell
                [*self._command, str(folder), manifest_sha256],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                close_fds=True,
                env=environment,
                start_new_session=True,
            )
        except OSError as error:
            raise _not_examined(
                f"No process could be started to examine the bundle ({type(error).__name__})."
            ) from None
        hung = threading.Event()

        def end() -> None:
            hung.set()
            _kill(child)

        timer = threading.Timer(self._seconds, end)
        timer.daemon = True
        timer.start()
        try:
            assert child.stdout is not None
            data = child.stdout.read(ANSWER_BYTES_MAX + 1)
        finally:
            timer.cancel()
            _end(child)
        return _answer(data, child.returncode, hung=hung.is_set(), seconds=self._seconds)


def _answer(data: bytes, status: int, *, hung: bool, seconds: float) -> Mapping[str, Any]:
    if hung:
        raise _failed(f"its examination took longer than {seconds:.0f} seconds")
    if -status in ASKED_TO_END:
        raise _not_examined("The examination of the bundle was ended from outside before it was done.")
    try:
        said = json.loads(data) if len(data) <= ANSWER_BYTES_MAX else None
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict) or not isinstance(said.get("ok"), bool) or (said["ok"] and status != 0):
        how = f"it was ended by signal {-status}" if status < 0 else "it gave no answer"
        raise _failed(f"{how} while it was examined")
    if not said["ok"]:
        raise _refused(said)
    names = ("p50_us", "p99_us", "rows")
    if not all(isinstance(said.get(name), int) and not isinstance(said[name], bool) for name in names):
        raise _failed("it gave no answer while it was examined")
    return {name: said[name] for name in names}


def _refused(said: Mapping[str, Any]) -> MooringError:
    """In the child's words, as far as they are any: a process that loaded a bad model may say what it likes."""
    code, what = said.get("code"), said.get("what")
    if not (isinstance(code, str) and isinstance(what, str) and code.isidentifier() and what.isprintable()):
        return _failed("its examination failed")
    if code == NOT_READ:
        return _not_examined("The bundle could not be read when it was to be examined.")
    kind = Denied if code in TOO_MUCH else Unverified
    return kind(
        code[:64], what[:WORDS_MAX], money="It decides nothing; what decided goes on.", todo="Take another one."
    )


def _not_examined(what: str) -> Halt:
    return Halt(
        "bundle_not_examined",
        what,
        money="No new bundle decides; what decided goes on.",
        todo="Run `mooring doctor`, then update again.",
    )


def _failed(why: str) -> Denied:
    return Denied(
        "bundle_examination_failed",
        f"The bundle was refused: {why}.",
        money="It decides nothing; what decided goes on.",
        todo="Take another one, and tell its publisher.",
    )


def _end(child: subprocess.Popen[bytes]) -> None:
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()
    try:
        child.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        _kill(child)
        child.wait()


def _kill(child: subprocess.Popen[bytes]) -> None:
    """With all that it may have started."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
