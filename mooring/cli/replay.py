"""`mooring replay …`: hours of the records done again, and compared."""

from __future__ import annotations

import json as json_text
import os
import sys
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from mooring.cli import demo
from mooring.cli.context import HomeOption, JsonOption, hint, home_of, put_json, say, wants_json
from mooring.cli.groups import group
from mooring.errors import Invalid, Unverified
from mooring.home import Home

replay = group("Do recorded hours again and compare every row.")

HourOption = Annotated[str, typer.Option("--hour", help="Close of the hour (UTC), like 2024-01-05T07:00.")]
RunOption = Annotated[
    str | None, typer.Option("--run", help="Run id, or the beginning of one (default: the latest run).")
]
CompiledOption = Annotated[
    bool | None, typer.Option("--compiled/--plain", help="With or without numba (default: whichever ends sooner).")
]
HASHES: Final = {"decision_hash": "Decisions", "state_hash": "State", "blob_hash": "Kept state", "root": "Root"}
SHOWN_MAX: Final = 20


def _hour(text: str | None, option: str) -> int | None:
    from mooring.cli.local import parse_time  # noqa: PLC0415 -- it imports this module's neighbours

    return parse_time(text, option, like="2024-01-05T07:00")


def _one_hour(text: str, option: str = "--hour") -> int:
    found = _hour(text, option)
    assert found is not None
    return found


@replay.command("execute-hour")
def execute_hour(
    ctx: typer.Context, hour: HourOption, run: RunOption = None, home: HomeOption = None, json: JsonOption = False
) -> None:
    """Do one hour again from the nearest state that was kept before it, and print every row; compare nothing.

    Example: mooring replay execute-hour --hour 2024-01-05T07:00
    """
    as_json = wants_json(ctx, json)
    from mooring.daemon.records import records_of  # noqa: PLC0415
    from mooring.daemon.replays import executed_hour  # noqa: PLC0415

    done = executed_hour(records_of(home_of(ctx, home), os.environ), _one_hour(hour), run_id=run)
    if as_json:
        put_json(done)
        return
    for row in done["rows"]:
        put_json(row)
    begun = "the run's opening" if done["started_from"] is None else f"the state of {done['started_from']}"
    hint(f"{len(done['rows'])} rows of hour {done['hour']}, run {done['run_id']}, begun from {begun}.")
    for name, title in HASHES.items():
        if name in done:
            hint(f"{title:<11}{done[name]}")


@replay.command("hour")
def one_hour(
    ctx: typer.Context, hour: HourOption, run: RunOption = None, home: HomeOption = None, json: JsonOption = False
) -> None:
    """Do one hour again and compare it with what is recorded; exit 6 where anything differs.

    Example: mooring replay hour --hour 2024-01-05T07:00
    """
    as_json = wants_json(ctx, json)
    from mooring.daemon.records import records_of  # noqa: PLC0415
    from mooring.daemon.replays import replayed_hour  # noqa: PLC0415

    found = replayed_hour(records_of(home_of(ctx, home), os.environ), _one_hour(hour), run_id=run)
    if not as_json:
        _say_version(found)
        say(f"Hour {found['hour']}, run {found['run_id']}")
        _show_hashes(found["recorded"], found["recomputed"])
    _end(found, as_json=as_json, said="Equal: every row came out again.")


