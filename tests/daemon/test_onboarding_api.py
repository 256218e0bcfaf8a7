"""A key is connected through a running daemon, over its real socket; nothing that was pasted is ever seen again."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from mooring.control_api.client import Client
from mooring.control_api.client_socket import SocketTransport, no_certificates
from mooring.daemon.daemon_thread import DaemonThread
from mooring.daemon.key_probe import KrakenExaminer
from mooring.daemon.own_secrets import VAULT_ITEM
from mooring.errors import Conflict, Denied, Invalid, Unreachable
from mooring.home import Home
from mooring.runtime.venues.simulator.auth import TRADING_RIGHTS
from tests.daemon.daemons import TOKEN, options, running, short_home
from tests.support.keys import key_store
from tests.support.served import Served, served

BASE = "/v1/onboarding/kraken"


@pytest.fixture
def home() -> Iterator[Home]:
    with short_home() as made:
        yield made


@pytest.fixture
def it() -> Iterator[Served]:
    with served() as made:
        yield made


def settings(it: Served) -> dict[str, object]:
    return {key.replace(".", "__"): url for key, url in it.overrides.items()}


def raw(home: Home) -> httpx.Client:
    """The socket without the typed client, to see every byte."""
    transport = SocketTransport(str(home.control_socket))
    return httpx.Client(
        transport=transport, base_url="http://mooring", timeout=60, trust_env=False, verify=no_certificates()
    )


def connect(client: Client, it: Served) -> None:
    client.onboarding_begin()
    client.onboarding_paste(it.key, it.secret)
    assert client.onboarding_verify().step == "verified"
    assert client.onboarding_complete().step == "complete"


def test_a_key_is_connected_step_by_step_and_told_on_the_stream(home: Home, it: Served) -> None:
    with running(home, **settings(it)) as daemon:
        told: list[dict[str, Any]] = []

        def listen() -> None:
            with Client.connect(home.run_dir) as listener:
                started.set()
                for event in listener.events():
                    if event.type == "onboarding":
                        told.append(event.data)
                        if event.data["step"] == "complete":
                            return

        started = threading.Event()
        listening = threading.Thread(target=listen)
        listening.start()
        assert started.wait(20)
        while not told:  # until the stream is open
            daemon.client.onboarding_begin()
        connect(daemon.client, it)
        listening.join(20)
        assert not listening.is_alive()
        steps = [event["step"] for event in told]
        assert steps[-4:] == ["explained", "pasted", "verified", "complete"]
        assert told[-1]["key_ends"] == it.key[-4:]
        view = daemon.client.onboarding()
        assert (view.connected, view.key_version, view.restart_needed) == (True, 1, False)
        assert daemon.client.status().mode == "paper", "connecting never goes live"
        actions = {row["action"]: row for row in daemon.client.rows("audit")}
        assert {f"onboarding.{step}" for step in ("begin", "credentials", "verify", "complete")} <= set(actions)
        assert {row["result"] for row in actions.values()} == {"ok"}
        assert key_store(daemon.options.vault, home, it).load().ends == it.key[-4:]


def test_after_a_restart_the_step_is_known_and_the_secret_is_not(home: Home, it: Served) -> None:
    with running(home, **settings(it)) as daemon:
        daemon.client.onboarding_begin()
        daemon.client.onboarding_paste(it.key, it.secret)
        daemon.client.onboarding_verify()
    with running(home, **settings(it)) as daemon:
        view = daemon.client.onboarding()
        assert (view.step, view.paste_again, view.pasted_ends) == ("explained", True, it.key[-4:])
        assert {right.state for right in view.rights} == {"granted"}
        with pytest.raises(Conflict) as caught:
            daemon.client.onboarding_complete()
        assert caught.value.code == "onboarding_paste_again"
        connect(daemon.client, it)


def test_what_a_crash_while_a_key_was_replaced_left_is_gone_after_the_next_start(home: Home, it: Served) -> None:
    with running(home, **settings(it)) as daemon:
        connect(daemon.client, it)
        vault = daemon.options.vault
    note = home.data_dir / "kraken-look-alike-key.json"
    noted = json.loads(note.read_text())
    note.write_text(json.dumps(noted | {"highest": 2, "left": [2]}))  # as it stands before the new one is written
    vault.put("kraken-look-alike/v2", {"key": "half", "secret": "done"})
    made = options(home, **settings(it))
    with DaemonThread(replace(made, vault=vault)), Client.connect(home.run_dir) as client:
        assert client.onboarding().key_ends == it.key[-4:]
        assert vault.get("kraken-look-alike/v2") is None
        assert vault.get("kraken-look-alike/v1") is not None


def test_credentials_are_taken_over_the_socket_only(home: Home, it: Served) -> None:
    with running(home, **settings(it)) as daemon:
        with Client.over_tcp(daemon.daemon.server.url, TOKEN) as tcp:
            assert tcp.onboarding_begin().step == "explained"
            with pytest.raises(Denied) as caught:
                tcp.onboarding_paste(it.key, it.secret)
            assert caught.value.code == "socket_only"
            with pytest.raises(Denied) as caught:
                tcp.rotate_token()
            assert caught.value.code == "socket_only"
        assert daemon.client.onboarding().step == "explained"


def test_a_new_token_of_the_daemons_own_ends_the_former_one_all_issued_ones_and_every_session(home: Home) -> None:
    with running(home) as daemon:
        issued = daemon.client.issue_token("read").token
        used, waiting = (daemon.client.session_link().url for _ in range(2))
        assert httpx.get(used, trust_env=False).status_code == 303
        daemon.client.rotate_token()
        assert daemon.client.end_sessions().ended == 0
        assert httpx.get(waiting, trust_env=False).status_code != 303
        fresh = daemon.options.vault.get(VAULT_ITEM)
        assert fresh is not None
        assert fresh["token"] != TOKEN
        with pytest.raises(Unreachable) as caught:
            Client.over_tcp(daemon.daemon.server.url, TOKEN)
        assert caught.value.code == "not_the_daemon"
        for token in (TOKEN, issued):
            answer = httpx.get(
                f"{daemon.daemon.server.url}/v1/status", headers={"authorization": f"Bearer {token}"}, trust_env=False
            )
            assert answer.status_code == 401
        with Client.over_tcp(daemon.daemon.server.url, fresh["token"]) as client:
            assert client.status().mode == "paper"


def test_a_keychain_that_refuses_keeps_the_former_token(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def locked(item: str, document: object) -> None:
        raise Denied("keychain_locked", "Locked.", todo="Unlock.")

    with running(home) as daemon:
        object.__setattr__(daemon.options.vault, "put", locked)
        with pytest.raises(Denied):
            daemon.client.rotate_token()
        with Client.over_tcp(daemon.daemon.server.url, TOKEN) as client:
            assert client.status().mode == "paper"


def test_with_mounted_secrets_the_token_is_in_memory_and_keys_are_not_changed(home: Home, it: Served) -> None:
    with running(home, **settings(it)) as daemon:
        pass
    vault = daemon.options.vault
    object.__setattr__(vault, "read_only", True)
    with DaemonThread(replace(daemon.options, vault=vault)), Client.connect(home.run_dir) as client:
        assert vault.get(VAULT_ITEM) is None
        client.rotate_token()
        assert vault.get(VAULT_ITEM) is None
        assert client.status().mode == "paper"


def malformed(it: Served) -> list[dict[str, Any]]:
    """Bodies in which a secret stands where it must not be shown."""
    return [
        {"api_key": it.secret, "api_secret": it.key},
        {"api_key": it.key},
        {"api_key": it.key, "api_secret": [it.secret]},
        {"api_key": it.key, "api_secret": it.secret, it.secret: it.secret},
        {it.secret: it.key},
        {"api_key": it.key + " " + it.secret, "api_secret": it.secret},
        {"api_key": it.key, "api_secret": it.secret * 60},
        {"api_key": it.key, "api_secret": it.secret[:-7]},
    ]


def test_no_part_of_a_pasted_key_is_in_any_answer_log_or_file(
    home: Home, it: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    venue = it.simulation.venue
    bad = venue.add_key(venue.key.account, rights=(*TRADING_RIGHTS, "withdraw-funds"))
    canaries = [it.key, it.secret, bad.public, bad.secret_text, it.secret[:-7]]
    answers: list[str] = []
    with running(home, logs__level="debug", **settings(it)), raw(home) as client:

        def call(method: str, path: str, body: Any = None) -> int:
            answer = client.request(method, path, json=body)
            answers.append(answer.text + str(answer.headers))
            return answer.status_code

        for body in malformed(it):
            assert call("PUT", f"{BASE}/credentials", body) == 422
        assert call("PUT", f"{BASE}/credentials?api_secret={it.secret}", [it.secret]) == 422
        assert call("PUT", f"{BASE}/credentials", {"api_key": bad.public, "api_secret": bad.secret_text}) == 200
        assert call("POST", f"{BASE}/verify") == 200
        assert "key_may_withdraw" in answers[-1]
        crash(monkeypatch, it)
        assert call("PUT", f"{BASE}/credentials", {"api_key": it.key, "api_secret": it.secret}) == 200
        assert call("POST", f"{BASE}/verify") == 500
        monkeypatch.undo()
        for step in ("verify", "complete"):
            assert call("POST", f"{BASE}/{step}") == 200
        assert call("DELETE", BASE) == 200
        for path in ("/v1/onboarding", "/v1/audit", "/v1/doctor", "/v1/status", "/v1/health", "/v1/alerts"):
            assert call("GET", path) == 200
    log = home.log_file.read_text()
    assert "Traceback" in log, "the crash was logged, and without its secret"
    assert found(canaries, answers, home.root) == []


def crash(monkeypatch: pytest.MonkeyPatch, it: Served) -> None:
    """The examination fails as nobody thought of, with the secret in its text and among its locals."""

    def examine(self: KrakenExaminer, pasted: Any) -> None:
        secret = pasted.secret
        raise RuntimeError(f"unexpected: {it.key} {secret!r} {pasted}")

    monkeypatch.setattr(KrakenExaminer, "examine", examine)


def found(canaries: list[str], answers: list[str], root: Path) -> list[str]:
    """Where a canary is, in whichever of its spellings."""
    files = [path for path in root.rglob("*") if path.is_file()]
    assert len(files) > 3
    texts = {str(path): path.read_bytes() for path in files}
    texts |= {f"answer {number}": text.encode() for number, text in enumerate(answers)}
    spelled = [
        form for one in canaries for form in (one, one.replace("/", "\\/"), httpx.QueryParams({"a": one}).get("a"))
    ]
    return [place for place, text in texts.items() if any(form.encode() in text for form in spelled)]


def test_the_scan_finds_what_it_looks_for(tmp_path: Path) -> None:
    for number in range(4):
        (tmp_path / str(number)).write_bytes(b"\x00binary" + (b"canary" if number == 2 else b""))
    assert found(["canary"], ["nothing", "a canary"], tmp_path) == [str(tmp_path / "2"), "answer 1"]


def test_bad_shapes_are_said_in_plain_words(home: Home, it: Served) -> None:
    with running(home, **settings(it)) as daemon:
        with pytest.raises(Invalid) as caught:
            daemon.client.onboarding_paste(it.secret, it.key)
        assert (caught.value.code, caught.value.todo != "") == ("pasted_swapped", True)
        assert daemon.client.onboarding().step == "idle"
