"""What goes into the application and what stays out; packaging/pyinstaller/mooring.spec asks here."""

from __future__ import annotations

import pkgutil
import re
from collections.abc import Callable, Container, Iterable, Iterator
from importlib.metadata import Distribution, distributions
from importlib.util import find_spec
from os.path import normpath
from pathlib import PurePath
from typing import Final

_LEXERS = find_spec("pygments.lexers")
# Rich colours nothing but lines of Python, where it shows a fault: hundreds of other languages can stay away.
LANGUAGES: Final = tuple(
    f"pygments.lexers.{one.name}"
    for one in pkgutil.iter_modules(None if _LEXERS is None else _LEXERS.submodule_search_locations)
    if one.name not in {"_mapping", "python"}
)
QT: Final = ("PySide6", "shiboken6", "mooring.menubar")
# What nothing of ours imports where it ships: libraries' own tests, tools and converters. Polars is larger than all
# else together, and needed for files of recorded bars and for Parquet exports alone.
NEVER: Final = (
    *("polars", "_polars_runtime_32"),
    *(
        "tkinter",
        "setuptools",
        "pip",
        "PyInstaller",
        "hatchling",
        "unittest",
        "pydoc",
        "pydoc_data",
        "lib2to3",
        "ensurepip",
    ),
    *("numpy.f2py", "numpy.testing", "numpy.distutils", "onnx.backend.test", "onnx.reference"),
    *("onnxruntime.transformers", "onnxruntime.quantization", "onnxruntime.tools", "onnxruntime.training"),
    *("sqlalchemy.dialects.mssql", "sqlalchemy.dialects.mysql", "sqlalchemy.dialects.oracle"),
    *LANGUAGES,
)
# The menu bar is a view of what the daemon says over its socket: windows, and no network, page or database of Qt's.
MENUBAR_NEVER: Final = (
    *NEVER,
    *("numpy", "onnx", "onnxruntime", "ml_dtypes", "google", "sqlalchemy", "alembic", "fastapi", "uvicorn", "tuf"),
    *(f"PySide6.Qt{name}" for name in "Network Qml Quick Sql Test OpenGL OpenGLWidgets PrintSupport Svg Xml".split()),
)
QT_PLUGINS: Final = re.compile(
    r"platforms/libq(xcb|wayland|offscreen|cocoa)\.|platforminputcontexts/|platformthemes/libqxdg|styles/|xcbglintegrations/"
    r"|wayland-(decoration-client|graphics-integration-client)/|wayland-shell-integration/libxdg"
)
# Tools that build, which are installed where the application is built and are no part of it; and what is left out.
NO_PART: Final = frozenset(
    "altgraph editables hatchling macholib mooring packaging pathspec pefile pluggy polars polars-runtime-32 "
    "pyinstaller pyinstaller-hooks-contrib pywin32-ctypes setuptools tomlkit trove-classifiers".split()
)
# Where a package was installed from says something of one machine, and nothing reads it.
OF_ONE_MACHINE: Final = frozenset(
    {"direct_url.json", "INSTALLER", "RECORD", "REQUESTED", "WHEEL", "uv_build.json", "uv_cache.json"}
)
Entry = tuple[str, str, str]
LINK: Final = "SYMLINK"
LICENCE: Final = re.compile(r"licen[cs]e|copying|notice", re.IGNORECASE)
LICENCES: Final = "licences"


def is_wanted(destination: str) -> bool:
    """Whether a file that PyInstaller's hooks gathered belongs into the application.

    Args:
        destination: where it would stand in the folder of the libraries.
    """
    parts = PurePath(destination).parts
    if any(part.endswith(".dist-info") for part in parts) and parts[-1] in OF_ONE_MACHINE:
        return False
    if "__pycache__" in parts:
        return False  # what compilers keep beside the sources, such as Numba's code for one processor
    if "PySide6" not in parts:
        return True
    if "translations" in parts:
        return False  # every word in the menu is ours
    _, _, plugin = destination.partition("/plugins/")
    return not plugin or QT_PLUGINS.match(plugin) is not None


