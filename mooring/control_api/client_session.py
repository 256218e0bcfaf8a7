"""The client's calls of the area session: signing browsers in and out."""

from __future__ import annotations

from mooring.control_api.client_wire import Wire
from mooring.control_api.models import SessionLink, SessionsEnded


class SessionCalls(Wire):
    """Sign-in links, and the end of sessions; the pages themselves are for browsers."""

    def session_link(self) -> SessionLink:
        """An address that signs one browser in, once."""
        return self._post("/v1/session-links", SessionLink)

    def end_sessions(self) -> SessionsEnded:
        """End every session of a browser."""
        return self._call("DELETE", "/v1/session", SessionsEnded)
