"""The LaunchAgent of one home: what launchd is told, as a property list (launchd.plist(5))."""

from __future__ import annotations

import plistlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from mooring.daemon.supervision.attention import SUPERVISOR_VARIABLE

BOOT_LOG: Final = "boot.log"
THROTTLE_SECONDS: Final = 10
EXIT_SECONDS: Final = 40  # longer than `mooring down` waits, so that nobody kills what is ending in order
UMASK: Final = 0o077
OPEN_FILES: Final = 4096


def agent(label: str, program: Sequence[str], logs: Path, *, app: str | None = None) -> bytes:
    """The property list, as XML.

    Args:
        label: name of the job.
        program: absolute path of what is run, and its arguments.
        logs: folder for what is said before the daemon's own log begins.
        app: bundle identifier of the application that it belongs to, whose name Login Items then shows.

    Raises:
        ValueError: a path is not absolute; launchd expands nothing.
    """
    if not Path(program[0]).is_absolute() or not logs.is_absolute():
        raise ValueError("launchd needs absolute paths")
    content: dict[str, Any] = {
        "Label": label,
        "ProgramArguments": list(program),
        "RunAtLoad": True,  # as the next line has it anyway
        # Status 0 stays down, which a wanted stop and what trying again cannot mend end with; a crash restarts.
        "KeepAlive": {"SuccessfulExit": False},
        "ThrottleInterval": THROTTLE_SECONDS,
        "ExitTimeOut": EXIT_SECONDS,
        "ProcessType": "Interactive",  # the others are slowed down, and a bar's close does not wait
        "LimitLoadToSessionType": "Aqua",  # where the login keychain is, and somebody can be asked
        "StandardOutPath": str(logs / BOOT_LOG),
        "StandardErrorPath": str(logs / BOOT_LOG),
        "Umask": UMASK,
        "SoftResourceLimits": {"NumberOfFiles": OPEN_FILES},
        # Anybody of this user can read these: nothing secret.
        "EnvironmentVariables": {SUPERVISOR_VARIABLE: "launchd"},
    }
    if app is not None:
        content["AssociatedBundleIdentifiers"] = [app]
    return plistlib.dumps(content, fmt=plistlib.FMT_XML, sort_keys=True)
