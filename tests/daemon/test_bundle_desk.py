"""Bundles in a whole daemon: over a repository on loopback, asked hour by hour, seen through the API as a person sees it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mooring.control_api.client import Client
from mooring.control_api.models_bundles import Bundles
from mooring.control_api.models_evidence import Operation
from mooring.daemon import bundle_repositories
from mooring.daemon.starter import StarterRepository, Version
from mooring.daemon.static_files import served
from mooring.errors import Conflict, Denied, Invalid, MooringError, NotFound, Unverified
from mooring.home import Home
from mooring.runtime.market.clock import SystemClock
from tests.daemon.daemons import SYMBOLS, Running, running, short_home

WARMUP = 172  # hours until the pipeline of features has seen enough
USES_MODELS = {"signals__producers": ["momentum", "model"], "strategy__weights": [50, 50]}


class Hasty(SystemClock):
    """Its minutes of use pass in a moment: a trial wants some."""

    def monotonic(self) -> float:
        return super().monotonic() * 1000


# At this speed every hour of the market has closed within seconds, so that a scan does the next one at once.
LEAST = {
    "speed": 1e6,
    "clock": Hasty(),
    "bundles__repository": "demo",
    "bundles__check_hours": 0,
    "bundles__trial_hours": 6,
    "bundles__trial_minutes": 0,
}


def utc_now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


@pytest.fixture(scope="module")
def starter(tmp_path_factory: pytest.TempPathFactory) -> StarterRepository:
    made = StarterRepository(tmp_path_factory.mktemp("starter"), SYMBOLS, utc_now)
    made.begin()
    made.release(Version(text="one"))
    return made


@pytest.fixture(scope="module")
def address(starter: StarterRepository) -> Iterator[str]:
    with served(starter.public) as host:
        yield host.url


@pytest.fixture(scope="module")
def home(starter: StarterRepository, address: str) -> Iterator[Home]:
    with short_home() as made:
        made.prepare()
        bundle_repositories.add(made, "demo", address, starter.root)
        yield made


def ended(client: Client, operation: Operation) -> str:
    return str((client.wait_for(operation.id).result or {}).get("state"))


def hours(made: Running, count: int) -> Bundles:
    for _ in range(count):
        while True:
            try:
                made.client.scan()
            except Conflict:  # the next bar has not closed yet
                continue
            break
    return made.client.bundles()


def kinds(found: Bundles) -> list[str]:
    return [one.kind for one in reversed(found.history)]


def test_a_whole_life(starter: StarterRepository, home: Home) -> None:
    """One is accepted, one that is faulty undoes itself, one is revoked: all of it seen in the API and the audit."""
    with running(home, hours=400, **LEAST, **USES_MODELS) as made:
        client = made.client
        hours(made, WARMUP)
        assert client.bundles().no_model
        assert ended(client, client.update_bundle()) == "armed"
        assert client.bundles().phase == "armed"
        found = hours(made, 3)
        assert found.probation is not None
        assert (found.phase, found.running) == ("trying", client.status().active_bundle)
        assert found.probation.line == "On trial: 3 of 6 bars, all well."
        found = hours(made, 3)
        assert found.active is not None
        assert (found.phase, found.active.seq, found.active.version, found.no_model) == ("none", 1, "one", False)
        assert found.active.evaluation, "what was signed about it is shown"
        assert made.daemon.trader.run.manifest["bundle"] == found.running
        assert kinds(found)[-6:] == ["staged", "examined", "armed", "trying", "loaded", "committed"]

        starter.release(Version(text="two", faulty=True))
        ended(client, client.check_bundles())
        assert {one.seq: one.standing for one in client.bundles().offered} == {1: "installed", 2: "new"}
        assert ended(client, client.update_bundle()) == "armed"
        found = hours(made, 20)
        assert found.active is not None
        assert (found.active.seq, found.running) == (1, found.active.id)
        (refused,) = found.rejected
        assert "not numbers" in refused.reason
        assert ended(client, client.update_bundle()) == "up_to_date"

        starter.revoke(1, "it looked ahead")
        ended(client, client.check_bundles())
        found = hours(made, 1)
        assert (found.no_model, found.running, client.status().active_bundle) == (True, None, None)
        assert found.revoked[0].reason == "it looked ahead"
        rows = client.page("audit", limit=500).items
        assert {row["action"] for row in rows} >= {"bundle.update", "bundle.updated", "bundle.check", "bundle.checked"}
        (bundle,) = [one for one in client.health().items if one.name == "bundle"]
        assert bundle.state == "warn"
        assert "mooring_no_model 1" in client.metrics()


def test_a_daemon_that_starts_again_goes_on_with_what_was_accepted(starter: StarterRepository, address: str) -> None:
    starter.release(Version(text="three", lean=0.01))
    with short_home() as home:
        home.prepare()
        bundle_repositories.add(home, "demo", address, starter.root)
        with running(home, hours=400, **LEAST, **USES_MODELS) as made:
            hours(made, WARMUP)
            ended(made.client, made.client.update_bundle())
            hours(made, 2)
            assert made.client.bundles().phase == "trying"
        with running(home, hours=400, **LEAST, **USES_MODELS) as made:
            found = made.client.bundles()
            assert found.probation is not None
            assert (found.probation.bars_done, found.probation.tries_left) == (2, 2), "a restart in order costs no try"
            found = hours(made, 4)
            assert found.phase == "none"
            assert found.active is not None
            assert made.daemon.trader.recompute().differs_at is None, "hours with models come out again"


def test_without_a_producer_that_asks_nothing_is_tried(starter: StarterRepository, address: str) -> None:
    with short_home() as home:
        home.prepare()
        bundle_repositories.add(home, "demo", address, starter.root)
        with running(home, hours=30, **LEAST) as made:
            ended(made.client, made.client.update_bundle())
            found = hours(made, 5)
            assert (found.phase, found.asked, found.running) == ("armed", False, None)


def test_without_a_repository_the_next_step_is_said() -> None:
    with short_home() as home, running(home, hours=5) as made:
        for call in (made.client.check_bundles, made.client.update_bundle):
            with pytest.raises(Invalid) as refused:
                call()
            assert refused.value.code == "no_repository_named"
        assert next(one.detail for one in made.client.health().items if one.name == "bundle").startswith("None is")
        assert made.client.bundles().history == [], "nobody who has no bundles gets rows about them"


def test_a_repository_is_known_by_its_root(home: Home, starter: StarterRepository, address: str) -> None:
    assert bundle_repositories.added(home) == ["demo"]
    again = bundle_repositories.add(home, "demo", address, starter.root)
    assert again == bundle_repositories.known(home, "demo")
    with pytest.raises(MooringError):
        bundle_repositories.add(home, "demo", address, b"{}")
    with pytest.raises(Invalid):
        bundle_repositories.add(home, "slots", address, starter.root)
    with pytest.raises(NotFound):
        bundle_repositories.known(home, "../demo")
    with pytest.raises(Invalid):
        bundle_repositories.add(home, "other", "http://models.example.org", starter.root)


def test_a_root_that_somebody_changed_is_trusted_no_more(starter: StarterRepository, address: str) -> None:
    with short_home() as home:
        bundle_repositories.add(home, "demo", address, starter.root)
        file: Path = home.root / "bundles" / "repositories" / "demo" / "root.json"
        file.write_bytes(file.read_bytes().replace(b"root", b"toor", 1))
        with pytest.raises((Unverified, Denied)):
            bundle_repositories.known(home, "demo")