def kept(
    libraries: Iterable[Entry], files: Iterable[Entry], needs: Callable[[str], Iterable[str]]
) -> tuple[list[Entry], list[Entry]]:
    """What PyInstaller gathered without what is not wanted, nor what came for that alone, nor what would be left of it.

    On macOS a library of Qt's is a framework: a folder with a description and links. Such a folder without its library
    is a bundle that `codesign` refuses, and with it the whole application.

    Args:
        libraries, files: (destination, source, kind); a link's source is what it leads to, as the link spells it.
        needs: names of the libraries that the library at this source needs.
    """
    libraries = list(libraries)
    sources = {PurePath(to).name: source for to, source, _ in libraries}
    dropped = {PurePath(to).name for to, _, _ in libraries if not is_wanted(to)}
    alone = only_for(dropped, sources, lambda name: needs(sources[name])) if dropped else set()
    stay = [one for one in libraries if is_wanted(one[0]) and PurePath(one[0]).name not in alone]
    emptied = {_framework(to) for to, _, _ in libraries} - {_framework(to) for to, _, _ in stay}
    others = [one for one in files if is_wanted(one[0]) and _framework(one[0]) not in emptied - {None}]
    while lost := _leads_nowhere(stay, others):
        others = [one for one in others if one not in lost]
    return stay, others


def _framework(destination: str) -> str | None:
    """The outermost framework that it lies in."""
    parts = PurePath(destination).parts
    at = next((at for at, part in enumerate(parts[:-1]) if part.endswith(".framework")), None)
    return None if at is None else str(PurePath(*parts[: at + 1]))


def _leads_nowhere(libraries: Iterable[Entry], files: Iterable[Entry]) -> set[Entry]:
    """Links to nothing that is here; those within a framework, of which some lead through others, are its own."""
    links = {one for one in files if one[2] == LINK and _framework(one[0]) is None}
    there = {PurePath(to) for to, _, _ in (*libraries, *files)}
    there |= {folder for path in there for folder in path.parents}
    return {one for one in links if PurePath(normpath(PurePath(one[0]).parent / one[1])) not in there}


def only_for(dropped: Iterable[str], files: Iterable[str], needs: Callable[[str], Iterable[str]]) -> set[str]:
    """Libraries that are there for nobody but what was dropped.

    Args:
        dropped, files: names of files without their folders. needs: those that one of them names as its own needs.
    """
    there = set(files)
    without = _reached(dropped, there, needs)
    return without - _reached(there - without, there, needs)


def _reached(roots: Iterable[str], there: Container[str], needs: Callable[[str], Iterable[str]]) -> set[str]:
    waiting, seen = list(roots), set[str]()
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += [need for need in needs(name) if need in there]
    return seen


def licences() -> Iterator[tuple[str, str]]:
    """(file, folder in the application) of the terms of every library in it, which go where it goes."""
    for package in _packages():
        for file in package.files or ():
            inside = PurePath(*file.parts[1:])  # below the package, or below its metadata
            own = file.parts[0].endswith(".dist-info") or len(inside.parts) == 1
            if own and LICENCE.search(str(inside)) and not file.suffix.startswith(".py"):
                yield str(package.locate_file(file)), str(PurePath(LICENCES, _name(package), inside.parent))


def libraries(*, with_qt: bool) -> str:
    """A list of them: name, version, terms as their metadata says them."""
    lines = ["What Mooring is built with. The terms stand beside, each under its name.", ""]
    for package in _packages():
        told = package.metadata
        terms = str(told.json.get("license_expression") or told.json.get("license") or "").strip().splitlines()
        classes = [one.rpartition(" :: ")[2] for one in told.get_all("Classifier") or () if one.startswith("License")]
        if with_qt or _name(package) not in {"pyside6-essentials", "shiboken6"}:
            lines.append(
                f"{_name(package)} {package.version}: {terms[0] if terms else ', '.join(classes) or 'see there'}"
            )
    if with_qt:
        lines += [
            "",
            "Qt and its bindings are used under the LGPL, version 3, as libraries of their own that may be replaced.",
        ]
    return "\n".join(lines) + "\n"


def _packages() -> list[Distribution]:
    return sorted((one for one in distributions() if _name(one) not in NO_PART), key=_name)


def _name(package: Distribution) -> str:
    return re.sub(r"[-_.]+", "-", package.metadata["Name"]).lower()