@replay.command("window")
def window(
    ctx: typer.Context,
    from_: Annotated[str, typer.Option("--from", help="Close of the first hour (UTC), like 2024-01-05T07:00.")],
    to: Annotated[str, typer.Option("--to", help="Close of the last hour (UTC).")],
    run: RunOption = None,
    compiled: CompiledOption = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Do the hours of a run again and compare them; exit 6 where anything differs.

    Example: mooring replay window --from 2024-01-05T07:00 --to 2024-01-08T07:00
    """
    as_json = wants_json(ctx, json)
    from mooring.daemon.records import records_of  # noqa: PLC0415
    from mooring.daemon.replays import replayed_window  # noqa: PLC0415

    first, last = _one_hour(from_, "--from"), _one_hour(to, "--to")
    with demo.progress_bar("Replay") as tell:
        found = replayed_window(
            records_of(home_of(ctx, home), os.environ), first, last, run_id=run, compiled=compiled, tell=tell
        )
    if not as_json:
        _say_version(found)
    hours = f"{found['first']} to {found['last']}"
    _end(found, as_json=as_json, said=f"Equal: every row of {hours} came out again.")


@replay.command("manifest")
def manifest(
    ctx: typer.Context,
    hour: HourOption,
    run: RunOption = None,
    format_: Annotated[str, typer.Option("--format", help="json or svg.")] = "json",
    out: Annotated[Path | None, typer.Option("--out", help="File to write (default: standard output).")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file of that name.")] = False,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """The graph of an hour: which row follows from which, as JSON or as a picture.

    Example: mooring replay manifest --hour 2024-01-05T07:00 --format svg --out hour.svg
    """
    as_json = wants_json(ctx, json)
    from mooring.daemon.records import records_of  # noqa: PLC0415
    from mooring.daemon.replays import draw, hour_manifest, write_picture  # noqa: PLC0415

    if format_ not in {"json", "svg"}:
        raise Invalid("unknown_format", "--format is neither json nor svg.", todo="Give one of the two.")
    graph = hour_manifest(records_of(home_of(ctx, home), os.environ), _one_hour(hour), run_id=run)
    text = draw(graph) if format_ == "svg" else _dumped(graph)
    if out is None:
        sys.stdout.write(text)
        return
    write_picture(out, text, force=force)
    rows = sum(not node["outside"] for node in graph["nodes"])
    if as_json:
        put_json({"path": str(out), "root": graph["root"], "rows": rows, "edges": len(graph["edges"])})
    else:
        say(f"{out}: {rows} rows, root {graph['root']}")


@replay.command("verify")
def verify(
    ctx: typer.Context,
    from_: Annotated[
        str | None, typer.Option("--from", help="Compare only hours that close from then on (UTC).")
    ] = None,
    to: Annotated[str | None, typer.Option("--to", help="Compare only hours that close until then (UTC).")] = None,
    compiled: CompiledOption = None,
    models: Annotated[
        bool, typer.Option("--models", help="Ask the models of installed bundles again, too, and compare.")
    ] = False,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Check every hash, then do every hour of every run again and compare; exit 6 where anything differs.

    Example: mooring replay verify
    """
    as_json = wants_json(ctx, json)
    from mooring.daemon.records import records_of  # noqa: PLC0415
    from mooring.daemon.replays import verified_history  # noqa: PLC0415

    first, last = _hour(from_, "--from"), _hour(to, "--to")
    with demo.progress_bar("Verify") as tell:
        found = verified_history(
            records_of(home_of(ctx, home), os.environ),
            first=first,
            last=last,
            compiled=compiled,
            tell=tell,
        )
    if models:
        found |= {"models": _asked_again(home_of(ctx, home), first, last, as_json=as_json)}
        found["ok"] = found["ok"] and not found["models"]["differing"]
    if not as_json:
        # Those first whose fields are known.
        for broken in sorted(found["breaks"], key=lambda each: not each["recomputed"])[:SHOWN_MAX]:
            hint(broken["text"])
        for run in found["runs"]:
            _say_version(run | {"version": found["version"]})
    said = f"All {found['rows']} rows hold, and all {found['hours']} hours came out again. Head {found['head']}"
    _end(found, as_json=as_json, said=said)


def _asked_again(home: Home, first: int | None, last: int | None, *, as_json: bool) -> dict[str, Any]:
    from mooring.daemon.bundle_reask import asked_again  # noqa: PLC0415 -- as in `verify`
    from mooring.daemon.records import records_of  # noqa: PLC0415
    from mooring.runtime.market.clock import SystemClock  # noqa: PLC0415

    found = asked_again(home, records_of(home, os.environ), SystemClock(), first=first, last=last)
    if not as_json:
        for reference, rows in found["asked"].items():
            say(f"Models of {reference} were asked again about {rows} answers.")
        for reference, rows in found["not_here"].items():
            hint(f"Bundle {reference} is not here any more: {rows} answers of it were not asked for again.")
        for one in found["differences"][:SHOWN_MAX]:
            hint(f"{one['hour_ts_utc']} {one['symbol']}: recorded {one['recorded']}, now {one['now']}")
    return found


def _end(found: dict[str, Any], *, as_json: bool, said: str) -> None:
    """Say what came out, and end with 6 where it is not what is recorded."""
    if as_json:
        put_json(found)
        sys.stdout.flush()
        if not found["ok"]:
            raise typer.Exit(Unverified.exit_code)
        return
    if found["ok"]:
        say(said)
        return
    for number, one in enumerate(found["differences"][:SHOWN_MAX]):
        hint(one["text"])
        if number == 0 and one["inputs"]:
            hint(f"  from {json_text.dumps(one['inputs'], ensure_ascii=False)}")
    sys.stdout.flush()
    if not found["differences"] and not found["breaks"] and not found["not_replayed"]:
        raise Unverified(
            "model_answers_differ",
            f"Recorded answers of models that these models do not give: {found['models']['differing']}.",
            money="What was recorded of them cannot be trusted; what was traded on it came out again.",
            todo="Keep the database as it is, and compare it with a backup or an anchor.",
        )
    if not found["differences"]:  # every hour came out again, but hashes do not hold
        raise Unverified(
            "database_broken",
            found["not_replayed"] or f"Places of the database that do not hold: {len(found['breaks'])}.",
            money="Its records cannot be trusted from there on.",
            todo="Keep the file as it is, and restore a backup.",
        )
    raise Unverified(
        "replay_differs",
        "The records are not what their inputs give.",
        money="What is recorded of money from there on cannot be trusted.",
        todo="Keep the database as it is, and compare it with a backup or an anchor.",
    )


def _show_hashes(recorded: dict[str, str], recomputed: dict[str, str] | None) -> None:
    """Both hashes of each kind, one under the other, so that they fit a narrow terminal."""
    for name, title in HASHES.items():
        theirs, ours = recorded[name], "" if recomputed is None else recomputed[name]
        say(f"{title:<11}recorded    {theirs or 'none'}")
        say(f"{'':<11}recomputed  {ours or 'none'}  {'equal' if theirs == ours else 'differs'}")


def _say_version(found: dict[str, Any]) -> None:
    if found["code_version"] != found["version"]:
        hint(f"Run {found['run_id']} was made by version {found['code_version']}; this is {found['version']}.")


def _dumped(graph: dict[str, Any]) -> str:
    return json_text.dumps(graph, ensure_ascii=False) + "\n"


def add_commands(app: typer.Typer) -> None:
    """Put these commands into the app."""
    app.add_typer(replay, name="replay")
