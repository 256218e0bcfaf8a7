from __future__ import annotations

import contextlib
import json

import httpx
import pytest

from mooring.control_api.guard import SECURITY_HEADERS
from mooring.control_api.limits import Limits
from tests.control_api.api_harness import MASTER, Running, read_answer, running

AUTH = f"Authorization: Bearer {MASTER}"


def test_a_plain_request_is_answered_with_every_security_header(served: Running) -> None:
    answer = served.ask(served.request())
    assert answer.status == 200
    assert json.loads(answer.body) == {"status": "ok"}
    for name, value in SECURITY_HEADERS:
        assert answer.headers[name.decode()] == value.decode()
    assert "server" not in answer.headers
    assert not any(name.startswith("access-control") for name in answer.headers)


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1:1", "127.0.0.1", "localhost:{port}", "[::1]:{port}", ""])
def test_a_host_that_is_not_ours_is_refused(served: Running, host: str) -> None:
    answer = served.ask(served.request(AUTH, path="/v1/status", host=host.format(port=served.port)))
    assert (answer.status, answer.code) == (421, "wrong_host")
    assert answer.headers["content-security-policy"].startswith("default-src 'self'")


@pytest.mark.parametrize("second", ["127.0.0.1:{port}", "evil.example"])
@pytest.mark.parametrize("unix", [False, True])
def test_two_hosts_are_refused_at_both_doors(served: Running, second: str, unix: bool) -> None:
    data = served.request(f"Host: {second.format(port=served.port)}", path="/v1/status")
    answer = served.ask(data, unix=unix)
    assert (answer.status, answer.code) == (421, "wrong_host")


def test_a_request_without_host_is_refused(served: Running) -> None:
    assert served.ask(b"GET /healthz HTTP/1.1\r\n\r\n").status == 421
    assert served.ask(b"GET /healthz HTTP/1.0\r\n\r\n").status == 421


def test_any_single_host_will_do_on_the_socket(served: Running) -> None:
    assert served.ask(served.request(host="mooring"), unix=True).status == 200


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("Origin: http://evil.example", "foreign_origin"),
        ("Origin: null", "foreign_origin"),
        ("Origin: http://localhost:{port}", "foreign_origin"),
        ("Origin: https://127.0.0.1:{port}", "foreign_origin"),
        ("Origin: http://127.0.0.1:{port}\r\nOrigin: http://evil.example", "foreign_origin"),
        ("Sec-Fetch-Site: cross-site", "foreign_site"),
        ("Sec-Fetch-Site: same-site", "foreign_site"),
    ],
)
def test_another_sites_page_can_do_nothing_even_with_a_token(served: Running, header: str, code: str) -> None:
    lines = header.format(port=served.port).split("\r\n")
    data = served.request(AUTH, *lines, "Content-Length: 0", method="POST", path="/v1/runtime/stop")
    answer = served.ask(data)
    assert (answer.status, answer.code) == (403, code)
    assert served.runtime.calls == []


@pytest.mark.parametrize(
    "header", ["Origin: http://127.0.0.1:{port}", "Sec-Fetch-Site: same-origin", "Sec-Fetch-Site: none"]
)
def test_our_own_page_may_ask(served: Running, header: str) -> None:
    assert served.ask(served.request(header.format(port=served.port))).status == 200


def test_a_preflight_gets_no_permission(served: Running) -> None:
    data = served.request(
        "Origin: http://evil.example", "Access-Control-Request-Method: POST", method="OPTIONS", path="/v1/scan"
    )
    answer = served.ask(data)
    assert answer.status == 403
    assert not any(name.startswith("access-control") for name in answer.headers)


def test_a_body_of_20_mb_is_refused_and_the_sender_learns_it(served: Running) -> None:
    with served.tcp() as client:
        answer = client.post("/v1/kill-switch", content=b"x" * 20_000_000)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert served.runtime.calls == []


def test_a_chunked_body_of_20_mb_is_refused(served: Running) -> None:
    with served.uds() as client:
        answer = client.post("/v1/kill-switch", content=(b"x" * 100_000 for _ in range(200)))
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


