"""The choice of a search: all pairs, inverted lists, or what the GPU offers; made here alone.

All pairs on the CPU while that is quick, and beyond where lists would take longer for the recall
that is asked for. On a GPU all pairs below 200,000 points, then cells; a library where it is asked
for.
"""

from __future__ import annotations

import logging
import numbers
from collections.abc import Callable
from importlib.util import find_spec
from typing import NamedTuple

import numpy as np

from gputsne.base.types import Array, FloatArray
from gputsne.neighbors.metric import VECTORS, Metric, VectorMetric
from gputsne.neighbors.recall import SAMPLE, Sample, measure
from gputsne.neighbors.search import Search
from gputsne.neighbors.search.blocks import RowBlocks
from gputsne.neighbors.search.cells import choose_cells
from gputsne.neighbors.search.cuvs import CuvsGraph
from gputsne.neighbors.search.device_rows import MOST, TILE, Device, DeviceRows, device_bytes
from gputsne.neighbors.search.exact import WIDE, AllPairs, exact, work
from gputsne.neighbors.search.faiss_gpu import FaissGpu
from gputsne.neighbors.search.ivf import (
    InvertedLists,
    ListSearch,
    build_work,
    list_count,
    list_work,
)
from gputsne.neighbors.search.parted import PartedLists, PartedSearch
from gputsne.neighbors.search.ranking import without_self

__all__ = [
    "SEARCHES", "Chosen", "Wish", "choose_by_rows", "choose_device_search", "choose_search",
    "device_bytes", "name_search",
]  # fmt: skip

log = logging.getLogger("gputsne")

# All pairs are compared while that takes a second or so: exact needs no excuse.
EXACT_WORK = 1e10
# Rows of the pilot that tells, for wide vectors, whether lists could be quicker: half a second of
# one core at 384 columns, where lists that were built and then not used took 8 s of two at n =
# 60,000 (bench/results/search.json, "auto" less "products").
PILOT_ROWS, PILOT_QUERIES = 8192, 256
PROBE_GROWTH = 1.15  # step of nprobe while it is raised

SEARCHES = ("auto", "faiss", "faiss-gpu", "cuvs")  # who searches where there is a GPU
MOST_VISITS = 2048  # lists that FAISS searches on a GPU
# Points from which on cells are made: all pairs of 200,000 are 4e10, a tenth of a second on an H100
# by its data sheet.
CELLS_FROM = 200_000
RESIDENT = 0.5  # share of the device's free memory that the rows may fill; else they come in blocks
OUTPUT = 0.25  # and that queries and their neighbours may


class Wish(NamedTuple):
    """What the caller asks of a search.

    Attributes
    ----------
    exact : bool or "auto"
        Whether to compare all pairs.
    min_recall : float
        Share of true neighbours to reach.
    seed : int
        Of samples and of k-means.
    parts : int
        Into how many parts inverted lists are divided, for want of memory.
    """

    exact: bool | str = "auto"
    min_recall: float = 0.98
    seed: int = 0
    parts: int = 1

    def checked(self, metric: Metric) -> Wish:
        """Return this, or raise for what is wrong or would have no effect on the metric."""
        if self.exact not in (True, False, "auto"):
            raise ValueError(f"exact={self.exact!r} is none of True, False and 'auto'")
        least = self.min_recall
        if not isinstance(least, numbers.Real) or not 0.0 < float(least) <= 1.0:
            raise ValueError(f"min_recall={least!r} must be above 0 and at most 1")
        if self.exact is False and not isinstance(metric, VectorMetric):
            raise ValueError(
                f"exact=False needs one of the metrics {', '.join(VECTORS)}; metric="
                f"{metric.said} is only searched exactly"
            )
        return self


class Chosen(NamedTuple):
    """A search that is ready.

    Attributes
    ----------
    search : Search
        It.
    recall : float
        As it was measured, 1.0 where it is exact.
    probes : int
        Cells that are compared with each on a device; 0 for all pairs.
    """

    search: Search
    recall: float
    probes: int = 0


