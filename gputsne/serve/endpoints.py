"""Endpoints: what each address answers, once the guard has let a request in."""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final, TypeVar

from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response

from gputsne.base.errors import Refused
from gputsne.data.writing import AXES
from gputsne.serve import maps
from gputsne.serve.answers import FOREVER, FRESH, Memory, answer, packed, range_of, unchanged
from gputsne.serve.cache import Cache
from gputsne.serve.catalogue import Catalogue, Entry
from gputsne.serve.embedding import EmbedService
from gputsne.serve.guard import read_body
from gputsne.serve.measures import Measures
from gputsne.serve.pages import page_of
from gputsne.serve.quota import Buckets
from gputsne.serve.rows import Limits, kind_of, read_rows
from gputsne.serve.settings import Settings
from gputsne.serve.tile_sets import KINDS, PAGE, PAGE_KINDS, POLICY, TileSets
from gputsne.serve.tokens import Caller
from gputsne.serve.transforming import Models
from gputsne.serve.work import Work

__all__ = ["Endpoints"]

JSON: Final = "application/json"
LISTED: Final = 1000  # runs of one answer, at most
BEACON: Final = 4096  # bytes
TILE: Final = ".bin"  # the suffix of tiles
EVENTS: Final = ("load", "first_paint")  # that a page may tell
LONGEST: Final = 600.0  # seconds that a page may tell
PNG: Final = b"\x89PNG\r\n\x1a\n"  # how every file of that kind begins
LARGEST_PICTURE: Final = 5_000_000  # bytes
LARGEST_REPORT: Final = 64_000_000  # bytes
# A report comes from whoever stored it: it gets an origin of its own, and runs nothing.
SANDBOX: Final = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
T = TypeVar("T")


