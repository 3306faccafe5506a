"""A sample of the rows of files: chosen block by block, so that files may be larger than memory.

Random, stratified and weighted samples need passes over one column and hold only what they chose;
densities and distances need all features at once.
"""

from __future__ import annotations

import math
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gputsne.base import deadline
from gputsne.base.types import Array
from gputsne.data import BadInput, Selection, read
from gputsne.data.blocks import Blocks, blocks_of, write_rows
from gputsne.data.formats.csv.numbers import number
from gputsne.data.table import TEXT_SUFFIXES, counted, format_of
from gputsne.provenance.outcome import shown
from gputsne.runs.reading import read_points
from gputsne.runs.streams import Source
from gputsne.sampling import Coverage, sample
from gputsne.sampling.choosing import allotted, sha256_of
from gputsne.sampling.coverage import shares

__all__ = ["REFERENCE", "Drawn", "Wanted", "draw"]

I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]
REFERENCE: Final = 20_000  # rows, drawn uniformly, for which the coverage is measured
WHOLE: Final = ("density", "diverse")  # methods that look at all features at once


@dataclass(frozen=True)
class Wanted:
    """What is asked of a sample.

    Attributes
    ----------
    size : int or float
        Rows, or a share below 1.
    method : str
        As of `gputsne.sample`.
    by : str or None
        Column of strata.
    weights : str or None
        Column of weights, of method "random".
    ids : str or None
        Column that names the rows.
    seed : int
        Of the choice.
    """

    size: int | float
    method: str = "random"
    by: str | None = None
    weights: str | None = None
    ids: str | None = None
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Drawn:
    """Rows of files that were chosen.

    Attributes
    ----------
    tables : tuple of (Blocks, array of int64)
        Each file, and the numbers of its rows that were chosen, ascending.
    of : int
        Rows of all files.
    rows : array, shape (m,), int64
        Their numbers, counted through all files.
    ids : array, shape (m,)
        Their ids; their numbers where no column names them.
    weights : array, shape (m,), float64
        How many rows each stands for.
    sha256 : str
        Of method and ids.
    coverage : Coverage or None
        How well they stand for all; None where rows are no finite numbers.
    notes : tuple of str
        Remarks for the user.
    """

    tables: tuple[tuple[Blocks, I64], ...]
    of: int
    rows: I64
    ids: Array
    weights: F64
    sha256: str
    coverage: Coverage | None
    notes: tuple[str, ...] = ()

    def write(self, path: Path) -> None:
        """Write the rows with ``row`` and ``sample_weight`` beside them, as the tables' own kind.

        Parameters
        ----------
        path : Path
            Written whole or not at all; an npy holds the rows alone.
        """
        write_rows(path, self.tables, {"row": self.rows, "sample_weight": self.weights})


def draw(sources: Sequence[Source], want: Selection, asked: Wanted) -> Drawn:
    """Choose rows of files.

    Parameters
    ----------
    sources : sequence of Source
        Tables of one kind with the same columns, read as one.
    want : Selection
        Features, for densities, distances and the coverage; how text is read.
    asked : Wanted
        What is asked.

    Returns
    -------
    Drawn

    Raises
    ------
    BadInput
        A file is missing or broken or has not what was asked for; more rows are asked than there
        are; a stratum or weight is missing.
    OverMemory
        For a method that looks at all features at once, where they don't fit.
    """
    try:
        return _draw(sources, want, asked)
    except BadInput as error:  # the copy of a stream has a name that nobody knows
        said = shown(str(error))
        for source in sources:
            said = said.replace(shown(source.path), source.name)
        raise BadInput(said) from error


def _draw(sources: Sequence[Source], want: Selection, asked: Wanted) -> Drawn:
    tables = [blocks_of(source.path, want) for source in sources]
    if asked.method in WHOLE:
        return _whole(sources, tables, want, asked)
    rng = np.random.default_rng(asked.seed)
    kept = 1.0
    if asked.weights is not None:
        n, rows, weights = _weighted(tables, asked, rng)
    elif asked.by is not None:
        n, rows, weights, kept = _by_strata(tables, asked, rng)
    else:
        n = sum(table.n for table in tables)
        m = _size(asked.size, n)
        rows = np.sort(rng.choice(n, m, replace=False, shuffle=False))
        weights = np.full(m, n / m)
    parts = _split(tables, rows)
    ids: Array = rows
    if asked.ids is not None:
        ids = np.concatenate([_picked(table, asked.ids, own) for table, own in parts])
    found, notes = _coverage(tables, rows, weights, want, asked, n, kept)
    sha256 = sha256_of(asked.method, ids)
    return Drawn(tuple(parts), n, rows, ids, weights, sha256, found, notes)


