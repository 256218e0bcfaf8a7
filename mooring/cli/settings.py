"""`mooring settings`: look at settings, change them while the daemon runs, and go back."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from mooring.cli.context import HomeOption, JsonOption, hint, home_of, put_json, say, wants_json
from mooring.cli.control import client_of
from mooring.cli.groups import group
from mooring.errors import Invalid, NotFound, Unreachable

if TYPE_CHECKING:
    from mooring.control_api.models_settings import Setting, SettingsNow
    from mooring.settings import SettingInfo

app = group(
    "Settings, and changes of them while the daemon runs.",
    epilog="Example: mooring settings set risk.daily_loss_bps 200",
)
NoteOption = Annotated[str, typer.Option("--note", help="Why; it stays in the history.")]
VersionOption = Annotated[
    int | None,
    typer.Option("--if-version", help="Change nothing where this is not the newest version (default: the newest)."),
]
WHEN: Final = {
    "now": "in force now",
    "next_cycle": "in force from the next hour on",
    "next_start": "in force after `mooring down` and `mooring up`",
}
OFF: Final = "The daemon is off. This is what its next start would begin with."
OFF_CODES: Final = frozenset({"daemon_not_reachable", "needs_attention"})
ALL_DEFAULTS: Final = "Every setting is at its default; --json lists them."
SHOWN_MAX: Final = 60  # characters of a value in a table


def show(ctx: typer.Context, home: HomeOption = None, json: JsonOption = False) -> None:
    """Every setting that is not at its default, and what waits; all of them with --json.

    Example: mooring settings show
    """
    as_json = wants_json(ctx, json)
    try:
        with client_of(ctx, home) as client:
            now = client.settings()
    except Unreachable as error:
        if error.code not in OFF_CODES:  # of one that runs it cannot be said what it goes by
            raise
        _show_stated(ctx, home, as_json=as_json)
        return
    if as_json:
        put_json({"running": True, **now.model_dump()})
        return
    say(f"Version {now.version}, run {now.run_id[:8]}")
    told = [item for item in now.items if item.source != "defaults" or item.pending is not None]
    for item in told:
        say(_line(item))
    if not told:
        say(ALL_DEFAULTS)
    if now.pending_restart:
        say("Something waits for the next start: `mooring down`, then `mooring up`.")


def get(
    ctx: typer.Context,
    key: Annotated[str, typer.Argument(help="such as risk.daily_loss_bps", metavar="KEY")],
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """One setting: its value, where that comes from, its bounds, and when a change takes effect.

    Example: mooring settings get risk.daily_loss_bps
    """
    as_json = wants_json(ctx, json)
    info = _known(key)
    with client_of(ctx, home) as client:
        now = client.settings()
    item = next((one for one in now.items if one.key == info.key), None)
    if item is None:
        raise _unknown()
    if as_json:
        put_json({"version": now.version, **item.model_dump()})
        return
    say(_line(item))
    say(f"  {item.description}")
    say(f"  Accepted: {item.bounds}. Default: {_text(item.default)}. A change is {WHEN[item.effective]}.")


def set_(
    ctx: typer.Context,
    pairs: Annotated[list[str], typer.Argument(help="such as risk.daily_loss_bps 200", metavar="KEY VALUE")],
    if_version: VersionOption = None,
    note: NoteOption = "",
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Change settings, of which more than one pair may be given; lists are separated by commas.

    Example: mooring settings set risk.daily_loss_bps 200 --note "a quiet month"
    """
    as_json = wants_json(ctx, json)
    if len(pairs) % 2:
        raise Invalid(
            "usage", "A setting has no value.", money="Nothing was changed.", todo="Give KEY VALUE for each setting."
        )
    stated = dict(zip(pairs[::2], pairs[1::2], strict=True))
    _change(ctx, home, {key: _value(key, text) for key, text in stated.items()}, if_version, note, as_json=as_json)


