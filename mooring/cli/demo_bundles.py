"""`mooring demo --bundles`: a life of model bundles on one machine, told step by step."""

from __future__ import annotations

import os

from mooring.cli.context import hint, put_json, say
from mooring.home import Home

SHOW_SPEED = 36_000.0  # ten hours of market a second


def show_bundles(home: Home, *, seed: int | None, speed: str | None, as_json: bool) -> None:
    """Play all steps in a home that is thrown away.

    Raises:
        Halt: `show_differs`. Invalid: `bad_speed`. And what a demo raises.
    """
    from mooring.cli.demo import parse_speed  # noqa: PLC0415 -- that one imports this one
    from mooring.control_api.client import Client  # noqa: PLC0415
    from mooring.daemon.demo import DemoRequest, demonstration  # noqa: PLC0415
    from mooring.daemon.starter_demo import FIRST  # noqa: PLC0415
    from mooring.daemon.starter_show import Show  # noqa: PLC0415

    tell = hint if as_json else say
    request = DemoRequest(
        home=home,
        bars=None,
        symbols=None,
        start=None,
        hours=None,
        speed=SHOW_SPEED if speed is None else parse_speed(speed, hours=None),
        seed=seed,
        first=FIRST,
        models=True,
    )
    tell("A repository is begun: two of three sign for root and targets, trainer and reviewer for bundles.")
    with demonstration(request, os.environ, tell) as shown, Client.connect(home.run_dir) as client:
        starter = shown.starter
        assert starter is not None
        tell("v1 is built from made-up prices, signed by both, and published on 127.0.0.1. The market is warmed up.")
        starter.settle()
        assert starter.host is not None
        done = Show(calls=client, starter=starter.repository, host=starter.host, say=tell).play()
    if as_json:
        put_json({"ok": True, "steps": done})