def choose_search(
    Z: FloatArray, k: int, wish: Wish, sample: Callable[[], Sample],
    lists: Callable[[], InvertedLists] | None = None,
) -> Chosen:  # fmt: skip
    """Choose a search of the CPU.

    Parameters
    ----------
    Z : array, shape (n, d), float32, C order
        Database vectors.
    k : int
        Neighbours of each query.
    wish : Wish
        What is asked.
    sample : callable
        Makes the rows that recall is measured on.
    lists : callable or None
        Makes the inverted lists over Z, or returns those there are; None builds new ones.

    Returns
    -------
    Chosen
        All pairs, or lists with as many visits as the recall needs.
    """
    n, d = Z.shape
    auto = wish.exact == "auto"
    quick = n * work(n, d) <= EXACT_WORK or wish.min_recall == 1.0
    if wish.exact is True or k >= n or (auto and (quick or not _may_pay(Z, k, wish, sample))):
        return Chosen(AllPairs(Z), 1.0)
    made: InvertedLists | PartedLists
    if wish.parts > 1:
        made = PartedLists(Z, wish.seed, wish.parts)
    else:
        made = InvertedLists(Z, wish.seed) if lists is None else lists()
    pays = made.beats_exact if auto else lambda _: True
    search, recall = _raised(made, k, wish, sample(), pays)
    return Chosen(search, recall) if pays(search.nprobe) else Chosen(AllPairs(Z), 1.0)


def _may_pay(Z: FloatArray, k: int, wish: Wish, sample: Callable[[], Sample]) -> bool:
    """Tell whether lists could be quicker than all pairs, before they are built.

    Narrow vectors: yes. Wide ones are compared by products, which only lists with few visits beat:
    a pilot over some of the vectors shows how many it takes. Its lists are as short as those of all
    vectors for the neighbours it looks for, so that it needs about as many visits.
    """
    n, d = Z.shape
    if d < WIDE or n <= PILOT_ROWS:
        return True
    Q, own = sample()
    Q = Q[:PILOT_QUERIES]
    others = np.setdiff1d(np.arange(n), own)
    rows = np.sort(np.random.default_rng([wish.seed, 3]).permutation(others)[:PILOT_ROWS])
    pilot = InvertedLists(Z[rows], wish.seed)
    fewer = max(1, round(k * (len(rows) / pilot.nlist) / (n / list_count(n))))
    nobody = np.full(len(Q), -1)

    def pays(nprobe: int) -> bool:
        visits = (n + SAMPLE / (PROBE_GROWTH - 1)) * list_work(n, d, nprobe, pilot.imbalance)
        return bool(build_work(n, d) + SAMPLE * work(n, d) + visits < n * work(n, d))

    return pays(_raised(pilot, fewer, wish, Sample(Q, nobody), pays)[0].nprobe)


def _raised(
    lists: InvertedLists | PartedLists, k: int, wish: Wish, sample: Sample,
    pays: Callable[[int], bool],
) -> tuple[ListSearch | PartedSearch, float]:  # fmt: skip
    """Raise ``nprobe`` until the recall will do, or so many visits no longer pay.

    The first is what the lists of the true neighbours say, which takes no search; all lists in the
    worst case, which is exact.
    """
    truth, numbers = without_self(*exact(sample.Q, lists.X, k + 1), sample.own)
    nprobe = lists.fewest_visits(sample.Q, numbers, wish.min_recall)
    while True:
        search = lists.visiting(nprobe)
        recall = measure(search, sample, k, truth)
        if recall >= wish.min_recall or nprobe >= lists.nlist or not pays(nprobe):
            return search, recall
        nprobe = min(lists.nlist, max(nprobe + 1, round(nprobe * PROBE_GROWTH)))


def choose_device_search(
    Z: FloatArray, k: int, metric: VectorMetric, wish: Wish, sample: Callable[[], Sample],
    ops: Device, by: str = "auto",
) -> Chosen | None:  # fmt: skip
    """Choose a search of the GPU; the choice and its reason go to the log.

    Parameters
    ----------
    Z, k, wish, sample
        As in ``choose_search``.
    metric : VectorMetric
        What the vectors were made for.
    ops : Device
        A backend that searches.
    by : str
        One of ``SEARCHES``.

    Returns
    -------
    Chosen or None
        None where the CPU has to search: it was asked for, nothing here can, or what can found too
        few neighbours.
    """
    how, why = name_search(len(Z), k, metric, wish, by)
    log.info("neighbours by %s: %s", how, why)
    if how == "cpu":
        return None
    if how in ("tiles", "cells"):
        return choose_by_rows(Z, k, wish, sample, ops, how == "cells")
    rows = DeviceRows(Z, ops, wish.seed)
    checked = sample()
    truth = rows.others(checked.Q, k, checked.own.astype(np.int32))[0]
    if how == "cuvs":
        graph = CuvsGraph(rows, Z, k + 1)
        found = Chosen(graph, measure(graph, checked, k, truth))
    else:
        found = _by_faiss(FaissGpu(Z, ops.device or 0, wish.seed), k, wish, checked, truth)
    if found.recall < wish.min_recall:
        log.warning("%s found %.3f of the neighbours: searching on the CPU", how, found.recall)
        return None
    return found