def unset(
    ctx: typer.Context,
    keys: Annotated[list[str], typer.Argument(help="such as risk.daily_loss_bps", metavar="KEY")],
    if_version: VersionOption = None,
    note: NoteOption = "",
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Go back to what settings.toml, a variable or the default says.

    Example: mooring settings unset risk.daily_loss_bps
    """
    as_json = wants_json(ctx, json)
    _change(ctx, home, {_known(key).key: None for key in keys}, if_version, note, as_json=as_json)


def history(
    ctx: typer.Context,
    limit: Annotated[int, typer.Option("--limit", min=1, max=500, help="How many versions.")] = 20,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Who changed what, newest first.

    Example: mooring settings history
    """
    as_json = wants_json(ctx, json)
    with client_of(ctx, home) as client:
        found = client.settings_history(limit=limit)
    if as_json:
        put_json(found.model_dump(by_alias=True))
        return
    for one in found.items:
        say(f"{one.version:>4}  {one.at}  {one.actor:<9} {one.kind}{f': {one.note}' if one.note else ''}")
        for change in one.changes:
            say(f"        {change.key}: {_text(change.before)} -> {_text(change.after)}")


def revert(
    ctx: typer.Context,
    version: Annotated[int, typer.Argument(min=1, help="a number from the history", metavar="VERSION")],
    if_version: VersionOption = None,
    note: NoteOption = "",
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Make a new version with the changes of an earlier one; version 1 has none.

    Example: mooring settings revert 3
    """
    as_json = wants_json(ctx, json)
    with client_of(ctx, home) as client:
        before = client.settings()
        at = before.version if if_version is None else if_version
        _show_change(before, client.revert_settings(version, version=at, note=note), as_json=as_json)


def _change(
    ctx: typer.Context, home: str | None, changes: dict[str, Any], if_version: int | None, note: str, *, as_json: bool
) -> None:
    with client_of(ctx, home) as client:
        before = client.settings()
        at = before.version if if_version is None else if_version
        _show_change(before, client.change_settings(changes, version=at, note=note), as_json=as_json)


def _show_change(before: SettingsNow, after: SettingsNow, *, as_json: bool) -> None:
    if as_json:
        put_json(after.model_dump())
        return
    wanted = {item.key: _wanted(item) for item in before.items}
    changed = [item for item in after.items if wanted.get(item.key) != _wanted(item)]
    say(f"Version {after.version}.")
    for item in changed:
        when = WHEN[item.effective if item.pending is not None else "now"]
        say(f"  {item.key}: {_text(wanted.get(item.key))} -> {_text(_wanted(item))}, {when}")
    if not changed:
        say("  Every value is as it was.")


def _show_stated(ctx: typer.Context, home: str | None, *, as_json: bool) -> None:
    """Without a daemon: what is stated."""
    from mooring.daemon.settings_start import stated  # noqa: PLC0415 -- SQL and pydantic are not needed for --help
    from mooring.settings import describe, value_of  # noqa: PLC0415
    from mooring.settings_sources import is_secret  # noqa: PLC0415

    layers, values = stated(home_of(ctx, home), os.environ)
    settings = layers.resolve(values)
    items = [
        {
            "key": info.key,
            "value": None if is_secret(info) else _plain(value_of(settings, info.key)),
            "default": _plain(info.default),
            "bounds": info.bounds,
            "source": layers.source_of(info.key, values),
        }
        for info in describe()
    ]
    if as_json:
        put_json({"running": False, "version": None, "items": items})
        return
    hint(OFF)
    told = [item for item in items if item["source"] != "defaults"]
    for item in told:
        say(f"{item['key']}  {_text(item['value'])}  ({item['source']})")
    if not told:
        say(ALL_DEFAULTS)


def _value(key: str, text: str) -> Any:
    from mooring.settings_sources import from_text  # noqa: PLC0415

    return _plain(from_text(text, _known(key), "the command"))


def _known(key: str) -> SettingInfo:
    from mooring.settings import describe  # noqa: PLC0415

    found = next((info for info in describe() if info.key == key), None)
    if found is None:
        raise _unknown()
    return found


def _unknown() -> NotFound:
    return NotFound(
        "no_such_setting",
        "There is no setting of that name.",
        money="Nothing was changed.",
        todo="`mooring settings show --json` and docs/settings.md list all of them.",
    )


def _line(item: Setting) -> str:
    value = "not shown" if item.secret else _text(item.value)
    waits = ""
    if item.pending is not None:
        waits = f"; {_text(item.pending.value)} {WHEN[item.pending.effective]}"
    return f"{item.key}  {value}  ({item.source}{waits})"


def _wanted(item: Setting) -> Any:
    return item.value if item.pending is None else item.pending.value


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _text(value: Any) -> str:
    if value is None:
        return "unset"
    if isinstance(value, bool):
        return "true" if value else "false"
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= SHOWN_MAX else text[: SHOWN_MAX - 3] + "..."


def add_commands(parent: typer.Typer) -> None:
    """Put these commands into the app."""
    for command in (show, get, unset, history, revert):
        app.command()(command)
    # A value may begin with a minus, as that of strategy.exit_score does.
    app.command("set", context_settings={"ignore_unknown_options": True})(set_)
    parent.add_typer(app, name="settings")
