"""`mooring bundle`, who signs and what is taken back: init, rotate, revoke."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from mooring.cli.bundle_publisher import ChannelOption, FolderArgument, KeysHereOption, utc_now
from mooring.cli.bundle_show import show_requests
from mooring.cli.context import HomeOption, JsonOption, wants_json
from mooring.errors import Invalid, NotFound

ROLES: Final = ("root", "targets", "models-stable", "models-canary", "snapshot", "timestamp")
REASON_MOST: Final = 500


def _keys(role: str) -> Any:
    return typer.Option(f"--{role.removeprefix('models-')}", help=f"A public key of {role}; repeated.", metavar="PUB")


def init(
    ctx: typer.Context,
    folder: Annotated[Path, typer.Argument(help="A new folder.", metavar="DIR", show_default=False)],
    root: Annotated[list[Path], _keys("root")],
    targets: Annotated[list[Path], _keys("targets")],
    stable: Annotated[list[Path], _keys("models-stable")],
    canary: Annotated[list[Path], _keys("models-canary")],
    snapshot: Annotated[list[Path], _keys("snapshot")],
    timestamp: Annotated[list[Path], _keys("timestamp")],
    threshold: Annotated[
        list[str] | None, typer.Option("--threshold", help="More signatures than needed.", metavar="ROLE=N")
    ] = None,
    keys_here: KeysHereOption = False,
    home: HomeOption = None,  # noqa: ARG001 -- every command takes it; this one reads no home
    json: JsonOption = False,
) -> None:
    """Begin a repository: the folder, and requests for the first signatures. Nothing is public before `publish`.

    Needs three keys for root and targets (two sign), two for stable (both sign), one for each other role.

    Example: mooring bundle init publisher --root a.pub --root b.pub --root c.pub --targets d.pub ...
    """
    as_json = wants_json(ctx, json)
    from mooring.bundles.publisher import drafts, rules, staging  # noqa: PLC0415 -- not needed for --help
    from mooring.bundles.publisher.keys import load_public  # noqa: PLC0415
    from mooring.bundles.publisher.roles import rule_of  # noqa: PLC0415
    from mooring.bundles.publisher.workshop import Workshop  # noqa: PLC0415

    more = dict(_threshold(text) for text in threshold or [])
    files = dict(zip(ROLES, (root, targets, stable, canary, snapshot, timestamp), strict=True))
    asked = {
        role: drafts.RoleKeys(
            keys=[load_public(path) for path in paths], threshold=more.get(role, rule_of(role).threshold)
        )
        for role, paths in files.items()
    }
    requests = drafts.first(asked, utc_now())
    if folder.is_dir():
        keyids = {role: [key.keyid for key in one.keys] for role, one in asked.items()}
        rules.check_keys_away(folder, folder / "public", keyids, here=keys_here)
    workshop = Workshop.make(folder)
    with workshop.held():
        show_requests(requests, staging.stage(workshop, requests), as_json=as_json)


def rotate(
    ctx: typer.Context,
    folder: FolderArgument,
    role: Annotated[str, typer.Argument(help=f"One of {', '.join(ROLES)}.", metavar="ROLE", show_default=False)],
    add: Annotated[
        list[Path] | None, typer.Option("--add", help="A public key that is to count.", metavar="PUB")
    ] = None,
    remove: Annotated[
        list[str] | None, typer.Option("--remove", help="A key that is not to count any more.", metavar="NAME|ID")
    ] = None,
    threshold: Annotated[
        int | None, typer.Option("--threshold", help="Signatures needed; never fewer.", metavar="N")
    ] = None,
    home: HomeOption = None,  # noqa: ARG001 -- every command takes it; this one reads no home
    json: JsonOption = False,
) -> None:
    """Change the keys of a role; without --add and --remove, renew what it signed before its time is over.

    Example: mooring bundle rotate publisher timestamp --add new.pub --remove old
    """
    as_json = wants_json(ctx, json)
    from mooring.bundles.publisher import drafts, staging  # noqa: PLC0415
    from mooring.bundles.publisher.keys import load_public  # noqa: PLC0415
    from mooring.bundles.publisher.workshop import Workshop  # noqa: PLC0415

    workshop = Workshop.open(folder)
    with workshop.held():
        published = workshop.published()
        if add or remove or threshold is not None:
            keys = [load_public(path) for path in add or []]
            requests = drafts.rotated(published, role, keys, remove or [], threshold, utc_now())
        else:
            requests = [drafts.renewed(published, role, utc_now())]
        show_requests(requests, staging.stage(workshop, requests), as_json=as_json)


def revoke(
    ctx: typer.Context,
    folder: FolderArgument,
    bundle_id: Annotated[str, typer.Option("--bundle-id", help="Which bundle.", metavar="ID")],
    reason: Annotated[str, typer.Option("--reason", help="Why; shown to everybody who has it.", metavar="TEXT")] = "",
    seq: Annotated[int | None, typer.Option("--seq", help="Its number.", metavar="N")] = None,
    channel: ChannelOption = "stable",
    manifest: Annotated[
        str | None,
        typer.Option("--manifest", help="Its manifest's hash, where it is no longer listed.", metavar="SHA256"),
    ] = None,
    warn: Annotated[bool, typer.Option("--warn", help="Only say it; the bundle goes on deciding.")] = False,
    below: Annotated[
        int | None, typer.Option("--below", help="Take back every number below this one.", metavar="N")
    ] = None,
    home: HomeOption = None,  # noqa: ARG001 -- every command takes it; this one reads no home
    json: JsonOption = False,
) -> None:
    """Take a bundle back, for good: whoever runs it leaves it at the next safe point. Asks for signatures of targets.

    Example: mooring bundle revoke publisher --bundle-id core --seq 3 --reason "trained on wrong prices"
    """
    as_json = wants_json(ctx, json)
    from mooring.bundles.publisher import drafts, staging  # noqa: PLC0415
    from mooring.bundles.publisher.workshop import Workshop  # noqa: PLC0415

    workshop = Workshop.open(folder)
    with workshop.held():
        published = workshop.published()
        if seq is not None and manifest is None:
            manifest = drafts.manifest_of(published, channel, bundle_id, seq)
        if below is not None:
            drafts.check_below(published, bundle_id, below)
        change = _change(bundle_id, manifest, "warn" if warn else "block", reason, below)
        former = staging.revocations_of(workshop, published)
        requests = [drafts.with_revocation(published, former, change, utc_now())]
        show_requests(requests, staging.stage(workshop, requests), as_json=as_json)


def _change(bundle_id: str, manifest: str | None, severity: str, reason: str, below: int | None) -> dict[str, Any]:
    fits = reason.isprintable() and len(reason) <= REASON_MOST and (below is None or below > 0)
    is_hash = manifest is None or (len(manifest) == len("0" * 64) and set(manifest) <= set("0123456789abcdef"))
    if (manifest is None and below is None) or not fits or not is_hash or (manifest is not None and not reason):
        raise Invalid(
            "bad_revocation",
            "A revocation names a bundle by --seq or --manifest with a --reason of one line, or numbers by --below.",
            money="Nothing was changed.",
            todo='Say what and why, like: --bundle-id core --seq 3 --reason "trained on wrong prices".',
        )
    change: dict[str, Any] = {}
    if manifest is not None:
        change["revoked"] = [{"manifest_sha256": manifest, "severity": severity, "reason": reason}]
    if below is not None:
        change["min_seq"] = {bundle_id: below}
    return change


def _threshold(text: str) -> tuple[str, int]:
    role, _, number = text.partition("=")
    if role not in ROLES or not number.isdecimal():
        raise NotFound(
            "no_such_role",
            "A threshold is given as ROLE=N.",
            money="Nothing was changed.",
            todo=f"Name one of {', '.join(ROLES)}.",
        )
    return role, int(number)


def add_role_commands(app: typer.Typer) -> None:
    """Put these commands into `mooring bundle`."""
    commands: Sequence[tuple[Any, str]] = (
        (init, "Begin a repository, with everybody's public keys."),
        (rotate, "Change the keys of a role, or renew what it signed."),
        (revoke, "Take a bundle back, for good."),
    )
    for command, short in commands:
        app.command(short_help=short)(command)
