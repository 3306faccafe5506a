"""Stability of a model: how far its vectors turn when its input has a little noise."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from gputsne.base.findings import Findings
from gputsne.base.parameter_table import Real, Whole
from gputsne.base.rows import finite_points
from gputsne.base.tables import read

__all__ = ["column_stability", "stability"]

F64 = npt.NDArray[np.float64]
Model = Callable[[Any], Any]


def stability(
    model: Model | None, X: Any, *, noise: Sequence[float] = (0.01, 0.05, 0.1), repeats: int = 10,
    relative: bool = False, random_state: Any = 0,
) -> Findings:  # fmt: skip
    """Compare a model's vectors of rows with those of the same rows and some noise.

    Parameters
    ----------
    model : callable or None
        ``model(X)`` returns vectors, shape (n, m). None takes X itself for them, as if noise came
        to the vectors.
    X : array_like or DataFrame, shape (n, d)
        Numeric input of the model.
    noise : sequence of float, default (0.01, 0.05, 0.1)
        Standard deviations of the Gaussian noise, in the unit of X.
    repeats : int, default 10
        Times that noise is drawn for each level.
    relative : bool, default False
        Whether noise is in proportion to each value: 0.05 for +-5 %.
    random_state : int, Generator or RandomState, default 0
        Source of the noise.

    Returns
    -------
    Findings
        Rows of ``noise, similarity, std, least``: mean, standard deviation and minimum of the
        cosine of the two vectors of a row. Evidence: ``stability_5`` for the mean at 0.05, so many
        per cent, and so on.

    Raises
    ------
    ValueError
        For noise of 0 or less, and vectors of another number, or not finite, or of length 0.

    Examples
    --------
    >>> stability(lambda X: X @ [[1.0, 0.0], [0.0, 1.0]], [[1.0, 2.0], [3.0, 1.0]])[1]["noise"]
    0.05
    """
    values = finite_points("X", X)
    Whole(1).check("repeats", repeats)
    levels = list(noise)
    if not levels:
        raise ValueError("noise is empty: name the levels to test, such as (0.01, 0.05, 0.1)")
    rng = _source(random_state)
    before = _vectors(model, values, len(values))
    rows, evidence = [], {}
    for level in levels:
        Real().check("noise", level)
        found = []
        for _ in range(repeats):
            size = level * np.abs(values) if relative else level
            after = _vectors(model, values + rng.standard_normal(values.shape) * size, len(values))
            found.append(_cosines(before, after))
        told = np.concatenate(found)
        rows.append({
            "noise": float(level), "similarity": float(told.mean()), "std": float(told.std()),
            "least": float(told.min()),
        })  # fmt: skip
        evidence[f"stability_{100 * level:g}"] = float(told.mean())
    return Findings(tuple(rows), {**evidence}, "Cosine of vectors before and after noise")


def column_stability(
    model: Model, X: Any, jitter: float | Mapping[Any, float] = 0.05, *, relative: bool = True,
    repeats: int = 10, random_state: Any = 0,
) -> Findings:  # fmt: skip
    """Jitter one column of the input at a time: which of them is the model fragile in.

    Parameters
    ----------
    model : callable
        ``model(X)`` returns vectors, shape (n, m).
    X : array_like or DataFrame, shape (n, d)
        Numeric input of the model.
    jitter : float or mapping of column to float, default 0.05
        Standard deviation of the noise of each column, or of those in the mapping, by their names
        or places. With ``relative=False`` in the column's own unit: ``{"time": 30.0}`` for half a
        minute.
    relative : bool, default True
        Whether noise is in proportion to each value: 0.05 for +-5 %.
    repeats : int, default 10
        Times that noise is drawn for each column.
    random_state : int, Generator or RandomState, default 0
        Source of the noise.

    Returns
    -------
    Findings
        Rows of ``column, jitter, similarity, least``, the most fragile first. Evidence:
        ``column_stability`` (the lowest mean cosine) and ``fragile_column``.

    Raises
    ------
    ValueError
        For a column that X has not, and what ``stability`` refuses.

    Examples
    --------
    >>> import numpy as np
    >>> steps = lambda X: np.column_stack([np.sign(X[:, 0] - 1.0), np.ones(len(X))])
    >>> column_stability(steps, [[1.001, 5.0], [0.999, 7.0]]).evidence["fragile_column"]
    '0'
    """
    Whole(1).check("repeats", repeats)
    table = read(X)
    values = finite_points("X", X)
    names = table.names or tuple(map(str, range(values.shape[1])))
    wanted = jitter if isinstance(jitter, Mapping) else dict.fromkeys(names, jitter)
    if not wanted:
        raise ValueError("jitter names no column: give some, or one number for all")
    rng = _source(random_state)
    before = _vectors(model, values, len(values))
    rows: list[dict[str, Any]] = []
    for column, size in wanted.items():
        Real().check(f"jitter of {column!r}", size)
        j = _place(column, names)
        found = []
        for _ in range(repeats):
            moved = values.copy()
            unit = np.abs(values[:, j]) if relative else 1.0
            moved[:, j] += rng.standard_normal(len(values)) * size * unit
            found.append(_cosines(before, _vectors(model, moved, len(values))))
        told = np.concatenate(found)
        rows.append({
            "column": names[j], "jitter": float(size), "similarity": float(told.mean()),
            "least": float(told.min()),
        })  # fmt: skip
    rows.sort(key=lambda row: float(row["similarity"]))
    evidence: dict[str, float | str] = {
        "column_stability": rows[0]["similarity"], "fragile_column": rows[0]["column"],
    }  # fmt: skip
    return Findings(tuple(rows), evidence, "Cosine of vectors before and after jitter of a column")


def _place(column: Any, names: Sequence[str]) -> int:
    if str(column) in names:
        return list(names).index(str(column))
    if isinstance(column, int) and not isinstance(column, bool) and 0 <= column < len(names):
        return column
    raise ValueError(f"jitter names the column {column!r}; X has {', '.join(names)}")


def _source(random_state: Any) -> Any:
    """Return what draws normal numbers: a generator as it is, or one seeded."""
    if hasattr(random_state, "standard_normal"):
        return random_state
    try:
        return np.random.default_rng(random_state)
    except (TypeError, ValueError) as error:
        raise type(error)(f"random_state={random_state!r} can't seed anything: {error}") from None


def _vectors(model: Model | None, values: F64, n: int) -> F64:
    """Return the model's vectors, finite and of some length."""
    made = values if model is None else model(values)
    vectors = finite_points("what the model returns", made)
    if len(vectors) != n:
        raise ValueError(f"the model returned {len(vectors)} vectors for {n} rows")
    return vectors


def _cosines(before: F64, after: F64) -> F64:
    """Return the cosine of each row of one with the same row of the other."""
    if before.shape != after.shape:
        raise ValueError(f"the model returned shape {before.shape}, then {after.shape}")
    lengths = np.linalg.norm(before, axis=1) * np.linalg.norm(after, axis=1)
    if (lengths == 0).any():
        i = int(np.flatnonzero(lengths == 0)[0])
        raise ValueError(
            f"the model returned a vector of length 0 for row {i}: it has no direction"
        )
    return np.asarray((before * after).sum(axis=1) / lengths)
