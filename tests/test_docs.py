"""The documentation names everything a person can set, call, run or be told: a new one without its line fails here."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from mooring import errors
from mooring.cli import main as cli
from mooring.settings import describe

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
ERRORS = {kind.__name__ for kind in vars(errors).values() if isinstance(kind, type)} - {"MooringError"}
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS.rglob("*.md")])
PASSED_ON = "(passed on)"
CODE = re.compile(r"[a-z][a-z0-9_]*")
LINK = re.compile(r"\]\((?!https?://|mailto:)([^)#\s]+)?(?:#([^)\s]+))?\)")


def page(name: str) -> str:
    return (DOCS / name).read_text("utf-8")


def constants(code: ast.expr | None) -> list[str]:
    """The texts that the expression of a code can be; none where it is put together at run time."""
    if isinstance(code, ast.IfExp):
        first, second = constants(code.body), constants(code.orelse)
        return first + second if first and second else []
    if isinstance(code, ast.Attribute) and code.attr == "code":
        return [PASSED_ON]
    return [code.value] if isinstance(code, ast.Constant) and isinstance(code.value, str) else []


def raised() -> Iterator[tuple[str, list[str], str]]:
    """(class, codes, where) of every error that the package makes.

    The class is empty where it is chosen at run time, or where the API answers without an error of the tree; what has
    a `todo` is an error either way. The API's own answers name a status before the code.
    """
    for file in sorted((ROOT / "mooring").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            keywords = {k.arg: k.value for k in node.keywords}
            if name in ERRORS or "todo" in keywords:
                given = [*node.args[: 1 if name in ERRORS else 2], *filter(None, [keywords.get("code")])]
                codes = [text for code in given for text in constants(code)]
                yield name if name in ERRORS else "", codes[:2], f"{file.relative_to(ROOT).as_posix()}:{node.lineno}"


def written_codes() -> dict[str, set[str]]:
    """Classes by code, for codes written out where the error is made."""
    kinds: dict[str, set[str]] = {}
    for name, codes, _ in raised():
        for code in filter(CODE.fullmatch, codes):
            kinds.setdefault(code, set()).update({name} - {""})
    return kinds


def error_rows() -> dict[str, list[str]]:
    """Rows of the tables in errors.md by code: code, kind, exit code, meaning, what to do."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in page("errors.md").splitlines()]
    return {row[0].strip("`"): row for row in rows if len(row) == 5 and row[0].startswith("`")}


def test_every_setting_is_documented_with_its_variable_and_bounds() -> None:
    lines = page("settings.md").splitlines()
    for setting in describe():
        row = next((line for line in lines if line.startswith(f"| `{setting.key}` |")), None)
        assert row is not None, f"docs/settings.md does not list {setting.key}"
        assert f"`{setting.env}`" in row
        assert f"| {setting.bounds} |" in row


def test_no_setting_is_documented_that_is_not_there() -> None:
    documented = set(re.findall(r"^\| `([a-z_]+\.[a-z_]+)` \|", page("settings.md"), re.MULTILINE))
    assert documented == {setting.key for setting in describe()}


def test_every_error_code_is_written_out_where_the_error_is_made() -> None:
    """A code put together at run time could be in no documentation; `document.code` passes on one that is."""
    assert [where for name, codes, where in raised() if name and not codes] == []


def test_every_error_code_is_documented() -> None:
    """In errors.md, or in api.md where only the API gives it."""
    api = set(re.findall(r"`([a-z0-9_]+)`", page("api.md")))
    only_api = {c for _, codes, where in raised() for c in codes if where.startswith("mooring/control_api/")}
    assert sorted(written_codes().keys() - error_rows().keys() - (api & only_api)) == []


def test_no_error_code_is_documented_that_is_not_there() -> None:
    assert sorted(error_rows().keys() - written_codes().keys()) == []