def _by_faiss(index: FaissGpu, k: int, wish: Wish, sample: Sample, truth: Array) -> Chosen:
    """Double the lists that FAISS visits until the recall will do."""
    while True:
        recall = measure(index, sample, k, truth)
        if recall >= wish.min_recall or not index.visit_more(MOST_VISITS):
            return Chosen(index, recall)


def choose_by_rows(
    Z: FloatArray, k: int, wish: Wish, sample: Callable[[], Sample], ops: Device, listed: bool,
    there: DeviceRows | None = None,
) -> Chosen:  # fmt: skip
    """Compare all pairs, or by cells where that pays; in blocks where the device is too small.

    Parameters
    ----------
    Z, k, wish, sample, ops
        As in ``choose_device_search``.
    listed : bool
        Whether cells may pay.
    there : DeviceRows or None
        Z, where it lies on the device already.
    """
    n, d = Z.shape
    free = ops.memory()[0]
    room = max(TILE, int(OUTPUT * free / (8 * k + 8 * d)))
    rows: DeviceRows | RowBlocks
    if there is None and device_bytes(n, d) > RESIDENT * free:
        block = max(TILE, min(n, int(RESIDENT * free / device_bytes(1, d))))
        log.info("the GPU has %.1f GB free: %d rows there at a time", free / 1e9, block)
        rows = RowBlocks(Z, ops, wish.seed, block, room)
        return Chosen(rows, rows.choose_cells(k, wish.min_recall, sample()) if listed else 1.0)
    rows = DeviceRows(Z, ops, wish.seed) if there is None else there
    rows.rows = n if room >= n else room
    made = choose_cells(rows, Z, k, wish.min_recall, sample(), wish.seed) if listed else None
    if made is None:
        if listed:
            log.info("all pairs are compared: cells would take more than half of them")
        return Chosen(rows, 1.0)
    cells, recall = made
    if rows.cells is not cells:
        rows.arrange(cells)
    log.info(
        "%d cells, each compared with %d: %.1f %% of all pairs, recall %.3f",
        cells.count, cells.probes, 100 * cells.share(), recall,
    )  # fmt: skip
    return Chosen(rows, recall, cells.probes)


def name_search(n: int, k: int, metric: Metric, wish: Wish, by: str = "auto") -> tuple[str, str]:
    """Choose what searches where a GPU is there.

    Parameters
    ----------
    n, k : int
        Points, neighbours of each.
    metric : Metric
        What they are searched by.
    wish : Wish
        What recall is asked for.
    by : str
        One of ``SEARCHES``.

    Returns
    -------
    how : {"tiles", "cells", "faiss-gpu", "cuvs", "cpu"}
        What searches.
    why : str
        In words, for the log.

    Raises
    ------
    ValueError
        For a library that was asked for and is not there.
    """
    if by not in SEARCHES:
        names = ", ".join(map(repr, SEARCHES[1:]))
        raise ValueError(f"neighbors={by!r} is no graph, and none of {names}")
    if not isinstance(metric, VectorMetric):
        return "cpu", f"metric={metric.said} is computed by scikit-learn, on the CPU"
    if by != "auto":
        return _asked_for(by, metric)
    if k > MOST:
        return "cpu", f"k={k} is more than the {MOST} that are kept on the GPU"
    if n < CELLS_FROM:
        return "tiles", f"all pairs of {n} points are compared, below {CELLS_FROM}"
    if wish.min_recall == 1.0 or wish.exact is True:
        return "tiles", f"all pairs of {n} points are compared, since every neighbour is asked for"
    return "cells", f"{n} points, and a recall of {wish.min_recall} is enough"


def _asked_for(by: str, metric: VectorMetric) -> tuple[str, str]:
    """Return the search that was asked for, or raise for what is not there."""
    import faiss

    if by == "faiss-gpu" and getattr(faiss, "get_num_gpus", lambda: 0)() == 0:
        raise ValueError(
            "neighbors='faiss-gpu', but faiss is built without GPUs: install faiss-gpu in "
            "place of faiss-cpu"
        )
    if by == "cuvs" and metric.name == "inner_product":
        raise ValueError("neighbors='cuvs' can't search by metric='inner_product'; leave it out")
    if by == "cuvs" and find_spec("cuvs") is None:
        raise ValueError("neighbors='cuvs', but cuVS is missing: pip install cuvs-cu13")
    return ("cpu" if by == "faiss" else by), f"{by!r} was asked for"
