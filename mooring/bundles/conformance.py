"""`python -m mooring.bundles.conformance`: the daemon's own client, driven by the public TUF client conformance suite.

    --metadata-dir D init ROOT
    --metadata-url U --metadata-dir D refresh
    --metadata-url U --metadata-dir D --target-name N... --target-dir T --target-base-url B download

It ends with 0, or with 1 and a word on stderr. `D/<role>.json` is what is trusted, for the suite to look at; the client
reads none of it, but its own generations in `D/client`. `CONFORMANCE_NOW`, an ISO time, is its clock. Policies that
only hold for bundles of models (thresholds, channels, revocations) are off; everything else is as in the daemon.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import quote

from mooring.bundles.trust import Policy, Repository
from mooring.bundles.trust.http_fetcher import HttpFetcher
from mooring.bundles.trust.targets import holds
from mooring.durable import replace_file
from mooring.errors import MooringError

_BUILT_AT: Final = datetime(1970, 1, 1, tzinfo=UTC)  # its repositories are of any time
_ROOT: Final = "trusted-root"
_ROOT_MAX: Final = 512_000


def main(arguments: Sequence[str]) -> int:
    """Run one command; gives the exit code."""
    told = _parser().parse_args(arguments)
    folder: Path = told.metadata_dir
    try:
        if told.command == "init":
            return _init(folder, told.root)
        return _go(folder, told)
    except (MooringError, OSError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1


def _init(folder: Path, root: Path) -> int:
    data = root.read_bytes()[:_ROOT_MAX]
    folder.mkdir(parents=True, exist_ok=True)
    replace_file(folder / _ROOT, data)
    replace_file(folder / "root.json", data)
    return 0


def _go(folder: Path, told: argparse.Namespace) -> int:
    client = Repository(
        folder / "client", (folder / _ROOT).read_bytes(), clock=_now, built_at=_BUILT_AT, policy=Policy()
    )
    names = told.target_name or [] if told.command == "download" else []
    targets_url = told.target_base_url or told.metadata_url
    with HttpFetcher(metadata_url=told.metadata_url, targets_url=targets_url) as fetcher:
        try:
            client.refresh(fetcher, names=names)
        finally:
            _show(client, folder)
        return max((_download(client, fetcher, name, told.target_dir) for name in names), default=0)


def _download(client: Repository, fetcher: HttpFetcher, name: str, folder: Path) -> int:
    offer = client.offer(name)
    if offer is None:
        sys.stderr.write(f"there is no target {name!r}\n")
        return 1
    into = folder / quote(name, safe="")
    if holds(into, offer):
        return 0
    part = folder / f".{os.getpid()}.part"
    try:
        with part.open("xb") as file:
            client.download(offer, fetcher, file)
        part.replace(into)
    finally:
        part.unlink(missing_ok=True)
    return 0


def _show(client: Repository, folder: Path) -> None:
    """Write what is trusted under the names that the suite reads."""
    for role, data in client.trusted().items():
        replace_file(folder / f"{quote(role, safe='')}.json", data)


def _now() -> datetime:
    text = os.environ.get("CONFORMANCE_NOW")
    if not text:
        return datetime.now(UTC)
    time = datetime.fromisoformat(text)
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m mooring.bundles.conformance", allow_abbrev=False)
    parser.add_argument("--metadata-dir", type=Path, required=True)
    parser.add_argument("--metadata-url", default="")
    parser.add_argument("--target-name", action="append")
    parser.add_argument("--target-dir", type=Path)
    parser.add_argument("--target-base-url", default="")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("init").add_argument("root", type=Path)
    commands.add_parser("refresh")
    commands.add_parser("download")
    return parser


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
