"""Every route has a method of the typed client, and the client asks for nothing that is no route.

Each public method is called with made-up arguments against a transport that notes what is asked and answers an error.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import re
import types
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import httpx
import orjson
import pytest

from mooring.control_api.client import Client
from mooring.control_api.openapi import document
from mooring.control_api.problems import body_of, problem
from mooring.errors import MooringError

# what a browser alone asks for; other callers have a token or the socket
BY_BROWSERS = {("GET", "/"), ("GET", "/open/{key}"), ("GET", "/web/{name}")}
BY_CONNECTING = {("GET", "/v1/hello")}  # asked by Client.over_tcp, see test_client.py
REFUSED = body_of(problem(503, "some_code", "It did not work.", retry_after_seconds=0.001))


@functools.cache
def routes() -> frozenset[tuple[str, str]]:
    return frozenset((method.upper(), path) for path, methods in document()["paths"].items() for method in methods)


def template(method: str, path: str) -> tuple[str, str]:
    """The route that a call reaches; a path with parameters counts only where none is written out."""
    known = [path for verb, path in routes() if verb == method]
    if path in known:
        return method, path
    for one in known:
        if re.fullmatch(re.sub(r"\\{[a-z_]+\\}", "[^/]+", re.escape(one)), path):
            return method, one
    return method, path


def values(kind: Any, tmp_path: Path) -> list[Any]:
    """What to call with for an annotation: of a choice every one, else one."""
    origin = get_origin(kind)
    if origin is Literal:
        return [*get_args(kind)]
    if origin in {Union, types.UnionType}:
        return values(next(one for one in get_args(kind) if one is not type(None)), tmp_path)
    if origin is not None and origin not in {list, tuple}:
        return [{}]
    file = tmp_path / "file"
    file.write_bytes(b"x")
    simple: dict[Any, Any] = {str: "x1", int: 1, bool: True, float: 1.0, Path: file, Any: 1}
    return [simple.get(kind, [] if origin in {list, tuple} else "x1")]


def called(name: str, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """Which routes one method of the client asks for."""
    seen: list[tuple[str, str]] = []

    def note(request: httpx.Request) -> httpx.Response:
        seen.append((request.method, request.url.path))
        return httpx.Response(503, content=REFUSED, headers={"content-type": "application/problem+json"})

    with Client(httpx.Client(transport=httpx.MockTransport(note), base_url="http://mooring")) as client:
        method = getattr(client, name)
        hints = get_type_hints(method)
        wanted = [n for n, p in inspect.signature(method).parameters.items() if p.kind is not p.VAR_KEYWORD]
        for chosen in itertools.product(*(values(hints[n], tmp_path) for n in wanted)):
            given = dict(zip(wanted, chosen, strict=True))
            first = [
                given.pop(n) for n in wanted if inspect.signature(method).parameters[n].kind.name == "VAR_POSITIONAL"
            ]
            with suppress(MooringError):
                made = method(*first, **given)
                if inspect.isgenerator(made):
                    next(made)
    yield from (template(*one) for one in seen)


METHODS = [
    name
    for name, made in inspect.getmembers(Client, inspect.isfunction)
    if not name.startswith("_") and name not in {"close", "connect", "over_tcp"}
]


@pytest.fixture(scope="module")
def reached(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[tuple[str, str]]]:
    place = tmp_path_factory.mktemp("files")
    return {name: {*called(name, place)} for name in METHODS}


def test_every_route_has_a_method_of_the_client(reached: dict[str, set[tuple[str, str]]]) -> None:
    asked = set().union(*reached.values())
    assert routes() - asked - BY_CONNECTING - BY_BROWSERS == set()


def test_the_client_asks_for_nothing_that_is_no_route(reached: dict[str, set[tuple[str, str]]]) -> None:
    assert {name: paths - routes() for name, paths in reached.items() if paths - routes()} == {}


def test_every_method_asks_for_something(reached: dict[str, set[tuple[str, str]]]) -> None:
    assert [name for name, paths in reached.items() if not paths] == []


def test_the_answer_of_the_made_up_daemon_is_one_of_ours() -> None:
    assert orjson.loads(REFUSED)["code"] == "some_code"
