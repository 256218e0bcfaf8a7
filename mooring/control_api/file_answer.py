"""A file as an answer: piece by piece, so that its size costs no memory, and closed whatever the end is."""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from mooring.control_api.evidence_area import MadeFile

PIECE_BYTES: Final = 262_144


class FileAnswer(Response):
    """The answer that a file is.

    Args:
        made: closed at the end.
        attachment: whether a browser should save it rather than show it.
    """

    charset = "utf-8"

    def __init__(self, made: MadeFile, *, attachment: bool) -> None:
        headers = {"content-length": str(made.size)}
        if attachment:
            headers["content-disposition"] = f'attachment; filename="{made.name}"'
        if made.policy:
            headers["content-security-policy"] = made.policy
        super().__init__(None, 200, headers, media_type=made.media_type)
        self._made = made

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 -- the shape of ASGI
        """Send it."""
        with self._made.file as file:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            left = self._made.size
            while left > 0:
                piece = await asyncio.to_thread(file.read, min(PIECE_BYTES, left))
                if not piece:
                    raise EOFError("the file is shorter than it was")
                left -= len(piece)
                await send({"type": "http.response.body", "body": piece, "more_body": left > 0})
            if self._made.size == 0:
                await send({"type": "http.response.body", "body": b"", "more_body": False})