@dataclass(frozen=True)
class Endpoints:
    """What the endpoints share.

    Attributes
    ----------
    catalogue : Catalogue
        The runs.
    settings : Settings
        Limits.
    measures : Measures
        Metrics.
    work : Work
        Threads that compute.
    cache : Cache
        What is made on demand.
    tiles : TileSets
        Tile sets.
    models : Models
        Loaded models.
    service : EmbedService
        On-demand maps.
    transforms : Buckets
        Quota of transforms.
    memory : Memory
        Tiles that were asked for last.
    """

    catalogue: Catalogue
    settings: Settings
    measures: Measures
    work: Work
    cache: Cache
    tiles: TileSets
    models: Models
    service: EmbedService
    transforms: Buckets
    memory: Memory

    async def healthz(self, request: Request) -> Response:
        """Say that the server answers."""
        return _json(request, {"status": "ok"})

    async def favicon(self, request: Request) -> Response:
        """Say that there is no picture, which every browser asks for, rather than 404."""
        return Response(status_code=204, headers={"Cache-Control": "max-age=86400"})

    async def metrics(self, request: Request) -> Response:
        """Return the metrics, for Prometheus."""
        body, kind = self.measures.text(request.headers.get("accept", ""))
        return Response(body, media_type=kind)

    async def index(self, request: Request) -> Response:
        """Return the page of all runs."""
        entries = await self._looked_up(self.catalogue.entries)
        refs = await self._looked_up(self.catalogue.refs)
        return _page(request, "index.html.j2", title=self.catalogue.title, runs=entries[:LISTED],
                     more=max(0, len(entries) - LISTED), refs=_by_id(refs),
                     shown=self.settings)  # fmt: skip

    async def page(self, request: Request) -> Response:
        """Return the page of a run."""
        entry = await self._entry(request)
        refs = await self._looked_up(self.catalogue.refs)
        return _page(request, "run.html.j2", title=f"Run {entry.id}", run=entry,
                     facts=entry.public(), refs=_by_id(refs).get(entry.id, []),
                     shown=self.settings, kinds=sorted(maps.KINDS))  # fmt: skip

    async def runs(self, request: Request) -> Response:
        """List runs, newest first: ``?limit=100&after=ID``."""
        query = request.query_params
        limit, after = query.get("limit", "100"), query.get("after")
        if not (limit.isascii() and limit.isdigit()) or not 1 <= int(limit[:9]) <= LISTED:
            raise Refused(400, f"limit must be a whole number from 1 to {LISTED}")
        entries = await self._looked_up(self.catalogue.entries)
        if after is not None:
            places = [i for i, entry in enumerate(entries) if entry.id == after]
            if not places:
                raise Refused(404, "after names no run")
            entries = entries[places[0] + 1 :]
        shown = entries[: int(limit)]
        following = shown[-1].id if len(shown) < len(entries) else None
        refs = await self._looked_up(self.catalogue.refs)
        told = [_brief(entry.public()) for entry in shown]
        return _json(request, {"runs": told, "next": following, "refs": refs})

    async def run(self, request: Request) -> Response:
        """Return the record of a run."""
        return _json(request, (await self._entry(request)).public())

    async def map(self, request: Request) -> Response:
        """Return a run's map: coordinates and the columns that are served."""
        self._no_single_points()
        kind = str(request.path_params["kind"])
        if kind not in maps.KINDS:
            raise Refused(404, f"a map comes as {', '.join(maps.KINDS)}")
        entry = await self._entry(request)
        key = maps.key_of(entry, self.settings)
        told = {"ETag": f'"{key}-{kind}"', "Cache-Control": FRESH}
        if unchanged(request, f"{key}-{kind}"):
            return Response(status_code=304, headers=told)
        name = f"map.{kind}"

        def make(folder: Path) -> None:
            maps.write_map(maps.read_map(entry, self.settings), folder / name)

        def made() -> Path:
            return self.cache.make(f"{kind}-{key}", make) / name

        path = await self._worked("map", made)
        span = range_of(request, path.stat().st_size, f"{key}-{kind}")
        # What is sent as a file answers ranges in its own ways: it gets the one that counts here.
        headers = [h for h in request.scope["headers"] if h[0] not in (b"range", b"if-range")]
        if span is not None:
            headers.append((b"range", f"bytes={span[0]}-{span[1]}".encode()))
        request.scope["headers"] = headers
        told["Content-Disposition"] = f'attachment; filename="{entry.id}.{kind}"'
        return FileResponse(path, headers=told, media_type=maps.KINDS[kind])

    async def thumbnail(self, request: Request) -> Response:
        """Return the stored picture of a run's map."""
        self._as_stored()
        return await self._stored(request, "thumb.png", "image/png", LARGEST_PICTURE, {})

    async def report(self, request: Request) -> Response:
        """Return the stored report of a run, which gets no rights here."""
        self._as_stored()
        if not self.settings.reports:
            raise Refused(403, "this server shows no reports")
        policy = {"Content-Security-Policy": SANDBOX}
        return await self._stored(request, "report.html", "text/html", LARGEST_REPORT, policy)

    async def tileset(self, request: Request) -> Response:
        """Lead to a run's tiles, at an address that changes with their content."""
        entry = await self._entry(request)
        key = await self._looked_up(lambda: self.tiles.key(entry))
        await self.tiles.folder(entry, key)
        there = f"/runs/{entry.id}/tiles/{key}/"
        return RedirectResponse(there, 302, headers={"Cache-Control": FRESH})

    async def tile(self, request: Request) -> Response:
        """Return a file of a tile set."""
        entry = await self._entry(request)
        key = await self._looked_up(lambda: self.tiles.key(entry))
        path = str(request.path_params["path"]) or PAGE
        if request.path_params["key"] != key:
            return await self._former_tile(request, entry, path)
        known = f"{entry.id}/{key}/{path}"
        body = self.memory.find(known)
        if body is None:
            found = await self.tiles.page(entry, key, path)
            if found is None:
                found = await self.tiles.file(entry, key, path)
            body = self.memory.put(known, found)
        kind = {**KINDS, **PAGE_KINDS}[Path(path).suffix]
        # The page is the package's, which may be another after an update.
        forever = Path(path).suffix in KINDS
        etag = _tag(body[0]) if not forever else hashlib.sha256(known.encode()).hexdigest()[:32]
        headers = {"Content-Security-Policy": POLICY}
        cache = FOREVER if forever else FRESH
        return answer(request, body, kind, etag=etag, cache=cache, headers=headers)

    async def _former_tile(self, request: Request, entry: Entry, path: str) -> Response:
        """Answer a page that was opened before its tile set was replaced.

        Replacing one leaves the tiles of the version before it, for pages that still ask for them.
        """
        there = f"/runs/{entry.id}/tiles/"
        if path == PAGE:
            return RedirectResponse(there, 302, headers={"Cache-Control": FRESH})
        key = str(request.path_params["key"])
        shown = entry.tiles is not None and self.tiles.shown(entry, key, path)
        if Path(path).suffix != TILE or not shown:
            raise Refused(404, f"these tiles were replaced: GET {there}")
        body = await self.tiles.file(entry, key, path)
        return answer(request, body, KINDS[TILE], etag=_tag(body))

    async def transform(self, request: Request) -> Response:
        """Place new rows into a run's model."""
        caller: Caller = request.state.caller
        if wait := self.transforms.take(caller.key):
            told = f"{self.settings.transforms:g} transforms per hour are allowed"
            raise Refused(429, told, retry_after=wait)
        entry = await self._entry(request)
        limits = Limits(
            self.settings.max_body, self.settings.max_new_rows, self.settings.max_columns
        )
        given = request.headers.get("content-type", "")
        body = await self._body(request)

        def place() -> Any:
            kind = kind_of(given, body)
            rows = read_rows(body, kind, limits, self.models.names(entry))
            return self.models.place(entry, rows)

        Y = await self._worked("transform", place)
        axes = list(AXES[: Y.shape[1]])
        if "text/csv" in request.headers.get("accept", ""):
            lines = [",".join(axes), *(",".join(f"{v:.9g}" for v in row) for row in Y.tolist())]
            return Response("\n".join(lines) + "\n", media_type="text/csv")
        return _json(request, {"run": entry.id, "columns": axes, "rows": Y.tolist()})

    async def embed(self, request: Request) -> Response:
        """Map a small table and return its picture, or its coordinates."""
        caller: Caller = request.state.caller
        given = request.headers.get("content-type", "")
        service = self.service
        service.charge(caller.key)
        body = await self._body(request)
        cold = service.cold_seconds
        made = await self._worked("embed", lambda: service.made(body, given))
        self.measures["embedded"].labels("cached" if made.cached else "computed").inc()
        if cold is None and service.cold_seconds is not None:
            self.measures["coldstart"].observe(service.cold_seconds)
        told = {"ETag": f'"{made.key}"', "X-Cache": "hit" if made.cached else "miss"}
        if JSON in request.headers.get("accept", ""):
            return _json(request, {"columns": ["x", "y"], "rows": made.map.tolist()}, told)
        return Response(made.png, headers=told, media_type="image/png")

    async def rum(self, request: Request) -> Response:
        """Take how long a page took in a browser: ``{"load": 0.8}``, seconds."""
        body = await read_body(request, BEACON, self.settings.body_seconds)
        try:
            told = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise Refused(400, "the body is no JSON") from error
        if not isinstance(told, Mapping) or not told or not set(told) <= set(EVENTS):
            raise Refused(400, f"write seconds by event: {', '.join(EVENTS)}")
        for value in told.values():
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not number or not math.isfinite(value) or not 0 <= value <= LONGEST:
                raise Refused(400, f"seconds must be from 0 to {LONGEST:g}")
        for event, value in told.items():
            self.measures["rum"].labels(event).observe(value)
        return Response(status_code=204)

    async def asset(self, request: Request) -> Response:
        """Return the script of this server's own pages."""
        if request.path_params["name"] != "rum.js":
            raise Refused(404, "no such file")
        body = _script()
        return answer(request, body, "text/javascript", etag=_tag(body))

    async def _entry(self, request: Request) -> Entry:
        name = str(request.path_params["run"])
        return await self._looked_up(lambda: self.catalogue.get(name))

    async def _looked_up(self, look: Callable[[], T]) -> T:
        """Look into the store, which may be far away, off the event loop."""
        return await asyncio.to_thread(look)

    async def _worked(self, name: str, function: Callable[[], T]) -> T:
        return await self.work.run(name, function, self.settings.work_seconds)

    async def _body(self, request: Request) -> bytes:
        return await read_body(request, self.settings.max_body, self.settings.body_seconds)

    def _no_single_points(self) -> None:
        if self.settings.min_cell is not None:
            raise Refused(403, "this server shows counts of cells, no single points")

    def _as_stored(self) -> None:
        """Raise Refused where pictures and reports, which have points and labels, aren't shown."""
        self._no_single_points()
        if not self.settings.label:
            raise Refused(403, "this server shows no labels; stored pictures and reports have some")

    async def _stored(
        self, request: Request, name: str, kind: str, most: int, headers: dict[str, str]
    ) -> Response:
        """Return a file of a run as it was stored."""
        entry = await self._entry(request)
        if name not in entry.stamps:
            raise Refused(404, f"{entry.id} has no {name}")
        if entry.sizes[name] > most:
            raise Refused(404, f"{name} of {entry.id} is larger than the {most:,} bytes served")
        etag = entry.stamps[name][:32]
        if unchanged(request, etag):
            return answer(request, b"", kind, etag=etag)
        body = await self._looked_up(lambda: entry.read(name))
        if kind == "image/png" and not body.startswith(PNG):
            raise Refused(404, f"{name} of {entry.id} is no PNG")
        both = (body, packed(body)) if kind.startswith("text/") else (body, None)
        return answer(request, both, kind, etag=etag, headers=headers)


def _json(request: Request, told: Any, headers: dict[str, str] | None = None) -> Response:
    body = (json.dumps(told, allow_nan=False, default=str) + "\n").encode()
    small = packed(body) if "gzip" in request.headers.get("accept-encoding", "") else None
    more = {"Vary": "Accept-Encoding", **(headers or {})}
    if small is not None:
        return Response(small, headers={**more, "Content-Encoding": "gzip"}, media_type=JSON)
    return Response(body, headers=more, media_type=JSON)


def _page(request: Request, template: str, **facts: Any) -> Response:
    html, policy = page_of(template, **facts)
    body = html.encode()
    headers = {"Content-Security-Policy": policy}
    return answer(request, (body, packed(body)), "text/html", etag=_tag(body), headers=headers)


def _brief(told: dict[str, Any]) -> dict[str, Any]:
    """Return a record without what is long."""
    return {k: v for k, v in told.items() if k not in ("kl_history", "parameters", "versions")}


def _by_id(refs: Mapping[str, str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, id in sorted(refs.items()):
        found.setdefault(id, []).append(name)
    return found


def _tag(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:32]


@cache
def _script() -> bytes:
    return resources.files("gputsne.serve").joinpath("assets", "rum.js").read_bytes()
