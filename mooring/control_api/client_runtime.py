"""The client's calls of the areas status, runtime, kill switch and tokens."""

from __future__ import annotations

from mooring.control_api.client_wire import Wire, parsed
from mooring.control_api.models import (
    CancelResult,
    Checks,
    Components,
    Health,
    IssuedToken,
    ScanResult,
    Scope,
    Status,
)


class RuntimeCalls(Wire):
    """How it is, and what changes it."""

    def healthz(self) -> str:
        """`ok`, `degraded` or `halted`."""
        return self._get("/healthz", Health).status

    def status(self) -> Status:
        """The state in one object."""
        return self._get("/v1/status", Status)

    def health(self) -> Components:
        """The components one by one."""
        return self._get("/v1/health", Components)

    def doctor(self) -> Checks:
        """Checks of the installation."""
        return self._get("/v1/doctor", Checks)

    def start(self, reason: str = "") -> Status:
        """Begin the decision cycle."""
        return self._post("/v1/runtime/start", Status, {"reason": reason})

    def stop(self, reason: str = "") -> Status:
        """End the decision cycle."""
        return self._post("/v1/runtime/stop", Status, {"reason": reason})

    def pause(self, reason: str = "") -> Status:
        """No new entries; exits go on."""
        return self._post("/v1/runtime/pause", Status, {"reason": reason})

    def resume(self, reason: str = "") -> Status:
        """Allow entries again."""
        return self._post("/v1/runtime/resume", Status, {"reason": reason})

    def set_mode(self, mode: str) -> Status:
        """Change the mode of trading."""
        return self._post("/v1/runtime/mode", Status, {"mode": mode})

    def arm(self, acknowledge: str) -> Status:
        """Allow real orders for this start."""
        return self._post("/v1/runtime/arm", Status, {"acknowledge": acknowledge})

    def disarm(self) -> Status:
        """Withdraw the arming."""
        return self._post("/v1/runtime/disarm", Status)

    def reconcile(self, *, accept: bool = False) -> Status:
        """Compare the books with the venue soon."""
        return self._post("/v1/runtime/reconcile", Status, {"accept": accept})

    def scan(self) -> ScanResult:
        """Decide now."""
        return self._post("/v1/scan", ScanResult)

    def kill_switch(self, *, active: bool, reason: str = "", seconds: float | None = None) -> Status:
        """Press or release the kill switch.

        Args:
            seconds: how long the answer may take, where that is longer than usual.
        """
        body = {"active": active, "reason": reason}
        return parsed(self._send("POST", "/v1/kill-switch", body=body, seconds=seconds), Status)

    def cancel_all(self, reason: str = "") -> CancelResult:
        """Cancel every open order."""
        return self._post("/v1/orders/cancel-all", CancelResult, {"reason": reason})

    def issue_token(self, scope: Scope) -> IssuedToken:
        """A bearer token for scripts; over the socket only."""
        return self._post("/v1/tokens", IssuedToken, {"scope": scope})
