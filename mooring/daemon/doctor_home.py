"""The doctor's lines about a home: who may read what in it, its socket, the daemon that has it, and its records."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import orjson

from mooring import __version__
from mooring.daemon.doctor import CheckResult, Checks
from mooring.daemon.instance import holder
from mooring.daemon.left_orders import left_checks
from mooring.errors import MooringError, NotFound, Unverified
from mooring.home import Home
from mooring.runtime.store.drift import Difference, differences
from mooring.runtime.store.failures import DAMAGE
from mooring.runtime.store.migrate import HEAD
from mooring.runtime.store.place import Place
from mooring.runtime.store.reader import Reader

NONE_YET: Final = "none yet; it is made at the first start"
ENTRIES_MAX: Final = 1000  # of one directory
SHOWN_MAX: Final = 3
INFO_BYTES_MAX: Final = 4096
OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH
OTHERS_ALL: Final = stat.S_IRWXG | stat.S_IRWXO
QUICK_BYTES_MAX: Final = 256 * 1024 * 1024
WAL_WARN_BYTES: Final = 1024 * 1024 * 1024
MB: Final = 1024 * 1024


def home_checks(home: Home, place: Callable[[], Place]) -> Checks:
    """Checks for `Probes.more`.

    Args:
        place: where the records are; raises where the settings name none that can be used.
    """
    return (
        ("permissions", lambda: permissions(home)),
        ("daemon_version", lambda: daemon_version(home)),
        ("schema", lambda: schema(place())),
        ("database_file", lambda: database_file(place())),
        ("bundle", lambda: bundle_check(home)),
        *left_checks(home),
    )


def permissions(home: Home) -> CheckResult:
    """Who else may read or write what is in the home."""
    if not home.root.is_dir():
        return CheckResult(name="permissions", state="ok", detail="There is no home yet.")
    facts = [(path, path.lstat()) for path in _ours(home)]
    links = [path for path, seen in facts if stat.S_ISLNK(seen.st_mode)]
    if links:
        return _open("fail", "lead elsewhere", links, "Remove the link, and put the real file or directory there")
    strange = [path for path, seen in facts if seen.st_uid != os.geteuid()]
    if strange:
        return _open("fail", "belong to another user", strange, "Take them over with: sudo chown")
    written = [path for path, seen in facts if stat.S_IMODE(seen.st_mode) & OTHERS_WRITE]
    if written:
        fix = "Look whether they are as you left them, then run: chmod go-w"
        return _open("fail", "can be written by others", written, fix)
    # A home that holds other things too may be read, and so may the limits in the settings; what is in them may not.
    open_to = {path for path, seen in facts if stat.S_IMODE(seen.st_mode) & OTHERS_ALL}
    read = sorted(open_to - {home.root, home.settings_file})
    if read:
        return _open("warn", "can be read by others", read, "Run: chmod go-rwx")
    return CheckResult(name="permissions", state="ok", detail="Only you can read or write what is in the home.")


def daemon_version(home: Home) -> CheckResult:
    """Whether the daemon that has the home is of the version that asks."""
    if holder(home) is None:
        return CheckResult(name="daemon_version", state="ok", detail=f"None runs; this is Mooring {__version__}.")
    try:
        with home.control_json.open("rb") as file:
            said = str(orjson.loads(file.read(INFO_BYTES_MAX))["version"])
    except (OSError, ValueError, KeyError, TypeError):
        return CheckResult(
            name="daemon_version",
            state="warn",
            detail="A daemon has the home and does not say where it answers; it may just be starting or ending.",
            fix="Ask again in a moment; if it stays so, end it with `mooring down` and start it with `mooring up`.",
        )
    if said == __version__:
        return CheckResult(name="daemon_version", state="ok", detail=f"The daemon is Mooring {said}, as this is.")
    return CheckResult(
        name="daemon_version",
        state="warn",
        detail=f"The daemon is Mooring {_printable(said)}, and this command is {__version__}.",
        fix="End it with `mooring down` and start it with `mooring up`, so that both are of one version.",
    )


def database_line(place: Place) -> str:
    """What the doctor says of the database; raises what keeps it from being used."""
    if place.file is not None and not place.file.exists():
        return NONE_YET
    try:
        reader = Reader.open(place)
    except NotFound as error:
        if error.code == "no_records":
            return NONE_YET
        raise
    try:
        heads = reader.heads()
        looked = _integrity(reader, place)
    finally:
        reader.close()
    return f"{heads['manifests'].count} hours, {heads['ledger'].count} ledger rows{looked}"


def schema(place: Place) -> CheckResult:
    """Whether tables, rules and triggers are those of this version."""
    if place.file is not None and not place.file.exists():
        return CheckResult(name="schema", state="ok", detail="There is no database yet.")
    try:
        reader = Reader.open(place)
    except MooringError as error:
        if error.code == "no_records":
            return CheckResult(name="schema", state="ok", detail="There is no database yet.")
        what = "The schema cannot be looked at, as the database cannot be opened."
        return CheckResult(name="schema", state="warn", detail=what, fix="See the line about the database.")
    try:
        revision = reader.revision()
        if revision != HEAD:
            return _other_schema(revision)
        with reader.connected() as connection:
            # A server would have to be asked to make one to compare with; `mooring db check` does.
            differing = differences(connection) if place.file is not None else []
    finally:
        reader.close()
    if differing:
        return _differs(differing)
    return CheckResult(name="schema", state="ok", detail=f"Revision {HEAD}, as this version makes it.")


def database_file(place: Place) -> CheckResult:
    """How large the records are, and what is still to be folded into them."""
    if place.file is None:
        return CheckResult(name="database_file", state="ok", detail=f"The records are in {place}.")
    if not place.file.exists():
        return CheckResult(name="database_file", state="ok", detail="There is no database yet.")
    size, wal = _size(place.file), _size(place.file.with_name(place.file.name + "-wal"))
    text = f"{size / MB:.1f} MB, and {wal / MB:.1f} MB to be folded in."
    if wal < WAL_WARN_BYTES:
        return CheckResult(name="database_file", state="ok", detail=text)
    return CheckResult(
        name="database_file",
        state="warn",
        detail=text,
        fix="Something reads the database for long; end it, or restart the daemon, so that the disk does not fill.",
    )


def _integrity(reader: Reader, place: Place) -> str:
    """Whether the pages of a file hold together; a large one is left to `mooring db check`.

    Raises:
        Unverified: they do not.
    """
    if place.file is None:
        return ""
    if _size(place.file) > QUICK_BYTES_MAX:
        return "; too large to look at each page here, `mooring db check` does"
    try:
        with reader.connected() as connection:
            said = str(connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one())
    except DAMAGE:
        said = "it cannot be read"
    if said == "ok":
        return "; its pages hold together"
    raise Unverified(
        "database_corrupt",
        "The pages of the database do not hold together.",
        money="What it says of your money cannot be relied on.",
        todo="Keep the file as it is, run `mooring db check`, and restore a backup.",
    )


def _differs(differing: list[Difference]) -> CheckResult:
    first = next((one for one in differing if one.weakens), differing[0])
    more = f" {len(differing) - 1} more differ." if len(differing) > 1 else ""
    return CheckResult(
        name="schema",
        state="fail" if first.weakens else "warn",
        detail=f"{first.table}: {first.what}{more}",
        fix="End the daemon with `mooring down`, and run `mooring db repair`, which proves every row first."
        if first.weakens
        else "It keeps nothing from being traded, and `mooring db check` does not pass with it: keep it elsewhere.",
    )


def _other_schema(revision: str | None) -> CheckResult:
    return CheckResult(
        name="schema",
        state="fail",
        detail=f"The database is at revision {_printable(revision or 'none')}, and this version needs {HEAD}.",
        fix="Back it up with `mooring db backup`, then run `mooring db upgrade`; a newer one needs a newer Mooring.",
    )


def bundle_check(home: Home) -> CheckResult:
    """What is noted of installed bundles."""
    from mooring.daemon.bundle_health import examined  # noqa: PLC0415 -- what few visits need is loaded late

    return examined(home)


def _ours(home: Home) -> Iterator[Path]:
    """The home, its directories and what lies in them, as far as it is Mooring's."""
    yield home.root
    for path in (home.settings_file, home.run_dir, home.logs_dir, home.data_dir, home.backups_dir):
        if not os.path.lexists(path):
            continue
        yield path
        if path.is_dir() and not path.is_symlink():
            yield from _some(path)


def _some(directory: Path) -> Iterable[Path]:
    try:
        return [path for _, path in zip(range(ENTRIES_MAX), sorted(directory.iterdir()), strict=False)]
    except OSError:  # of another user, which is said of the directory itself
        return []


def _open(state: Any, how: str, paths: list[Path], fix: str) -> CheckResult:
    shown = ", ".join(str(path) for path in paths[:SHOWN_MAX])
    more = f" and {len(paths) - SHOWN_MAX} more" if len(paths) > SHOWN_MAX else ""
    quoted = " ".join(f"'{path}'" for path in paths[:SHOWN_MAX])
    return CheckResult(name="permissions", state=state, detail=f"These {how}: {shown}{more}.", fix=f"{fix} {quoted}")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text[:40])