def _whole(
    sources: Sequence[Source], tables: list[Blocks], want: Selection, asked: Wanted
) -> Drawn:
    points = read_points(sources, replace(want, labels=asked.by, ids=asked.ids))
    table = points.table
    n = table.X.shape[0]
    try:
        found = sample(
            table.X, _size(asked.size, n), method=asked.method, strata=table.labels,
            ids=table.ids, random_state=asked.seed,
        )  # fmt: skip
    except (TypeError, ValueError) as error:
        raise BadInput(f"{sources[0].name}: {error}") from error
    return Drawn(
        tuple(_split(tables, found.rows)), n, found.rows, found.ids, found.weights, found.sha256,
        found.coverage, points.notes,
    )  # fmt: skip


def _column(tables: Sequence[Blocks], column: str) -> Iterator[Array]:
    """Yield the values of a column block by block."""
    for table in tables:
        for _, (values,) in table.walk([column]):
            deadline.check(f"while {table.path.name} was read")
            yield values


def _size(size: int | float, n: int) -> int:
    m = max(1, round(size * n)) if size < 1 else int(size)
    if m > n:
        raise BadInput(f"{counted(m, 'row')} asked, {counted(n, 'row')} there")
    return m


def _strata(tables: Sequence[Blocks], by: str) -> Iterator[list[Any]]:
    first = 0
    for values in _column(tables, by):
        listed = values.tolist()
        for i, value in enumerate(listed):
            if value is None or value == "" or value != value:
                raise BadInput(
                    f"--by {by}: none in row {first + i}, counted from 0; leave such rows out, or "
                    "give them a name"
                )
        yield listed
        first += len(listed)


def _by_strata(
    tables: Sequence[Blocks], asked: Wanted, rng: np.random.Generator
) -> tuple[int, I64, F64, float]:
    """Return rows, weights and the share of mass kept, by shares of strata or at random."""
    assert asked.by is not None
    counts: Counter[Any] = Counter()
    for values in _strata(tables, asked.by):
        counts.update(values)
    n = sum(counts.values())
    m = _size(asked.size, n)
    names = list(counts)
    every = np.array([counts[name] for name in names])
    if asked.method == "random":  # strata are counted for the coverage alone
        rows: I64 = np.sort(rng.choice(n, m, replace=False, shuffle=False))
        weights = np.full(m, n / m)
    else:
        take = allotted(every, m)
        chosen = {
            name: np.sort(rng.choice(count, some, replace=False, shuffle=False))
            for name, count, some in zip(names, every.tolist(), take.tolist(), strict=True)
        }
        stands = dict(zip(names, (every / np.maximum(take, 1)).tolist(), strict=True))
        rows, weights = _places(tables, asked.by, chosen, stands)
        return n, rows, weights, _common(every / n, every * (take > 0))
    own = dict.fromkeys(names, 0)
    first = 0
    for values in _strata(tables, asked.by):
        low, high = np.searchsorted(rows, [first, first + len(values)])
        for i in (rows[low:high] - first).tolist():
            own[values[i]] += 1
        first += len(values)
    return n, rows, weights, _common(every / n, np.array([own[name] for name in names]))


def _common(shares_of_all: F64, sampled: npt.NDArray[Any]) -> float:
    """Return the common part of two distributions over strata."""
    return float(np.minimum(shares_of_all, sampled / sampled.sum()).sum())


def _places(
    tables: Sequence[Blocks], by: str, chosen: dict[Any, I64], stands: dict[Any, float]
) -> tuple[I64, F64]:
    """Return where the chosen ones of each stratum stand: the 0th, 7th, ... of its rows."""
    seen: Counter[Any] = Counter()
    rows: list[I64] = []
    weights: list[F64] = []
    first = 0
    for values in _strata(tables, by):
        where: dict[Any, list[int]] = {}
        for i, value in enumerate(values):
            where.setdefault(value, []).append(i)
        for value, places in where.items():
            low, high = np.searchsorted(chosen[value], [seen[value], seen[value] + len(places)])
            taken = np.asarray(places, dtype=np.int64)[chosen[value][low:high] - seen[value]]
            rows.append(taken + first)
            weights.append(np.full(len(taken), stands[value]))
            seen[value] += len(places)
        first += len(values)
    found = np.concatenate(rows)
    order = np.argsort(found)
    return found[order], np.concatenate(weights)[order]


