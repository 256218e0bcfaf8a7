"""A screen of its own for tests: Xvfb, a window manager and a tray, and a person's hand on it."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

PROGRAMS = ("Xvfb", "openbox", "trayer", "xdotool", "import")
SIZE = (1280, 800)
WAIT_SECONDS = 20.0
TRIES = 3
TRAYER = "--edge top --align right --widthtype request --height 24 --SetDockType true --expand true".split()


def missing() -> list[str]:
    """Programs that a screen needs and that are not here."""
    return [name for name in PROGRAMS if shutil.which(name) is None]


class Screen:
    """One display."""

    def __init__(self, display: str, environ: Mapping[str, str]) -> None:
        self.environ = dict(environ) | {"DISPLAY": display, "QT_QPA_PLATFORM": "xcb"}

    def run(self, *arguments: str) -> str:
        done = subprocess.run(arguments, env=self.environ, capture_output=True, text=True, timeout=20, check=True)
        return done.stdout

    def picture(self, file: Path) -> None:
        self.run("import", "-window", "root", str(file))

    def click(self, x: int, y: int, button: int = 1) -> None:
        self.run("xdotool", "mousemove", str(x), str(y), "click", str(button))

    def type(self, text: str) -> None:
        self.run("xdotool", "type", "--delay", "2", text)

    def windows(self, pid: int) -> list[str]:
        """The windows that a process shows."""
        command = ["xdotool", "search", "--onlyvisible", "--all", "--pid", str(pid), "--name", ""]
        done = subprocess.run(command, env=self.environ, capture_output=True, text=True, timeout=20, check=False)
        return done.stdout.split()

    def key(self, name: str) -> None:
        self.run("xdotool", "key", name)


@contextmanager
def screen() -> Iterator[Screen]:
    """A display with a tray at the top right."""
    with ExitStack() as closing:
        reader, writer = os.pipe()
        server = subprocess.Popen(
            ["Xvfb", "-displayfd", str(writer), "-screen", "0", f"{SIZE[0]}x{SIZE[1]}x24", "-nolisten", "tcp"],
            pass_fds=(writer,),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        closing.callback(_end, server)
        os.close(writer)
        with os.fdopen(reader) as told:
            number = told.readline().strip()
        assert number, "Xvfb did not start"
        made = Screen(f":{number}", os.environ)
        for program in (["openbox"], ["trayer", *TRAYER]):
            _begin(closing, made, program)
        yield made


def _begin(closing: ExitStack, made: Screen, program: list[str]) -> None:
    """Start a program of the session, and wait until it shows itself; again where it gave up at once."""
    for _ in range(TRIES):
        running = subprocess.Popen(
            program, env=made.environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        closing.callback(_end, running)
        if _shows(made, program[0], running):
            return
    raise AssertionError(f"{program[0]} did not come up")


def _shows(made: Screen, name: str, running: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline and running.poll() is None:
        found = subprocess.run(
            ["xdotool", "search", "--class", name], env=made.environ, capture_output=True, check=False
        )
        if found.returncode == 0 and found.stdout.strip():
            return True
        time.sleep(0.05)
    return False


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
