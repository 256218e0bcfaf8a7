"""The activity that keeps a process from being slowed down. macOS was never there; its runtime has a stand-in."""

from __future__ import annotations

import pytest

from mooring.app_activity import ALLOWING_SLEEP, AppActivity, ProcessInfo
from tests.support.objc import built, told


@pytest.fixture(scope="module")
def objc(tmp_path_factory) -> str:
    return built(tmp_path_factory.mktemp("objc"))


def test_an_activity_is_begun_kept_and_ended_with_whole_pointers(objc):
    activity = AppActivity("Mooring is trading", lambda: ProcessInfo(objc, objc))
    before = len(told(objc))
    activity.end()
    activity.begin()
    activity.end()
    activity.end()
    assert told(objc)[before:] == [
        "begin Mooring is trading efffff",
        "retain  123456789abcdef0",
        "pop  7fedcba987654321",
        "end info 123456789abcdef0",
        "release  123456789abcdef0",
        "pop  7fedcba987654321",
    ]


def test_it_asks_not_to_be_slowed_down_and_lets_the_machine_sleep():
    assert ALLOWING_SLEEP & (1 << 20) == 0
    assert ALLOWING_SLEEP & (1 << 14), "sudden termination"
    assert ALLOWING_SLEEP & (1 << 15), "automatic termination"


def test_a_system_that_gives_none_is_said_and_leaves_its_pool(objc):
    before = len(told(objc))
    with pytest.raises(OSError, match="no activity"):
        ProcessInfo(objc, objc).begin(1, "refused")
    assert told(objc)[before:] == ["begin refused 1", "pop  7fedcba987654321"]


def test_a_machine_without_these_libraries_says_so():
    with pytest.raises(OSError, match="none"):
        ProcessInfo("/none/Foundation", "/none/libobjc.so")
