"""A model of whole fits on a GPU, stage by stage, and the times that are wanted of them.

Nothing here was measured but what is said to be: the model says where the time of a fit goes and
which figure a run on a card should be held against (``bench/gpu.py``).
"""

from __future__ import annotations

from typing import NamedTuple

from gputsne.backends.tiles import TILE
from gputsne.engine.placement import MAX_ITER
from gputsne.neighbors.choose import CELLS_FROM
from gputsne.neighbors.search.cells import TRAINING_ROUNDS, TRAINING_ROWS, cell_count
from gputsne.planning import roofline
from gputsne.planning.costs import Case, Machine, calls

__all__ = [
    "FIT_GOALS", "ITERATION_GOALS", "TRANSFORM_GOAL", "FitGoal", "TransformGoal", "fit_seconds",
    "table", "transform_seconds",
]  # fmt: skip

# Bytes per second: of pageable copies to and from a GPU, as measured on an H200's host, and of
# the host's passes over X that check and prepare it (bench/results/million.json, two cores).
UPLOAD, DOWNLOAD, HOST = 8e9, 3.5e9, 0.8e9
FLOAT64 = 10e12  # operations per second of the kernel that adds up PCA's matrix, an estimate
EIGENVECTORS = 0.08 / 784**3  # seconds of LAPACK per cube of the number of columns, an estimate
ENTRIES = 1.8e9  # of neighbour lists that become P, per second, an estimate
# Of all rows, those that each is compared with for a recall of 0.98, among a million rows of MNIST;
# the number grew so with n from 70,000 to a million rows.
CANDIDATES, CANDIDATES_AT, CANDIDATES_POWER = 49_000, 1_000_000, 0.38
SPARE = 8  # candidates beyond k whose distances are added up again
MEASURED_ROWS = 1000  # whose true neighbours are found among all pairs
COLUMNS = 4  # a tile's columns are multiples of it
# Seconds: of Python and launches in a stage, of a new mesh, of a look at the map's extent.
STAGE, MESH, LOOK = 2e-3, 0.3e-3, 40e-6
MESHES, LOOKS, CHECKS, ORDERS = 16, 130, 15, 4  # in a fit of 750 iterations
PLACEMENT = 3e-9  # seconds per placed row and evaluation, an estimate
FIRST = 0.4  # seconds more of the first fit of a process: context and kernels; imports not counted


class FitGoal(NamedTuple):
    """What a warm fit should take, rows of main memory in and a map of main memory out."""

    n: int
    d: int
    pca: int | None
    seconds: float


class TransformGoal(NamedTuple):
    """What placing m rows in a map of n should take, warm."""

    n: int
    m: int
    d: int
    seconds: float


FIT_GOALS = (
    FitGoal(70_000, 50, None, 0.16),
    FitGoal(70_000, 784, 50, 0.35),
    FitGoal(1_000_000, 50, None, 1.3),
    FitGoal(10_000_000, 50, None, 13.0),
)
TRANSFORM_GOAL = TransformGoal(70_000, 10_000, 50, 0.03)
ITERATION_GOALS = {1_000_000: 0.6e-3, 10_000_000: 5.5e-3}  # seconds, k = 90


def fit_seconds(
    n: int,
    d: int,
    gpu: Machine,
    *,
    k: int = 90,
    pca: int | None = None,
    c: int = 2,
    half: bool = False,
    iterations: int = 750,
) -> dict[str, float]:
    """Return what a warm fit is expected to take, by stage.

    Parameters
    ----------
    n, d : int
        Rows and columns.
    gpu : Machine
        Rates.
    k : int, default 90
        Neighbours of each.
    pca : int or None
        Columns kept.
    c : int, default 2
        Map axes.
    half : bool, default False
        P in 2-byte floats.
    iterations : int, default 750
        In all.

    Returns
    -------
    dict of str to float
        Seconds of ``"prepare"``, ``"neighbors"``, ``"affinities"``, ``"initial"``, ``"optimize"``
        and ``"rest"`` (Python's own, and the map's way back).
    """
    kept = d if pca is None else min(d, pca)
    case = Case(n, k, c, half=half)
    edges_call = calls(case, gpu)[-1]
    moved = 3 * 8.0 * case.nnz / gpu.bandwidth  # P is read, written and read by an order
    return {
        # rows for principal components are sent once, and stay there as prepared
        "prepare": STAGE + (_pca(n, d, kept) if kept < d else 4.0 * n * d / HOST),
        "neighbors": STAGE + (4.0 * n * kept / UPLOAD) * (kept == d) + _search(n, n, kept, k, gpu),
        "affinities": STAGE + n * k / ENTRIES,
        "initial": STAGE + _pca(n, kept, c),
        "optimize": STAGE
        + roofline.seconds(case, gpu, iterations)
        + MESHES * MESH
        + LOOKS * LOOK
        + CHECKS * roofline.SLOWER * edges_call.seconds(gpu)
        + ORDERS * roofline.SLOWER * moved,
        "rest": 5 * STAGE + 4.0 * n * c / DOWNLOAD,
    }


