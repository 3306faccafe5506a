"""update: tomorrow's map from today's, rows known by their ids, old ones where they were."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from gputsne.base.arrays import host
from gputsne.base.messages import warn_user
from gputsne.base.parameter_table import Whole
from gputsne.base.tables import admitted, read
from gputsne.base.types import FloatArray
from gputsne.change import Alignment, align
from gputsne.change.alignment import FEW
from gputsne.change.identity import matched, read_ids
from gputsne.data.named import some_rows
from gputsne.estimator import TSNE
from gputsne.model.embedding import Embedding
from gputsne.model.fitted import FittedMap, frozen_of
from gputsne.model.input import matrix_of

__all__ = ["REFINE", "Updated", "update"]

# Iterations; a third of them draws what belongs together slightly closer, so that new rows find
# their groups, and tears nothing. docs/change.md has what was measured.
REFINE = 150
EARLY, DRAWN = 3, 2.0
# What belongs to the earlier table alone, and what this function sets itself.
OWN = ("neighbors", "affinity", "init", "callbacks", "early_exaggeration_iter", "max_iter")

I64 = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Updated:
    """A map that goes on from an earlier one.

    Attributes
    ----------
    model : TSNE
        Fitted to all rows of today's table; ``model.ids_`` has their ids, where they have some.
    map : array, shape (m, c), float64
        The map turned and shifted onto the earlier one, never stretched; ``model.embedding_`` is
        what ``model.transform`` places rows on.
    old_rows, new_rows : arrays, shape (shared,), int64
        Where the rows that both tables have lie in the earlier one and in today's.
    added : array, int64
        Rows of today's table that the earlier one lacks.
    removed : array, int64
        Rows of the earlier table that today's lacks.
    moved : array, shape (shared,), float64
        How far each shared row lies from its old place in ``map``, in shares of the earlier map's
        median distance from its middle.
    alignment : Alignment or None
        Of the shared rows; None where fewer than two are.
    """

    model: TSNE
    map: npt.NDArray[np.float64]
    old_rows: I64
    new_rows: I64
    added: I64
    removed: I64
    moved: npt.NDArray[np.float64]
    alignment: Alignment | None = field(repr=False)


def update(
    previous: Any, X: Any, *, ids: Any = None, previous_ids: Any = None, refine: int = REFINE,
    **parameters: Any,
) -> Updated:  # fmt: skip
    """Map today's table so that rows which yesterday's map has stay about where they are.

    Old rows start at their old place, new ones where the earlier map's ``transform`` puts them,
    and all are refined together, with an early phase too weak to tear the map.

    Parameters
    ----------
    previous : TSNE, FittedMap or Updated
        The earlier map.
    X : array_like, DataFrame, sparse matrix or AnnData, shape (m, d)
        Today's table, with the columns of the earlier one.
    ids : array_like, shape (m,), or None
        What each row is: numbers or text, each once. None on both sides: the same rows in the same
        order.
    previous_ids : array_like, shape (n,), or None
        Those of the earlier table; None for ``previous.ids_``, which ``update`` and the command
        line leave in a model and its file.
    refine : int, default 150
        Iterations; 0 leaves old rows where they were and new ones where transform puts them.
    **parameters : object
        Of ``TSNE``, where they are to be others than the earlier fit's.

    Returns
    -------
    Updated

    Raises
    ------
    TypeError
        ``previous`` is none of these.
    ValueError
        For missing and repeated ids, ids of one side only, other columns, another number of axes,
        and parameters that an update sets itself.

    Warns
    -----
    UserWarning
        For fewer than 30 shared rows: the map is a new one then.

    Examples
    --------
    >>> import gputsne, numpy as np
    >>> X = gputsne.datasets.load_digits().X
    >>> monday = gputsne.TSNE(random_state=0).fit(X[:400])
    >>> found = gputsne.update(monday, X[50:450], ids=range(50, 450), previous_ids=range(400))
    >>> len(found.added), len(found.removed), bool(np.median(found.moved) < 0.2)
    (50, 50, True)
    """
    Whole(0).check("refine", refine)
    model, fitted, known = _earlier(previous)
    ids, previous_ids = _listed("ids", ids), _listed("previous_ids", previous_ids)
    if known is not None and previous_ids is None and ids is not None:
        previous_ids = known
    X = admitted(matrix_of(X))
    m, d = _shape(X)
    old = fitted.Y
    if d is not None and d != fitted.preparation.n_features_in:
        raise ValueError(
            f"X has {d} columns, and the earlier map was fitted to "
            f"{fitted.preparation.n_features_in}: give the same ones"
        )
    old_rows, new_rows = _matched(len(old), m, previous_ids, ids)
    settings = _settings(model, fitted, parameters)
    added = np.setdiff1d(np.arange(m), new_rows)
    start = np.empty((m, old.shape[1]), np.float32)
    start[new_rows] = old[old_rows]
    if len(added):
        start[added] = fitted.transform(some_rows(X, added), n_jobs=settings.get("n_jobs"))
    elif m:  # transform would refuse columns of other names, or in another order
        fitted.preparation.check_columns(read(some_rows(X, np.zeros(1, np.int64))))
    if len(new_rows) < FEW:
        warn_user(
            f"the tables share {len(new_rows)} rows: with fewer than {FEW} the map is a new one; "
            "are the ids those of the earlier table?"
        )
    early = int(refine) // EARLY
    if early:
        settings = {"early_exaggeration": DRAWN} | settings
    made = TSNE(**settings, init=start, early_exaggeration_iter=early, max_iter=int(refine)).fit(X)
    if ids is not None:
        made.ids_ = read_ids(ids, m, "ids")
    Y = np.asarray(host(made.embedding_), dtype=np.float64)
    alignment = None
    if len(new_rows) >= 2:
        same = np.arange(len(new_rows))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of few rows: that has been said
            alignment = align(
                old[old_rows], Y[new_rows], old_ids=same, new_ids=same, scale=False,
                reflection=False,
            )  # fmt: skip
        Y = Y @ alignment.rotation + alignment.shift
    away = np.linalg.norm(Y[new_rows] - old[old_rows], axis=1) / _median_radius(old)
    removed = np.setdiff1d(np.arange(len(old)), old_rows)
    return Updated(made, Y, old_rows, new_rows, added, removed, away, alignment)


def _earlier(previous: Any) -> tuple[Embedding | None, FittedMap, Any]:
    """Return the earlier model, its map, and the ids of its rows, as far as they are known."""
    if isinstance(previous, Updated):
        previous = previous.model
    if isinstance(previous, FittedMap):
        return None, previous, None
    if not isinstance(previous, Embedding):
        raise TypeError(
            f"previous is a {type(previous).__name__}: give a fitted TSNE (gputsne.load reads one "
            "from a file), its fitted_map_, or what update returned"
        )
    return previous, frozen_of(previous), getattr(previous, "ids_", None)


def _listed(name: str, ids: Any) -> Any:
    """Return ids as a list, since they are read more than once."""
    if ids is None:
        return None
    try:
        return list(ids)
    except TypeError as error:
        raise TypeError(
            f"{name} is of type {type(ids).__name__}: give one id per row, in a list"
        ) from error


def _shape(X: Any) -> tuple[int, int | None]:
    shape = getattr(X, "shape", None)
    if shape is None:
        shape = np.shape(X)
    if not shape:
        raise TypeError(f"X={X!r} is no table: give rows and columns")
    return int(shape[0]), int(shape[1]) if len(shape) == 2 else None


def _matched(n: int, m: int, previous_ids: Any, ids: Any) -> tuple[I64, I64]:
    """Return the rows that both tables have, by ids in the words of ``update``."""
    for one, other, name in ((ids, previous_ids, "previous_ids"), (previous_ids, ids, "ids")):
        if one is not None and other is None:
            raise ValueError(
                f"{name} is missing: rows are matched by the ids of both tables, or by their order "
                "where neither has some"
            )
    if ids is None and n != m:
        raise ValueError(
            f"X has {m} rows, and the earlier map {n}: without ids they must be the same rows in "
            "the same order; give ids and previous_ids"
        )
    if ids is not None:
        read_ids(previous_ids, n, "previous_ids")
        read_ids(ids, m, "ids")
    return matched(n, m, previous_ids, ids)


def _settings(model: Embedding | None, fitted: FittedMap, given: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters of the fit: the earlier one's, but for those that are given."""
    for name in ("init", "early_exaggeration_iter", "max_iter"):
        if name in given:
            raise ValueError(
                f"{name}={given[name]!r}: update sets it; refine is the number of iterations, and "
                "TSNE(init=...) starts anywhere else"
            )
    c = fitted.Y.shape[1]
    if given.get("n_components", c) != c:
        raise ValueError(
            f"n_components={given['n_components']!r}, and the earlier map has {c}: an update keeps "
            "the number of axes"
        )
    if model is None:
        told: dict[str, Any] = {
            "n_components": c, "metric": fitted.metric, "metric_params": fitted.metric_params,
            "min_recall": fitted.min_recall, "dof": fitted.dof,
        }  # fmt: skip
    else:
        told = model.get_params(deep=False)
        told = {name: value for name, value in told.items() if name not in OWN}
        if isinstance(model.affinity, str):
            told["affinity"] = model.affinity
        idle = ("early_exaggeration", "initial_momentum", "schedule", "callbacks_every")
        told = {name: value for name, value in told.items() if name not in idle}
    return told | given


def _median_radius(Y: FloatArray) -> float:
    """Return the median distance of the points from their mean, map units; 1 where it is 0."""
    away = np.linalg.norm(Y - Y.mean(axis=0, dtype=np.float64), axis=1)
    return float(np.median(away)) or 1.0
