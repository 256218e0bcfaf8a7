"""Check the shape of the repository: what a reviewer should not have to look for.

Run from anywhere: `python tools/check_tree.py [ROOT]`. It prints `file:line: code message` for each finding and
ends with 1 if there was one, 0 otherwise.

    code            where                              what
    long-file       mooring, tools, benchmarks, tests  more than 400 lines
    long-function   mooring, tools, benchmarks         more than 60 lines, without decorators
    no-init         mooring                            a directory with modules but without an __init__.py that says why
    unfinished      mooring, tools, benchmarks, tests  TODO, FIXME, XXX, HACK or WIP in a comment
    stub            mooring                            NotImplementedError, or a body of `...` outside a Protocol
    registry        requirements, pyproject.toml       an address or an index of packages
    lock-file       everywhere                         uv.lock, which writes the registry's address into the repository
    home-path       every text file                    an absolute path of somebody's home directory
    odd-name        everywhere                         a path that a shell takes for an option, or splits

A line is excused from unfinished, stub and home-path by a comment on it: `tree-ok: the reason`.
"""

from __future__ import annotations

import ast
import io
import os
import re
import sys
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FILE_LINES_MAX: Final = 400
FUNCTION_LINES_MAX: Final = 60
TEXT_BYTES_MAX: Final = 4_000_000  # larger files are data, not text somebody wrote

SOURCES: Final = ("mooring", "tools", "benchmarks", "tests")
SKIPPED: Final = frozenset({"build", "dist", "__pycache__", "node_modules"})
MARKER: Final = re.compile(r"\b(TODO|FIXME|XXX|HACK|WIP)\b")
ESCAPE: Final = re.compile(r"tree-ok:\s*\S")
HOME: Final = re.compile(r"(?<![\w.@])(/(?:home|Users)/[A-Za-z0-9_][\w.-]*|/root/[\w.]|[A-Za-z]:\\Users\\\w)")
REGISTRY: Final = re.compile(
    r"https?://|pypi\.|pythonhosted|--(?:extra-)?index-url|--find-links|\[\[tool\.uv\.index\]\]"
)
NAME: Final = re.compile(r"[A-Za-z0-9._][A-Za-z0-9._+@-]*")
DECLARING: Final = frozenset({"Protocol", "abstractmethod", "overload"})


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that must change."""

    path: str
    line: int
    code: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.code} {self.message}"


def files_of(root: Path) -> Iterator[Path]:
    """Every file somebody wrote, in a stated order: hidden directories of tools, builds and caches are left out."""
    for directory, names, files in os.walk(root):
        names[:] = sorted(n for n in names if not is_skipped(n))
        yield from (Path(directory) / name for name in sorted(files))


def is_skipped(directory: str) -> bool:
    """Whether a directory of this name holds what tools made."""
    written = directory in {".ci", ".github"}
    return not written and (directory.startswith(".") or directory in SKIPPED or directory.endswith(".egg-info"))


def text_of(path: Path) -> str | None:
    """The text of a file; None for data and for what is no UTF-8."""
    if path.is_symlink() or path.stat().st_size > TEXT_BYTES_MAX:
        return None
    data = path.read_bytes()
    if b"\0" in data:
        return None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None


def check_lengths(path: str, source: str, tree: ast.Module) -> Iterator[Finding]:
    """Files, and outside tests functions, that are too long to be read in one go."""
    count = len(source.splitlines())
    if count > FILE_LINES_MAX:
        message = f"{count} lines, {FILE_LINES_MAX} at the most; split it by what it is about"
        yield Finding(path=path, line=1, code="long-file", message=message)
    if path.startswith("tests/"):
        return
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            count = (node.end_lineno or node.lineno) - node.lineno + 1
            if count > FUNCTION_LINES_MAX:
                message = f"{node.name} has {count} lines, {FUNCTION_LINES_MAX} at the most"
                yield Finding(path=path, line=node.lineno, code="long-function", message=message)


def check_markers(path: str, source: str) -> Iterator[Finding]:
    """Comments that say that work is left."""
    if MARKER.search(source) is None:  # reading it token by token takes most of the time
        return
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            found = MARKER.search(token.string)
            if found:
                message = f"{found[0]}: finish it, or write it down where work is planned"
                yield Finding(path=path, line=token.start[0], code="unfinished", message=message)


def check_stubs(path: str, tree: ast.Module) -> Iterator[Finding]:
    """Functions that promise what they do not do."""
    nodes = list(ast.walk(tree))
    for node in nodes:
        if isinstance(node, ast.Raise) and node.exc is not None:
            names = {n.id for n in ast.walk(node.exc) if isinstance(n, ast.Name)}
            if "NotImplementedError" in names:
                yield Finding(path=path, line=node.lineno, code="stub", message="raises NotImplementedError")
    declared = {
        id(member)
        for owner in nodes
        if isinstance(owner, ast.ClassDef) and names_in(*owner.bases) & DECLARING
        for member in owner.body
    }
    for node in nodes:
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        if id(node) not in declared and not names_in(*node.decorator_list) & DECLARING and is_empty(node):
            yield Finding(path=path, line=node.lineno, code="stub", message=f"{node.name} has no body")


def names_in(*nodes: ast.AST) -> set[str]:
    """Every name and attribute in some expressions."""
    parts = [part for node in nodes for part in ast.walk(node)]
    return {p.id for p in parts if isinstance(p, ast.Name)} | {p.attr for p in parts if isinstance(p, ast.Attribute)}


def is_empty(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether a body is nothing but an ellipsis, with or without a docstring."""
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    return any(
        isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant) and part.value.value is Ellipsis
        for part in body
    )


