"""`mooring bundle`, the regular release: keygen, build, inspect, sign, publish, timestamp, pack-sideload, verify."""

from __future__ import annotations

import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from mooring.cli.bundle_keys import KEYCHAIN, KeyOption, PassphraseOption, Passphrases, signers_of
from mooring.cli.bundle_show import show_built, show_done, show_looked, show_verified
from mooring.cli.context import HomeOption, JsonOption, hint, home_of, put_json, say, wants_json
from mooring.errors import Denied, Invalid

if TYPE_CHECKING:
    from mooring.bundles.publisher.drafts import BundleFile
    from mooring.bundles.publisher.requests import Request

VALID_DAYS: Final = 180
FolderArgument = Annotated[Path, typer.Argument(help="The publisher's folder.", metavar="DIR", show_default=False)]
ChannelOption = Annotated[str, typer.Option("--channel", help="stable or canary.", metavar="CHANNEL")]
YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask; for scripts.")]
KeysHereOption = Annotated[
    bool, typer.Option("--keys-here", help="Accept keys of root and targets beside the repository.")
]


def utc_now() -> datetime:
    """The time of this machine, in whole seconds."""
    from mooring.runtime.market.clock import SystemClock  # noqa: PLC0415 -- not needed for --help

    return datetime.fromtimestamp(SystemClock().now(), UTC)


