"""The server as a process: it listens, and at SIGTERM ends once requests in flight are answered."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import uvicorn

from gputsne.serve.asgi import Application
from gputsne.serve.connections import protocol_of
from gputsne.serve.journal import Journal
from gputsne.serve.settings import Settings

__all__ = ["run"]

IDLE: Final = 10  # seconds that a connection may be idle
WAITING: Final = 128  # connections that the system holds until they are taken
SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


class _Server(uvicorn.Server):
    """Uvicorn's server, which on a signal ends well.

    Uvicorn raises the signal again once it has ended, and the process would count as killed.
    """

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        before = {number: signal.signal(number, self.handle_exit) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def run(app: Application, settings: Settings, ready: Callable[[str], None] | None) -> bool:
    """Let an application answer until SIGTERM or SIGINT.

    Parameters
    ----------
    app : Application
        The server.
    settings : Settings
        Its address and limits.
    ready : callable or None
        Called with the address once it listens.

    Returns
    -------
    bool
        Whether a computation still runs.

    Raises
    ------
    OSError
        The address can't be listened to.
    """
    with _listening(settings) as listener:
        host, port = listener.getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            proxy_headers=False,  # an address that the caller names is no address
            server_header=False,
            ws="none",
            http=protocol_of(settings),
            timeout_keep_alive=IDLE,
            timeout_graceful_shutdown=max(1, round(settings.grace_seconds)),
        )
        with _told(app.journal):
            asyncio.run(_run(_Server(config), listener, app, ready, f"http://{shown}:{port}"))
    return app.work.busy


async def _run(
    server: _Server,
    listener: socket.socket,
    app: Application,
    ready: Callable[[str], None] | None,
    address: str,
) -> None:
    async def tell() -> None:
        while not server.started:
            await asyncio.sleep(0.01)
        app.journal.event("start", pid=os.getpid())
        app.work.begin("warm", app.warm, None)  # or the first caller would wait for it
        if ready is not None:
            ready(address)

    telling = asyncio.ensure_future(tell())
    try:
        await server.serve([listener])
    finally:
        telling.cancel()
        app.journal.event("stop", pid=os.getpid())


class _Handler(logging.Handler):
    """Writes what uvicorn says as lines of the server's own log: its sentences have no values."""

    def __init__(self, journal: Journal) -> None:
        super().__init__(logging.WARNING)
        self.journal = journal

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            self.journal.fault(error)
        else:
            self.journal.warning("connection", said=str(record.msg).strip())


@contextmanager
def _told(journal: Journal) -> Iterator[None]:
    """Let uvicorn's warnings become lines of the log."""
    logger, handler = logging.getLogger("uvicorn"), _Handler(journal)
    propagate = logger.propagate
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagate


@contextmanager
def _listening(settings: Settings) -> Iterator[socket.socket]:
    host = settings.host.strip("[]")
    family = socket.getaddrinfo(host, settings.port, type=socket.SOCK_STREAM)[0][0]
    listener = socket.create_server((host, settings.port), family=family, backlog=WAITING)
    # Connections inherit it. Without it a small answer, which is sent as headers and then body,
    # waits 40 ms for the caller's delayed acknowledgement of the first part.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        yield listener
    finally:
        listener.close()