def check_packages(root: Path) -> Iterator[Finding]:
    """Directories of mooring that hold modules but do not say what they are."""
    package = root / "mooring"
    for directory in sorted({d for p in package.rglob("*.py") for d in p.parents if d.is_relative_to(package)}):
        init = directory / "__init__.py"
        path = init.relative_to(root).as_posix()
        if not init.is_file():
            message = "missing: without it the directory is no package, and a wheel may leave it out"
            yield Finding(path=path, line=1, code="no-init", message=message)
        elif ast.get_docstring(ast.parse(init.read_text("utf-8"))) is None:
            yield Finding(path=path, line=1, code="no-init", message="says nothing: give the package a docstring")


def check_text(path: str, text: str) -> Iterator[Finding]:
    """What no line of any file may hold."""
    pinned = path == "pyproject.toml" or path.startswith("requirements/")
    for number, line in enumerate(text.splitlines(), start=1):
        home = HOME.search(line)
        if home:
            message = f"{home[0]}... is a path of one machine; use ~, a variable or a path inside the repository"
            yield Finding(path=path, line=number, code="home-path", message=message)
        registry = REGISTRY.search(line) if pinned else None
        if registry:
            message = f"{registry[0]} names a registry; which one is used is the machine's own setting"
            yield Finding(path=path, line=number, code="registry", message=message)


def check_python(path: str, source: str) -> Iterator[Finding]:
    """All that holds for a module."""
    tree = ast.parse(source, path)
    yield from check_lengths(path, source, tree)
    yield from check_markers(path, source)
    if path.startswith("mooring/"):
        yield from check_stubs(path, tree)


def check(root: Path) -> list[Finding]:
    """All findings below `root`."""
    findings = [*check_packages(root)]
    for file in files_of(root):
        path = file.relative_to(root).as_posix()
        if file.name == "uv.lock":
            message = "holds the registry's address; requirements/*.txt are the lock files"
            findings.append(Finding(path=path, line=1, code="lock-file", message=message))
            continue
        if not all(NAME.fullmatch(part) for part in file.relative_to(root).parts):
            message = "call it by letters, digits and ._+@-, beginning with no hyphen; or was it written by mistake?"
            findings.append(Finding(path=path, line=1, code="odd-name", message=message))
        text = text_of(file)
        if text is None:
            continue
        found = [*check_text(path, text)]
        if file.suffix == ".py" and path.startswith(tuple(f"{source}/" for source in SOURCES)):
            found += check_python(path, text)
        lines = text.splitlines()
        findings += [f for f in found if not (f.line <= len(lines) and is_excused(f, lines[f.line - 1]))]
    return sorted(findings, key=lambda f: (f.path, f.line, f.code))


def is_excused(finding: Finding, line: str) -> bool:
    """Whether the line says why it may stay; length, packages and registries have no excuse."""
    return finding.code in {"unfinished", "stub", "home-path"} and ESCAPE.search(line) is not None


def main(arguments: list[str]) -> int:
    root = Path(arguments[0]) if arguments else Path(__file__).resolve().parent.parent
    findings = check(root)
    for finding in findings:
        print(finding)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
