"""The client's side of the event stream."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import httpx
import orjson

from mooring.control_api.client_wire import Wire, raise_for, strange, unreachable

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