def _weighted(
    tables: Sequence[Blocks], asked: Wanted, rng: np.random.Generator
) -> tuple[int, I64, F64]:
    """Draw systematically with chances in proportion to weights, none above 1 (Madow 1949)."""
    assert asked.weights is not None
    n, positive = 0, 0
    sums: list[float] = []
    for values in _numbers(tables, asked.weights):
        n, positive = n + len(values), positive + int((values > 0).sum())
        sums.append(float(values.sum()))
    m = _size(asked.size, n)
    if positive < m:
        raise BadInput(f"{counted(positive, 'row')} with a weight above 0, {m} asked")
    largest = np.empty(0)
    for values in _numbers(tables, asked.weights):
        largest = np.sort(np.concatenate([largest, values]))[::-1][:m]
    rest, sure = math.fsum(sums), 0
    while sure < m and largest[sure] * (m - sure) >= rest:
        rest -= float(largest[sure])
        sure += 1
    limit = float(largest[sure - 1]) if sure else np.inf  # of equal weights all are certain or none
    step = rest / (m - sure) if m > sure else np.inf
    at = rng.random() * step  # where the next one is taken, on the sum of what is not certain
    rows: list[int] = []
    chances: list[float] = []
    first, passed = 0, 0.0
    for values in _numbers(tables, asked.weights):
        certain = values >= limit
        ends = passed + np.cumsum(np.where(certain, 0.0, values))
        for i in np.flatnonzero(certain).tolist():
            rows.append(first + i)
            chances.append(1.0)
        while len(ends) and at < ends[-1]:
            i = int(np.searchsorted(ends, at, side="right"))
            rows.append(first + i)
            chances.append(float(values[i] / step))
            at += step
        passed = float(ends[-1]) if len(ends) else passed
        first += len(values)
    order = np.argsort(rows)[:m]  # rounding may bring one too many at the very end
    return n, np.asarray(rows, dtype=np.int64)[order], 1.0 / np.asarray(chances)[order]


def _numbers(tables: Sequence[Blocks], column: str) -> Iterator[F64]:
    first = 0
    for table in tables:
        for values in _column([table], column):
            told = enumerate(values.tolist())
            yield np.array([_weight(value, first + i, table.decimal) for i, value in told])
            first += len(values)


def _weight(value: Any, row: int, decimal: str) -> float:
    try:
        found = number(value, decimal) if isinstance(value, str) else float(value)
    except (TypeError, ValueError):
        found = None
    if found is None or not 0 <= found < np.inf:
        raise BadInput(f"--weights: {value!r} in row {row}, counted from 0, is no number from 0")
    return float(found)


def _split(tables: Sequence[Blocks], rows: I64) -> list[tuple[Blocks, I64]]:
    """Return the rows of each table, counted within it."""
    found, first = [], 0
    for table in tables:
        low, high = np.searchsorted(rows, [first, first + table.n])
        found.append((table, rows[low:high] - first))
        first += table.n
    return found


def _picked(table: Blocks, column: str, rows: I64) -> Array:
    """Return the values of a column in some rows, ascending."""
    found, first = [], 0
    for n, (values,) in table.walk([column]):
        low, high = np.searchsorted(rows, [first, first + n])
        found += values[rows[low:high] - first].tolist()
        first += n
    made = np.empty(len(found), dtype=object)
    made[:] = found
    return made


def _coverage(
    tables: list[Blocks], rows: I64, weights: F64, want: Selection, asked: Wanted, n: int,
    kept: float,
) -> tuple[Coverage | None, tuple[str, ...]]:  # fmt: skip
    """Measure the coverage for all rows, or for many that are drawn uniformly."""
    reference: I64 = np.arange(n, dtype=np.int64)
    if n > REFERENCE:
        rng = np.random.default_rng([asked.seed, 1])
        reference = np.sort(rng.choice(n, REFERENCE, replace=False, shuffle=False))
    both = np.union1d(reference, rows)
    # read by the reader of every command, so that columns and their kinds are those of a fit
    with tempfile.TemporaryDirectory(prefix="gputsne-") as folder:
        some = Path(folder, f"rows{format_of(tables[0].path)}")
        write_rows(some, _split(tables, both), {})
        plain = replace(want, labels=asked.by, ids=asked.ids)
        if some.suffix in TEXT_SUFFIXES:
            plain = replace(plain, encoding=None, header=True)
        try:
            data = read(some, plain)
        except BadInput as error:
            said = str(error).replace(str(some), "the sample")
            return None, (f"no coverage: {said}",)
    points = np.asarray(data.X, dtype=np.float64)
    if asked.weights in (data.names or ()):
        points = np.delete(points, (data.names or ()).index(str(asked.weights)), axis=1)
    if not np.isfinite(points).all():
        return None, ("no coverage: rows have missing or infinite values",)
    own = points[np.searchsorted(both, rows)]
    found = shares(points[np.searchsorted(both, reference)], own, own, weights, kept=kept, of=n)
    return found, ()
