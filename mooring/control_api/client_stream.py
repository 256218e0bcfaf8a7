"""The client's side of the event stream."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import httpx
import orjson

from mooring.control_api.client_wire import Wire, raise_for, strange, unreachable
from mooring.errors import Conflict, MooringError, Retry, Unreachable

RESUME_SECONDS: Final = 2.0
RESUME_TRIES: Final = 15
LINE_BYTES_MAX: Final = 131_072
STREAM_SILENCE_SECONDS: Final = 45.0


@dataclass(frozen=True, kw_only=True)
class StreamEvent:
    """One event of the stream; `type` is `reset` where everything must be loaded anew."""

    id: int | None
    type: str
    data: dict[str, Any]


class StreamCalls(Wire):
    """Events as they happen."""

    def events(self, last_id: int | None = None) -> Iterator[StreamEvent]:
        """Events as they happen, after `last_id`; ends where the daemon ends the stream."""
        headers = {} if last_id is None else {"last-event-id": str(last_id)}
        timeout = httpx.Timeout(self._http.timeout.connect, read=STREAM_SILENCE_SECONDS)
        try:
            with self._http.stream("GET", "/v1/events", headers=headers, timeout=timeout) as response:
                if response.status_code != httpx.codes.OK:
                    response.read()
                    raise_for(response)
                yield from _events_in(response.iter_lines())
        except httpx.TransportError as error:
            raise unreachable(error) from None

    def follow(
        self,
        last_id: int | None = None,
        *,
        pause: Callable[[float], object] = time.sleep,
        tries: int = RESUME_TRIES,
    ) -> Iterator[StreamEvent]:
        """As `events`, but where the stream ends or breaks it goes on after the last event that came.

        Args:
            pause: waits so many seconds before it asks again.
            tries: how often in a row without any event, before it gives up.

        Raises:
            MooringError: what kept it from going on, after so many tries.
        """
        failed = 0
        while True:
            try:
                for event in self.events(last_id):
                    failed = 0
                    last_id = event.id if event.id is not None else last_id
                    yield event
                error: MooringError = unreachable(EOFError())
            except (Unreachable, Retry, Conflict) as why:  # it went away, is busy, or is stopping
                error = why
            failed += 1
            if failed >= tries:
                raise error
            pause(RESUME_SECONDS)


def _events_in(lines: Iterator[str]) -> Iterator[StreamEvent]:
    last: int | None = None
    kind, data = "", ""
    for line in lines:
        if len(line) > LINE_BYTES_MAX:
            raise strange()
        if not line:
            if kind and data:
                yield StreamEvent(id=last, type=kind, data=orjson.loads(data))
            kind, data = "", ""
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "id":
            last = int(value)
        elif field == "event":
            kind = value
        elif field == "data":
            data = value
