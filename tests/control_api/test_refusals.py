"""Refused calls: few rows and lines for many of them, whoever asks, so that they keep nothing else from its place."""

from __future__ import annotations

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from mooring.control_api.limits import Limits
from tests.control_api.api_harness import running


@pytest.mark.parametrize("path", ["/v1/kill-switch", "/v1/scan"])
def test_who_may_only_read_cannot_fill_the_audit_table(run_dir: Path, path: str) -> None:
    with running(run_dir, limits=Limits(failures_per_minute=3)) as server, server.uds() as own:
        token = own.post("/v1/tokens", json={"scope": "read"}).json()["token"]
        with server.tcp(token) as reader:
            codes = {reader.post(path, json={"active": True}).json()["code"] for _ in range(9)}
        assert codes == {"scope_too_small"}
        rows = [row for row in server.runtime.audit_rows if row[3] == "scope_too_small"]
        assert len(rows) == 3
        with server.tcp() as client:  # others are heard as ever, and audited
            client.post("/v1/runtime/arm", json={"acknowledge": "no"})
        assert server.runtime.audit_rows[-1][1:] == ("runtime.arm", "", "socket_only")


def test_strangers_cannot_drive_the_log_round(run_dir: Path) -> None:
    with running(run_dir) as server, server.tcp("wrong") as client, capture_logs() as lines:
        for _ in range(150):
            client.post("/v1/kill-switch", json={"active": True})
        assert client.post("/v1/kill-switch", json={"active": True}).status_code == 401
    assert 60 <= sum(line.get("code") == "unauthorized" for line in lines) < 90
