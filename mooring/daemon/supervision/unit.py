"""The user unit of one home: what systemd is told (systemd.service(5))."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mooring.daemon.supervision.attention import STAY_DOWN, SUPERVISOR_VARIABLE

RESTART_SECONDS: Final = 10
INSTALL: Final = """
[Install]
WantedBy=default.target
"""
STOP_SECONDS: Final = 40  # longer than `mooring down` waits, so that nobody kills what is ending in order


def unit(program: Sequence[str], *, quoted: bool = True, at_login: bool = True) -> str:
    """The unit's text.

    Args:
        program: what is run, and its arguments.
        quoted: whether these are taken as they are; a text for people may use systemd's own placeholders instead.
        at_login: whether it may be enabled, and so start when the person logs in.

    Raises:
        ValueError: an argument holds a line's end.
    """
    line = " ".join(_quoted(argument) if quoted else argument for argument in program)
    return f"""\
[Unit]
Description=Mooring trading daemon
StartLimitIntervalSec=300
StartLimitBurst=5

[Service]
Type=exec
ExecStart={line}
Environment={SUPERVISOR_VARIABLE}=systemd
Restart=on-failure
RestartSec={RESTART_SECONDS}
# A wrong setting, a refusal, damaged records or a second instance do not get better by trying again.
RestartPreventExitStatus={" ".join(map(str, sorted(STAY_DOWN)))}
TimeoutStopSec={STOP_SECONDS}
KillMode=mixed
UMask=0077
NoNewPrivileges=yes
""" + (INSTALL if at_login else "")


def _quoted(argument: str) -> str:
    if "\n" in argument or "\r" in argument:
        raise ValueError("a unit's line cannot hold a line's end")
    for special, instead in (("\\", "\\\\"), ('"', '\\"'), ("%", "%%"), ("$", "$$")):
        argument = argument.replace(special, instead)
    return f'"{argument}"'
