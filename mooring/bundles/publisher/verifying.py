"""A repository as a client sees it: by the client's own code, from its root alone, in a folder that is thrown away."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from tuf.api.exceptions import DownloadError, DownloadHTTPError

from mooring.bundles.publisher.keys import name_of
from mooring.bundles.publisher.reading import look
from mooring.bundles.publisher.roles import CHANNELS, TARGETS, TOP
from mooring.bundles.publisher.workshop import Workshop
from mooring.bundles.trust import Fetcher, Offer, Repository
from mooring.bundles.trust.http_fetcher import HttpFetcher
from mooring.errors import Denied, Invalid, MooringError, Unverified

CHUNK: Final = 1 << 20
ROOT_MOST: Final = 512_000


@dataclass(frozen=True, kw_only=True)
class SeenBundle:
    """One bundle that is offered, downloaded and checked. problem: why a client refuses it; empty where it does not."""

    name: str
    size: int
    sha256: str
    custom: Mapping[str, Any]
    problem: str


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What a client finds. expires: by role, the first to end first; keys: who signs, and how many have to."""

    expires: Sequence[tuple[str, datetime]]
    bundles: Sequence[SeenBundle]
    revocations: str
    keys: Mapping[str, tuple[int, Sequence[str]]] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        """Whether a client takes all of it."""
        return not any(bundle.problem for bundle in self.bundles)


@dataclass(frozen=True, kw_only=True)
class FolderFetcher:
    """Files of a folder, as a static host would serve them."""

    folder: Path
    sideloaded: bool = False

    def fetch(self, place: str, name: str, *, most: int, seconds: float) -> Iterator[bytes]:  # noqa: ARG002
        """As `Fetcher.fetch`."""
        path = self.folder / place / (unquote(name) if place == "metadata" else name)
        if ".." in path.parts or not path.is_file():
            raise DownloadHTTPError("there is no such file", 404)
        left = most
        with path.open("rb") as file:
            while data := file.read(min(CHUNK, left + 1)):
                left -= len(data)
                if left < 0:
                    raise DownloadError("it is too long")
                yield data


def verify_repository(place: str, root: Path | None, now: datetime) -> Seen:
    """Follow a repository from its root, download all it offers, and check each bundle as who installs it would.

    Args:
        place: a publisher's folder, or the address under which `metadata/` and `targets/` are served.
        root: the root that clients were given; a folder's own first one where it is left out.

    Raises:
        Unverified, Retry: as `Repository.refresh`. Invalid: `publisher_folder_unusable`, `root_unreadable`.
    """
    if "://" in place:
        with HttpFetcher(place) as fetcher:
            return _seen(fetcher, _root(root), now, {})
    workshop = Workshop.open(Path(place))
    published = workshop.published()
    given = root or workshop.metadata / "1.root.json"
    return _seen(FolderFetcher(folder=workshop.public), _root(given), now, _keys(published))


def _seen(fetcher: Fetcher, root: bytes, now: datetime, keys: Mapping[str, tuple[int, Sequence[str]]]) -> Seen:
    with tempfile.TemporaryDirectory(prefix="mooring-verify-") as name:
        folder = Path(name)
        client = Repository(folder / "client", root, clock=lambda: now, built_at=now)
        fresh = client.refresh(fetcher)
        offers = [
            offer
            for channel in CHANNELS
            if f"models-{channel}" not in fresh.refused
            for offer in client.offers(channel)
        ]
        bundles = [_bundle(client, offer, fetcher, folder / "bundle", now) for offer in offers]
        bundles += [_refused(role, error) for role, error in sorted(fresh.refused.items())]
        revocations = client.revocations()
    return Seen(
        expires=sorted(fresh.expires.items(), key=lambda one: one[1]),
        bundles=bundles,
        revocations="" if revocations is None else revocations.decode("utf-8"),
        keys=keys,
    )


def _bundle(client: Repository, offer: Offer, fetcher: Fetcher, into: Path, now: datetime) -> SeenBundle:
    problem = ""
    try:
        with into.open("wb") as file:
            client.download(offer, fetcher, file)
        looked = look(into, now)
        said = dict(looked.bundle.custom) | {"released_at": offer.custom.get("released_at")}
        if said != dict(offer.custom):
            problem = "its manifest is not what it is offered as"
    except (Unverified, Denied) as error:
        problem = error.what
    return SeenBundle(
        name=offer.name, size=offer.length, sha256=offer.sha256, custom=dict(offer.custom), problem=problem
    )


def _refused(role: str, error: MooringError) -> SeenBundle:
    return SeenBundle(name=role, size=0, sha256="", custom={}, problem=error.what)


def _keys(published: Any) -> dict[str, tuple[int, Sequence[str]]]:
    found: dict[str, tuple[int, Sequence[str]]] = {}
    targets = published.signed(TARGETS)
    for role in (*TOP, *published.delegated):
        delegator = published.signed("root") if role in TOP else targets
        asked = delegator.get_delegated_role(role) if delegator is not None else None
        if asked is not None:
            found[role] = (asked.threshold, [name_of(delegator.get_key(keyid)) for keyid in asked.keyids])
    return found


def _root(path: Path | None) -> bytes:
    if path is None:
        raise _no_root("an address needs --root")
    try:
        with path.open("rb") as file:
            data = file.read(ROOT_MOST + 1)
    except OSError as error:
        raise _no_root(error.strerror or "it cannot be read") from None
    if len(data) > ROOT_MOST:
        raise _no_root("it is too long")
    return data


def _no_root(why: str) -> Invalid:
    return Invalid(
        "root_unreadable",
        f"There is no root to begin with: {why}.",
        money="Nothing was changed.",
        todo="Give the root.json that clients were given, with --root.",
    )
