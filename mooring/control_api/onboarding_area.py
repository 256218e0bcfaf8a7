"""What the control API needs of the daemon to connect an API key; the composition root supplies it."""

from __future__ import annotations

from typing import Protocol

from mooring.control_api.facade import Actor
from mooring.control_api.models_onboarding import Onboarding


class OnboardingArea(Protocol):
    """The steps of connecting a key. All may block, `verify` and `check_old` for up to a minute.

    Methods raise the errors of `mooring.errors`; no answer and no error holds any part of what was pasted.
    """

    def view(self) -> Onboarding:
        """How it stands."""
        ...

    def begin(self, actor: Actor) -> Onboarding:
        """Begin, or begin again; the key in force stays."""
        ...

    def paste(self, actor: Actor, key: str, secret: str) -> Onboarding:
        """Take a key into memory, where it has the shape of one."""
        ...

    def verify(self, actor: Actor) -> Onboarding:
        """Examine it at the venue; the step says whether it will do."""
        ...

    def complete(self, actor: Actor) -> Onboarding:
        """Keep the key that passed."""
        ...

    def disconnect(self, actor: Actor) -> Onboarding:
        """Forget the key in force."""
        ...

    def check_old(self, actor: Actor) -> Onboarding:
        """Try whether the venue refuses the key that was replaced or removed."""
        ...


class SecretsArea(Protocol):
    """The daemon's own secrets."""

    def rotate_token(self, actor: Actor) -> None:
        """Make a new token of the daemon's own; the former one is worth nothing from then on.

        Raises:
            Denied, Unknown: the keychain; the former one still counts.
        """
        ...
