"""What the publisher's commands show: what waits for signatures, what was published, what is in a bundle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer

from mooring.cli.context import hint, put_json, say
from mooring.errors import Unverified

if TYPE_CHECKING:
    from rich.table import Table

    from mooring.bundles.publisher.publishing import Done
    from mooring.bundles.publisher.reading import Looked
    from mooring.bundles.publisher.requests import Request
    from mooring.bundles.publisher.verifying import Seen

SOON_PART: Final = 4  # of the time for which a role's signatures hold


def show_built(facts: Mapping[str, Any], *, as_json: bool) -> None:
    """A bundle that was built, and what comes next."""
    if as_json:
        put_json(facts)
        return
    say(f"{facts['path']}: {facts['bundle_id']} number {facts['seq']} for {facts['channel']}, {facts['size']} bytes")
    say(f"sha256 {facts['sha256']}")
    if "request" in facts:
        hint(f"Next: mooring bundle sign {facts['request']} --key KEY, by each who has to.")
    else:
        hint(f"Next: mooring bundle publish DIR --bundle {facts['path']} asks for its signatures.")


def show_requests(requests: Sequence[Request], paths: Sequence[Path], *, as_json: bool) -> None:
    """Requests that were written, and who has to sign each."""
    if as_json:
        asked = [
            {
                "file": str(path),
                "role": request.role,
                "version": request.signed.version,
                "needs": [{"threshold": need.threshold, "keys": dict(need.keys)} for need in request.needs],
            }
            for request, path in zip(requests, paths, strict=True)
        ]
        put_json({"requests": asked})
        return
    for request, path in zip(requests, paths, strict=True):
        for need in request.needs:
            say(f"{path}: {need.threshold} of {', '.join(sorted(need.keys.values()))}")
    hint("Next: mooring bundle sign FILE --key KEY, by each who has to; then mooring bundle publish.")


def show_done(done: Done, public: Path, *, as_json: bool) -> None:
    """What was published, what still waits, and what to do with the folder that everybody gets."""
    if as_json:
        put_json({"versions": dict(done.versions), "added": list(done.added), "waiting": dict(done.waiting)})
        return
    for name in done.added:
        say(f"Published {name}")
    say("Public now: " + ", ".join(f"{role} {version}" for role, version in sorted(done.versions.items())))
    for text in done.waiting.values():
        hint(f"Still waits: {text}")
    hint(f"Next: copy {public} to your host; timestamp.json after all that is new, a new root.json last.")


def show_looked(looked: Looked) -> None:
    """A bundle, for a person."""
    manifest = looked.manifest
    say(f"{manifest.bundle_id} number {manifest.seq}, version {manifest.version}, for {manifest.channel}")
    say(f"sha256 {looked.bundle.sha256}")
    say(f"Manifest {looked.manifest_sha256}")
    say(f"Made {manifest.created_at}, may be activated until {manifest.valid_until}")
    needs = manifest.requires
    say(f"Needs Mooring {needs.app}, features {needs.feature_pipeline}, onnxruntime {needs.onnxruntime}")
    training = manifest.training
    say(f"Trained on {training.data_from} to {training.data_to}, {len(manifest.universe.symbols)} symbols")
    table = _table("Model", "Symbol", "File", "Operators")
    for model in manifest.models:
        table.add_row(model.role, model.symbol or "all", model.path, ", ".join(model.ops))
    _print(table)
    table = _table("Fold from", "To", right=("Net", "Holding", "Classical", "Drawdown", "Trades"))
    for fold in manifest.eval_.folds:
        names = ("net_return", "baseline_return", "classical_return", "max_drawdown")
        figures = [f"{Decimal(fold[name]):+.1%}" if name in fold else "" for name in names]
        figures[-1] = figures[-1].replace("+", "-")
        table.add_row(fold["from"][:10], fold["to"][:10], *figures, fold["trades"])
    _print(table)
    _pairs(manifest.eval_.summary)
    for name, value in sorted(manifest.strategy.parameters.items()):
        say(f"Sets {name} to {value}")
    for line in manifest.notes.splitlines():
        say(f"  {line}")


def show_verified(seen: Seen, now: datetime, *, as_json: bool) -> None:
    """What a client finds in a repository; ends with 6 where it refuses something."""
    from mooring.bundles.publisher.roles import rule_of  # noqa: PLC0415 -- not needed for --help

    if as_json:
        put_json(_verified(seen))
    else:
        table = _table("Role", "Signed by", "Holds until", right=("Days left",))
        for role, until in seen.expires:
            threshold, names = seen.keys.get(role, (0, ()))
            who = f"{threshold} of {', '.join(names)}" if names else ""
            left, soon = until - now, timedelta(days=rule_of(role).days) / SOON_PART
            table.add_row(
                role, who, until.strftime("%Y-%m-%d %H:%M UTC"), f"{left.days}{' soon' if left < soon else ''}"
            )
        _print(table)
        table = _table("Bundle", "Version", "sha256", "Client")
        for one in seen.bundles:
            name = one.name.removeprefix("bundles/").removesuffix(".zip")
            table.add_row(name, str(one.custom.get("version", "")), one.sha256[:16], one.problem or "accepts it")
        _print(table)
        if not seen.bundles:
            say("No bundle is published yet.")
        if seen.revocations:
            say(f"Revoked: {seen.revocations}")
    if not seen.good:
        raise typer.Exit(Unverified.exit_code)


def _verified(seen: Seen) -> dict[str, Any]:
    return {
        "ok": seen.good,
        "roles": [
            {
                "role": role,
                "expires": until.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "threshold": seen.keys.get(role, (None, ()))[0],
                "keys": list(seen.keys.get(role, (None, ()))[1]),
            }
            for role, until in seen.expires
        ],
        "bundles": [
            {
                "name": one.name,
                "size": one.size,
                "sha256": one.sha256,
                "problem": one.problem,
                "manifest_sha256": one.custom.get("manifest_sha256"),
            }
            for one in seen.bundles
        ],
        "revocations": seen.revocations,
    }


def _pairs(pairs: Mapping[str, str]) -> None:
    table = _table("Out of sample, after fees", right=("",))
    for name, value in pairs.items():
        table.add_row(name.replace("_", " "), value)
    _print(table)


def _table(*names: str, right: Sequence[str] = ()) -> Table:
    from rich.box import SIMPLE_HEAD  # noqa: PLC0415 -- only where something is shown
    from rich.table import Table  # noqa: PLC0415

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in names:
        table.add_column(name)
    for name in right:
        table.add_column(name, justify="right")
    return table


def _print(table: Table) -> None:
    from rich.console import Console  # noqa: PLC0415

    if table.row_count:
        Console(markup=False, highlight=False).print(table)
