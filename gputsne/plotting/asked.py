"""How many points a figure asks, where every answer takes distances to all points."""

from __future__ import annotations

from gputsne.base.parameter_table import Whole

__all__ = ["ALL_PAIRS", "points_asked"]

ALL_PAIRS = 500_000_000
"""Distances that a figure of all points may cost: some 20 s of one core at 50 columns."""

LEAST = 100  # points that are asked of any number


def points_asked(sample: int | str | None, n: int, distances: int, most: int) -> int | None:
    """Return how many of n points are asked.

    Parameters
    ----------
    sample : int, "auto" or None
        As the caller wrote it.
    n : int
        Points there are.
    distances : int
        What "auto" allows in all, n for each point asked.
    most : int
        Points that "auto" asks at most.

    Returns
    -------
    int or None
        None for all.
    """
    if isinstance(sample, str) and sample == "auto":
        return min(n, most, max(LEAST, distances // max(n, 1)))
    Whole(1, optional=True).check("sample", sample)
    return None if sample is None else int(sample)
