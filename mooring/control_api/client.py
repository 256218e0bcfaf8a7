"""The typed client: what the command line and the menu bar reach the daemon through.

Over the Unix socket there is no token: the daemon checks whose process it is. Over TCP the daemon proves first that it
holds the token, so that a program that sits on its port never sees one. Errors of the daemon come back as the errors of
`mooring.errors`, with their code, their sentence for the money and their next step.

The calls stand by area in `client_*.py`; how they travel is in `client_wire.py` and `client_socket.py`.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import httpx

from mooring.control_api.client_bundles import BundleCalls
from mooring.control_api.client_evidence import EvidenceCalls
from mooring.control_api.client_onboarding import OnboardingCalls
from mooring.control_api.client_runtime import RuntimeCalls
from mooring.control_api.client_session import SessionCalls
from mooring.control_api.client_settings import SettingsCalls
from mooring.control_api.client_socket import SocketTransport, no_certificates
from mooring.control_api.client_stream import StreamCalls, StreamEvent
from mooring.control_api.client_trading import TradingCalls
from mooring.control_api.client_wire import NOBODY, STRANGE, socket_path
from mooring.errors import Invalid, Unreachable

__all__ = ["NOBODY", "STRANGE", "Client", "StreamEvent"]


class Client(
    RuntimeCalls,
    TradingCalls,
    SettingsCalls,
    EvidenceCalls,
    OnboardingCalls,
    BundleCalls,
    SessionCalls,
    StreamCalls,
):
    """A connection to the daemon; use it as a context manager, or close it.

    Every method raises, besides what it says: `Unreachable` where the daemon does not answer, `Unknown` where it went
    away during a change, and otherwise the error that the daemon answered with.
    """

    @classmethod
    def connect(
        cls, run_dir: Path, *, actor: Literal["cli", "menubar"] = "cli", timeout_seconds: float = 10.0
    ) -> Client:
        """A client over the socket that `control.json` in the home's `run` directory names.

        Raises:
            Unreachable: there is no such file, or nobody listens.
        """
        path = socket_path(run_dir / "control.json")
        http = httpx.Client(
            transport=SocketTransport(path),
            base_url="http://mooring",
            headers={"x-mooring-actor": actor},
            timeout=timeout_seconds,
            trust_env=False,
            verify=no_certificates(),
        )
        client = cls(http)
        try:
            client.healthz()
        except BaseException as error:
            # Who answers strangely is there, and may understand what a person wants most of it: that it stops.
            if not (isinstance(error, Unreachable) and error.code == STRANGE):
                client.close()
                raise
        return client

    @classmethod
    def over_tcp(
        cls,
        url: str,
        token: str,
        *,
        timeout_seconds: float = 10.0,
        nonce: Callable[[], str] = secrets.token_urlsafe,
    ) -> Client:
        """A client over TCP; the token is sent only after the daemon has proved that it holds it.

        Raises:
            Invalid: the address is none of 127.0.0.1.
            Unreachable: nobody answers, or somebody who does not hold the token.
        """
        parts = urlsplit(url)
        if parts.scheme != "http" or parts.hostname != "127.0.0.1" or parts.port is None:
            raise Invalid(
                "bad_url",
                "The control API is at http://127.0.0.1 with a port, and nowhere else.",
                todo="Take the address from run/control.json.",
            )
        http = httpx.Client(
            base_url=f"http://127.0.0.1:{parts.port}",
            timeout=timeout_seconds,
            trust_env=False,
            verify=no_certificates(),
        )
        client = cls(http)
        try:
            client._check_daemon(token, parts.port, nonce())
        except BaseException:
            client.close()
            raise
        http.headers["authorization"] = f"Bearer {token}"
        return client
