"""Has heavy work with the records done by a process of its own, see `mooring.daemon.errand`."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import structlog

from mooring import errors
from mooring.errors import Conflict, Halt, MooringError, Retry
from mooring.programs import module_line
from mooring.runtime.store.place import Place

ANSWER_BYTES_MAX: Final = 4_194_304
END_SECONDS: Final = 5.0
KINDS: Final[Mapping[str, type[MooringError]]] = {
    name: kind for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, MooringError)
}

log = structlog.get_logger(__name__)

Tell = Callable[[int, int], None]
Stop = Callable[[Callable[[], None]], None]


class Errands:
    """Runs errands over one database, and ends those that run when it is closed. Safe to use from any thread.

    Args:
        place: where the records are.
        command: how the process is started; the default is this installation's own.
    """

    def __init__(self, place: Place, *, command: tuple[str, ...] = ()) -> None:
        self._place = place
        self._command = command or module_line("mooring.daemon.errand")
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._closed = False

    def run(
        self,
        task: str,
        given: Mapping[str, Any],
        *,
        seconds: float,
        tell: Tell | None = None,
        on_stop: Stop | None = None,
    ) -> dict[str, Any]:
        """Have it done, and wait for what comes of it.

        Args:
            seconds: how long it may take.
            tell: told (done, in all); what it raises ends the errand.
            on_stop: takes what ends the errand early.

        Raises:
            MooringError: what kept it from its end, as it said it.
            Halt: it ended without an answer, or took too long.
            Conflict: the daemon is stopping.
        """
        process = self._start()
        timer = threading.Timer(seconds, process.kill)
        timer.daemon = True
        timer.start()
        try:
            if on_stop is not None:
                on_stop(process.kill)
            return self._answer(process, self._asked(task, given), tell)
        finally:
            timer.cancel()
            self._end(process)

    def close(self) -> None:
        """Begin no more, and end those that run."""
        with self._lock:
            self._closed = True
            running = [*self._running]
        for process in running:
            process.kill()

    def _start(self) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._closed:
                raise Conflict("stopping", "The daemon is stopping.", todo="Ask again once it runs.")
            process = subprocess.Popen(  # noqa: S603 -- our own interpreter and module, no shell
                self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, close_fds=True
            )
            self._running.add(process)
            return process

    def _asked(self, task: str, given: Mapping[str, Any]) -> bytes:
        url = None if self._place.url is None else self._place.url.render_as_string(hide_password=False)
        file = None if self._place.file is None else str(self._place.file)
        return json.dumps({"task": task, "file": file, "url": url, "with": dict(given)}).encode() + b"\n"

    def _answer(self, process: subprocess.Popen[bytes], asked: bytes, tell: Tell | None) -> dict[str, Any]:
        assert process.stdin is not None
        assert process.stdout is not None
        with suppress(BrokenPipeError):
            process.stdin.write(asked)
            process.stdin.flush()
        while line := process.stdout.readline(ANSWER_BYTES_MAX):
            try:
                said = json.loads(line)
            except ValueError:
                break
            if "progress" in said:
                if tell is not None:
                    tell(*said["progress"])
            elif "error" in said:
                raise _error(_Told(**said["error"]))
            else:
                return dict(said["result"])
        log.warning("errand_failed", status=process.poll())
        raise Halt(
            "errand_failed",
            "Reading the records ended without an answer.",
            money="Nothing was changed.",
            todo="Run `mooring doctor`, and the same as a command: it says more.",
        )

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        with self._lock:
            self._running.discard(process)


@dataclass(frozen=True, kw_only=True)
class _Told:
    """An error as the errand told it."""

    kind: str
    code: str
    what: str
    money: str
    todo: str
    wait: float | None


def _error(said: _Told) -> MooringError:
    if said.kind == Retry.__name__:
        return Retry(said.code, said.what, retry_after_seconds=said.wait or 1.0, money=said.money, todo=said.todo)
    return KINDS.get(said.kind, Halt)(said.code, said.what, money=said.money, todo=said.todo)