def keygen(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="Who holds it, like trainer.", metavar="NAME", show_default=False)],
    out: Annotated[Path, typer.Option("--out", help="Folder for NAME.key and NAME.pub.")] = Path(),
    keychain: Annotated[
        bool, typer.Option("--keychain", help="Keep it in the keychain; only NAME.pub is a file.")
    ] = False,
    public: Annotated[
        bool, typer.Option("--public", help="Make no key: write NAME.pub of the one that is there, where it is lost.")
    ] = False,
    passphrase_fd: PassphraseOption = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Make a signing key: NAME.key, encrypted and only yours, and NAME.pub for whoever makes the repository.

    Example: mooring bundle keygen trainer --out keys
    """
    as_json = wants_json(ctx, json)
    from mooring.bundles.publisher import keys  # noqa: PLC0415 -- not needed for --help
    from mooring.daemon.signing_keys import keeper_of  # noqa: PLC0415

    where = f"{KEYCHAIN}{name}" if keychain else str(out / f"{name}.key")
    keys.check_free(out / f"{name}.pub")  # before there is a private key whose public one nobody could have
    if public:
        (signer,) = signers_of([where], home_of(ctx, home), passphrase_fd)
    elif keychain:
        signer = keys.new_signer(name)
        keys.make_folder(out)
        keys.keep_private(keeper_of(home_of(ctx, home)), signer)
    else:
        signer = keys.new_signer(name)
        keys.make_folder(out)
        keys.check_free(out / f"{name}.key")  # before anybody is asked for a passphrase
        keys.save_private(out / f"{name}.key", signer, Passphrases(passphrase_fd).next(name, new=True))
    keys.save_public(out / f"{name}.pub", signer.public_key)
    if as_json:
        put_json({"keyid": signer.public_key.keyid, "private": where, "public": str(out / f"{name}.pub")})
        return
    say(f"Key {keys.name_of(signer.public_key)}: {where}, and {out / f'{name}.pub'} to hand out.")
    if not keychain and not public:
        hint("Without its passphrase the key is lost. Keep both, apart from each other, in two places.")


def build(
    ctx: typer.Context,
    run: Annotated[Path, typer.Argument(help="A training run's folder.", metavar="RUN", show_default=False)],
    repository: Annotated[
        Path | None,
        typer.Option("--repository", help="Publisher's folder, to ask there for signatures.", metavar="DIR"),
    ] = None,
    channel: ChannelOption = "stable",
    seq: Annotated[
        int | None, typer.Option("--seq", help="Its number (default: one above the last published).", metavar="N")
    ] = None,
    valid_days: Annotated[int, typer.Option("--valid-days", help="Days for which it may be activated.")] = VALID_DAYS,
    created_at: Annotated[
        datetime | None, typer.Option("--created-at", help="Time to write into it (default: now), UTC.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="File to write (default: ID-NUMBER.zip here).")] = None,
    home: HomeOption = None,  # noqa: ARG001 -- every command takes it; this one reads no home
    json: JsonOption = False,
) -> None:
    """Make a bundle of a training run, the same twice; with --repository its signatures are asked for at once.

    Example: mooring bundle build runs/2026-11 --repository publisher --channel stable
    """
    as_json = wants_json(ctx, json)
    from mooring.bundles.format.build import build_bundle  # noqa: PLC0415
    from mooring.bundles.publisher import drafts, reading  # noqa: PLC0415
    from mooring.bundles.publisher.workshop import Workshop  # noqa: PLC0415

    bundle_id = reading.bundle_id_of(run)
    if repository is not None:
        workshop = Workshop.open(repository)
        seq = seq or drafts.last_seq(workshop.published(), channel, bundle_id) + 1
    if seq is None:
        raise Invalid(
            "no_seq",
            "The bundle needs a number.",
            money="Nothing was written.",
            todo="Give --seq, or --repository to take the next one.",
        )
    begun = utc_now() if created_at is None else created_at.replace(tzinfo=UTC)
    built = build_bundle(
        run,
        channel=channel,
        seq=seq,
        created_at=begun,
        valid_until=begun + timedelta(days=valid_days),
        out=out or Path(f"{bundle_id}-{seq}.zip"),
    )
    facts: dict[str, Any] = {"path": str(built.path), "bundle_id": bundle_id, "channel": channel, "seq": seq}
    facts |= {"sha256": built.sha256, "size": built.size, "manifest_sha256": built.manifest_sha256}
    if repository is not None:
        bundle = drafts.BundleFile(sha256=built.sha256, size=built.size, custom=built.custom)
        facts["request"] = str(stage_bundle(repository, built.path, bundle))
    show_built(facts, as_json=as_json)


def inspect(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="A bundle.", metavar="BUNDLE", show_default=False)],
    home: HomeOption = None,  # noqa: ARG001 -- every command takes it; this one reads no home
    json: JsonOption = False,
) -> None:
    """Check a bundle as a client will, and show what is in it: manifest, evaluation, models.

    Example: mooring bundle inspect core-3.zip
    """
    as_json = wants_json(ctx, json)
    from mooring.bundles.publisher.reading import look  # noqa: PLC0415

    looked = look(file, utc_now())
    if as_json:
        put_json(
            {
                "sha256": looked.bundle.sha256,
                "size": looked.bundle.size,
                "manifest_sha256": looked.manifest_sha256,
                "manifest": looked.manifest.model_dump(mode="json"),
            }
        )
    else:
        show_looked(looked)


def sign(
    ctx: typer.Context,
    request: Annotated[Path, typer.Argument(help="A signing request.", metavar="REQUEST", show_default=False)],
    key: Annotated[str, typer.Option("--key", help="Your key's file, or keychain:NAME.", metavar="KEY")],
    bundle: Annotated[
        Path | None, typer.Option("--bundle", help="The bundle that you looked at; the request must be for it.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder for the answer (default: the request's).")] = None,
    yes: YesOption = False,
    keys_here: KeysHereOption = False,
    passphrase_fd: PassphraseOption = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Sign a request with one key, offline: shows in words what it says, asks, and writes the answer to carry back.

    Example: mooring bundle sign publisher/requests/4.models-stable.json --key trainer.key
    """
    as_json = wants_json(ctx, json)
    from mooring import durable  # noqa: PLC0415
    from mooring.bundles.publisher import requests, rules, words  # noqa: PLC0415

    asked = requests.load_request(request)
    if not key.startswith(KEYCHAIN):
        rules.check_key_apart(Path(key), asked.role, here=keys_here)
    if bundle is not None:
        _check_is_for(asked, bundle)
    (signer,) = signers_of([key], home_of(ctx, home), passphrase_fd)
    lines = words.describe(asked, signer.public_key)
    for line in lines:
        hint(line)
    response = requests.sign(asked, signer)
    if not yes:
        _ask(asked)
    path = (out or request.parent) / response.name
    durable.replace_file(path, response.to_bytes())
    if as_json:
        put_json({"signature": str(path), "keyid": response.keyid, "role": response.role, "version": response.version})
        return
    say(f"Signed: {path}")
    hint("Bring it back to the folder of requests, if it is not there already.")