def test_a_stated_length_is_enough_to_refuse(served: Running) -> None:
    data = served.request(AUTH, "Content-Length: 65537", method="POST", path="/v1/scan")
    assert served.ask(data).status == 413


def test_a_body_at_its_bound_reaches_the_route(served: Running) -> None:
    with served.tcp() as client:
        answer = client.post("/v1/kill-switch", content=b" " * 65_536, headers={"content-type": "application/json"})
    assert answer.status_code == 422


def test_headers_of_20_kb_are_refused(served: Running) -> None:
    assert served.ask(served.request(f"X-Long: {'x' * 20_000}")).status == 431


def test_headers_that_never_end_are_refused_at_their_bound(served: Running) -> None:
    sock = served.raw()
    sock.sendall(b"GET /healthz HTTP/1.1\r\nX-Long: ")
    sock.sendall(b"x" * 20_000)
    answer = read_answer(sock)
    assert (answer.status, answer.code) == (431, "headers_too_large")


def test_many_small_headers_count_together(served: Running) -> None:
    assert served.ask(served.request(*(f"X-{n}: {'y' * 60}" for n in range(250)))).status == 431


def test_an_address_of_5_kb_is_refused(served: Running) -> None:
    answer = served.ask(served.request(path="/v1/hello?nonce=" + "n" * 5000))
    assert (answer.status, answer.code) == (414, "uri_too_long")


@pytest.mark.parametrize("first", ["Content-Length: 5", "Transfer-Encoding: chunked"])
def test_two_stated_lengths_are_refused(served: Running, first: str) -> None:
    second = "Transfer-Encoding: chunked" if first.startswith("C") else "Content-Length: 5"
    data = served.request(AUTH, first, second, method="POST", path="/v1/scan") + b"0\r\n\r\nGET /"
    answer = served.ask(data)
    assert (answer.status, answer.code) == (400, "ambiguous_length")
    assert answer.headers["connection"] == "close"
    assert served.runtime.calls == []


def test_what_is_no_http_is_refused_in_our_form(served: Running) -> None:
    answer = served.ask(b"\x16\x03\x01\x02\x00\r\n\r\n")
    assert (answer.status, answer.headers["content-type"]) == (400, "application/problem+json")
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_half_a_body_never_reaches_a_route(served: Running) -> None:
    sock = served.raw()
    sock.sendall(served.request(AUTH, "Content-Length: 30", method="POST", path="/v1/runtime/start") + b"{}")
    sock.close()
    with served.tcp() as client:
        assert client.get("/v1/status").status_code == 200
    assert served.runtime.calls == []


def test_a_broken_chunk_never_reaches_a_route(served: Running) -> None:
    data = served.request(AUTH, "Transfer-Encoding: chunked", method="POST", path="/v1/runtime/start") + b"zz\r\n"
    assert served.ask(data).status == 400
    assert served.runtime.calls == []


def test_refusals_are_counted_in_the_log_without_the_address(
    served: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    served.ask(served.request(path="/v1/status?token=Canary-in-the-query", host="evil.example"))
    text = "".join(capsys.readouterr())
    assert "wrong_host" in text
    assert "Canary" not in text


def test_a_wrong_host_is_refused_before_a_large_body_is_read(run_dir) -> None:
    with running(run_dir, limits=Limits(drain_bytes=100_000, drain_seconds=0.2)) as served:
        data = served.request(AUTH, "Content-Length: 20000000", method="POST", path="/v1/scan", host="evil.example")
        assert served.ask(data).status == 421


def test_the_drain_of_a_refused_body_is_bounded(run_dir) -> None:
    with running(run_dir, limits=Limits(drain_bytes=100_000, drain_seconds=0.2)) as served, served.tcp() as client:
        with contextlib.suppress(httpx.WriteError, httpx.ReadError):  # cut off while sending: as honest an outcome
            assert client.post("/v1/scan", content=b"x" * 20_000_000).status_code == 413
        assert served.runtime.calls == []
