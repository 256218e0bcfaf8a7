"""Every error says what to do next: those in the source, and those a caller gets over the wire."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import mooring
from mooring import errors
from tests.control_api.api_harness import MASTER, Running

ROOT = Path(mooring.__file__).parent
KINDS = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, Exception)}
AUTH = f"Authorization: Bearer {MASTER}"


def made_in(path: Path) -> Iterator[ast.Call]:
    """Calls that make an error of a stated code."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in KINDS | {"Refused"}:
            place = 1 if node.func.id == "Refused" else 0
            if len(node.args) > place and isinstance(node.args[place], ast.Constant):
                yield node


@pytest.mark.parametrize("package", ["control_api", "daemon", "cli", "runtime", "secrets"])
def test_every_error_of_a_stated_code_has_a_next_step(package: str) -> None:
    found, empty = 0, []
    for path in sorted((ROOT / package).rglob("*.py")):
        for call in made_in(path):
            found += 1
            todo = next((word.value for word in call.keywords if word.arg == "todo"), None)
            if todo is None or (isinstance(todo, ast.Constant) and not todo.value):
                empty.append(f"{path.relative_to(ROOT)}:{call.lineno}")
    assert found
    assert empty == []


@pytest.mark.parametrize(
    ("code", "lines"),
    [
        ("wrong_host", {"host": "evil.example"}),
        ("foreign_origin", {"header": "Origin: null"}),
        ("foreign_site", {"header": "Sec-Fetch-Site: cross-site"}),
        ("uri_too_long", {"path": "/" + "a" * 5000}),
        ("body_too_large", {"header": "Content-Length: 99999999"}),
        ("no_such_route", {"header": AUTH, "path": "/v1/nothing"}),
        ("method_not_allowed", {"header": AUTH, "path": "/v1/kill-switch"}),
        ("unauthorized", {"path": "/v1/status"}),
        ("invalid_request", {"header": AUTH, "path": "/v1/orders?limit=0"}),
        ("ambiguous_length", {"header": "Content-Length: 1\r\nTransfer-Encoding: chunked"}),
        ("headers_too_large", {"header": "X-Long: " + "a" * 20_000}),
    ],
)
def test_refused_caller_is_told_the_next_step(served: Running, code: str, lines: dict[str, str]) -> None:
    named = {name: value for name, value in lines.items() if name != "header"}
    answer = served.ask(served.request(*([lines["header"]] if "header" in lines else []), **named))
    assert answer.code == code
    assert json.loads(answer.body)["todo"]
