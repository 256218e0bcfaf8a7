"""Commands about the database itself: check, schema, upgrade, and moving it elsewhere."""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer

from mooring.cli.context import HomeOption, JsonOption, hint, home_of, put_json, say, wants_json
from mooring.cli.database_files import add_database_file_commands
from mooring.cli.demo import progress_bar
from mooring.cli.groups import group
from mooring.errors import Unverified

MAX_BREAKS_SHOWN: Final = 20

db = group("Check, copy and restore the database.")


class Database(StrEnum):
    """Kinds of databases."""

    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"


@db.command("check")
def db_check(
    ctx: typer.Context,
    against: Annotated[
        Path | None,
        typer.Option("--against", help="An anchor kept elsewhere: nothing before it may have changed.", metavar="FILE"),
    ] = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Prove every row, every chain and the schema; exit 6 where something does not hold.

    Example: mooring db check --json
    """
    as_json = wants_json(ctx, json)
    from mooring.daemon.maintenance import check_database  # noqa: PLC0415
    from mooring.daemon.records import records_of  # noqa: PLC0415

    report = check_database(records_of(home_of(ctx, home), os.environ), against=against)
    if as_json:
        put_json(report)
    else:
        for found in report["breaks"][:MAX_BREAKS_SHOWN]:
            hint(found["text"])
    if not report["ok"]:
        sys.stdout.flush()
        if as_json:
            raise typer.Exit(Unverified.exit_code)
        raise Unverified(
            "database_broken",
            f"Places of the database that do not hold: {len(report['breaks'])}.",
            money="Its records cannot be trusted from there on.",
            todo="Keep the file as it is, and restore a backup; where only rules are gone, `mooring db repair` makes "
            "them anew.",
        )
    if not as_json:
        say(f"All {report['rows']} rows hold. Head {report['head']}")


@db.command("schema")
def db_schema(
    ctx: typer.Context,
    database: Annotated[
        Database, typer.Option("--database", help="Which kind of database.", case_sensitive=False)
    ] = Database.SQLITE,
    home: HomeOption = None,  # noqa: ARG001 -- every command takes it; this one reads no home
    json: JsonOption = False,
) -> None:
    """Print the canonical schema, as every new database is made and every other compared with.

    Example: mooring db schema --database postgresql
    """
    as_json = wants_json(ctx, json)
    from mooring.daemon.maintenance import schema_of  # noqa: PLC0415

    found = schema_of(database.value)
    if as_json:
        put_json(found)
    else:
        sys.stdout.write(found["sql"])


@db.command("upgrade")
def db_upgrade(ctx: typer.Context, home: HomeOption = None, json: JsonOption = False) -> None:
    """Bring the database to the newest schema, as a start of the daemon does; the daemon must be off.

    Example: mooring db upgrade
    """
    as_json = wants_json(ctx, json)
    from mooring.daemon.maintenance import upgrade_database  # noqa: PLC0415
    from mooring.daemon.records import records_of  # noqa: PLC0415

    where = home_of(ctx, home)
    done = upgrade_database(where, records_of(where, os.environ))
    if as_json:
        put_json(done)
    elif done["before"] == done["after"]:
        say(f"The database is at the newest revision already, {done['after']}.")
    else:
        say(f"The database is at revision {done['after']} now; it was at {done['before']}.")


@db.command("repair")
def db_repair(ctx: typer.Context, home: HomeOption = None, json: JsonOption = False) -> None:
    """Prove every row, then make anew what is gone of the rules that keep rows as they are; the daemon must be off.

    Example: mooring db repair
    """
    as_json = wants_json(ctx, json)
    from mooring.daemon.maintenance import repair_database  # noqa: PLC0415
    from mooring.daemon.records import records_of  # noqa: PLC0415
    from mooring.runtime.market.clock import SystemClock  # noqa: PLC0415

    where = home_of(ctx, home)
    done = repair_database(where, records_of(where, os.environ), now=SystemClock().now())
    if as_json:
        put_json(done)
        return
    for made in done["made"]:
        say(f"Made anew: {made}")
    say(f"{'Nothing was gone' if not done['made'] else 'Its rules are whole again'}; all {done['rows']} rows hold.")
    if done["made"]:
        hint("Only an anchor can prove that nobody rewrote all of it meanwhile: `mooring db check --against FILE`.")


@db.command("copy")
def db_copy(
    ctx: typer.Context,
    to: Annotated[
        str, typer.Option("--to", help="A new file, or postgresql://… of an empty database.", metavar="URL_OR_FILE")
    ],
    from_: Annotated[
        str | None, typer.Option("--from", help="What to copy (default: the home's records).", metavar="URL_OR_FILE")
    ] = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Copy the whole history into another database, unchanged, and prove the copy.

    Example: mooring db copy --to postgresql://mooring@localhost:5432/mooring
    """
    as_json = wants_json(ctx, json)
    from mooring.daemon.maintenance import copy_database  # noqa: PLC0415
    from mooring.daemon.records import records_of  # noqa: PLC0415

    source = records_of(home_of(ctx, home), os.environ) if from_ is None else from_
    with progress_bar("Copy") as report:
        done = copy_database(source, to, progress=report)
    if as_json:
        put_json(done)
        return
    say(f"{done['rows']} rows copied from {done['from']} to {done['to']}; every one of them holds. Head {done['head']}")
    hint("Two daemons must never go on from one history: put the old database away once the new one is in use.")


add_database_file_commands(db)
