"""The daemon in this very process, as `mooring run` has it, until it ends; how it ended is for who keeps it running."""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from mooring.errors import Halt, MooringError

if TYPE_CHECKING:
    from mooring.home import Home

MAY_WORK: Final = "Real orders may work at Kraken, and nobody looks after them."
LOOK: Final = (
    "Cancel there what you do not want. This is said until Mooring has compared its books with the account in live "
    "mode, or you mark the alert about it as seen in the dashboard."
)


def serve_here(where: Home, *, as_json: bool, last: bool = False) -> None:
    """Serve until SIGTERM, SIGHUP or Ctrl-C; what has to be done about an end stands in the home as well.

    Args:
        last: whether the process ends after this: signals that come then change its status no more.

    Raises:
        MooringError: it could not begin, or had to end.
        SystemExit: the same, where its keeper is to be told by another status than the error's own; or another
            supervisor is to start it again.
    """
    from mooring.daemon.lean import NOT_CARRIED, go_without  # noqa: PLC0415

    go_without(*NOT_CARRIED)  # before the first library that would take them along
    from mooring.daemon.options import options_from_home  # noqa: PLC0415
    from mooring.daemon.service import BOOT_LOG  # noqa: PLC0415
    from mooring.daemon.serving import serve  # noqa: PLC0415
    from mooring.daemon.supervision import attention, boot_log, elsewhere  # noqa: PLC0415

    def left(text: str) -> None:
        now = datetime.now(UTC)
        what = f"On {now:%Y-%m-%d} at {now:%H:%M} UTC: {text}"
        attention.write(where, Halt("orders_left", what, money=MAY_WORK, todo=LOOK), now, os.environ)

    boot_log.bound(sys.stderr, where.logs_dir / BOOT_LOG)
    supervised = elsewhere.is_known(os.environ, at_terminal=sys.stdin is not None and sys.stdin.isatty())

    def started() -> None:
        attention.clear(where)
        if supervised:
            elsewhere.note(where, os.getpid())
        else:
            elsewhere.clear(where)

    former = elsewhere.noted(where)
    try:
        options = options_from_home(where, os.environ, console=sys.stderr.isatty())
        again = asyncio.run(serve(options, started, left, last=last))
    except MooringError as error:
        attention.write(where, error, datetime.now(UTC), os.environ)
        if attention.stays_down(error) and error.code != attention.ALREADY_RUNNING:
            elsewhere.clear(where)
        status = attention.status_for(error, os.environ)
        if status == error.exit_code:
            raise
        from mooring.cli.context import show_error  # noqa: PLC0415 -- brings the parser of commands along

        show_error(error, as_json=as_json)  # for the boot log
        raise SystemExit(status) from None
    if again and supervised:
        elsewhere.note(where, os.getpid())  # where it was broken off in its start, nobody has noted it yet
        raise SystemExit(elsewhere.AGAIN)
    if elsewhere.noted(where) in (former, os.getpid()):  # it stays down, and `mooring down` waits for no other
        elsewhere.clear(where)
