"""Whether maps come out the same: Procrustes disparities of several, rows matched by id."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import numpy.typing as npt

from gputsne.base.messages import warn_user
from gputsne.base.rows import finite_points
from gputsne.change.alignment import FEW, disparity
from gputsne.change.identity import matched

__all__ = ["Reproducibility", "reproducibility"]

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Reproducibility:
    """How far several maps of the same things are from one another.

    Attributes
    ----------
    names : tuple of str
        Of the maps, in their order.
    matrix : array, shape (maps, maps), float64
        Disparity of each pair on the rows that it shares: symmetric, 0 on the diagonal, 0 for maps
        that differ by shift, turn, mirroring and scale alone, 1 for nothing in common.
    shared : array, shape (maps, maps), int64
        Rows that each pair shares.
    """

    names: tuple[str, ...]
    matrix: F64
    shared: I64

    @property
    def evidence(self) -> dict[str, float | str]:
        """``seed_disparity``, the largest, ``seed_disparity_mean`` and ``seed_disparity_pair``."""
        i, j = np.triu_indices(len(self.names), 1)
        values = self.matrix[i, j]
        most = int(np.argmax(values))
        return {
            "seed_disparity": float(values[most]),
            "seed_disparity_mean": float(values.mean()),
            "seed_disparity_pair": f"{self.names[i[most]]}, {self.names[j[most]]}",
        }

    def to_dict(self) -> dict[str, Any]:
        """Return names, both matrices and the evidence as plain values.

        Returns
        -------
        dict of str to object
            ``names``, ``matrix``, ``shared`` and ``evidence``.
        """
        tables = {"matrix": self.matrix.tolist(), "shared": self.shared.tolist()}
        return {"names": list(self.names), **tables, "evidence": self.evidence}

    def _cells(self) -> list[list[str]]:
        lines = zip(self.names, self.matrix, strict=True)
        return [["", *self.names], *([name, *map(_told, row)] for name, row in lines)]

    def __str__(self) -> str:
        cells = self._cells()
        widths = [max(len(row[j]) for row in cells) for j in range(len(cells[0]))]
        lines = ["Disparity of maps after alignment, 0 for the same to 1"]
        for name, *row in cells:
            told = (f"{cell:>{w}}" for cell, w in zip(row, widths[1:], strict=True))
            lines.append("  ".join([f"{name:<{widths[0]}}", *told]).rstrip())
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        head, *body = self._cells()
        heads = "".join(f"<th>{escape(cell)}</th>" for cell in head)
        rows = "".join(
            f"<tr><th>{escape(name)}</th>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>"
            for name, *row in body
        )
        caption = "<caption>Disparity of maps after alignment, 0 for the same to 1</caption>"
        return f"<table>{caption}<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"


def _told(value: float) -> str:
    return "0" if value == 0 else f"{value:.3g}"


def reproducibility(
    runs: Sequence[Any] | Mapping[str, Any], *, ids: Sequence[Any] | None = None
) -> Reproducibility:
    """Compare several maps of the same things, each with each.

    Parameters
    ----------
    runs : sequence, or mapping of str to any
        At least two of: maps, shape (n, c); fitted models; runs of a store; what ``gputsne.read``
        returns of a map's file. A mapping names them.
    ids : sequence of array_like or None, default None
        The ids of the rows of each map, in the order of `runs`. None takes those that a stored map
        has; without any, row i is the same thing in all maps.

    Returns
    -------
    Reproducibility
        Exactly 0 for equal maps, as the same seed and data make.

    Raises
    ------
    TypeError
        For a model that is not fitted, and what is no map.
    ValueError
        For fewer than two maps, maps of other numbers of axes, fewer than two shared rows, maps of
        other numbers of rows without ids, all points in one place, missing and repeated ids, NaN
        and infinity.

    Warns
    -----
    UserWarning
        For pairs of maps that share fewer than 30 rows.

    Notes
    -----
    The disparity is scipy's ``procrustes``, of all shared rows: none are trimmed.

    Examples
    --------
    >>> import numpy as np
    >>> Y = np.random.default_rng(0).normal(size=(40, 2))
    >>> found = reproducibility({"monday": Y, "tuesday": 3 * Y[:, ::-1] + 1})
    >>> bool(found.matrix[0, 1] < 1e-12), found.names
    (True, ('monday', 'tuesday'))
    """
    named = isinstance(runs, Mapping)
    held = list(runs.values()) if isinstance(runs, Mapping) else list(runs)
    if len(held) < 2:
        raise ValueError(f"runs holds {len(held)} maps: at least two are compared")
    names = _names(runs if isinstance(runs, Mapping) else (_name(r, i) for i, r in enumerate(held)))
    if ids is not None and len(ids) != len(held):
        raise ValueError(f"ids has {len(ids)} entries for {len(held)} maps: give each its ids")
    called = [f"runs[{name!r}]" if named else f"runs[{i}]" for i, name in enumerate(names)]
    maps = [_map(run, of) for run, of in zip(held, called, strict=True)]
    points = [finite_points(of, Y) for of, (Y, _) in zip(called, maps, strict=True)]
    known = [own for _, own in maps] if ids is None else list(ids)
    return _compared(names, called, points, known)


def _compared(
    names: tuple[str, ...], called: list[str], points: list[F64], ids: list[Any]
) -> Reproducibility:
    """Return the matrix of maps whose points are finite."""
    n = len(names)
    matrix, shared = np.zeros((n, n)), np.zeros((n, n), dtype=np.int64)
    for i in range(n):
        shared[i, i] = len(points[i])
        for j in range(i + 1, n):
            pair = f"{called[i]} and {called[j]}"
            one, two = _shared(pair, points[i], points[j], ids[i], ids[j])
            shared[i, j] = shared[j, i] = len(one)
            matrix[i, j] = matrix[j, i] = disparity(one, two)
    few = int(shared.min())
    if few < FEW:
        warn_user(f"maps share {few} rows: a comparison of fewer than {FEW} says little")
    return Reproducibility(names, matrix, shared)


def _shared(pair: str, one: F64, two: F64, own: Any, other: Any) -> tuple[F64, F64]:
    """Return the points that two maps share, as partners."""
    if one.shape[1] != two.shape[1]:
        raise ValueError(f"{pair} have {one.shape[1]} and {two.shape[1]} axes: give the same")
    if (own is None) != (other is None):
        raise ValueError(f"{pair}: one has ids and the other none; give ids of both")
    if own is None and len(one) != len(two):
        raise ValueError(f"{pair} have {len(one)} and {len(two)} rows: give ids, or the same rows")
    rows = matched(len(one), len(two), own, other)
    one, two = one[rows[0]], two[rows[1]]
    if len(one) < 2:
        raise ValueError(
            f"{pair} share {len(one)} rows: at least two are needed; are ids the same?"
        )
    if (one == one[0]).all() or (two == two[0]).all():
        raise ValueError(f"{pair}: all shared points lie in one place, nothing can be aligned")
    return one, two


def _map(run: Any, called: str) -> tuple[Any, Any]:
    """Return the map of a run, a model or an array, and its ids where it has some."""
    if hasattr(run, "read_map"):
        run = run.read_map()
    if hasattr(run, "X") and hasattr(run, "ids"):
        return run.X, run.ids
    if hasattr(run, "embedding_"):
        return run.embedding_, None
    if hasattr(run, "fit"):
        raise TypeError(f"{called} is a {type(run).__name__} without a map: fit it first")
    return run, None


def _name(run: Any, i: int) -> str:
    told = getattr(run, "id", None)
    return told if isinstance(told, str) else str(i)


def _names(given: Iterable[Any]) -> tuple[str, ...]:
    """Return names of maps; a run that comes twice is told apart by its place."""
    names = [str(name) for name in given]
    return tuple(f"{n} ({i})" if names.count(n) > 1 else n for i, n in enumerate(names))
