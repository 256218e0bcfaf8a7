"""Connecting a key over a venue and a keychain in memory, as the API serves it."""

from __future__ import annotations

from mooring.control_api.facade import Actor
from mooring.control_api.models_onboarding import Onboarding
from mooring.daemon.onboard import model_of
from tests.support.onboarding_stage import Stage


class FakeOnboarding:
    """The real steps; the daemon's own token is only counted."""

    def __init__(self) -> None:
        self.stage = Stage()
        self.rotated = 0

    def view(self) -> Onboarding:
        return model_of(self.stage.machine.view())

    def begin(self, actor: Actor) -> Onboarding:
        return model_of(self.stage.machine.begin())

    def paste(self, actor: Actor, key: str, secret: str) -> Onboarding:
        return model_of(self.stage.machine.paste(key, secret))

    def verify(self, actor: Actor) -> Onboarding:
        return model_of(self.stage.machine.verify())

    def complete(self, actor: Actor) -> Onboarding:
        return model_of(self.stage.machine.complete())

    def disconnect(self, actor: Actor) -> Onboarding:
        return model_of(self.stage.machine.disconnect())

    def check_old(self, actor: Actor) -> Onboarding:
        return model_of(self.stage.machine.check_old())

    def rotate_token(self, actor: Actor) -> None:
        self.rotated += 1
