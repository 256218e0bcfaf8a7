"""The client's calls of connecting an API key. A check asks Kraken, so it may take up to a minute."""

from __future__ import annotations

from mooring.control_api.client_wire import Wire
from mooring.control_api.models_onboarding import Onboarding


class OnboardingCalls(Wire):
    """Connecting an API key, step by step."""

    def onboarding(self) -> Onboarding:
        """How it stands."""
        return self._get("/v1/onboarding", Onboarding)

    def onboarding_begin(self) -> Onboarding:
        """Begin, or begin again."""
        return self._post("/v1/onboarding/kraken/begin", Onboarding)

    def onboarding_paste(self, key: str, secret: str) -> Onboarding:
        """Paste a key; over the socket only."""
        body = {"api_key": key, "api_secret": secret}
        return self._call("PUT", "/v1/onboarding/kraken/credentials", Onboarding, body=body)

    def onboarding_verify(self) -> Onboarding:
        """Examine it at the venue."""
        return self._post("/v1/onboarding/kraken/verify", Onboarding)

    def onboarding_complete(self) -> Onboarding:
        """Keep the key that passed."""
        return self._post("/v1/onboarding/kraken/complete", Onboarding)

    def onboarding_disconnect(self) -> Onboarding:
        """Forget the key in force."""
        return self._call("DELETE", "/v1/onboarding/kraken", Onboarding)

    def onboarding_check_old(self) -> Onboarding:
        """Try whether the old key is dead."""
        return self._post("/v1/onboarding/kraken/check-old", Onboarding)

    def rotate_token(self) -> None:
        """A new token of the daemon's own; over the socket only."""
        self._send("POST", "/v1/tokens/rotate")
