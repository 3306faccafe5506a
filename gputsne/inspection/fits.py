"""Does a map come out the same again, and has its optimisation come to rest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from gputsne.base.findings import Findings
from gputsne.base.parameter_table import Whole
from gputsne.base.rows import finite_points

__all__ = ["convergence", "disparities"]

F64 = npt.NDArray[np.float64]
TAIL = 0.25  # of the iterations after the exaggeration, over which the last descent is measured
PER = 100  # iterations to which the descent is scaled


def disparities(maps: Sequence[Any]) -> Findings:
    """Compare maps of the same rows after the best shift, turn, mirroring and scale.

    Parameters
    ----------
    maps : sequence of array, each of shape (n, c)
        At least two, of several seeds or runs.

    Returns
    -------
    Findings
        Rows of ``first, second, disparity``, the Procrustes disparity of scipy: 0 for equal maps,
        1 for maps that have nothing in common. Evidence: ``seed_disparity`` (the
        largest) and ``seed_disparity_mean``.

    Raises
    ------
    ValueError
        For fewer than two maps, of different shapes, or all points in one place.

    Examples
    --------
    >>> Y = [[0.0, 0.0], [1.0, 0.0], [0.0, 2.0]]
    >>> turned = [[5.0, 5.0], [5.0, 7.0], [1.0, 5.0]]
    >>> round(disparities([Y, turned]).evidence["seed_disparity"], 9)
    0.0
    """
    from scipy.spatial import procrustes

    held = [finite_points(f"maps[{i}]", Y) for i, Y in enumerate(maps)]
    if len(held) < 2:
        raise ValueError(f"maps holds {len(held)} maps: at least two are compared")
    shapes = {Y.shape for Y in held}
    if len(shapes) > 1:
        raise ValueError(f"maps have different shapes, {sorted(shapes)}: give the same rows")
    for i, Y in enumerate(held):
        if (Y[0] == Y).all():
            raise ValueError(f"maps[{i}] has all points in one place: nothing can be aligned")
    rows = []
    for i, first in enumerate(held):
        for j in range(i + 1, len(held)):
            same = np.array_equal(first, held[j])
            far = 0.0 if same else max(0.0, float(procrustes(first, held[j])[2]))
            rows.append({"first": i, "second": j, "disparity": far})
    told = [float(row["disparity"]) for row in rows]
    evidence: dict[str, float | str] = {
        "seed_disparity": max(told), "seed_disparity_mean": float(np.mean(told)),
    }  # fmt: skip
    return Findings(tuple(rows), evidence, "Disparity of maps of the same rows")


def convergence(kl_history: Iterable[Sequence[float]], *, after: int = 250) -> Findings:
    """Tell from the KL divergence during a fit whether it has come to rest.

    Parameters
    ----------
    kl_history : iterable of (iteration, kl)
        As ``TSNE.kl_history_`` has it.
    after : int, default 250
        Iterations that don't count, the early exaggeration's: 250 in the longer of the two
        schedules.

    Returns
    -------
    Findings
        Rows of ``iteration, kl``. Evidence: ``kl_iterations`` (after the exaggeration), and where
        two values are known there ``kl_tail_drop``, the relative descent per 100 iterations over
        the last quarter of them, and ``kl_rise``, the largest relative rise from one value to the
        next.

    Raises
    ------
    ValueError
        For an empty history, and iterations that don't ascend.

    Examples
    --------
    >>> convergence([(300, 1.0), (400, 0.8), (500, 0.8)]).evidence["kl_tail_drop"]
    0.0
    """
    Whole(0).check("after", after)
    pairs = np.array([tuple(pair) for pair in kl_history], dtype=np.float64)
    if pairs.ndim != 2 or pairs.shape[1:] != (2,):
        raise ValueError("kl_history must hold pairs of iteration and KL divergence")
    if (np.diff(pairs[:, 0]) <= 0).any():
        raise ValueError("kl_history must have ascending iterations")
    evidence: dict[str, float | str] = {"kl_iterations": max(0.0, float(pairs[-1, 0]) - after)}
    settled = pairs[pairs[:, 0] > after]
    if len(settled) > 1:
        begin = settled[-1, 0] - TAIL * (settled[-1, 0] - after)
        tail = settled[min(int(np.searchsorted(settled[:, 0], begin)), len(settled) - 2) :]
        steps = float(tail[-1, 0] - tail[0, 0]) / PER
        scale = max(abs(float(tail[0, 1])), float(np.finfo(np.float64).tiny))
        evidence["kl_tail_drop"] = float(tail[0, 1] - tail[-1, 1]) / scale / steps
        lower = np.maximum(np.abs(settled[:-1, 1]), np.finfo(np.float64).tiny)
        evidence["kl_rise"] = max(0.0, float((np.diff(settled[:, 1]) / lower).max()))
    rows = tuple({"iteration": int(i), "kl": float(kl)} for i, kl in pairs)
    return Findings(rows, evidence, "KL divergence during the fit")
