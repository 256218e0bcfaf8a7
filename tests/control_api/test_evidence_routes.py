from __future__ import annotations

import json
import os
import stat
import threading
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest

from mooring.control_api.client import Client
from mooring.control_api.models_evidence import Operation
from mooring.errors import Conflict, Halt, Invalid, NotFound, Retry, Unreachable
from tests.control_api.api_harness import Running
from tests.control_api.fake_evidence import CONTENT, FakeEvidence


@pytest.fixture
def evidence(fresh: Running) -> FakeEvidence:
    made = fresh.area.evidence
    assert isinstance(made, FakeEvidence)
    return made


def ends(file: BytesIO) -> bool:
    """Whether the server closes it, which it does after the last byte has gone."""
    ends_at = time.monotonic() + 30
    while not file.closed and time.monotonic() < ends_at:
        time.sleep(0.01)
    return file.closed


@pytest.fixture
def client(fresh: Running) -> Iterator[Client]:
    with Client.connect(fresh.run_dir) as made:
        yield made


def test_a_replay_is_answered_202_with_where_to_follow_it(fresh: Running, evidence: FakeEvidence) -> None:
    with fresh.tcp() as http:
        answer = http.post("/v1/replay/verify", json={"from": "2024-01-05", "to": "2024-01-06T07:00"})
        begun = Operation.model_validate_json(answer.content)
        assert (answer.status_code, answer.headers["location"]) == (202, f"/v1/operations/{begun.id}")
        assert begun.kind == "replay_verify"
        with Client(http) as client:
            ended = client.wait_for(begun.id)
    assert (ended.state, ended.progress, ended.result) == ("done", 100, {"ok": True, "hours": 2})
    assert evidence.calls == [("verify", "2024-01-05", "2024-01-06T07:00")]
    assert fresh.runtime.audit_rows == [("api", "replay.verify", "2024-01-05 to 2024-01-06T07:00", "ok")]


def test_a_window_that_ends_before_it_begins_is_refused_before_anything_is_begun(
    fresh: Running, client: Client
) -> None:
    with pytest.raises(Invalid) as caught:
        client.replay_verify("2024-01-06", "2024-01-05")
    assert caught.value.code == "bad_range"
    assert client.operations() == []
    assert fresh.runtime.audit_rows[-1][-1] == "bad_range"


@pytest.mark.parametrize("body", [{"from": "yesterday"}, {"from": 5}, {"since": "2024-01-05"}, {"to": "2024-01-05 "}])
def test_what_is_no_time_is_refused_without_repeating_it(fresh: Running, body: dict[str, object]) -> None:
    with fresh.tcp() as http:
        answer = http.post("/v1/replay/verify", json=body)
    assert answer.status_code == 422
    assert "yesterday" not in answer.text
    assert "since" not in answer.text


def test_progress_is_told_on_the_stream(fresh: Running, evidence: FakeEvidence, client: Client) -> None:
    evidence.hold = threading.Event()
    seen: list[tuple[str, int]] = []
    events = client.events()
    with Client.connect(fresh.run_dir) as other:
        listening = threading.Thread(target=lambda: seen.extend(_states(events)))
        listening.start()
        while fresh.hub.listening == 0:
            other.healthz()
        begun = other.replay_verify()
        evidence.hold.set()
        other.wait_for(begun.id)
        listening.join(20)
    assert seen == [("queued", 0), ("running", 0), ("running", 50), ("running", 99), ("done", 100)]


def _states(events: object) -> Iterator[tuple[str, int]]:
    for event in events:  # type: ignore[attr-defined]
        yield event.data["state"], event.data["progress"]
        if event.data["state"] == "done":
            return


def test_a_cancelled_replay_says_so_and_writes_who_it_was(
    fresh: Running, evidence: FakeEvidence, client: Client
) -> None:
    evidence.hold = threading.Event()
    begun = client.replay_verify()
    client.cancel_operation(begun.id)
    evidence.hold.set()
    assert client.wait_for(begun.id).state == "cancelled"
    assert ("cli", "operation.cancel", begun.id, "ok") in fresh.runtime.audit_rows


def test_what_a_replay_failed_with_comes_to_who_waits(evidence: FakeEvidence, client: Client) -> None:
    evidence.fail_with = Halt("errand_failed", "It ended.", todo="Look.")
    begun = client.replay_verify()
    with pytest.raises(Halt) as caught:
        client.wait_for(begun.id)
    assert (caught.value.code, caught.value.todo) == ("errand_failed", "Look.")


def test_an_operation_of_before_a_restart_is_not_found(client: Client) -> None:
    with pytest.raises(NotFound, match="all end with the daemon"):
        client.operation("op-99")


