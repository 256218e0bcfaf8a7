"""Requests go to Kraken over TLS or to this machine, nowhere else."""

from __future__ import annotations

import pytest

from mooring import hosts
from mooring.errors import Invalid


@pytest.mark.parametrize(
    ("url", "scheme"),
    [
        (hosts.REST_URL, "http"),
        ("https://api.kraken.com/", "http"),
        ("http://127.0.0.1:8080", "http"),
        ("https://[::1]:8443", "http"),
        (hosts.WS_URL, "ws"),
        (hosts.WS_AUTH_URL, "ws"),
        ("ws://127.0.0.1:9/v2", "ws"),
    ],
)
def test_kraken_over_tls_and_this_machine_are_taken(url, scheme) -> None:
    assert hosts.checked_url(url, scheme=scheme) == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    [
        "http://api.kraken.com",
        "https://api.kraken.com.evil.example",
        "https://kraken.com",
        "https://evil.example",
        "https://api.kraken.com@evil.example",
        "https://user:pw@api.kraken.com",
        "https://api.kraken.com:444",
        "https://api.kraken.com?x=1",
        "https://api.kraken.com#x",
        "http://192.168.1.1",
        "http://0.0.0.0",
        "http://127.0.0.1.evil.example",
        "ftp://127.0.0.1",
        "ws://127.0.0.1",
        "api.kraken.com",
        "",
        "http://[::1",
        "http://localhost:1",
        "http://127.0.0.1 :1",
        "http://127.0.0.1:1/" + "x" * 300,
        "http://127.0.0.1:1/\n",
        "http://127.0.0.1:99999",
    ],
)
def test_everything_else_is_refused(url) -> None:
    with pytest.raises(Invalid) as refused:
        hosts.checked_url(url, scheme="http")
    assert refused.value.code == "kraken_bad_address"


def test_an_address_of_this_machine_is_told_from_krakens_own() -> None:
    assert hosts.is_local("http://127.0.0.1:8080")
    assert hosts.is_local("ws://[::1]:8080/v2")
    assert not hosts.is_local(hosts.REST_URL)
    assert not hosts.is_local(hosts.WS_URL)
