"""`python -m tests.acceptance.tray_pictures FOLDER`: pictures of the menu bar, taken while the scenarios are played."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.acceptance.tray_screens import run
from tests.daemon.daemons import short_home, without_keychain
from tests.support.screen import missing

BYTES_MOST = 60_000


def main(folder: Path) -> int:
    """Play them all; 0 where every picture is as small as it should be."""
    if missing():
        print(f"not installed: {', '.join(missing())}", file=sys.stderr)
        return 1
    folder.mkdir(parents=True, exist_ok=True)
    with short_home() as home:
        run("tray_scenario", home.root, folder)
    with short_home() as home, short_home() as live:
        run("tray_models", home.root, live.root, folder)
    with short_home() as home, tempfile.TemporaryDirectory() as mounted:
        without_keychain(home, Path(mounted))
        run("tray_daemon", home.root, folder)
    large = [file.name for file in sorted(folder.glob("*.png")) if file.stat().st_size > BYTES_MOST]
    for name in large:
        print(f"{name} is larger than {BYTES_MOST} bytes", file=sys.stderr)
    return 1 if large else 0


if __name__ == "__main__":
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("folder", type=Path)
    sys.exit(main(asked.parse_args().folder.resolve()))
