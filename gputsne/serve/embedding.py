"""On-demand maps of small tables: limits, quota, token, cache by hash, principal components first.

One function for the server's ``POST /embed``, for a serverless platform and for a script.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import numpy as np

from gputsne._version import __version__
from gputsne.base import deadline
from gputsne.base.errors import DeadlineExceeded, GputsneError, OverMemory, Refused
from gputsne.base.forks import Lock
from gputsne.base.parameter_table import Real, Whole
from gputsne.base.threads import resolve_n_jobs
from gputsne.base.types import FloatArray
from gputsne.data import require
from gputsne.serve.quota import Buckets
from gputsne.serve.rows import Limits, kind_of, read_rows
from gputsne.serve.tokens import Tokens

__all__ = ["EmbedService", "Embedded", "embed_once", "warm"]

HOUR: Final = 3600.0  # seconds
PERPLEXITY: Final = 30.0
FEWEST: Final = 4  # rows: fewer have no neighbours to speak of
LIBRARIES: Final = (
    "gputsne.model.embedding",
    "gputsne.neighbors",
    "gputsne.plotting",
    "matplotlib.figure",
)
DPI: Final = 50.0  # of a thumbnail: a few hundred pixels


@dataclass(frozen=True, eq=False)
class Embedded:
    """An on-demand map.

    Attributes
    ----------
    png : bytes
        A picture of it.
    map : array, shape (n, 2), float32
        The map.
    key : str
        Hash of the rows and of how they were mapped: the same rows have the same.
    cached : bool
        Whether it was there already.
    """

    png: bytes
    map: FloatArray
    key: str
    cached: bool


class EmbedService:
    """What on-demand maps share: limits, quota, tokens, and the maps made last.

    Parameters
    ----------
    max_rows : int, default 5000
        Of a table.
    max_columns : int, default 4096
        Of a table.
    max_bytes : int, default 8_000_000
        Of a body.
    pca : int, default 50
        Principal components that wider tables are reduced to first.
    calls : float, default 10
        Calls that a token, or a caller, has per hour; those that are answered from the cache
        count, too. ``inf`` for any number.
    seconds : float, default 60
        In which a map must be done.
    kept : int, default 64
        Maps that are remembered; 0 for none.
    tokens : Tokens or None
        Who may call; None for everybody, as behind a gateway or the server, which ask themselves.
    n_jobs : int or None
        Threads of a map; None for all.
    clock : callable
        Seconds that only go up, for the quota.

    Attributes
    ----------
    cold_seconds : float or None
        What this service's first map spent on loading libraries; None before it, and where the
        process had loaded them already.

    Raises
    ------
    TypeError
        A value is of another kind.
    ValueError
        A number is too small or not finite.
    """

    def __init__(
        self,
        *,
        max_rows: int = 5000,
        max_columns: int = 4096,
        max_bytes: int = 8_000_000,
        pca: int = 50,
        calls: float = 10.0,
        seconds: float = 60.0,
        kept: int = 64,
        tokens: Tokens | None = None,
        n_jobs: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        for name, value, kind in (
            ("max_rows", max_rows, Whole(1)), ("max_columns", max_columns, Whole(1)),
            ("max_bytes", max_bytes, Whole(1)), ("pca", pca, Whole(1)), ("kept", kept, Whole(0)),
            ("seconds", seconds, Real()),
        ):  # fmt: skip
            kind.check(name, value)
        if calls != float("inf"):
            Real().check("calls", calls)
        if not isinstance(tokens, Tokens | None):
            raise TypeError(f"tokens must be Tokens or None, not {type(tokens).__name__}")
        resolve_n_jobs(n_jobs)
        self.limits = Limits(max_bytes, max_rows, max_columns)
        self.pca, self.seconds, self.kept = pca, seconds, kept
        self.tokens, self.n_jobs = tokens, n_jobs
        self.cold_seconds: float | None = None
        self._quota = None if calls == float("inf") else Buckets(calls, calls / HOUR, clock=clock)
        self._calls = calls
        self._made: OrderedDict[str, tuple[bytes, FloatArray]] = OrderedDict()
        self._lock = Lock()

    def __call__(
        self, data: Any, *, content_type: str = "", token: str = "", caller: str = ""
    ) -> Embedded:
        """Return the map of a table.

        Parameters
        ----------
        data : bytes or array-like, shape (n, d)
            An npy, npz, csv or JSON file's bytes, or the rows.
        content_type : str
            Of the bytes; "" lets their beginning decide.
        token : str
            One of `tokens`, where they are asked for.
        caller : str
            What the quota is counted by where there are no tokens.

        Returns
        -------
        Embedded

        Raises
        ------
        Refused
            401 without a token, 403 for a viewer's, 413 beyond a limit, 429 beyond the quota, 400
            and 415 for what is no table, 504 beyond the deadline.
        """
        if self.tokens is not None:
            known = self.tokens.caller(token)
            if known is None:
                headers = {"WWW-Authenticate": 'Bearer realm="gputsne"'}
                raise Refused(401, "send a token: Authorization: Bearer TOKEN", headers=headers)
            if not known.may("editor"):
                raise Refused(403, "this needs a token of the role editor")
            caller = known.key
        self.charge(caller)
        return self.made(data, content_type)

    def charge(self, caller: str) -> None:
        """Count a call.

        Parameters
        ----------
        caller : str
            Whose.

        Raises
        ------
        Refused
            429: it is beyond the quota.
        """
        if self._quota is not None and (wait := self._quota.take(caller)):
            raise Refused(429, f"{self._calls:g} maps per hour are allowed", retry_after=wait)

    def made(self, data: Any, content_type: str = "") -> Embedded:
        """Return the map of a table for a caller who was let in.

        Parameters
        ----------
        data : bytes or array-like, shape (n, d)
            As of a call.
        content_type : str, default ""
            As of a call.

        Returns
        -------
        Embedded

        Raises
        ------
        Refused
            As of a call, for what the table is.
        """
        kind = kind_of(content_type, bytes(data[:64])) if isinstance(data, bytes) else ""
        rows = read_rows(data, kind, self.limits)
        if len(rows.X) < FEWEST:
            raise Refused(400, f"{len(rows.X)} rows are too few for a map: send {FEWEST} or more")
        X = np.ascontiguousarray(rows.X, dtype=np.float32)
        if not np.isfinite(X).all():
            raise Refused(400, "values beyond 3.4e38 are too large")
        if (X[0] == X).all():
            raise Refused(400, "all rows are equal: there is nothing to map")
        key = _key(X, self.pca)
        with self._lock.held():
            found = self._made.get(key)
            if found is not None:
                self._made.move_to_end(key)
        if found is not None:
            return Embedded(*found, key, cached=True)
        self._warm()
        made = self._map(X)
        with self._lock.held():
            self._made[key] = made
            while len(self._made) > self.kept:
                self._made.popitem(last=False)
        return Embedded(*made, key, cached=False)

    def _warm(self) -> None:
        """Load what a map needs, and tell in `cold_seconds` how long that took."""
        took = warm()
        if took is not None:
            self.cold_seconds = took

    def _map(self, X: FloatArray) -> tuple[bytes, FloatArray]:
        from gputsne.model.embedding import Embedding

        n, d = X.shape
        few = min(self.pca, n - 1)
        model = Embedding(
            perplexity=min(PERPLEXITY, (n - 1) / 3),
            pca=few if d > few else None,
            random_state=0,
            n_jobs=self.n_jobs,
        )
        try:
            with deadline.limit(self.seconds):
                model.fit(X)
        except DeadlineExceeded as error:
            raise Refused(
                504, f"it took longer than {self.seconds:g} s; send fewer rows"
            ) from error
        except OverMemory as error:
            raise Refused(413, str(error)) from error
        except (ValueError, GputsneError) as error:
            raise Refused(400, str(error)) from error
        return _picture(model), np.asarray(model.embedding_, dtype=np.float32)


_LOADING: Final = Lock()
_DRAWING: Final = Lock()  # matplotlib's fonts and caches are not made for threads


def _picture(model: Any) -> bytes:
    from gputsne.plotting import plot

    with _DRAWING.held(), tempfile.TemporaryDirectory(prefix="gputsne-") as folder:
        path = Path(folder, "map.png")
        plot(model, path=path, dpi=DPI, renderer="matplotlib")
        return path.read_bytes()


_STARTED: set[str] = set()  # what this process has loaded


def warm() -> float | None:
    """Load the libraries that a map needs.

    Returns
    -------
    float or None
        Seconds that took; None where this process had loaded them already.

    Raises
    ------
    DependencyMissing
        matplotlib isn't installed.
    """
    require("matplotlib", "the picture of an on-demand map")
    with _LOADING.held():
        missing = [name for name in LIBRARIES if name not in _STARTED]
        if not missing:
            return None
        began = time.monotonic()
        for name in missing:
            import_module(name)
            _STARTED.add(name)
        return time.monotonic() - began


def _key(X: FloatArray, pca: int) -> str:
    digest = hashlib.sha256(f"{__version__} {pca} {X.shape} ".encode())
    digest.update(X.tobytes())
    return digest.hexdigest()


@cache
def _service() -> EmbedService:
    """Return the service of this process; tokens are asked for where the environment has some."""
    tokens = Tokens.read(None, os.environ)
    return EmbedService(tokens=tokens if len(tokens) else None)


def embed_once(
    data: Any,
    *,
    content_type: str = "",
    token: str = "",
    caller: str = "",
    service: EmbedService | None = None,
) -> Embedded:
    """Map a small table, now, and draw it.

    Tables wider than 50 columns are reduced to principal components first. The same rows are
    answered from memory. By default 5,000 rows and 10 calls per hour are allowed; a service of
    your own, ``EmbedService(...)``, has limits of your own.

    Parameters
    ----------
    data : bytes or array-like, shape (n, d)
        An npy, npz, csv or JSON file's bytes, or the rows. Nothing is unpickled.
    content_type : str, default ""
        Of the bytes; "" lets their beginning decide.
    token : str, default ""
        Where tokens are asked for: by default those of the variable ``GPUTSNE_TOKENS``, if set.
    caller : str, default ""
        What the quota is counted by where they are not.
    service : EmbedService or None, default None
        Limits, quota and cache; None for the process's own.

    Returns
    -------
    Embedded
        ``png`` holds the picture, ``map`` the coordinates.

    Raises
    ------
    Refused
        With the HTTP status of the reason: 401, 403, 413, 429, 400, 415, 504.

    Examples
    --------
    >>> import gputsne, numpy as np
    >>> rows = np.random.default_rng(0).normal(size=(40, 5))
    >>> made = gputsne.serve.embed_once(rows)
    >>> made.map.shape, made.png[1:4]
    ((40, 2), b'PNG')
    """
    service = service or _service()
    return service(data, content_type=content_type, token=token, caller=caller)
