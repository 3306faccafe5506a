"""Seconds of a fit on a CPU: a model of stages, scaled from fits that were measured.

Measured on one machine with two threads and MNIST's rows (bench/results: digits, scaling, mnist,
million). From 10,000 rows on the model is within a factor of ``ERROR`` of those; below, of
``ERROR_BELOW``. Other processors, data and numbers of threads are further off, by what factor is
not known: ``gputsne.accounts`` scales the model by runs of the machine itself where it has any.
"""

from __future__ import annotations

from typing import Final

__all__ = ["ERROR", "ERROR_BELOW", "MEASURED_ON", "host_seconds", "placement_seconds"]

# A fit of a million rows of 50 columns, k = 90, on two threads: bench/results/million.json.
MEASURED_ON: Final = "a million rows x 50 on two threads (bench/results/million.json)"
ROWS, COLUMNS, K, THREADS, ITERATIONS = 1_000_000, 50, 90, 2, 750
SEARCH, REST = 65.7, 108.3  # seconds of the search, and of all that grows as n
OPTIMIZE: Final = 98.8  # of REST, the iterations
SEARCH_POWER: Final = (
    1.4  # of n, in lists: the rows compared with each grow too (planning/stages.py)
)
# What small fits take: of 10,000 rows the search among all pairs and 750 iterations, whose mesh
# costs the same for fewer points (scaling.json); of digits' 1,797 rows sums by definition, which
# grow as n^2 (digits.json); fewer rows take no less, by what an iteration takes of Python.
PAIRS_ROWS, PAIRS = 10_000, 0.55
MESH: Final = 2.0
FEW_ROWS, FEW = 1_797, 0.52
# Largest factor between the model and a fit of those files, some of which are of slower versions;
# the benchmark's own repeats of digits lie from 0.35 to 1.32 s.
ERROR, ERROR_BELOW, ERROR_FROM = 1.55, 4.0, 10_000
# A row placed in a map: bench/results/transform.json, 100,000 rows of 50 columns into 70,000.
PLACED, PLACED_AMONG, PLACED_COLUMNS = 2.11 / 100_000, 70_000, 50


def host_seconds(n: int, d: int, k: int, threads: int, *, iterations: int = ITERATIONS) -> float:
    """Return about how long a fit takes.

    Parameters
    ----------
    n, d : int
        Rows and columns, after a reduction by ``pca``.
    k : int
        Neighbours of each.
    threads : int
        That it may use. Twice as many are taken to be twice as fast, which nobody measured.
    iterations : int, default 750
        In all.

    Returns
    -------
    float
        Seconds of the fit alone, of two axes, without reading, pictures and writing.

    Examples
    --------
    >>> round(host_seconds(1_000_000, 50, 90, 2))
    174
    >>> round(host_seconds(1_000_000, 50, 90, 2, iterations=430))
    132
    """
    pairs = min(PAIRS, PAIRS * (n / PAIRS_ROWS) ** 2)
    search: float = max(SEARCH * (n / ROWS) ** SEARCH_POWER, pairs) * d / COLUMNS
    rows = n / ROWS * k / K
    mesh = min(MESH, FEW * max(1.0, n / FEW_ROWS) ** 2)
    optimize = max(OPTIMIZE * rows, mesh) * iterations / ITERATIONS
    return (search + (REST - OPTIMIZE) * rows + optimize) * THREADS / threads


def placement_seconds(m: int, n: int, d: int, threads: int) -> float:
    """Return about how long it takes to place rows in a map.

    Parameters
    ----------
    m, n : int
        Rows to be placed, rows of the map.
    d : int
        Columns, after a reduction by ``pca``.
    threads : int
        As in `host_seconds`.

    Returns
    -------
    float
        Seconds. The search among n rows is taken to grow as their root, in lists.

    Examples
    --------
    >>> round(placement_seconds(100_000, 70_000, 50, 2), 1)
    2.1
    """
    among: float = (n / PLACED_AMONG) ** (SEARCH_POWER - 1)
    return PLACED * m * among * d / PLACED_COLUMNS * THREADS / threads
