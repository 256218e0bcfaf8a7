"""What is said about a bundle beside it: the offer's custom fields, what it requires of a host, and its times."""

from __future__ import annotations

import platform as machine
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.metadata import version
from typing import Any, Final

from pydantic import ValidationError

from mooring.bundles.format import fields as f
from mooring.bundles.format.canonical import canonical
from mooring.bundles.format.manifest import Manifest, Requires, where
from mooring.errors import Denied, Unverified

CLOCKS_DIFFER_MAX: Final = timedelta(hours=24)
_RELEASE: Final = re.compile(r"[0-9]+(?:\.[0-9]+)*")


@dataclass(frozen=True, kw_only=True)
class Host:
    """What a machine has to offer.

    Attributes:
        app: version of Mooring. onnxruntime, python: versions.
        feature_pipelines: ids of those that it can compute.
        platform: such as `macos-arm64` or `linux-x86_64`.
    """

    app: str
    feature_pipelines: frozenset[str]
    onnxruntime: str
    platform: str
    python: str

    @classmethod
    def here(cls, *, app: str, feature_pipelines: frozenset[str]) -> Host:
        """This machine and this process; onnxruntime is not imported for it."""
        system = {"Darwin": "macos"}.get(machine.system(), machine.system().lower())
        return cls(
            app=app,
            feature_pipelines=feature_pipelines,
            onnxruntime=version("onnxruntime"),
            platform=f"{system}-{machine.machine().lower()}",
            python=machine.python_version(),
        )


class Offered(f.Part):
    """What a bundle is offered with: signed, shown to a person, and looked at before it is downloaded.

    Attributes:
        manifest_sha256: in hex. unpacked_size: bytes of all files and the manifest.
        notes: plain text. evaluation: figures by name, as texts for people.
    """

    bundle_id: f.BundleId
    channel: f.Channel
    seq: f.Sequence
    version: f.Version
    manifest_sha256: f.Sha256
    unpacked_size: f.FileSize
    requires: Requires
    released_at: f.Moment
    notes: f.Notes
    evaluation: f.Summary


def custom_of(manifest: Manifest, *, manifest_sha256: str, manifest_size: int, released_at: str) -> dict[str, Any]:
    """The custom fields with which a bundle is offered."""
    return {
        "bundle_id": manifest.bundle_id,
        "channel": manifest.channel,
        "seq": manifest.seq,
        "version": manifest.version,
        "manifest_sha256": manifest_sha256,
        "unpacked_size": manifest_size + sum(entry.size for entry in manifest.files.values()),
        "requires": manifest.requires.model_dump(mode="json"),
        "released_at": released_at,
        "notes": manifest.notes,
        "evaluation": dict(manifest.eval_.summary),
    }


def parse_offer(custom: Mapping[str, Any]) -> Offered:
    """The custom fields of an offer, typed and within their bounds.

    Raises:
        Unverified: `bundle_offer_refused`, one is missing, unknown or out of its bounds; nothing of it is repeated.
    """
    try:
        return Offered.model_validate_json(canonical(dict(custom)))
    except ValidationError as error:
        why = where(error)
    except ValueError as error:
        why = str(error)
    raise Unverified(
        "bundle_offer_refused",
        f"What a model bundle is offered with is not as the format says: {why}.",
        money="It was not downloaded; trading goes on as it was.",
        todo="Do not use this bundle; whoever published it has to publish it again.",
    )


def check_custom(manifest: Manifest, custom: Mapping[str, Any], *, manifest_sha256: str, manifest_size: int) -> None:
    """Whether a bundle is what it was offered as.

    Args:
        manifest: what came.
        custom: the offer's custom fields: signed, and what a person was shown.
        manifest_sha256: of the manifest's bytes. manifest_size: their number.

    Raises:
        Unverified: `bundle_differs_from_offer`, with the names of the fields that differ; or as `parse_offer`.
    """
    offered = parse_offer(custom)
    held = parse_offer(
        custom_of(
            manifest, manifest_sha256=manifest_sha256, manifest_size=manifest_size, released_at=offered.released_at
        )
    )
    differing = sorted(name for name in Offered.model_fields if getattr(offered, name) != getattr(held, name))
    if differing:
        raise Unverified(
            "bundle_differs_from_offer",
            f"The model bundle is not what it was offered as: {', '.join(differing)}.",
            money="Nothing of it was used; trading goes on as it was.",
            todo="Do not use this bundle; whoever published it has to publish it again.",
        )


def check_requires(requires: Requires, host: Host) -> None:
    """Whether a host can use what requires this.

    Raises:
        Denied: `bundle_incompatible`, with all that does not fit.
    """
    wrong = [
        f"{name} is {has}, it needs {wants}"
        for name, has, wants in (
            ("Mooring", host.app, requires.app),
            ("onnxruntime", host.onnxruntime, requires.onnxruntime),
            ("Python", host.python, requires.python),
        )
        if not in_range(has, wants)
    ]
    if requires.feature_pipeline not in host.feature_pipelines:
        wrong.append(f"it needs the features {requires.feature_pipeline}, which this version does not compute")
    if not {"any", host.platform} & {*requires.platform}:
        wrong.append(f"this machine is {host.platform}, it is made for {', '.join(requires.platform)}")
    if wrong:
        raise Denied(
            "bundle_incompatible",
            f"The model bundle does not fit this machine: {'; '.join(wrong)}.",
            money="Nothing was changed; trading goes on as it was.",
            todo="Update Mooring, or wait for a bundle that fits.",
        )


def check_time(manifest: Manifest, now: datetime) -> None:
    """Whether a bundle may be activated at a time.

    Raises:
        Denied: `bundle_expired`, its time is over; `bundle_of_the_future`, it was made more than a day later than now.
    """
    money = "Nothing was changed; trading goes on as it was."
    if now >= f.moment(manifest.valid_until):
        raise Denied(
            "bundle_expired",
            f"The model bundle was valid until {manifest.valid_until}.",
            money=money,
            todo="Look for a newer one: mooring bundle check.",
        )
    if f.moment(manifest.created_at) > now + CLOCKS_DIFFER_MAX:
        raise Denied(
            "bundle_of_the_future",
            f"The model bundle says that it was made at {manifest.created_at}, which is still to come.",
            money=money,
            todo="Set this machine's clock; if it is right, do not use this bundle.",
        )


def in_range(has: str, wants: str) -> bool:
    """Whether a version lies in a range such as `>=0.1,<1`. Only its leading numbers count: `1.2.0rc1` is 1.2.0."""
    found = _RELEASE.match(has)
    return found is not None and all(_holds(_release(found.group()), part) for part in wants.split(","))


def _holds(has: tuple[int, ...], part: str) -> bool:
    sign = part.rstrip("0123456789.")
    wants = _release(part.removeprefix(sign))
    return {
        ">=": has >= wants,
        "<=": has <= wants,
        "==": has == wants,
        ">": has > wants,
        "<": has < wants,
    }[sign]


def _release(text: str) -> tuple[int, ...]:
    numbers = [int(part) for part in text.split(".")]
    while numbers and not numbers[-1]:  # 1.0 is 1
        numbers.pop()
    return tuple(numbers)
