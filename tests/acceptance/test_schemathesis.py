"""Every route of the document, asked by Schemathesis at a whole paper daemon: no 5xx, and no status that is not written.

The examples come from a fixed seed. For more: `TESTS_SCHEMA_EXAMPLES=500 pytest tests/acceptance/test_schemathesis.py`.
"""

from __future__ import annotations

import os
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from mooring.control_api.openapi import document
from mooring.daemon.daemon_thread import DaemonThread
from mooring.daemon.options import options_from_home
from mooring.home import Home
from mooring.secrets.vault import MemoryVault

EXAMPLES: Final = int(os.environ.get("TESTS_SCHEMA_EXAMPLES", "8"))
TOKEN: Final = "a-token-of-this-test-" + "t" * 32
NO_TLS: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
# Its body goes on until somebody ends it, so only its head is looked at.
ENDLESS: Final = frozenset({"/v1/events"})
CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]

SCHEMA = schemathesis.openapi.from_dict(document())
OPERATIONS = [found.ok() for found in SCHEMA.get_all_operations()]


@dataclass(frozen=True)
class Doors:
    """Clients of one daemon at both doors."""

    tcp: httpx.Client
    socket: httpx.Client


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    with _home() as root:
        options = options_from_home(Home(root=root), {}, console=False)
        options = replace(options, vault=MemoryVault(), token_source=_source())
        with (
            DaemonThread(options) as daemon,
            httpx.Client(base_url=daemon.server.url, trust_env=False, timeout=60, verify=NO_TLS) as tcp,
            httpx.Client(
                transport=httpx.HTTPTransport(uds=str(daemon.server.socket_path), verify=NO_TLS),
                base_url="http://mooring",
                timeout=60,
                verify=NO_TLS,
            ) as unix,
        ):
            yield Doors(tcp, unix)


@contextmanager
def _home() -> Iterator[Path]:
    # pytest's own directories are too long for a socket
    with tempfile.TemporaryDirectory(prefix="mo", dir="/tmp") as directory:
        yield Path(directory)


def _source() -> Any:
    made = iter(range(10**9))
    return lambda: TOKEN if (number := next(made)) == 0 else f"{number:016d}" + "s" * 40


def test_every_operation_of_the_document_is_asked() -> None:
    written = {(method.upper(), path) for path, methods in document()["paths"].items() for method in methods}
    assert {(operation.method.upper(), operation.path) for operation in OPERATIONS} == written
    assert {path for _, path in written} >= ENDLESS


@pytest.mark.sampled
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
def test_no_fault_and_no_status_that_is_not_written(operation: Any, doors: Doors) -> None:
    strategy = operation.as_strategy() | operation.as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE)

    @seed(20_261_121)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=[*HealthCheck],
    )
    @given(case=strategy)
    def ask(case: Any) -> None:
        for client, headers in (
            (doors.tcp, {"authorization": f"Bearer {TOKEN}"}),
            (doors.tcp, {}),
            (doors.socket, {"x-mooring-actor": "cli"}),
        ):
            _ask(case, client, headers)

    ask()


def _ask(case: Any, client: httpx.Client, headers: dict[str, str]) -> None:
    wanted = case.as_transport_kwargs(base_url=str(client.base_url).rstrip("/"))
    made_up = {name: value for name, value in (wanted.get("headers") or {}).items() if name.lower() not in headers}
    request = _request(client, wanted | {"headers": {**made_up, **headers}})
    if request is None:
        return
    with_body = case.operation.path not in ENDLESS
    try:
        response = client.send(request, stream=True)
    except httpx.LocalProtocolError:
        return  # HTTP itself cannot carry what was made up
    try:
        if with_body or response.status_code != 200:
            response.read()
            if response.status_code == 503 and "retry-after" in response.headers:
                return  # a well daemon that is asked too much at once; it is in the document, and no fault
            case.validate_response(response, checks=CHECKS)
        else:
            assert response.headers["content-type"].startswith("text/event-stream")
    finally:
        response.close()


def _request(client: httpx.Client, wanted: dict[str, Any]) -> httpx.Request | None:
    """The request; None where HTTP itself cannot carry what was made up."""
    kept = {name: wanted.get(name) for name in ("params", "headers", "cookies", "json", "data") if wanted.get(name)}
    body = kept.pop("data", None)
    if isinstance(body, str | bytes):
        kept["content"] = body
    elif body:
        kept["data"] = body
    try:
        return client.build_request(wanted["method"], wanted["url"], **kept)
    except (UnicodeError, ValueError, TypeError, httpx.InvalidURL):
        return None
