"""Commands about copies of the database: backup, restore, and the anchor that is kept elsewhere."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from mooring.cli.context import HomeOption, JsonOption, hint, home_of, put_json, say, wants_json
from mooring.cli.demo import progress_bar

ForceOption = Annotated[bool, typer.Option("--force", help="Replace the file where there is one.")]


def backup(
    ctx: typer.Context,
    out: Annotated[
        Path | None, typer.Option("--out", help="File to make (default: in `backups` of the home).", metavar="FILE")
    ] = None,
    force: ForceOption = False,
    keep: Annotated[
        int | None, typer.Option("--keep", help="Backups to leave in `backups`; the oldest go (default: all stay).")
    ] = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Copy the database while the daemon runs, and prove the copy.

    Example: mooring db backup --keep 30
    """
    as_json = wants_json(ctx, json)
    from mooring.daemon.maintenance import backup_database  # noqa: PLC0415
    from mooring.daemon.records import require_file  # noqa: PLC0415
    from mooring.runtime.market.clock import SystemClock  # noqa: PLC0415

    where = home_of(ctx, home)
    require_file(where, os.environ)
    with progress_bar("Backup") as report:
        made = backup_database(where, now=SystemClock().now(), out=out, force=force, keep=keep, progress=report)
    if as_json:
        put_json(made)
        return
    say(f"{made['path']}\n{made['rows']} rows, all of which hold. Head {made['head']}")
    for path in made["removed"]:
        hint(f"Removed {path}")


def restore(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="The backup.", metavar="FILE")],
    older: Annotated[
        bool, typer.Option("--older", help="Go back in time; what was recorded since is left out.")
    ] = False,
    discard: Annotated[
        bool, typer.Option("--discard", help="Replace a database that has another history than the backup.")
    ] = False,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Put a backup in the database's place; the daemon must be off. Trading is paused until you resume.

    Example: mooring db restore mooring-20240105T070000Z-0123456789ab.db
    """
    as_json = wants_json(ctx, json)
    from mooring.daemon.maintenance import restore_database  # noqa: PLC0415
    from mooring.daemon.records import require_file  # noqa: PLC0415
    from mooring.runtime.market.clock import SystemClock  # noqa: PLC0415

    where = home_of(ctx, home)
    require_file(where, os.environ)
    with progress_bar("Restore") as report:
        done = restore_database(where, file, now=SystemClock().now(), older=older, discard=discard, progress=report)
    if as_json:
        put_json(done)
    else:
        _show_restored(done)


def _show_restored(done: dict[str, Any]) -> None:
    restored = done["restored"]
    say(f"Restored {restored['hours']} hours, {restored['rows']} rows. Head {restored['head']}")
    if done["kept_as"] is not None:
        say(f"The database before is kept as {done['kept_as']}")
    say("Trading is paused. Look at what is held once the daemon runs, then `mooring resume`.")


def anchor(
    ctx: typer.Context,
    out: Annotated[
        Path | None, typer.Option("--out", help="File to make (default: standard output).", metavar="FILE")
    ] = None,
    force: ForceOption = False,
    quick: Annotated[
        bool, typer.Option("--quick", help="Believe what the database notes of itself, instead of proving every row.")
    ] = False,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Write down where every chain stands, to be kept elsewhere; `mooring db check --against` compares with it.

    Example: mooring db anchor --out anchor.json
    """
    as_json = wants_json(ctx, json)
    from mooring.daemon.maintenance import anchor_database  # noqa: PLC0415
    from mooring.daemon.records import records_of  # noqa: PLC0415
    from mooring.runtime.market.clock import SystemClock  # noqa: PLC0415

    where = home_of(ctx, home)
    made = anchor_database(records_of(where, os.environ), now=SystemClock().now(), out=out, force=force, quick=quick)
    if out is None:
        sys.stdout.write(made["text"] + "\n")  # the same for people and machines: what it is must not change
    elif as_json:
        put_json({"path": str(out), "head": made["head"]})
    else:
        say(f"{out}\nHead {made['head']}")


def add_database_file_commands(db: typer.Typer) -> None:
    """Put these commands into `mooring db`."""
    for command in (backup, restore, anchor):
        db.command()(command)