def test_error_rows_state_the_kinds_and_exit_codes_of_the_code() -> None:
    rows = error_rows()
    for code, kinds in written_codes().items():
        if code not in rows:
            continue
        documented = {part.strip() for part in rows[code][1].split(",")}
        exit_codes = {int(part) for part in rows[code][2].split(",")}
        assert documented == kinds or not kinds, code
        assert exit_codes == {getattr(errors, kind).exit_code for kind in documented}, code


def test_error_rows_say_what_it_means_and_what_to_do() -> None:
    for code, (_, _, _, meaning, todo) in error_rows().items():
        assert meaning.endswith("."), code
        assert todo.endswith("."), code
        assert "!" not in meaning + todo, code


def test_every_route_is_documented() -> None:
    paths = json.loads(page("openapi.json"))["paths"]
    lines = page("api.md").splitlines()
    routes = [(method.upper(), path) for path, methods in paths.items() for method in methods]
    assert routes
    assert [route for route in routes if not any(names(line, *route) for line in lines)] == []


def names(line: str, method: str, path: str) -> bool:
    """Whether a line names a route: its method, and its path with nothing after it."""
    return (
        re.search(rf"\b{method}\b", line) is not None and re.search(rf"{re.escape(path)}(?![\w/{{-])", line) is not None
    )


def commands(command: Any, name: str) -> Iterator[str]:
    """Full names of every command below one that help shows."""
    if not hasattr(command, "commands"):
        yield name
        return
    for child, below in sorted(command.commands.items()):
        if not below.hidden:
            yield from commands(below, f"{name} {child}")


def test_every_command_is_documented() -> None:
    every = list(commands(typer.main.get_command(cli.app), "mooring"))
    text = page("cli.md")
    assert every
    assert [name for name in every if not re.search(rf"{name}(?![\w-])", text)] == []


def anchors(text: str) -> set[str]:
    """The anchors that headings of a page get."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("file", PAGES, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_links_inside_the_documentation_lead_somewhere(file: Path) -> None:
    for target, anchor in LINK.findall(file.read_text("utf-8")):
        linked = (file.parent / target).resolve() if target else file
        assert linked.exists(), f"{file.name} links to {target}"
        if anchor and linked.suffix == ".md":
            assert anchor in anchors(linked.read_text("utf-8")), f"{file.name} links to {target}#{anchor}"


def not_there(named: list[tuple[str, str]]) -> list[str]:
    """Which of the tests (file, name) no file has."""
    return [
        f"{file}::{name}"
        for file, name in named
        if not (ROOT / file).is_file()
        or not re.search(rf"^(?:async )?def {name}\(", (ROOT / file).read_text("utf-8"), re.MULTILINE)
    ]


def test_every_test_that_the_page_about_security_names_is_there() -> None:
    named = re.findall(r"`(tests/[a-z_/]+\.py)::(test_\w+)`", page("security.md"))
    rows = [line for line in page("security.md").splitlines() if line.startswith("| **")]
    assert len(rows) >= 15
    assert all("`tests/" in row for row in rows), "a defence that no test shows"
    assert not_there(named) == []


def test_every_test_against_what_went_wrong_elsewhere_is_there() -> None:
    table = page("testing.md").partition("## What went wrong elsewhere")[2].partition("\n## ")[0]
    rows = [line for line in table.splitlines() if line.startswith("| ") and not line.startswith("| what went wrong")]
    assert len(rows) >= 45
    for row in rows:
        said, shown = row.strip("| ").split(" | ")
        assert said
        assert re.fullmatch(r"(`[a-z_/]+\.py::test_\w+` ?)+", shown), row
    assert (
        not_there([(f"tests/{file}", name) for file, name in re.findall(r"`([a-z_/]+\.py)::(test_\w+)`", table)]) == []
    )


def test_decisions_have_numbers_of_their_own() -> None:
    files = sorted(file for file in (DOCS / "adr").glob("*.md") if "template" not in file.name)
    numbers = [file.name[:4] for file in files]
    assert len(numbers) > 15
    assert len({*numbers}) == len(numbers)
    titled = [file.name for file in files if not file.read_text("utf-8").startswith(f"# {file.name[:4]}. ")]
    assert titled == []