def publish(
    ctx: typer.Context,
    folder: FolderArgument,
    key: KeyOption = None,
    bundle: Annotated[
        Path | None, typer.Option("--bundle", help="Ask for signatures of this bundle, where nobody has yet.")
    ] = None,
    keys_here: KeysHereOption = False,
    old_keys_lost: Annotated[
        bool, typer.Option("--old-keys-lost", help="Keys that are replaced cannot sign any more.")
    ] = False,
    passphrase_fd: PassphraseOption = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Publish what is fully signed: files first, then what names them, the timestamp last. A crash harms no client.

    Example: mooring bundle publish publisher --key snapshot.key --key timestamp.key
    """
    as_json = wants_json(ctx, json)
    from mooring.bundles.publisher import publishing, staging  # noqa: PLC0415
    from mooring.bundles.publisher.reading import look  # noqa: PLC0415
    from mooring.bundles.publisher.workshop import Workshop  # noqa: PLC0415

    workshop = Workshop.open(folder)
    if bundle is not None:
        looked = look(bundle, utc_now(), to_publish=True)
        if not any(looked.bundle.target in getattr(r.signed, "targets", {}) for r in staging.pending(workshop)):
            stage_bundle(folder, bundle, looked.bundle)
    publishing.require_complete(workshop)
    signers = signers_of(key or [], home_of(ctx, home), passphrase_fd)
    done = publishing.publish(workshop, signers, utc_now(), keys_here=keys_here, old_keys_lost=old_keys_lost)
    show_done(done, workshop.public, as_json=as_json)


def timestamp(
    ctx: typer.Context,
    folder: FolderArgument,
    key: KeyOption = None,
    snapshot: Annotated[
        bool, typer.Option("--snapshot", help="Sign the snapshot anew, too, whenever it ends.")
    ] = False,
    passphrase_fd: PassphraseOption = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Say once more that what is published is the newest; to be run at least every six days.

    Example: mooring bundle timestamp publisher --key timestamp.key --key snapshot.key
    """
    as_json = wants_json(ctx, json)
    from mooring.bundles.publisher.publishing import renew_timestamp  # noqa: PLC0415
    from mooring.bundles.publisher.workshop import Workshop  # noqa: PLC0415

    workshop = Workshop.open(folder)
    signers = signers_of(key or [], home_of(ctx, home), passphrase_fd)
    done = renew_timestamp(workshop, signers, utc_now(), snapshot=snapshot)
    show_done(done, workshop.public, as_json=as_json)


def pack_sideload(
    ctx: typer.Context,
    folder: FolderArgument,
    bundle_id: Annotated[str, typer.Option("--bundle-id", help="Which bundle.", metavar="ID")],
    seq: Annotated[int, typer.Option("--seq", help="Its number.", metavar="N")],
    channel: ChannelOption = "stable",
    out: Annotated[Path | None, typer.Option("--out", help="File to write (default: ID-NUMBER.mbundle here).")] = None,
    home: HomeOption = None,  # noqa: ARG001 -- every command takes it; this one reads no home
    json: JsonOption = False,
) -> None:
    """Put a published bundle and all metadata into one file, for a machine without a network.

    Example: mooring bundle pack-sideload publisher --bundle-id core --seq 3
    """
    as_json = wants_json(ctx, json)
    from mooring.bundles.publisher.sideload import pack  # noqa: PLC0415
    from mooring.bundles.publisher.workshop import Workshop  # noqa: PLC0415

    into = out or Path(f"{bundle_id}-{seq}.mbundle")
    size = pack(Workshop.open(folder), f"bundles/{channel}/{bundle_id}-{seq}.zip", into)
    if as_json:
        put_json({"path": str(into), "size": size})
    else:
        say(f"{into}: {size} bytes. Install it there with: mooring bundle sideload {into.name}")


def verify(
    ctx: typer.Context,
    place: Annotated[
        str, typer.Argument(help="Publisher's folder, or the address of a host.", metavar="DIR|URL", show_default=False)
    ],
    root: Annotated[
        Path | None, typer.Option("--root", help="The root that clients were given (default: the folder's first).")
    ] = None,
    home: HomeOption = None,  # noqa: ARG001 -- every command takes it; this one reads no home
    json: JsonOption = False,
) -> None:
    """See a repository as a client does that knows only its root: every signature, every bundle, and what ends when.

    Example: mooring bundle verify publisher
    """
    as_json = wants_json(ctx, json)
    from mooring.bundles.publisher.verifying import verify_repository  # noqa: PLC0415

    now = utc_now()
    seen = verify_repository(place, root, now)
    show_verified(seen, now, as_json=as_json)


def stage_bundle(folder: Path, path: Path, bundle: BundleFile) -> Path:
    """Ask for the signatures of a bundle: the request's file; errors as `drafts.with_bundle` and `staging.stage`."""
    from mooring.bundles.publisher import drafts, staging  # noqa: PLC0415
    from mooring.bundles.publisher.workshop import Workshop  # noqa: PLC0415

    workshop = Workshop.open(folder)
    with workshop.held():
        request = drafts.with_bundle(workshop.published(), bundle, utc_now())
        staging.stage_file(workshop, path, bundle)
        return staging.stage(workshop, [request])[0]


def _check_is_for(asked: Request, bundle: Path) -> None:
    from mooring.bundles.publisher.reading import look  # noqa: PLC0415

    looked = look(bundle, utc_now(), to_publish=True)
    signed = getattr(asked.signed, "targets", {}).get(looked.bundle.target)
    if signed is None or signed.hashes.get("sha256") != looked.bundle.sha256:
        raise Denied(
            "bundle_not_asked",
            f"The request is not for {bundle}: its bytes or its name are others.",
            money="Nothing was signed.",
            todo="Ask whoever sent the request for the bundle that it is for, and look at that one.",
        )
    show_looked(looked)


def _ask(asked: Request) -> None:
    expected = f"{asked.role} {asked.signed.version}"
    said = ""
    if sys.stdin.isatty():
        with suppress(EOFError):
            said = input(f"To sign, type {expected}: ").strip()
    if said != expected:
        raise Denied(
            "not_confirmed",
            "The signature was not confirmed.",
            money="Nothing was signed.",
            todo=f"Type {expected} when asked, or give --yes in a script.",
        )


def add_publisher_commands(app: typer.Typer) -> None:
    """Put these commands into `mooring bundle`."""
    for command, short in (
        (keygen, "Make a signing key, encrypted, and its public part."),
        (build, "Make a bundle of a training run."),
        (inspect, "Check a bundle's file, and show what is in it."),
        (sign, "Sign a request with your key, after reading it in words."),
        (publish, "Make public what is fully signed."),
        (timestamp, "Say that what is public is the newest; every six days."),
        (verify, "See a repository as a client does, and what ends when."),
    ):
        app.command(short_help=short)(command)
    app.command("pack-sideload", short_help="Put a bundle into one file, for a machine offline.")(pack_sideload)
