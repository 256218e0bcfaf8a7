"""A key while a daemon trades live with one: what is refused, and how another takes its place."""

from __future__ import annotations

import pytest

from mooring.control_api.client import Client
from mooring.daemon.live_demo import LiveDemo, LiveRequest, live_demonstration
from mooring.errors import Conflict, Denied
from mooring.home import Home
from mooring.runtime.venues.simulator.auth import Key

# Deadlines of orders and the clocks that a check compares are in the time of the look-alike: at its usual speed half a second.
UNHURRIED = 1.0


def add_key(it: LiveDemo) -> Key:
    """Another key of the account, with the same rights."""
    made: Key = it._rehearsal.ask(lambda inside: inside.venue.add_key(inside.venue.key.account))
    return made


def test_the_key_of_a_daemon_that_is_armed_is_replaced_and_not_taken_away(home: Home) -> None:
    request = LiveRequest(home=home, symbols=("BTC-USD",), hours=1, speed=UNHURRIED, seed=1)
    with live_demonstration(request, {}) as it, Client.connect(home.run_dir, timeout_seconds=60) as client:
        assert client.status().armed
        with pytest.raises(Denied) as denied:
            client.onboarding_disconnect()
        assert denied.value.code == "key_in_live_use"
        client.onboarding_begin()
        client.onboarding_paste(it._rehearsal.key, it._rehearsal.secret)
        with pytest.raises(Conflict) as conflict:
            client.onboarding_verify()
        assert conflict.value.code == "key_in_force"
        fresh = add_key(it)
        client.onboarding_paste(fresh.public, fresh.secret_text)
        assert client.onboarding_verify().step == "verified"
        view = client.onboarding_complete()
        assert (view.key_ends, view.restart_needed) == (fresh.public[-4:], True)
        assert client.status().armed, "trading goes on with the key that it was taken up with"
        with pytest.raises(Conflict) as conflict:
            client.onboarding_check_old()
        assert conflict.value.code == "old_key_still_used"
        take_up_the_new_one(client)
        assert client.onboarding().restart_needed is False
        view = client.onboarding_check_old()
        assert view.old_key is not None
        assert view.old_key.state == "works"
        assert client.onboarding_disconnect().connected is False


def take_up_the_new_one(client: Client) -> None:
    """Out of live trading and back, once no order works at the venue any more."""
    client.kill_switch(active=True, reason="the key is replaced")
    client.stop()
    while True:
        client.cancel_all()
        try:
            client.set_mode("paper")
        except Denied:  # they work still
            continue
        break
    client.set_mode("live")
