"""The ASGI application: one table of addresses, and what happens to every request on its way."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Match, Route
from starlette.types import Message, Receive, Scope, Send

from gputsne.base.errors import BadInput, Damaged, DependencyMissing, Refused
from gputsne.base.files import path_of
from gputsne.serve.answers import Memory
from gputsne.serve.cache import Cache, default_folder
from gputsne.serve.catalogue import Catalogue
from gputsne.serve.embedding import EmbedService, warm
from gputsne.serve.endpoints import Endpoints
from gputsne.serve.guard import HEADERS, Guard, address_of, drain
from gputsne.serve.journal import Journal
from gputsne.serve.maps import missing_columns
from gputsne.serve.measures import Measures
from gputsne.serve.quota import Buckets
from gputsne.serve.settings import Settings
from gputsne.serve.tile_sets import TileSets
from gputsne.serve.tokens import Caller, Tokens
from gputsne.serve.transforming import Models
from gputsne.serve.work import Work

__all__ = ["ROUTES", "Application", "Row"]

HOUR: Final = 3600.0  # seconds
METHODS: Final = ("GET", "HEAD", "POST")
# Of a body that is refused, so much is read, for so long, before the answer.
DRAINED: Final = 64_000_000  # bytes
DRAIN_SECONDS: Final = 5.0
OTHER: Final = "other"  # the route and method of what is none, in log and metrics


@dataclass(frozen=True)
class Row:
    """A line of the table of addresses.

    Attributes
    ----------
    path : str
        Pattern of starlette.
    endpoint : str
        Method of `Endpoints`.
    role : str or None
        Who may; None: everybody.
    method : str
        "GET", which brings HEAD, or "POST".
    beacon : bool
        Whether pages of this server send it by themselves.
    """

    path: str
    endpoint: str
    role: str | None = "viewer"
    method: str = "GET"
    beacon: bool = False


ROUTES: Final = (
    Row("/healthz", "healthz", role=None),
    Row("/favicon.ico", "favicon", role=None),
    Row("/metrics", "metrics"),
    Row("/", "index"),
    Row("/assets/{name}", "asset"),
    Row("/runs", "runs"),
    Row("/runs/{run}", "run"),
    Row("/runs/{run}/page", "page"),
    Row("/runs/{run}/map.{kind}", "map"),
    Row("/runs/{run}/thumb.png", "thumbnail"),
    Row("/runs/{run}/report.html", "report"),
    Row("/runs/{run}/tiles/", "tileset"),
    Row("/runs/{run}/tiles/{key}/{path:path}", "tile"),
    Row("/runs/{run}/transform", "transform", role="editor", method="POST"),
    Row("/embed", "embed", role="editor", method="POST"),
    Row("/rum", "rum", method="POST", beacon=True),
)


class Application:
    """The server as an ASGI application.

    Parameters
    ----------
    catalogue : Catalogue
        What is served.
    settings : Settings
        Limits.
    tokens : Tokens
        Who may send requests.

    Attributes
    ----------
    journal : Journal
        Its log.
    measures : Measures
        Its metrics.
    work : Work
        Its threads.

    Raises
    ------
    DependencyMissing
        A package of the extra ``serve`` isn't installed.
    """

    def __init__(self, catalogue: Catalogue, settings: Settings, tokens: Tokens) -> None:
        self.catalogue, self.settings, self.tokens = catalogue, settings, tokens
        self.measures, self.journal = Measures(), Journal()
        self.guard = Guard(settings, tokens)
        self.work = Work(settings.workers, settings.waiting, self.measures)
        folder = default_folder() if settings.cache is None else path_of(settings.cache, "cache")
        cache = Cache(folder, settings.cache_bytes, self.measures)
        endpoints = Endpoints(
            catalogue,
            settings,
            self.measures,
            self.work,
            cache,
            TileSets(cache, self.work, settings),
            Models(settings.n_jobs),
            EmbedService(
                max_rows=settings.max_rows, max_columns=settings.max_columns,
                max_bytes=settings.max_body, calls=settings.embeds,
                seconds=settings.work_seconds, n_jobs=settings.n_jobs,
            ),
            Buckets(settings.transforms, settings.transforms / HOUR),
            Memory(),
        )  # fmt: skip
        self._routes = [
            (row, Route(row.path, getattr(endpoints, row.endpoint), methods=[row.method]))
            for row in ROUTES
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection of ASGI."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await _Exchange(self, scope, receive, send).answer()
        else:  # no other protocol is spoken here
            await receive()
            await send({"type": "websocket.close", "code": 1008})

    def warm(self) -> None:
        """Load the libraries that computing needs, so that no caller waits for them.

        And write down which columns to be shown no map has, as their names may be mistyped.
        """
        if (took := warm()) is not None:
            self.measures["coldstart"].observe(took)
        if self.settings.columns:
            missing, looked = missing_columns(self.catalogue.entries(), self.settings)
            if missing:
                self.journal.warning("columns", missing=missing, maps=looked)

    def match(self, scope: Scope) -> tuple[Row, Callable[[Request], Awaitable[Response]]]:
        """Return the table's line and the endpoint of a request.

        Parameters
        ----------
        scope : dict
            Of ASGI; gets the parts of the path.

        Returns
        -------
        tuple of Row and callable

        Raises
        ------
        Refused
            404, or 405 with what is allowed.
        """
        allowed = []
        for row, route in self._routes:
            found, child = route.matches(scope)
            if found == Match.FULL:
                scope.update(child)
                return row, route.endpoint
            if found == Match.PARTIAL:
                allowed += sorted(route.methods or ())
        if allowed:
            raise Refused(405, "another method is needed", headers={"Allow": ", ".join(allowed)})
        raise Refused(404, "there is nothing at this address")

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                self.work.close()
                await send({"type": "lifespan.shutdown.complete"})
                return


class _Exchange:
    """One request and its answer."""

    def __init__(self, app: Application, scope: Scope, receive: Receive, send: Send) -> None:
        self.app, self.scope, self._receive, self._send = app, scope, receive, send
        self.request = Request(scope, self.receive)
        self.whole = False  # whether the request has been read to its end
        self.began = time.monotonic()
        self.row: Row | None = None
        self.status, self.bytes = 0, 0
        self.caller: Caller | None = None

    async def answer(self) -> None:
        """Answer, whatever happens; then count it and write it down."""
        measures = self.app.measures
        measures["in_flight"].inc()
        try:
            try:
                response = await self._response()
            except Refused as refused:
                measures["refused"].labels(refused.reason).inc()
                response = await self._drained(refused)
            except Exception as error:
                self.app.journal.fault(error, route=self.route)
                measures["refused"].labels("fault").inc()
                response = self._refusal(Refused(500, "the server failed; its log says where"))
            try:
                await response(self.scope, self.receive, self.send)
            except Exception as error:  # a file that was removed meanwhile, a caller who left
                if self.status == 0:
                    self.app.journal.fault(error, route=self.route)
                    await self._refusal(Refused(500, "the server failed"))(
                        self.scope, self.receive, self.send
                    )
                else:
                    raise
        finally:
            measures["in_flight"].dec()
            self._note()

    async def _response(self) -> Response:
        """Let the request in and ask its endpoint."""
        app, request = self.app, self.request
        row, endpoint = app.match(self.scope) if self._usual() else (None, None)
        self.row = row
        if row is None or endpoint is None:
            raise Refused(405, "another method is needed", headers={"Allow": ", ".join(METHODS)})
        app.guard.check_host(Headers(scope=self.scope))
        self.caller = request.state.caller = app.guard.caller(request, row.role)
        app.guard.check_origin(request, beacon=row.beacon)
        app.guard.check_size(request)
        try:
            return await endpoint(request)
        except Damaged as error:
            app.journal.fault(error, route=self.route)
            raise Refused(500, "the store holds other bytes than were stored") from error
        except DependencyMissing as error:
            raise Refused(501, str(error)) from error
        except BadInput as error:
            raise Refused(400, "what was stored can't be read as what it should be") from error

    def _usual(self) -> bool:
        return self.scope["method"] in METHODS

    def _refusal(self, refused: Refused) -> Response:
        told = {"error": str(refused), "status": refused.status}
        headers = dict(refused.headers)
        if refused.status in (408, 413):
            headers["Connection"] = "close"  # what is left of the body is not read
        return JSONResponse(told, refused.status, headers=headers)

    async def _drained(self, refused: Refused) -> Response:
        """Return the answer of a refusal, once the body is read as far as it is going to be."""
        response = self._refusal(refused)
        done = self.whole or refused.status == 408  # too slow a caller is not waited for again
        if not done and not await drain(self.request, DRAINED, DRAIN_SECONDS):
            response.headers["Connection"] = "close"
        return response

    async def receive(self) -> Message:
        """Return the next part of the request."""
        message = await self._receive()
        self.whole = self.whole or not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        """Send a part of the answer, with the headers that each has."""
        if message["type"] == "http.response.start":
            self.status = int(message["status"])
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        elif message["type"] == "http.response.body":
            body: bytes = message.get("body", b"")
            if self.scope["method"] == "HEAD":
                message["body"] = body = b""
            self.bytes += len(body)
        await self._send(message)

    @property
    def route(self) -> str:
        """The pattern of the address."""
        return OTHER if self.row is None else self.row.path

    def _note(self) -> None:
        measures, seconds = self.app.measures, time.monotonic() - self.began
        method = self.scope["method"] if self._usual() else OTHER
        measures["requests"].labels(self.route, method, str(self.status)).inc()
        measures["seconds"].labels(self.route).observe(seconds)
        measures["sent"].labels(self.route).inc(self.bytes)
        journal = self.app.journal
        journal.request(
            method=method,
            route=self.route,
            status=self.status,
            bytes=self.bytes,
            seconds=round(seconds, 6),
            role=None if self.caller is None else self.caller.role,
            caller=journal.pseudonym(address_of(self.request)),
        )
