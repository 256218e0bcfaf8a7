"""The routes of the area bundles: what they hand on, and how a sideload's file travels."""

from __future__ import annotations

from pathlib import Path

import pytest

from mooring.control_api.client import Client
from mooring.control_api.facade import Actor
from mooring.control_api.models_bundles import BundleUpdate, SideloadQuery
from mooring.errors import Conflict, Invalid, NotFound
from tests.control_api.api_harness import Running
from tests.control_api.fake_bundles import ONE


@pytest.fixture
def client(served: Running):
    served.bundles.calls.clear()
    served.bundles.received.clear()
    served.bundles.fail_with = None
    with Client.connect(served.run_dir) as made:
        yield made


def test_what_there_is(client: Client) -> None:
    assert client.bundles().active == ONE
    assert client.bundle("core@1") == ONE
    with pytest.raises(NotFound):
        client.bundle("core@2")


def test_an_update_says_which_one_and_ends_with_what_came_of_it(served: Running, client: Client) -> None:
    done = client.wait_for(client.update_bundle("core@2", again=True).id)
    assert done.result == {"state": "armed", "bundle": ONE.id}
    assert served.bundles.calls == [("update", Actor.CLI, BundleUpdate(id="core@2", again=True, activate=True))]


def test_without_a_repository_no_work_is_begun(served: Running, client: Client) -> None:
    served.bundles.fail_with = Invalid("no_repository_named", "None is named.")
    for call in (client.check_bundles, client.update_bundle):
        with pytest.raises(Invalid) as refused:
            call()
        assert refused.value.code == "no_repository_named"
    assert served.bundles.calls == []


def test_a_name_that_is_none_is_refused_before_anybody_is_asked(served: Running, client: Client) -> None:
    for name in ("CORE@1", "core", "core@", "core@1:xyz", "core@1/../x"):
        with pytest.raises(Invalid):
            client.activate_bundle(name)
    assert served.bundles.calls == []


def test_a_file_of_megabytes_comes_whole_past_the_bound_of_other_bodies(
    served: Running, client: Client, tmp_path: Path
) -> None:
    file = tmp_path / "models.mbundle"
    file.write_bytes(bytes(range(256)) * 12_000)
    done = client.wait_for(client.sideload_bundle(file, accept_expired=True).id)
    assert done.state == "done"
    assert served.bundles.received == [file.read_bytes()]
    assert served.bundles.calls == [("sideload", Actor.CLI, SideloadQuery(accept_expired=True))]
    assert served.runtime.audit_rows[-1][1:] == (
        "bundle.sideload",
        "an expired timestamp or snapshot is let through",
        "ok",
    )


def test_a_sideload_that_is_no_file_is_refused(served: Running) -> None:
    with served.uds() as http:
        told = http.post("/v1/bundles/sideload", json={"a": 1})
        empty = http.post("/v1/bundles/sideload", headers={"content-type": "application/octet-stream"})
    assert (told.status_code, told.json()["code"]) == (422, "not_a_sideload")
    assert (empty.status_code, empty.json()["code"]) == (422, "sideload_incomplete")


def test_a_sideload_whose_stated_length_is_past_its_bound_is_refused_unread(served: Running) -> None:
    head = served.request(
        "Content-Type: application/octet-stream", "Content-Length: 400000001", "Connection: close",
        method="POST", path="/v1/bundles/sideload", host="mooring",
    )  # fmt: skip
    answer = served.ask(head + b"x", unix=True)
    assert (answer.status, answer.code) == (413, "body_too_large")


def test_any_other_body_keeps_its_bound(served: Running) -> None:
    with served.uds() as http:
        told = http.post("/v1/bundles/update", content=b"x" * 70_000, headers={"content-type": "application/json"})
    assert (told.status_code, told.json()["code"]) == (413, "body_too_large")


def test_a_file_that_cannot_be_sent_is_said_before_anything_is_asked(client: Client, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    for file in (tmp_path / "missing", tmp_path / "empty"):
        with pytest.raises(Invalid) as refused:
            client.sideload_bundle(file)
        assert refused.value.code == "cannot_read_file"


def test_going_back_keeps_its_reason(served: Running, client: Client) -> None:
    client.rollback_bundle("it trades too much")
    assert served.bundles.calls == [("rollback", Actor.CLI, "it trades too much")]
    with pytest.raises(Conflict):
        client.rollback_bundle("nothing")


def test_a_token_that_only_reads_changes_nothing(served: Running) -> None:
    with served.uds() as http:
        token = http.post("/v1/tokens", json={"scope": "read"}).json()["token"]
    with served.tcp(token) as http:
        assert http.get("/v1/bundles").status_code == 200
        assert http.post("/v1/bundles/rollback").status_code == 403
        file = {"content-type": "application/octet-stream"}
        assert http.post("/v1/bundles/sideload", content=b"PK", headers=file).status_code == 403
