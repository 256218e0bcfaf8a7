"""The demo's repository: a client takes what it publishes, over HTTP on loopback, and only that."""

from __future__ import annotations

import http.client
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import onnxruntime
import pytest

from mooring.bundles.format.gates import check_gates
from mooring.bundles.publisher.reading import look
from mooring.bundles.publisher.verifying import verify_repository
from mooring.bundles.trust import Repository
from mooring.bundles.trust.http_fetcher import HttpFetcher
from mooring.daemon import starter_models
from mooring.daemon.starter import StarterRepository, Version
from mooring.daemon.static_files import served
from mooring.errors import Denied, Unverified
from mooring.runtime.decision.model_features import M_RETURN_1, MODEL_FEATURES

SYMBOLS = ("BTC-USDT", "ETH-USDT")
NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)


class Time:
    """A clock that is set."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def starter(tmp_path: Path, time: Time) -> StarterRepository:
    made = StarterRepository(tmp_path / "starter", SYMBOLS, time)
    made.begin()
    return made


def offers(starter: StarterRepository, time: Time, folder: Path) -> list[int]:
    """Numbers that a client finds and can download."""
    with served(starter.public) as host, HttpFetcher(host.url) as fetch:
        client = Repository(folder, starter.root, clock=time, built_at=NOW)
        client.refresh(fetch)
        found = client.offers("stable")
        for offer in found:
            with (folder.parent / "downloaded.zip").open("wb") as file:
                client.download(offer, fetch, file)
            check_gates(look(folder.parent / "downloaded.zip", NOW).manifest.eval_)
    return [offer.custom["seq"] for offer in found]


def test_versions_are_published_one_after_the_other_and_pass_everything_a_client_checks(
    starter: StarterRepository, time: Time, tmp_path: Path
) -> None:
    assert starter.newest == 0
    assert [starter.release(Version(text=f"starter-{n}", lean=0.01 * n)) for n in (1, 2)] == [1, 2]
    assert offers(starter, time, tmp_path / "client") == [1, 2]
    assert starter.newest == 2


def test_a_version_that_one_of_two_signed_is_not_published(
    starter: StarterRepository, time: Time, tmp_path: Path
) -> None:
    starter.offer(Version(text="starter-1"))
    starter.sign_all(1)
    with pytest.raises(Denied):
        starter.publish()
    assert offers(starter, time, tmp_path / "client") == []


def test_what_too_few_signed_and_an_old_timestamp_are_refused_and_the_next_version_is_taken(
    starter: StarterRepository, time: Time, tmp_path: Path
) -> None:
    starter.release(Version(text="starter-1"))
    client = Repository(tmp_path / "client", starter.root, clock=time, built_at=NOW)
    with served(starter.public) as host, HttpFetcher(host.url) as fetch:
        client.refresh(fetch)
        starter.offer(Version(text="starter-2"))
        starter.sign_all(1)
        with pytest.raises(Denied):
            starter.publish()
        with starter.forced():
            assert client.refresh(fetch).refused.keys() == {"models-stable"}
        starter.drop()
        with starter.replayed(), pytest.raises(Unverified):
            client.refresh(fetch)
        starter.release(Version(text="starter-2", lean=0.1))
        starter.renew_snapshot()
        assert not client.refresh(fetch).refused
        assert [offer.custom["seq"] for offer in client.offers("stable")] == [1, 2]
        starter.revoke(2, "wrong")
        client.refresh(fetch)
        assert b"wrong" in (client.revocations() or b"")


def test_found_again_after_weeks_it_is_renewed_and_goes_on(tmp_path: Path, starter: StarterRepository) -> None:
    starter.release(Version(text="starter-1"))
    later = Time()
    later.now = NOW + timedelta(days=200)
    again = StarterRepository(tmp_path / "starter", SYMBOLS, later)
    again.begin()
    seen = verify_repository(str(tmp_path / "starter" / "publisher"), None, later.now)
    assert seen.good
    assert all(until > later.now for _, until in seen.expires)
    assert again.root == starter.root


def test_the_faulty_version_says_nan_only_once_a_price_has_moved(tmp_path: Path) -> None:
    starter_models.write_run(tmp_path / "run", version="faulty", symbols=SYMBOLS, faulty=True)
    data = (tmp_path / "run" / "models" / "global.onnx").read_bytes()
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    rows = np.zeros((2, MODEL_FEATURES), np.float32)
    rows[1, M_RETURN_1] = 2 * starter_models.FAULTY_MOVE
    said = session.run(["score"], {"features": rows})[0][:, 0]
    assert np.isfinite(said).tolist() == [True, False]


def test_the_host_serves_files_of_its_folder_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "public").mkdir()
    (tmp_path / "public" / "file").write_bytes(b"here")
    (tmp_path / "secret").write_bytes(b"not for anybody")
    with served(tmp_path / "public") as made:
        host = urlsplit(made.url)
        assert host.hostname == "127.0.0.1"

        def get(path: str) -> tuple[int, bytes]:
            connection = http.client.HTTPConnection(str(host.hostname), host.port, timeout=10)
            try:
                connection.request("GET", path)
                answer = connection.getresponse()
                return answer.status, answer.read()
            finally:
                connection.close()

        assert get("/file") == (200, b"here")
        made.away()
        with pytest.raises(ConnectionRefusedError):
            get("/file")
        made.back()
        assert get("/file") == (200, b"here")
        for path in ("/", "/../secret", "/%2e%2e/secret", "/none"):
            status, body = get(path)
            assert status == 404
            assert b"not for anybody" not in body
