"""What takes the room in a built application: `python tools/app_sizes.py FOLDER [LIST]`.

LIST names, line by line, the files of the daemon, as the spec wrote them; then its own share is told beside the whole.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePath
from typing import Final

DAEMON_BYTES_MAX: Final = 220_000_000
MEGABYTE: Final = 1_000_000
SHOWN: Final = 14
LAYERS: Final = frozenset({"_internal", "Contents", "Frameworks", "Resources", "MacOS"})


def sizes(folder: Path) -> dict[str, int]:
    """Bytes of each file by its name as the spec knows it; what is linked to is counted once, where it is."""
    found: dict[str, int] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            parts = path.relative_to(folder).parts
            while len(parts) > 1 and parts[0] in LAYERS:
                parts = parts[1:]
            found[str(PurePath(*parts))] = path.stat().st_size
    return found


def parts(files: dict[str, int]) -> Counter[str]:
    """Bytes by what stands at the top: a library, or a file of its own."""
    told: Counter[str] = Counter()
    for name, size in files.items():
        told[PurePath(name).parts[0]] += size
    return told


def report(files: dict[str, int], daemon: Iterable[str]) -> Iterator[str]:
    """Lines for a person."""
    own = {name: files[name] for name in daemon if name in files}
    for what, chosen in (("the daemon alone", own), ("the whole application", files)):
        if chosen:
            yield f"{sum(chosen.values()) / MEGABYTE:7.1f} MB  {what}, {len(chosen)} files"
    for name, size in parts(files).most_common(SHOWN):
        yield f"{size / MEGABYTE:7.1f} MB    {name}"


def daemon_bytes(files: dict[str, int], daemon: Iterable[str]) -> int:
    """How much of it the daemon needs."""
    return sum(files.get(name, 0) for name in set(daemon))


def main(arguments: list[str]) -> int:
    """Print the report; 1 where the daemon is larger than it may be."""
    files = sizes(Path(arguments[0]))
    daemon = Path(arguments[1]).read_text("utf-8").splitlines() if arguments[1:] else list(files)
    for line in report(files, daemon):
        print(line)
    if daemon_bytes(files, daemon) > DAEMON_BYTES_MAX:
        print(f"The daemon is larger than {DAEMON_BYTES_MAX // MEGABYTE} MB.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
