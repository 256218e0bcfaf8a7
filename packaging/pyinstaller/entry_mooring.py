"""The application's one program: the command line, the daemon, and the children that the daemon starts."""

import multiprocessing
import os
import runpy
import sys

from mooring.programs import MODULE_FLAG, MODULES, leave_loader_behind


def main() -> None:
    leave_loader_behind(os.environ, sys._MEIPASS)  # noqa: SLF001 -- documented, for all its name
    asked = sys.argv[1:]
    if asked[:1] == [MODULE_FLAG] and set(asked[1:2]) & MODULES:
        _, module, *rest = asked
        sys.argv = [module, *rest]
        runpy.run_module(module, run_name="__main__", alter_sys=True)
        return
    from mooring.cli.entry import program as command_line  # noqa: PLC0415 -- a child needs none of it

    command_line()


if __name__ == "__main__":
    multiprocessing.freeze_support()
    main()
