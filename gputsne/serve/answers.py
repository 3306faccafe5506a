"""Answers: bytes with ETag, ranges, HEAD and gzip; a memory of those that are asked for often."""

from __future__ import annotations

import gzip
from collections import OrderedDict
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from gputsne.base.errors import Refused
from gputsne.base.forks import Lock

__all__ = ["FOREVER", "FRESH", "Memory", "answer", "range_of", "unchanged"]

FOREVER: Final = "private, max-age=31536000, immutable"  # at addresses that name their content
FRESH: Final = "private, no-cache"  # may be kept, but is asked for again
SMALL: Final = 500  # bytes from which gzip gains anything
LEVEL: Final = 5  # of gzip: beyond, time grows and size hardly shrinks
SAVES: Final = 0.9  # a body is sent compressed where that is at most so much of it
MOST_TAGS: Final = 32  # of If-None-Match that are looked at


class Memory:
    """Bodies, with their gzip, that were asked for last.

    Parameters
    ----------
    limit : int
        Bytes in all.
    """

    def __init__(self, limit: int = 64_000_000) -> None:
        self.limit, self.size = limit, 0
        self._held: OrderedDict[str, tuple[bytes, bytes | None]] = OrderedDict()
        self._lock = Lock()

    def find(self, key: str) -> tuple[bytes, bytes | None] | None:
        """Return a body and its gzip (None where that gains little); None for one not held.

        Parameters
        ----------
        key : str
            As it was put.
        """
        with self._lock.held():
            found = self._held.get(key)
            if found is not None:
                self._held.move_to_end(key)
        return found

    def put(self, key: str, body: bytes) -> tuple[bytes, bytes | None]:
        """Take a body in.

        Parameters
        ----------
        key : str
            Names its content.
        body : bytes
            The body.

        Returns
        -------
        tuple of bytes and (bytes or None)
            As of `find`.
        """
        found = (body, packed(body))
        with self._lock.held():
            if key not in self._held:
                self._held[key] = found
                self.size += _size(found)
            while self.size > self.limit and self._held:
                self.size -= _size(self._held.popitem(last=False)[1])
        return found


def _size(held: tuple[bytes, bytes | None]) -> int:
    return len(held[0]) + len(held[1] or b"")


def packed(body: bytes) -> bytes | None:
    """Return a body as gzip, the same bytes each time; None where that gains little.

    Parameters
    ----------
    body : bytes
        The body.
    """
    if len(body) < SMALL:
        return None
    found = gzip.compress(body, LEVEL, mtime=0)
    return found if len(found) <= SAVES * len(body) else None


def unchanged(request: Request, etag: str) -> bool:
    """Tell whether the caller has this content already.

    Parameters
    ----------
    request : Request
        With the header ``If-None-Match``, or without.
    etag : str
        Without quotes.
    """
    given = request.headers.get("if-none-match", "").split(",", MOST_TAGS)[:MOST_TAGS]
    tags = {tag.strip().removeprefix("W/").strip('"').removesuffix("-gzip") for tag in given}
    return etag in tags or "*" in tags


def answer(
    request: Request,
    body: bytes | tuple[bytes, bytes | None],
    kind: str,
    *,
    etag: str,
    cache: str = FRESH,
    headers: dict[str, str] | None = None,
) -> Response:
    """Return the answer that has a body, or the part of it that was asked for, or 304.

    Parameters
    ----------
    request : Request
        What was asked.
    body : bytes, or bytes with their gzip
        As `Memory` holds it.
    kind : str
        Content type.
    etag : str
        Names the content; without quotes.
    cache : str
        Cache-Control.
    headers : dict, optional
        More.

    Returns
    -------
    Response

    Raises
    ------
    Refused
        416: the range lies beyond the end.
    """
    told = {"ETag": f'"{etag}"', "Cache-Control": cache, "Vary": "Accept-Encoding",
            "Accept-Ranges": "bytes", **(headers or {})}  # fmt: skip
    if unchanged(request, etag):
        return Response(status_code=304, headers=told)
    plain, small = (body, None) if isinstance(body, bytes) else body
    span = range_of(request, len(plain), etag)
    if span is not None:
        first, last = span
        told["Content-Range"] = f"bytes {first}-{last}/{len(plain)}"
        return _sized(request, plain[first : last + 1], kind, 206, told)
    if small is not None and "gzip" in request.headers.get("accept-encoding", ""):
        told |= {"Content-Encoding": "gzip", "ETag": f'"{etag}-gzip"'}
        plain = small
    return _sized(request, plain, kind, 200, told)


def _sized(request: Request, body: bytes, kind: str, status: int, told: dict[str, str]) -> Response:
    told["Content-Length"] = str(len(body))
    shown = b"" if request.method == "HEAD" else body
    return Response(shown, status, headers=told, media_type=kind)


def range_of(request: Request, size: int, etag: str) -> tuple[int, int] | None:
    """Return first and last byte asked for; None for the whole (RFC 9110, section 14).

    Parameters
    ----------
    request : Request
        What was asked.
    size : int
        Bytes of the whole.
    etag : str
        Names the content; without quotes.

    Returns
    -------
    tuple of int, or None

    Raises
    ------
    Refused
        416: the range lies beyond the end.
    """
    asked = request.headers.get("range", "")
    if request.method != "GET" or request.headers.get("if-range", f'"{etag}"') != f'"{etag}"':
        return None
    unit, _, spans = asked.partition("=")
    first, dash, last = (part.strip() for part in spans.partition("-"))
    numbers = [part for part in (first, last) if part]
    usable = unit.strip().lower() == "bytes" and dash and numbers and "," not in spans
    if not usable or not all(
        part.isascii() and part.isdigit() and len(part) < 19 for part in numbers
    ):
        return None  # what can't be read is to be ignored
    begin = int(first) if first else max(0, size - int(last))
    end = min(int(last), size - 1) if first and last else size - 1
    if first and last and int(last) < begin:
        return None
    if begin >= size or (not first and int(last) == 0):
        raise Refused(
            416, f"there are {size:,} bytes", headers={"Content-Range": f"bytes */{size}"}
        )
    return begin, end
