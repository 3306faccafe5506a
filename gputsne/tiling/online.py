"""OnlineMap: a stream on a map that stands still, as tiles that are refreshed while it flows.

A fair sample of the stream is kept, its rows are placed on the fitted map, and the tiles are
written anew every few batches. Memory does not grow, and no point ever moves.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from gputsne.base.errors import BadInput
from gputsne.base.files import replacing
from gputsne.base.labels import LabelColumn, read_column, text_of
from gputsne.base.parameter_table import Whole
from gputsne.base.types import Array
from gputsne.data.named import some_rows
from gputsne.sampling import Reservoir
from gputsne.tiling.building import Tiles, contents_of, save
from gputsne.tiling.columns import Category, Column, hashed, read_all, read_ids
from gputsne.tiling.folder import check_target, locked

__all__ = ["OnlineMap"]

SCHEMA: Final = "gputsne.online/2"
SUFFIX: Final = ".state.npz"
OF_MAP: Final = "map row {}"  # id of a row that the map was fitted to, where it has none
PRIVATE: Final = 0o600  # mode of the state: only the user who runs the stream reads it
MOST_NUMBERS: Final = 2**32  # of rows; beyond, their numbers are text
ARRAYS: Final = ("places", "rows", "keys")  # of a reservoir's state


@dataclass(frozen=True, eq=False)
class _Held:
    """Everything that changes with a batch; replaced as a whole, so that nothing is half done."""

    reservoir: Reservoir
    Y: Array
    batch: npt.NDArray[np.int64]
    labels: list[Any]
    ids: list[str]
    batches: int = 0
    version: int = 0
    written: int = 0  # batches that the tiles are of
    known: dict[str, str] = field(default_factory=dict)


class OnlineMap:
    """A stream of batches on a fitted map, as tiles.

    Parameters
    ----------
    model : fitted TSNE
        With a map of two axes; it never changes. Anything with ``embedding_`` and ``transform``.
    tiles : str or path-like
        The folder of the tile set. What it takes to go on after a crash lies beside it, in
        ``tiles`` with ``.state.npz`` appended: with the same arguments, a new OnlineMap goes on
        from there; ``refresh``, ``title`` and ``caption`` may change. It has the single rows that
        are kept, whatever the tiles show, with labels and ids, and only its user may read it.
    reservoir : int, default 50,000
        Rows of the stream that are shown: a uniform sample of all that came, whatever their number.
    refresh : int or None, default 1
        Batches after which the tiles are written anew; None: only by ``refresh()``.
    labels : array_like, shape (n,), optional
        Of the rows that the map was fitted to. Batches bring theirs, or have none.
    hash_ids : str or bytes, optional
        A salt of 16 bytes or more: ids are kept and written as keyed hashes.
    min_cell : int, optional
        As in ``gputsne.tiles``.
    title, caption : str, optional
        Texts above and below the map.
    random_state : int, default 0
        Which rows are kept.

    Attributes
    ----------
    seen, batches, version : int
        Rows and batches that came, and times that the tiles were written. After a crash the stream
        goes on with row ``seen``, as if nothing had happened.

    Raises
    ------
    TypeError, ValueError
        For a model without a map of two axes, and labels of another length.
    BadInput
        ``tiles`` is a folder of other things, or its state is of another map or other arguments;
        later, another OnlineMap has written to the folder.

    Notes
    -----
    Rows are kept by Algorithm L (``gputsne.Reservoir``). Only those that are kept are placed, each
    on its own (``TSNE.transform``), so a point has one place for ever, to the bit. Tiles of the
    version before stay until the next one, for browsers that still go by its index. A batch counts
    wholly or, after an error or Ctrl-C, not at all. A folder has one stream: of two objects that
    write to it the second is refused.

    Examples
    --------
    >>> import gputsne, numpy as np, tempfile
    >>> X = gputsne.datasets.load_digits().X
    >>> model = gputsne.TSNE(max_iter=300, random_state=0).fit(X[:600])
    >>> with gputsne.OnlineMap(model, f"{tempfile.mkdtemp()}/tiles", reservoir=100) as online:
    ...     for first in range(600, 1200, 100):
    ...         kept = online.add(X[first : first + 100])
    >>> online.seen, online.points.shape, online.version
    (600, (100, 2), 6)
    """

    def __init__(
        self,
        model: Any,
        tiles: str | PathLike[str],
        *,
        reservoir: int = 50_000,
        refresh: int | None = 1,
        labels: Any = None,
        hash_ids: str | bytes | None = None,
        min_cell: int | None = None,
        title: str | None = None,
        caption: str | None = None,
        random_state: int = 0,
    ) -> None:
        Whole(1).check("reservoir", reservoir)
        Whole(1, optional=True).check("refresh", refresh)
        Whole(2, optional=True).check("min_cell", min_cell)
        Whole(0, 2**32 - 1).check("random_state", random_state)
        if not hasattr(model, "embedding_") or not hasattr(model, "transform"):
            raise TypeError(f"model={model!r:.80} has no map yet: pass a fitted TSNE")
        base = np.asarray(model.embedding_)
        if base.ndim != 2 or base.shape[1] != 2:
            raise ValueError(f"the model's map has shape {base.shape}; tiles need two axes")
        if hash_ids is not None:
            list(hashed((), hash_ids))  # raises for what is no salt
        self.model, self.folder, self.every = model, check_target(tiles), refresh
        self.min_cell, self.title, self.caption = min_cell, title, caption
        exact = base.dtype.itemsize > 4  # as gputsne.tiles keeps it
        self._base = np.ascontiguousarray(base, np.float64 if exact else np.float32)
        self._salt = hash_ids
        self._base_labels = [None] * len(base)
        if labels is not None:
            self._base_labels = _listed(read_column(labels, len(base)))
        self._state = self.folder.with_name(f"{self.folder.name}{SUFFIX}")
        self._about = {
            "schema": SCHEMA, "map": _digest(self._base.tobytes()), "reservoir": int(reservoir),
            "random_state": int(random_state),
            "hash_ids": None if hash_ids is None else _mark(hash_ids),
            "min_cell": None if min_cell is None else int(min_cell),
            "labels": None if labels is None else _digest(json.dumps(self._base_labels).encode()),
        }  # fmt: skip
        self._token = ""  # of the state that this object wrote or read last
        empty = np.empty(0, np.int64)
        self._held = _Held(
            Reservoir(reservoir, random_state=int(random_state)),
            np.empty((0, 2), self._base.dtype), empty, [], [],
        )  # fmt: skip
        if self._state.exists():
            self._held, self._token = _read(self._state, self._about)

    @property
    def seen(self) -> int:
        """Rows that came."""
        return self._held.reservoir.seen

    @property
    def batches(self) -> int:
        """Batches that came."""
        return self._held.batches

    @property
    def version(self) -> int:
        """Times that the tiles were written."""
        return self._held.version

    @property
    def rows(self) -> npt.NDArray[np.int64]:
        """Where in the stream each row kept was, ascending, shape (m,), int64."""
        return self._held.reservoir.places

    @property
    def points(self) -> Array:
        """The places of the rows kept, in the order of ``rows``, shape (m, 2), float32; a copy."""
        return self._held.Y.copy()

    def add(self, X: Any, *, labels: Any = None, ids: Any = None) -> int:
        """Take note of a batch; write the tiles anew where it is time.

        Parameters
        ----------
        X : array_like or DataFrame, shape (m, d)
            Rows like those that the model was fitted to. Without rows nothing happens.
        labels : array_like, shape (m,), optional
            Of the rows.
        ids : array_like, shape (m,), optional
            What they are called: in every batch, or in none.

        Returns
        -------
        int
            Rows of the batch that are kept.

        Raises
        ------
        TypeError, ValueError
            As ``TSNE.transform``, and for labels or ids of another number of rows. Nothing has
            changed then.
        BadInput
            Another OnlineMap has written to the folder.
        OSError
            The tiles can't be written; the earlier ones stand, and the batch counts.
        """
        if getattr(X, "shape", None) == ():
            raise ValueError(f"X={X!r:.80} is one value; pass rows")
        m = int(X.shape[0]) if hasattr(X, "shape") else len(X)
        if not m:
            for name, given in (("labels", labels), ("ids", ids)):
                if given is not None and len(given):
                    raise ValueError(f"{name} has {len(given)} entries, but X has 0 rows")
            return 0
        before = self._held
        width = getattr(self.model, "n_features_in_", None)
        if hasattr(X, "shape") and width is not None and X.shape[1:] != (width,):
            raise ValueError(
                f"X has shape {tuple(X.shape)}; the model was fitted to {width} columns"
            )
        new_labels = [None] * m if labels is None else _listed(read_column(labels, m, whose="X"))
        new_ids = self._ids(ids, m)
        reservoir = Reservoir.from_state(before.reservoir.state())
        reservoir.add(np.zeros((m, 1), np.uint8))
        places = reservoir.places
        old = np.isin(before.reservoir.places, places, assume_unique=True)
        new = places[places >= before.reservoir.seen] - before.reservoir.seen
        Y = before.Y[old]
        if len(new):
            placed = np.asarray(self.model.transform(some_rows(X, new)), Y.dtype)
            Y = np.concatenate([Y, placed])
        stays = np.flatnonzero(old).tolist()
        batches = before.batches + 1
        self._held = replace(
            before, reservoir=reservoir, Y=Y, batches=batches,
            batch=np.concatenate([before.batch[old], np.full(len(new), batches)]),
            labels=[before.labels[i] for i in stays] + [new_labels[i] for i in new.tolist()],
            ids=[before.ids[i] for i in stays] + [new_ids[i] for i in new.tolist()] if new_ids
            else [],
        )  # fmt: skip
        if self.every is not None and batches % self.every == 0:
            self.refresh()
        return len(new)

    def _ids(self, ids: Any, m: int) -> list[str]:
        """Return a batch's ids as text, hashed where a salt was given; none where it has none."""
        held = self._held
        if self.min_cell is not None and ids is not None:
            raise ValueError("ids name single rows, and min_cell shows none: leave one of them out")
        if held.reservoir.seen and (ids is not None) != bool(held.ids):
            raise ValueError("ids must come with every batch or with none")
        if ids is None:
            if self._salt is not None:
                raise ValueError("hash_ids has no effect without ids; pass ids, or leave it out")
            return []
        return read_ids(ids, m, self._salt).take(np.arange(m))

    def refresh(self) -> Tiles:
        """Write the tiles anew, and what it takes to go on.

        Returns
        -------
        Tiles

        Raises
        ------
        BadInput
            Another OnlineMap has written to the folder; its tiles and state stand.
        OSError
            They can't be written; the earlier ones stand.
        """
        lock = self.folder.with_name(f".{self.folder.name}.state.lock")
        os.close(os.open(lock, os.O_RDWR | os.O_CREAT, PRIVATE))
        with locked(lock):
            self._check_own()
            return self._refresh()

    def _check_own(self) -> None:
        """Raise BadInput where the state is not the one that this object wrote or read last."""
        if self._state.exists() and _token_of(self._state) != self._token:
            raise BadInput(
                f"{self._state} was written by another OnlineMap since this one read it: a folder "
                "has one stream; pass another folder, or a new OnlineMap the rows from its seen on"
            )

    def _refresh(self) -> Tiles:
        held = replace(self._held, version=self.version + 1, written=self.batches)
        columns = self._columns(held)
        numbers = np.concatenate([np.arange(len(self._base)), len(self._base) + self.rows])
        told = {
            "run": None, "title": self.title or "", "rows": len(numbers),
            "min_cell": self.min_cell, "version": held.version,
            "seen": held.reservoir.seen, "batches": held.batches,
        }  # fmt: skip
        contents = contents_of(
            np.concatenate([self._base, held.Y]), columns, told,
            lambda rows, _: self._texts(held, rows), min_cell=self.min_cell,
            numbers=numbers.astype(np.uint32),
        )  # fmt: skip
        first = next(iter(contents.columns.values()))
        if isinstance(first, Category):  # a label keeps its colour from version to version
            colours = dict(zip(first.categories, first.colours, strict=True))
            held = replace(held, known={**held.known, **colours})
        token = secrets.token_hex(8)
        _write(self._state, self._about, held, token)
        self._held, self._token = held, token
        return save(contents, self.folder, keep=1)

    def _texts(self, held: _Held, rows: int) -> dict[str, str]:
        """Return caption and alternative text, which count single rows where those are shown."""
        base, kept, seen = len(self._base), len(held.Y), held.reservoir.seen
        if self.min_cell is not None:
            caption, alt = f"{rows:,} points", f"A map of {rows:,} points, some of a stream."
        else:
            caption = f"{base:,} points of the map · {kept:,} of {seen:,} streamed rows"
            alt = f"A map of {base:,} points, and of {kept:,} that stand for {seen:,} of a stream."
        return {"caption": caption if self.caption is None else self.caption, "alt": alt}

    def _columns(self, held: _Held) -> dict[str, Column]:
        """Return the columns of the tiles: labels, or which rows are the stream's; batches."""
        labels: list[Any] = [*self._base_labels, *held.labels]
        name = "label"
        if all(label is None for label in labels):
            labels = ["map"] * len(self._base) + ["stream"] * len(held.Y)
            name = "part"
        n = len(labels)
        batch = np.concatenate([np.zeros(len(self._base)), held.batch])
        found = list(read_all(labels, None, n, name=name, known=held.known))
        found += read_all(batch, None, n, name="batch", kind="values")
        columns = {f"c{i}": column for i, column in enumerate(found)}
        if held.ids:
            columns["id"] = read_ids([*self._base_ids(), *held.ids], n, None)
        elif n and len(self._base) + held.reservoir.seen > MOST_NUMBERS:
            rows = [*range(len(self._base)), *(len(self._base) + self.rows).tolist()]
            columns["id"] = read_ids(rows, n, None)
        return columns

    def _base_ids(self) -> list[str]:
        """Return what the rows of the map are called: by the model's own ids, where it has some."""
        n = len(self._base)
        known = getattr(self.model, "ids_", None)
        if known is None:
            return [OF_MAP.format(i) for i in range(n)]
        return read_ids(known, n, self._salt).take(np.arange(n))

    def close(self) -> None:
        """Write the tiles and the state, where batches came since the last time."""
        if not self.version or self._held.written != self.batches:
            self.refresh()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _listed(column: LabelColumn) -> list[Any]:
    """Return labels as plain values that JSON can hold; None where there is none."""
    values: Sequence[Any] = column.values.tolist()
    if column.values.dtype.kind == "M":
        values = column.values.astype("M8[us]").astype(str).tolist()
    return [
        None if gone else v if isinstance(v, bool | int | float) else text_of(v)
        for v, gone in zip(values, column.missing, strict=True)
    ]


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _mark(salt: str | bytes) -> str:
    """Return what tells one salt from another and is no use to find it."""
    return next(iter(hashed(["gputsne"], salt)))


