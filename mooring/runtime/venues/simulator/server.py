"""The simulation behind sockets of this machine: REST, WebSocket and the simulator's own routes on one port.

HTTP is read by h11 and WebSocket by websockets' protocol without I/O, so that every byte and every break of a line is
in our hands: a fault can accept a request and then reset the connection.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, Final, cast

import h11
from websockets.frames import Frame, Opcode
from websockets.http11 import Request as Handshake
from websockets.protocol import State
from websockets.server import ServerProtocol

from mooring.runtime.market.clock import Clock
from mooring.runtime.venues.simulator.control import PREFIX, Control
from mooring.runtime.venues.simulator.rest_api import BODY_MAX, Answer, Request
from mooring.runtime.venues.simulator.simulation import Simulation
from mooring.runtime.venues.simulator.transport import WS_AUTH_PATH, WS_PATH
from mooring.runtime.venues.simulator.ws_api import MESSAGE_MAX, Session

HOST: Final = "127.0.0.1"
CONNECTIONS_MAX: Final = 500
HEAD_MAX: Final = 65_536
TICK_SECONDS: Final = 0.02
_UNSENT_MAX: Final = 8_000_000  # bytes that a client may leave unread before its line is cut


class Server:
    """Serves one simulation on 127.0.0.1.

    Args:
        speed: venue seconds a second; 0 stands still but for /sim/advance.
        clock: tells how much real time has passed.
    """

    def __init__(self, simulation: Simulation, *, speed: float, clock: Clock) -> None:
        self.simulation = simulation
        self.control = Control(simulation, speed=speed)
        self.connections: set[Connection] = set()
        self._speed = speed
        self._clock = clock
        self._begun = clock.monotonic()
        self._base = simulation.venue.now
        self._beaten = self._begun
        simulation.venue.pace = max(1, int(speed))
        self._server: asyncio.Server | None = None
        self._ticking: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """The port that is listened on."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def urls(self) -> dict[str, str]:
        """Addresses for clients."""
        at = f"{HOST}:{self.port}"
        return {"rest": f"http://{at}", "ws": f"ws://{at}{WS_PATH}", "ws_auth": f"ws://{at}{WS_AUTH_PATH}"}

    async def start(self, port: int = 0) -> None:
        """Listen; port 0 takes a free one.

        Raises:
            OSError: the port is taken.
        """
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Connection(self), HOST, port)
        self._ticking = asyncio.create_task(self._tick_on())

    async def stop(self) -> None:
        """Listen no more and end all connections."""
        if self._ticking is not None:
            self._ticking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._ticking
        if self._server is not None:
            self._server.close()
        for connection in list(self.connections):
            connection.abort()
        await asyncio.sleep(0)

    def catch_up(self) -> None:
        """Bring the venue's time to now."""
        if self._speed:
            passed = int((self._clock.monotonic() - self._begun) * 1_000_000 * self._speed)
            self.simulation.venue.run(self._base + passed * 1000)

    def flush(self) -> None:
        """Send on all connections what is due."""
        for connection in list(self.connections):
            connection.flush()

    async def _tick_on(self) -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            self.catch_up()
            if not self._speed and self._clock.monotonic() - self._beaten >= 1:
                # Stepped time may stand still for long; a client shall not take that for a dead line.
                self._beaten = self._clock.monotonic()
                for connection in self.connections:
                    connection.beat()
            self.flush()