def transform_seconds(n: int, m: int, d: int, gpu: Machine, *, k: int = 15) -> float:
    """Return what it is expected to take to place m rows in a map of n, warm.

    Parameters
    ----------
    n, m, d : int
        Rows of the map, rows to be placed, columns.
    gpu : Machine
        Rates.
    k : int, default 15
        Neighbours of each.

    Returns
    -------
    float
        Seconds.
    """
    copies = 4.0 * m * d / UPLOAD + 4.0 * m * d / HOST + 8.0 * m / DOWNLOAD
    return 3 * STAGE + MESH + copies + _search(m, n, d, k, gpu) + MAX_ITER * PLACEMENT * m


def _pca(n: int, d: int, kept: int) -> float:
    """Return the seconds of principal components: half a matrix, its vectors, the scores."""
    work = (float(n) * d * d + 2.0 * n * d * kept) / FLOAT64
    return 4.0 * n * d / UPLOAD + work + EIGENVECTORS * d**3 + 8.0 * n * kept / DOWNLOAD


def _search(m: int, n: int, d: int, k: int, gpu: Machine) -> float:
    """Return the seconds of a search for k neighbours of m rows among n."""
    pairs, cells = float(m) * n, 1
    if m == n >= CELLS_FROM:
        cells = cell_count(n)
        wanted = CANDIDATES * (n / CANDIDATES_AT) ** CANDIDATES_POWER
        padded = (1.0 + TILE / 2 * cells / n) ** 2  # a cell is whole tiles
        training = TRAINING_ROWS * TRAINING_ROUNDS * float(cells) ** 2
        pairs = m * wanted * padded + training + float(m) * cells + MEASURED_ROWS * float(n)
    columns = -(-d // COLUMNS) * COLUMNS
    tiles = 2.0 * pairs * columns / gpu.arithmetic
    again = m * (k + SPARE) * 4.0 * columns / gpu.bandwidth  # distances by differences
    return roofline.SLOWER * (tiles + again)


def table(gpu: Machine) -> str:
    """Return the model beside what is wanted, for a terminal.

    Parameters
    ----------
    gpu : Machine
        What it is a model of.

    Returns
    -------
    str
        A line per goal.
    """
    rows = [(goal, fit_seconds(goal.n, goal.d, gpu, pca=goal.pca)) for goal in FIT_GOALS]
    stages = list(rows[0][1])
    head = f"{'wanted':>8}{'modelled':>10}" + "".join(f"{stage:>11}" for stage in stages)
    lines = [f"{gpu.name}, warm fits of 750 iterations, seconds, modelled", f"{'':<18}{head}"]
    for goal, found in rows:
        cells = "".join(f"{found[stage]:>11.3g}" for stage in stages)
        lines.append(f"{fit_name(goal):<18}{goal.seconds:>8.3g}{sum(found.values()):>10.3g}{cells}")
    place = TRANSFORM_GOAL
    modelled = transform_seconds(place.n, place.m, place.d, gpu)
    lines.append(f"{place_name(place):<18}{place.seconds:>8.3g}{modelled:>10.3g}")
    for n, wanted in ITERATION_GOALS.items():
        found_one = roofline.seconds(Case(n), gpu, 1)
        lines.append(f"{'iteration, ' + roofline.count(n):<18}{wanted:>8.3g}{found_one:>10.3g}")
    lines.append(f"The first fit of a process takes about {FIRST} s more.")
    return "\n".join(lines)


def fit_name(goal: FitGoal) -> str:
    """Return what a goal is of: ``70k x 784 -> 50``."""
    return f"{roofline.count(goal.n)} x {goal.d}" + (f" -> {goal.pca}" if goal.pca else "")


def place_name(goal: TransformGoal) -> str:
    """Return what a goal is of: ``10k into 70k``."""
    return f"{roofline.count(goal.m)} into {roofline.count(goal.n)}"
