"""The application that a person opens: the menu bar, which starts the daemon where it is wanted."""

import argparse
import os
import sys

from mooring.errors import MooringError
from mooring.home import Home, resolve_home
from mooring.programs import leave_loader_behind

ALREADY_SHOWN = "menu_already_shown"


def main() -> int:
    leave_loader_behind(os.environ, sys._MEIPASS)  # noqa: SLF001 -- documented, for all its name
    parser = argparse.ArgumentParser(prog="mooring-menubar", allow_abbrev=False)
    parser.add_argument("--home", help="the home that it is for")
    stated, _ = parser.parse_known_args()  # the Finder may give arguments of its own
    from mooring.menubar.app import main as show  # noqa: PLC0415 -- Qt reads the environment as it is loaded

    try:
        return show(Home(root=resolve_home(stated.home, os.environ)))
    except MooringError as error:
        sys.stderr.write(f"{error}\n")
        # Opened in the Finder, or begun at login: nobody reads that. A menu that is there already says so by itself.
        if sys.platform == "darwin" and error.code != ALREADY_SHOWN and not sys.stderr.isatty():
            from mooring.menubar.questions import tell_alone  # noqa: PLC0415

            tell_alone(error)
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
