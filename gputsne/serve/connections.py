"""Connections: how long a request's headers may take, how many there may be, and from one address.

Uvicorn waits for headers for ever, and counts a connection from its first byte: callers that send
theirs slowly, and need no token for it, would keep everybody else out.
"""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any, Final

from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from gputsne.serve.guard import HEADERS
from gputsne.serve.settings import Settings

__all__ = ["protocol_of"]

LARGEST: Final = 65_536  # bytes of a request's headers
RETRY: Final = 5  # seconds
BEYOND: Final = 2  # times the connections allowed: more are closed without an answer
REASONS: Final = {
    400: "Bad Request",
    408: "Request Timeout",
    431: "Request Header Fields Too Large",
}


class _Connections:
    """The connections that there are.

    Parameters
    ----------
    settings : Settings
        How many there may be.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.held: dict[_Limited, None] = {}  # in the order in which they came

    def admit(self, new: _Limited) -> bool:
        """Take a connection in; where there is no room, in place of one that has sent nothing."""
        settings = self.settings
        same = [one for one in self.held if one.address == new.address]
        for group, most in ((same, settings.address_connections),
                            (list(self.held), settings.connections)):  # fmt: skip
            if len(group) >= most:
                idle = next((one for one in group if not one.answering), None)
                if idle is None:
                    return False
                self.held.pop(idle)
                idle.turn_away(408, "a newer connection took the place of this one, which waited")
        self.held[new] = None
        return True

    def leave(self, one: _Limited) -> None:
        """Forget a connection."""
        self.held.pop(one, None)


async def _busy(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer that there is no room."""
    told = {"error": "too many connections; ask again", "status": 503}
    headers = {**HEADERS, "Retry-After": str(RETRY), "Connection": "close"}
    await JSONResponse(told, 503, headers=headers)(scope, receive, send)


class _Limited(asyncio.Protocol):
    """A connection of uvicorn's, of either kind, with limits before a request is there."""

    all: _Connections  # of the server
    address = ""
    timer: asyncio.TimerHandle | None = None
    received = 0  # bytes since the last request
    # Uvicorn's own:
    app: Any
    client: Any
    connections: Any
    cycle: Any
    logger: logging.Logger
    loop: asyncio.AbstractEventLoop
    transport: Any

    @property
    def answering(self) -> bool:
        """Whether a request is being answered."""
        return self.cycle is not None and not self.cycle.response_complete

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.address = self.client[0] if self.client else ""
        if not self.all.admit(self):
            if len(self.connections) > BEYOND * self.all.settings.connections:
                transport.abort()
                return
            self.logger.warning("Too many connections.")
            self.app = _busy  # which answers once the request is there, or the caller saw no answer
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._waited()
        self.all.leave(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        self.received += len(data)
        super().data_received(data)
        if self.answering:
            self.received = 0
            self._waited()
        elif self.received > LARGEST:
            self.logger.warning("Headers too large.")
            self.turn_away(431, f"headers may have {LARGEST:,} bytes")
        elif self.timer is None and not self.transport.is_closing():
            self._wait()

    def send_400_response(self, msg: str) -> None:
        self.turn_away(400, "this is no request of HTTP/1.1")

    def turn_away(self, status: int, said: str) -> None:
        """Close; a caller who has begun a request is told why, in the form of every refusal."""
        self._waited()
        if self.transport.is_closing():
            return
        if self.received == 0:
            self.transport.close()
            return
        body = json.dumps({"error": said, "status": status}).encode()
        lines = [
            f"HTTP/1.1 {status} {REASONS[status]}", "Content-Type: application/json",
            f"Content-Length: {len(body)}", "Connection: close",
            *(f"{name}: {value}" for name, value in HEADERS.items()), "", "",
        ]  # fmt: skip
        self.transport.write("\r\n".join(lines).encode() + body)
        self.transport.close()

    def _wait(self) -> None:
        seconds = self.all.settings.header_seconds
        self.timer = self.loop.call_later(seconds, self._late, seconds)

    def _waited(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

    def _late(self, seconds: float) -> None:
        self.timer = None
        if not self.answering:
            self.logger.warning("Headers too slow.")
            self.turn_away(408, f"the headers did not arrive within {seconds:g} s")


def protocol_of(settings: Settings) -> Any:
    """Return the class of uvicorn's connections, with the limits of the settings.

    Parameters
    ----------
    settings : Settings
        Limits.

    Returns
    -------
    type
        Of `asyncio.Protocol`.
    """
    return type("Limited", (_Limited, AutoHTTPProtocol), {"all": _Connections(settings)})
