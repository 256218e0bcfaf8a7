"""The routes of settings over real sockets: what a change has to say, and each answer it gets."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from mooring.control_api.client import Client
from mooring.control_api.problems import BadFields
from mooring.errors import NotFound, Stale
from tests.control_api.api_harness import Running

CHANGE = {"changes": {"risk.a": 7}}


def test_what_is_read_names_its_version_as_an_etag(fresh: Running) -> None:
    with fresh.tcp() as client:
        answer = client.get("/v1/settings")
        assert (answer.status_code, answer.headers["etag"], answer.json()["version"]) == (200, '"1"', 1)
        assert answer.json()["items"][0]["key"] == "risk.a"


def test_a_change_moves_the_etag_and_a_revert_makes_a_new_version(fresh: Running) -> None:
    with fresh.uds() as client:
        changed = client.patch("/v1/settings", json=CHANGE, headers={"if-match": '"1"'})
        assert (changed.status_code, changed.headers["etag"], changed.json()["items"][0]["value"]) == (200, '"2"', 7)
        back = client.post("/v1/settings/revert", json={"version": 1}, headers={"if-match": '"2"'})
        assert (back.headers["etag"], back.json()["items"][0]["value"]) == ('"3"', 5)
        listed = client.get("/v1/settings/history", params={"limit": 2}).json()
        assert [row["version"] for row in listed["items"]] == [3, 2]
    assert fresh.runtime.audit_rows == [
        ("cli", "settings.change", "risk.a", "ok"),
        ("cli", "settings.revert", "to version 1", "ok"),
    ]


@pytest.mark.parametrize("path", ["/v1/settings", "/v1/settings/revert"])
def test_who_does_not_say_what_they_looked_at_changes_nothing(fresh: Running, path: str) -> None:
    with fresh.uds() as client:
        method, body = ("PATCH", CHANGE) if path == "/v1/settings" else ("POST", {"version": 1})
        answer = client.request(method, path, json=body)
        assert (answer.status_code, answer.json()["code"]) == (428, "if_match_missing")
        assert client.get("/v1/settings").headers["etag"] == '"1"'
    assert [row[3] for row in fresh.runtime.audit_rows] == ["if_match_missing"]


@pytest.mark.parametrize("tag", ['"2"', "1", "*", 'W/"1"', '"1", "2"', '"0"', '"-1"', '"' + "9" * 40 + '"', '"x"', ""])
def test_any_other_tag_than_the_newest_is_stale(fresh: Running, tag: str) -> None:
    with fresh.uds() as client:
        answer = client.patch("/v1/settings", json=CHANGE, headers={"if-match": tag})
        assert (answer.status_code, answer.json()["code"]) == (412, "stale_settings")
        assert client.get("/v1/settings").headers["etag"] == '"1"'


@pytest.mark.parametrize(
    "body",
    [{}, {"changes": {}}, {"changes": []}, {"changes": CHANGE["changes"], "more": 1}, {"changes": {"risk.a": 1}, "note": "a\nb"},
     {"changes": {f"risk.a{n}": 1 for n in range(101)}}],
)  # fmt: skip
def test_a_body_of_another_shape_is_refused(fresh: Running, body: dict[str, Any]) -> None:
    with fresh.uds() as client:
        answer = client.patch("/v1/settings", json=body, headers={"if-match": '"1"'})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


def test_keys_and_values_that_were_sent_are_repeated_nowhere(
    fresh: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = "Canary-pasted-in-the-wrong-place"
    with fresh.uds() as client:
        answer = client.patch(
            "/v1/settings", json={"changes": {secret: secret, "risk.a": secret}}, headers={"if-match": '"1"'}
        )
        assert answer.status_code == 422
        assert [one["expected"] for one in answer.json()["errors"]] == ["1 to 10"] * 2
        assert "Canary" not in answer.text
    assert "Canary" not in str(fresh.runtime.audit_rows)
    assert "Canary" not in capsys.readouterr().out


def test_a_token_that_reads_changes_nothing(fresh: Running) -> None:
    with fresh.uds() as client:
        token = client.post("/v1/tokens", json={"scope": "read"}).json()["token"]
    with fresh.tcp(token) as client:
        assert client.get("/v1/settings").status_code == 200
        answer = client.patch("/v1/settings", json=CHANGE, headers={"if-match": '"1"'})
        assert (answer.status_code, answer.json()["code"]) == (403, "scope_too_small")
        assert client.get("/v1/settings").headers["etag"] == '"1"'


def test_of_many_writers_with_one_version_exactly_one_wins(fresh: Running) -> None:
    statuses: list[int] = []
    gate = threading.Barrier(8)

    def write() -> None:
        with fresh.uds() as client:
            gate.wait()
            statuses.append(client.patch("/v1/settings", json=CHANGE, headers={"if-match": '"1"'}).status_code)

    writers = [threading.Thread(target=write) for _ in range(8)]
    for one in writers:
        one.start()
    for one in writers:
        one.join()
    assert sorted(statuses) == [200] + [412] * 7


def test_the_client_has_each_answer_as_an_error_of_ours(fresh: Running) -> None:
    with Client.connect(fresh.run_dir) as client:
        assert client.change_settings({"risk.a": 3}, version=1).version == 2
        with pytest.raises(Stale) as stale:
            client.change_settings({"risk.a": 4}, version=1)
        assert (stale.value.exit_code, stale.value.code) == (7, "stale_settings")
        with pytest.raises(BadFields) as bad:
            client.change_settings({"risk.a": 400}, version=2)
        assert [(one.field, one.expected) for one in bad.value.errors] == [("changes.risk.a", "1 to 10")]
        with pytest.raises(NotFound):
            client.revert_settings(9, version=2)
        assert client.revert_settings(1, version=2).items[0].value == 5
        assert [one.version for one in client.settings_history().items] == [3, 2, 1]