class Connection(asyncio.Protocol):
    """One line: HTTP at first, WebSocket once that was asked for."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_MAX)
        self._raw = bytearray()
        self._head: h11.Request | None = None
        self._body = bytearray()
        self._waiting: Answer | None = None
        self._ws: ServerProtocol | None = None
        self._session: Session | None = None
        self._fragments: list[bytes] = []
        self._line: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._line = cast("asyncio.Transport", transport)
        self._server.connections.add(self)
        if len(self._server.connections) > CONNECTIONS_MAX:
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 -- asyncio's signature
        self._server.connections.discard(self)
        self._line = None
        if self._session is not None:
            self._session.cut("closed")

    def abort(self) -> None:
        """Break the line without a word."""
        if self._line is not None:
            self._line.abort()

    def beat(self) -> None:
        """A heartbeat, where this is a WebSocket."""
        if self._session is not None and not self._session.closed:
            self._session.beat()

    def data_received(self, data: bytes) -> None:
        if self._ws is not None:
            self._ws.receive_data(data)
            self._read_frames()
            return
        self._raw += data
        try:
            self._http.receive_data(data)
            self._read_http()
        except h11.RemoteProtocolError:
            self.abort()

    def eof_received(self) -> None:
        self.abort()

    # --- HTTP -------------------------------------------------------------------------------------------------------

    def _read_http(self) -> None:
        while self._waiting is None and self._line is not None:
            event = self._http.next_event()
            if isinstance(event, h11.Request):
                self._head, self._body = event, bytearray()
                if any(name == b"upgrade" and value.lower() == b"websocket" for name, value in event.headers):
                    self._upgrade()
                    return
            elif isinstance(event, h11.Data):
                self._body += event.data
                if len(self._body) > BODY_MAX:
                    self.abort()
                    return
            elif isinstance(event, h11.EndOfMessage):
                self._raw.clear()
                self._answer()
            else:
                return

    def _answer(self) -> None:
        assert self._head is not None
        path, _, query = self._head.target.decode("latin-1").partition("?")
        request = Request(
            method=self._head.method.decode("latin-1"),
            path=path,
            query=query,
            headers={name.decode("latin-1"): value.decode("latin-1") for name, value in self._head.headers},
            body=bytes(self._body),
        )
        self._server.catch_up()
        if path.startswith(PREFIX):
            answer = self._server.control.handle(request)
        else:
            answer = self._server.simulation.rest.handle(request)
        if answer.dropped:
            self.abort()
        else:
            self._waiting = answer
        self._server.flush()

    def _write(self, answer: Answer) -> None:
        headers = [
            (b"content-type", answer.content_type.encode("ascii")),
            (b"content-length", str(len(answer.body)).encode("ascii")),
        ]
        self._send(self._http.send(h11.Response(status_code=answer.status, headers=headers)))
        self._send(self._http.send(h11.Data(data=answer.body)))
        self._send(self._http.send(h11.EndOfMessage()))
        if self._http.our_state is h11.MUST_CLOSE:
            if self._line is not None:
                self._line.close()
        else:
            self._http.start_next_cycle()

    def flush(self) -> None:
        """Send what is due."""
        if self._waiting is not None and self._waiting.due <= self._server.simulation.venue.now:
            answer, self._waiting = self._waiting, None
            self._write(answer)
            self._read_http()
        if self._session is not None and self._ws is not None:
            for text in self._session.take():
                self._ws.send_text(text.encode())
            self._send_ws()
            if self._session.closed and self._ws.state is State.OPEN:
                self.abort()

    # --- WebSocket --------------------------------------------------------------------------------------------------

    def _upgrade(self) -> None:
        # No extensions: frames on the wire are as they were written.
        self._ws = ServerProtocol(max_size=MESSAGE_MAX)
        self._ws.receive_data(bytes(self._raw))
        self._raw.clear()
        self._read_frames()

    def _read_frames(self) -> None:
        assert self._ws is not None
        for event in self._ws.events_received():
            if isinstance(event, Handshake):
                self._shake_hands(event)
            elif isinstance(event, Frame) and self._session is not None:
                self._read_frame(event)
        self._send_ws()
        self._server.flush()

    def _shake_hands(self, request: Handshake) -> None:
        assert self._ws is not None
        if request.path not in (WS_PATH, WS_AUTH_PATH):
            self._ws.send_response(self._ws.reject(404, "No such endpoint.\n"))
            return
        self._ws.send_response(self._ws.accept(request))
        if self._ws.state is State.OPEN:
            self._server.catch_up()
            self._session = self._server.simulation.connect(private=request.path == WS_AUTH_PATH)

    def _read_frame(self, frame: Frame) -> None:
        assert self._session is not None
        if frame.opcode not in (Opcode.TEXT, Opcode.CONT, Opcode.BINARY):
            return
        self._fragments.append(bytes(frame.data))
        if not frame.fin:
            return
        whole, self._fragments = b"".join(self._fragments), []
        self._server.catch_up()
        self._session.receive(whole.decode("utf-8", "replace"))

    def _send_ws(self) -> None:
        assert self._ws is not None
        for data in self._ws.data_to_send():
            if data:
                self._send(data)
            elif self._line is not None:
                self._line.close()

    def _send(self, data: Any) -> None:
        if self._line is None or not data:
            return
        self._line.write(data)
        if self._line.get_write_buffer_size() > _UNSENT_MAX:
            self.abort()