def test_a_report_comes_as_html_under_its_own_policy(fresh: Running, evidence: FakeEvidence) -> None:
    with fresh.tcp() as http:
        answer = http.get("/v1/reports/daily", params={"date": "2024-01-05"})
    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers.get_list("content-security-policy") == ["default-src 'none'; sandbox"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "content-disposition" not in answer.headers
    assert evidence.calls == [("report", "2024-01-05")]


def test_figures_of_a_report_come_as_json(evidence: FakeEvidence, client: Client) -> None:
    assert client.report_figures("2024-01-05") == {"label": "2024-01-05"}
    assert evidence.calls == [("brief", "2024-01-05")]


def test_an_export_is_a_file_to_save(fresh: Running, evidence: FakeEvidence) -> None:
    with fresh.tcp() as http:
        answer = http.get("/v1/exports/tax-lots", params={"format": "parquet", "method": "hifo", "long_days": "200"})
    assert answer.content == CONTENT
    assert answer.headers["content-length"] == str(len(CONTENT))
    assert answer.headers["content-disposition"] == 'attachment; filename="mooring-paper-tax-lots.parquet"'
    assert evidence.calls == [("export", "tax-lots", "parquet", "hifo", 200)]
    assert ends(evidence.files[0])


@pytest.mark.parametrize(
    "path", ["/v1/exports/orders", "/v1/exports/ledger?format=xlsx", "/v1/exports/ledger?out=%2Fetc%2Fpasswd"]
)
def test_what_is_no_export_is_refused(fresh: Running, path: str) -> None:
    with fresh.tcp() as http:
        assert http.get(path).status_code == 422


def test_an_error_before_the_first_byte_is_a_problem_document(fresh: Running, evidence: FakeEvidence) -> None:
    evidence.fail_with = Retry("hours_too_fast", "Hours close too fast.", retry_after_seconds=3)
    with fresh.tcp() as http:
        answer = http.get("/v1/exports/ledger")
    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, "hours_too_fast", "3")


@pytest.mark.parametrize("size", [0, 1, 262_144, 1_000_003])
def test_a_file_of_any_size_comes_whole(evidence: FakeEvidence, client: Client, tmp_path: Path, size: int) -> None:
    evidence.content = os.urandom(size)
    out = client.export("ledger", tmp_path / "ledger.csv")
    assert out.read_bytes() == evidence.content
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["ledger.csv"]


def test_a_download_never_takes_another_files_place_unasked(client: Client, tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    out.write_text("mine")
    with pytest.raises(Conflict, match="exists already"):
        client.report_daily(out)
    assert out.read_text() == "mine"
    assert client.report_daily(out, force=True).read_bytes() == CONTENT


def test_a_download_that_breaks_off_leaves_nothing(evidence: FakeEvidence, client: Client, tmp_path: Path) -> None:
    evidence.content = b"x" * 600_000
    made = evidence._file

    def shorter(name: str, media_type: str, policy: str = "") -> object:
        file = made(name, media_type, policy)
        evidence.files[-1].truncate(300_000)
        return file

    evidence._file = shorter  # type: ignore[method-assign, assignment]
    with pytest.raises(Unreachable):
        client.export("ledger", tmp_path / "ledger.csv")
    assert [*tmp_path.iterdir()] == []
    assert ends(evidence.files[0])


def test_a_download_to_where_nothing_can_be_written_says_so(client: Client, tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="cannot be written"):
        client.export("ledger", tmp_path / "not" / "there.csv")


def test_log_lines_are_bounded_in_number(fresh: Running, evidence: FakeEvidence, client: Client) -> None:
    assert client.logs(2000).items == [{"event": "daemon_started"}]
    assert evidence.calls == [("logs", 2000)]
    with fresh.tcp() as http:
        assert {http.get(f"/v1/logs?lines={n}").status_code for n in (0, 2001, "all")} == {422}


def test_reading_evidence_needs_a_token_and_changing_it_one_that_may(fresh: Running) -> None:
    with fresh.uds() as http:
        token = http.post("/v1/tokens", json={"scope": "read"}).json()["token"]
    with fresh.tcp(None) as nobody, fresh.tcp(token) as reader:
        for path in ("/v1/logs", "/v1/exports/ledger", "/v1/reports/daily", "/v1/operations", "/metrics"):
            assert nobody.get(path).status_code == 401
            assert reader.get(path).status_code == 200
        assert reader.post("/v1/replay/verify").status_code == 403
        assert reader.delete("/v1/operations/op-1").json()["code"] == "scope_too_small"
    assert json.loads(json.dumps(fresh.runtime.audit_rows))[-1][1:] == ["operation.cancel", "", "scope_too_small"]
