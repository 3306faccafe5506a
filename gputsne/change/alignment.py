"""One map laid onto another: shift, turn, mirroring and scale by orthogonal Procrustes, trimmed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gputsne.base.messages import warn_user
from gputsne.base.parameter_table import Real
from gputsne.base.rows import exact_unit, finite_points
from gputsne.change.identity import matched

__all__ = ["Alignment", "align", "disparity", "fit_similarity"]

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
ROUNDS = 50  # of trimming, at most; the sum that each of them lowers has mostly settled after 10
STARTS = 20  # of a few pairs each: with a tenth of all astray one in four such triples has one
FEW = 30  # shared points, below which an alignment says little


@dataclass(frozen=True, eq=False)
class Alignment:
    """A map in the frame of another one.

    Attributes
    ----------
    map : array, shape (m, c), float64
        The new map, every row of it, in the units and the frame of the old one.
    scale : float
        What its distances were multiplied with.
    rotation : array, shape (c, c), float64
        Orthogonal; ``map = scale * Y_new @ rotation + shift``.
    shift : array, shape (c,), float64
    disparity : float
        Of all shared rows, 0 to 1, as scipy's ``procrustes`` defines it: what is left of the sum
        of squares of the standardised maps. 0 for maps that differ by shift, turn, mirroring and
        scale alone.
    trimmed_disparity : float
        The same of the rows that the alignment was fitted to.
    old_rows, new_rows : arrays, shape (shared,), int64
        Rows of the same id in either map.
    moved : array, shape (shared,), float64
        How far each lies from its old place after the alignment, map units.
    kept : array, shape (shared,), bool
        Rows that the alignment was fitted to.
    """

    map: F64
    scale: float
    rotation: F64
    shift: F64
    disparity: float
    trimmed_disparity: float
    old_rows: I64
    new_rows: I64
    moved: F64
    kept: npt.NDArray[np.bool_]


def align(
    Y_old: Any, Y_new: Any, *, old_ids: Any = None, new_ids: Any = None, scale: bool = True,
    reflection: bool = True, trim: float = 0.1,
) -> Alignment:  # fmt: skip
    """Lay a map onto an older one.

    Parameters
    ----------
    Y_old : array_like, shape (n, c)
        The map that stays.
    Y_new : array_like, shape (m, c)
        The map that is moved, as a whole.
    old_ids, new_ids : array_like, shapes (n,) and (m,), or None
        Which rows are the same thing; None for the same rows in the same order.
    scale : bool, default True
        Whether the new map may be stretched, by one factor.
    reflection : bool, default True
        Whether it may be mirrored.
    trim : float, default 0.1
        Share of the shared rows, those that moved most, which the alignment is not fitted to: a
        cluster that went elsewhere doesn't turn all the others. 0 fits all.

    Returns
    -------
    Alignment

    Raises
    ------
    ValueError
        For ids of only one map, maps of different numbers of axes, fewer than two shared ids, all
        shared points in one place, missing and repeated ids, NaN and infinity.

    Warns
    -----
    UserWarning
        For fewer than 30 shared ids.

    Notes
    -----
    Orthogonal Procrustes: Schoenemann 1966; scale, shift, and no reflection: Umeyama 1991.
    Trimming as in least trimmed squares (Rousseeuw 1984; Rousseeuw & Van Driessen 2006): fitted to
    the rows that fit best, time and again, from the fit of all and from fits of few; every round
    lowers the trimmed sum of squares.

    Examples
    --------
    >>> import numpy as np
    >>> Y = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0], [3.0, 1.0]] * 10)
    >>> turned = 3 * Y @ [[0, 1], [-1, 0]] + 5
    >>> round(align(Y, turned).disparity, 12)
    0.0
    """
    old, new = finite_points("Y_old", Y_old), finite_points("Y_new", Y_new)
    if old.shape[1] != new.shape[1]:
        raise ValueError(
            f"Y_old has {old.shape[1]} axes, Y_new {new.shape[1]}: maps of the same number compare"
        )
    Real(0, 0.5, open_low=False).check("trim", trim)
    rows = _rows(old, new, old_ids, new_ids)
    one, two = old[rows[0]], new[rows[1]]
    for name, points in (("Y_old", one), ("Y_new", two)):
        if (points == points[0]).all():
            raise ValueError(f"{name} has all shared points in one place: nothing can be aligned")
    if len(one) < FEW:
        warn_user(f"the maps share {len(one)} rows: an alignment of fewer than {FEW} says little")
    units = (exact_unit(old), exact_unit(new)) if scale else (exact_unit(old, new),) * 2
    one, two = one * units[0], two * units[1]
    kept = _trimmed(one, two, trim, scale=scale, reflection=reflection)
    how = fit_similarity(one[kept], two[kept], scale=scale, reflection=reflection)
    factor, rotation, shift = how
    return Alignment(
        _placed(new * units[1], *how) / units[0],
        factor / units[0] * units[1], rotation, shift / units[0],
        disparity(one, two, reflection=reflection),
        disparity(one[kept], two[kept], reflection=reflection),
        *rows, _distances(one, _placed(two, *how)) / units[0], kept,
    )  # fmt: skip


def _rows(old: F64, new: F64, old_ids: Any, new_ids: Any) -> tuple[I64, I64]:
    """Return the rows that the maps share."""
    rows = matched(len(old), len(new), old_ids, new_ids)
    if old_ids is None and len(old) != len(new):
        raise ValueError(
            f"Y_old has {len(old)} rows, Y_new {len(new)}: without ids they must be the same "
            "rows; give old_ids and new_ids"
        )
    if len(rows[0]) < 2:
        raise ValueError(
            f"the maps share {len(rows[0])} rows: at least two are needed; are the ids the same?"
        )
    return rows


def _trimmed(
    one: F64, two: F64, trim: float, *, scale: bool, reflection: bool
) -> npt.NDArray[np.bool_]:
    """Return which pairs fit best: the least trimmed sum of squares that several starts lead to."""
    n, c = one.shape
    count = max(2, n - int(trim * n))
    every = np.ones(n, dtype=bool)
    if count == n:
        return every

    def refined(rows: npt.NDArray[Any], rounds: int) -> tuple[float, npt.NDArray[np.bool_]]:
        kept, total = rows, np.inf
        for _ in range(rounds):
            how = fit_similarity(one[kept], two[kept], scale=scale, reflection=reflection)
            away = _distances(one, _placed(two, *how)) ** 2
            near = np.argsort(away, kind="stable")[:count]
            chosen = np.zeros(n, dtype=bool)
            chosen[near] = True
            total = float(away[near].sum())
            if kept.dtype == bool and (chosen == kept).all():
                break
            kept = chosen
        return total, np.asarray(kept, dtype=bool)

    # A far cluster may hold the fit of all where it is, so some start from a few pairs each.
    rng = np.random.default_rng(0)
    starts: list[npt.NDArray[Any]] = [every]
    starts += [rng.choice(n, min(n, c + 1), replace=False) for _ in range(STARTS)]
    first = [refined(start, 2) for start in starts]
    best = min(range(len(first)), key=lambda i: first[i][0])
    kept = refined(first[best][1], ROUNDS)[1]
    return every if (two[kept] == two[kept][0]).all() else kept


def fit_similarity(
    fixed: F64, moving: F64, *, scale: bool = True, reflection: bool = True
) -> tuple[float, F64, F64]:
    """Return scale, rotation and shift that bring points closest to their partners.

    Parameters
    ----------
    fixed, moving : arrays, shape (n, c)
        Partners.
    scale, reflection : bool
        As of ``align``.

    Returns
    -------
    scale : float
    rotation : array, shape (c, c)
    shift : array, shape (c,)
        ``scale * moving @ rotation + shift`` has the least sum of squared distances to ``fixed``.
    """
    here, there = fixed.mean(axis=0), moving.mean(axis=0)
    A, B = fixed - here, moving - there
    U, strengths, Vt = np.linalg.svd(B.T @ A)
    if not reflection and np.linalg.det(U @ Vt) < 0:
        strengths[-1] = -strengths[-1]
        U[:, -1] = -U[:, -1]
    rotation: F64 = U @ Vt
    total = float((B * B).sum())
    factor = float(strengths.sum()) / total if scale and total > 0 else 1.0
    return factor, rotation, here - factor * there @ rotation


def _placed(points: F64, scale: float, rotation: F64, shift: F64) -> F64:
    placed: F64 = scale * (points @ rotation) + shift
    return placed


def _distances(one: F64, two: F64) -> F64:
    away: F64 = np.linalg.norm(one - two, axis=1)
    return away


def disparity(one: F64, two: F64, *, reflection: bool = True) -> float:
    """Return what is left of the standardised sum of squares after the best alignment, 0 to 1.

    Parameters
    ----------
    one, two : arrays, shape (n, c)
        Partners.
    reflection : bool
        Whether one may be mirrored.

    Returns
    -------
    float
        0 exactly for equal points, as scipy's ``procrustes`` else.
    """
    if np.array_equal(one, two):
        return 0.0
    one, two = one * exact_unit(one), two * exact_unit(two)
    A, B = one - one.mean(axis=0), two - two.mean(axis=0)
    norms = np.linalg.norm(A) * np.linalg.norm(B)
    if norms == 0:
        return 1.0
    U, strengths, Vt = np.linalg.svd(B.T @ A)
    if not reflection and np.linalg.det(U @ Vt) < 0:
        strengths[-1] = -strengths[-1]
    alike = max(0.0, float(strengths.sum()) / float(norms))
    return max(0.0, 1.0 - alike * alike)
