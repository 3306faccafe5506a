"""Seconds of a fit on a CPU, scaled from one that was measured: for a first idea, not a promise."""

from __future__ import annotations

__all__ = ["MEASURED_ON", "host_seconds"]

# A fit of a million rows of 50 columns, k = 90, on two threads: bench/results/million.json.
MEASURED_ON = "a million rows x 50 on two threads (bench/results/million.json)"
ROWS, COLUMNS, K, THREADS = 1_000_000, 50, 90, 2
SEARCH, REST = 65.7, 108.3  # seconds of the search, and of all that grows as n
SEARCH_POWER = 1.4  # of n, in lists: the rows compared with each grow as well (planning/stages.py)


def host_seconds(n: int, d: int, k: int, threads: int) -> float:
    """Return about how long a fit takes.

    Parameters
    ----------
    n, d : int
        Rows and columns, after a reduction by ``pca``.
    k : int
        Neighbours of each.
    threads : int
        That it may use.

    Returns
    -------
    float
        Seconds.

    Examples
    --------
    >>> round(host_seconds(1_000_000, 50, 90, 2))
    174
    """
    search: float = SEARCH * (n / ROWS) ** SEARCH_POWER * d / COLUMNS
    return (search + REST * n / ROWS * k / K) * THREADS / threads