def _write(path: Path, about: dict[str, Any], held: _Held, token: str) -> None:
    """Write what it takes to go on; whole or not at all, and for its user alone."""
    state = held.reservoir.state()
    told = {
        "about": about, "labels": held.labels, "ids": held.ids, "batches": held.batches,
        "version": held.version, "written": held.written, "known": held.known,
        "reservoir": {k: v for k, v in state.items() if k not in ARRAYS},
    }  # fmt: skip
    arrays: dict[str, Any] = {k: np.empty((0, 1)) if state[k] is None else state[k] for k in ARRAYS}
    text = np.frombuffer(json.dumps(told).encode(), np.uint8)
    if path.exists():
        path.chmod(PRIVATE)  # which the new one takes over
    with replacing(path) as part:
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT, PRIVATE))
        with part.open("wb") as file:
            np.savez(file, Y=held.Y, batch=held.batch, told=text, token=np.array(token), **arrays)


def _token_of(path: Path) -> str:
    """Return what tells a state from all others; "damaged" where it can't be read."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as held:
            return str(held["token"])
    except Exception:  # as in _read
        return "damaged"


def _read(path: Path, about: dict[str, Any]) -> tuple[_Held, str]:
    """Return what was held, and its token; BadInput for a damaged state and for another map's."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as held:
            told = json.loads(held["told"].tobytes())
            asked, token = dict(told["about"]), str(held["token"])
            reservoir = Reservoir.from_state(
                {**told["reservoir"], **{name: held[name] for name in ARRAYS}}
            )
            found = _Held(
                reservoir, held["Y"], held["batch"], told["labels"], told["ids"], told["batches"],
                told["version"], told["written"], told["known"],
            )  # fmt: skip
            m = len(reservoir.places)
            whole = found.Y.shape == (m, 2) and found.batch.shape == (m,)
            whole = whole and asked["schema"] == SCHEMA
            if not whole or len(found.labels) != m or len(found.ids) not in (0, m):
                raise ValueError("its parts differ in length, or it is of another version")
    except Exception as error:  # zipfile, numpy and json have some ten types for damaged bytes
        raise BadInput(f"{path} is no state of an OnlineMap: {error}") from error
    for name, value in about.items():
        if asked.get(name) != value:
            plain = isinstance(value, int | None) and name != "hash_ids" and name != "labels"
            said = f" (here {value}, there {asked.get(name)})" if plain else ""
            raise BadInput(
                f"{path} is the state of another {name}{said}: pass the same, name another folder, "
                "or remove it to begin anew"
            )
    return found, token
