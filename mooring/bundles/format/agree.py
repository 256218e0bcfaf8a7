"""What is said about a bundle beside it: the offer's custom fields, what it requires of a host, and its times."""

from __future__ import annotations

import platform as machine
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.metadata import version
from typing import Any, Final

from mooring.bundles.format.fields import moment
from mooring.bundles.format.manifest import Manifest, Requires
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


def custom_of(manifest: Manifest, *, manifest_sha256: str, manifest_size: int, released_at: str) -> dict[str, Any]:
    """The custom fields with which a bundle is offered."""
    return _said_of(manifest, manifest_sha256, manifest_size) | {"released_at": released_at}


def check_custom(manifest: Manifest, custom: Mapping[str, Any], *, manifest_sha256: str, manifest_size: int) -> None:
    """Whether a bundle is what it was offered as.

    Args:
        manifest: what came.
        custom: the offer's custom fields: signed, and what a person was shown.
        manifest_sha256: of the manifest's bytes. manifest_size: their number.

    Raises:
        Unverified: `bundle_differs_from_offer`, with the names of the fields that differ.
    """
    said = _said_of(manifest, manifest_sha256, manifest_size)
    differing = sorted(name for name, value in said.items() if not _same(custom.get(name), value))
    if not _is_moment(custom.get("released_at")):
        differing.append("released_at")
    if custom.keys() - said.keys() - {"released_at"}:
        differing.append("fields that nobody knows")
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
    if now >= moment(manifest.valid_until):
        raise Denied(
            "bundle_expired",
            f"The model bundle was valid until {manifest.valid_until}.",
            money=money,
            todo="Look for a newer one: mooring bundle check.",
        )
    if moment(manifest.created_at) > now + CLOCKS_DIFFER_MAX:
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


def _said_of(manifest: Manifest, manifest_sha256: str, manifest_size: int) -> dict[str, Any]:
    return {
        "bundle_id": manifest.bundle_id,
        "channel": manifest.channel,
        "seq": manifest.seq,
        "version": manifest.version,
        "manifest_sha256": manifest_sha256,
        "unpacked_size": manifest_size + sum(entry.size for entry in manifest.files.values()),
        "requires": manifest.requires.model_dump(mode="json"),
        "notes": manifest.notes,
        "evaluation": dict(manifest.eval_.summary),
    }


def _same(offered: object, held: object) -> bool:
    # In Python True is 1 and 1.0 is 1; in what was signed they are not.
    if isinstance(held, dict):
        return (
            isinstance(offered, Mapping)
            and offered.keys() == held.keys()
            and all(_same(offered[key], value) for key, value in held.items())
        )
    if isinstance(held, list):
        return (
            isinstance(offered, list)
            and len(offered) == len(held)
            and all(_same(one, other) for one, other in zip(offered, held, strict=True))
        )
    return type(offered) is type(held) and offered == held


def _is_moment(text: object) -> bool:
    try:
        return isinstance(text, str) and bool(moment(text))
    except ValueError:
        return False
