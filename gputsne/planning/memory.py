"""Bytes that a fit takes in main memory and on a GPU, by part and stage; refuses what can't fit.

The figures bound the peak from above on every path; tests hold them against peaks that were
measured.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gputsne.affinities.equal_weights import N_NEIGHBORS
from gputsne.backends.protocol import PACKED_FROM, PLAN_BYTES
from gputsne.base.errors import OverMemory
from gputsne.base.memory import available_memory
from gputsne.base.parameter_table import Bytes, check
from gputsne.base.rows import BLOCK_NUMBERS
from gputsne.base.scratch import check_room
from gputsne.base.sizes import LARGEST, size_text
from gputsne.engine.mesh import FORCED, FORCED_NODES, GOAL, MAX_NODES
from gputsne.neighbors import metric_for
from gputsne.neighbors.memory import (
    BASE,
    FAISS_BYTES,
    LIST_BYTES,
    given_bytes,
    parted_bytes,
    search_bytes,
)
from gputsne.neighbors.metric import VECTORS
from gputsne.neighbors.search.device_rows import CANDIDATE_BYTES, device_bytes
from gputsne.planning.ways import IN_MEMORY, Way, ways
from gputsne.preparation.fitting import BLOCKED_COLUMNS

__all__ = ["Plan", "available_memory", "device_stages", "mesh_nodes", "plan"]

MIRRORED = 1.6  # edges of P over n * k: 1.26 to 1.5 on MNIST and text, 2 when no edge is mutual
# The attraction of large maps reads a P of its own, packed in the order of the map: 8 bytes per
# edge while that order is young, 4 later. Per point, where its row ends, and its last group's
# filling.
PACKED_BYTES, PACKED_ROW_BYTES = 8, 72
# The compiled kernels make the transpose in parts: so many edges at a time, or so many parts of a
# larger one; and the counters that they need per point (csrc/cpu/bind_graph.cpp).
TRANSPOSE_EDGES, TRANSPOSE_PARTS, TRANSPOSE_POINT_BYTES = 1 << 24, 6, 8 * (8 + 2)
# Per FFT node: charge 1, fixed point 2, spectrum 2, two complex copies 8, real 1. The compiled
# convolution of two axes takes less: charge 1, fixed point 2, spectrum 2, half a complex copy 2,
# lines 1, two potentials 2; 4 more where an axis is as short as can be.
NODE_BYTES = 14
# The same on a GPU by cuFFT, one axis: fixed point 4, padded charge 4, half a complex grid 4,
# work areas of two plans 8, potential 4, spectrum 2. More axes take less; so does the own FFT:
# fixed point 2, rows of half a spectrum 2, potential 1, spectrum 1, and 2 to make it in.
DEVICE_NODE_BYTES = 26
SPAN = {1: 400.0, 2: 200.0, 3: 60.0}  # a large map's extent, map units
WIDEST_GOAL = GOAL[-1][1]  # spacing of a large map's mesh, map units
# FFT nodes per axis of a map of few points: two per mesh node, a mesh of at least 32, and sides
# that grow with the root of the number of points.
LEAST_SIDE = 64
LEAST_MESH = 64  # FFT nodes per axis that a mesh is always given
LEAST_NODE_PAIRS = (0.5, 0.2, 0.5)  # of Ops.node_pairs, by axes
MESH_SHARE = 4  # of what is free, a mesh takes at most one part in so many
# Per edge while eigenvectors are found: the Laplacian in float64 and what it is made in; per point
# the vectors that Lanczos' method keeps.
SPECTRAL_EDGE_BYTES, SPECTRAL_POINT_BYTES = 28, 8 * 2 * 60
# X on disk: blocks of a million numbers that are held at once, each as float64, one for each thread
# and those that wait for their turn; and threads that make a share of the covariance.
SOURCE_BLOCKS, SOURCE_THREADS = 16, 4
GIVEN = "given"  # the affinity of a fit whose P was brought beside the rows


@dataclass(frozen=True)
class Plan:
    """Memory of a fit.

    Attributes
    ----------
    parts : dict of str to int
        Bytes by part: ``"data"``, ``"prepared data"``, ``"neighbour search"``,
        ``"neighbour lists"``, ``"conditional p"``, ``"transposed lists"``, ``"joint P"``,
        ``"packed P"``, ``"first map"``, ``"map and state"``, ``"mesh"``; for a GPU
        ``"device: data"``, ``"device: candidates"``, ``"device: neighbour lists"``,
        ``"device: transposed lists"``, ``"device: joint P"``, ``"device: map and state"``,
        ``"device: mesh"`` and ``"device: FFT plans"`` as well.
    stages : dict of str to int
        Bytes that are held at once in ``"neighbors"``, ``"affinities"``, ``"initial"`` and
        ``"optimize"``.
    host_bytes, device_bytes : int
        The largest stage in main memory with interpreter and libraries, and what a GPU would have
        to hold (0 on the CPU).
    seconds : float or None
        Of 1,000 iterations, where ``device`` names a GPU that there is a model of; else None.
    device_stages : dict of str to int
        Bytes that a GPU holds at once in ``"neighbors"``, ``"affinities"`` and ``"optimize"``;
        empty on the CPU.
    most_bytes : int
        As ``host_bytes`` where the mesh is as large as one of so many points may get: for a map
        that is thousands of units wide, as after a far point in ``init``. ``memory_limit`` keeps
        the mesh within it.
    stage_seconds : dict of str to float
        Of a warm fit of 750 iterations by stage, modelled, not measured, where ``device`` names a
        GPU that there is a model of; else empty.
    way : Way
        What lies on disk to save memory (``rows_on_disk``, ``P_on_disk``), and in how many
        ``parts`` the neighbour lists are made; all in memory where that fits.
    disk_bytes : int
        What ``way`` takes of the folder for temporary files.
    """

    parts: dict[str, int]
    stages: dict[str, int] = field(default_factory=dict)
    host_bytes: int = 0
    device_bytes: int = 0
    seconds: float | None = None
    device_stages: dict[str, int] = field(default_factory=dict)
    most_bytes: int = 0
    stage_seconds: dict[str, float] = field(default_factory=dict)
    way: Way = IN_MEMORY
    disk_bytes: int = 0

    @property
    def others(self) -> int:
        """Bytes in main memory of everything but the mesh."""
        return self.host_bytes - self.parts["mesh"]

    @property
    def device_needs(self) -> int:
        """Bytes of a GPU without which a fit fails: the neighbour search takes what it finds."""
        return max((b for s, b in self.device_stages.items() if s != "neighbors"), default=0)

    def check(self, limit: float | str | None = None, device_limit: float | None = None) -> None:
        """Raise if the plan does not fit.

        Parameters
        ----------
        limit : float, str or None
            Bytes, or as "8G"; None for what the machine or the container still has.
        device_limit : float or None
            Bytes that the GPU still has; None where there is none.

        Raises
        ------
        OverMemory
            With both figures and the remedies.
        TypeError, ValueError
            For a limit that is no amount of memory.
        """
        given = Bytes().read("memory_limit", limit)
        allowed = available_memory() if given is None else given
        if allowed is not None and self.host_bytes > allowed:
            worst = max(self.stages, key=lambda s: self.stages[s])
            raise OverMemory(
                f"this fit needs {size_text(self.host_bytes)} (stage {worst!r}), "
                f"{'free memory' if limit is None else 'memory_limit'} is {size_text(allowed)}; "
                "lower perplexity or n_neighbors, use affinity='uniform', reduce X with pca=50, "
                "or fit a sample and transform the rest"
            )
        if self.disk_bytes:
            check_room(self.disk_bytes)
        if device_limit is not None and self.device_needs > device_limit:
            fixed = {s: size for s, size in self.device_stages.items() if s != "neighbors"}
            worst = max(fixed, key=lambda s: fixed[s])
            raise OverMemory(
                f"this fit needs {size_text(fixed[worst])} of the GPU's memory (stage "
                f"{worst!r}), {size_text(device_limit)} are free there; lower perplexity or "
                "n_neighbors, use affinity='uniform' or affinity_dtype='float16', reduce X with "
                "pca=50, free what else lies on the GPU, or use device='cpu'"
            )


def plan(
    n: int,
    d: int,
    *,
    n_components: int = 2,
    perplexity: float | Sequence[float] = 30.0,
    n_neighbors: int | None = None,
    device: str = "auto",
    pca: int | None = None,
    affinity_dtype: str = "float32",
    metric: Any = "euclidean",
    affinity: Any = "perplexity",
    init: Any = "pca",
    entries: int | None = None,
    on_disk: bool = False,
    memory_limit: float | str | None = None,
) -> Plan:
    """Estimate the memory of a fit.

    Parameters
    ----------
    n, d : int
        Points and features.
    n_components : {1, 2, 3}, default 2
        Map axes.
    perplexity : float or sequence of float, default 30
        Three neighbours each, unless ``n_neighbors`` is given.
    n_neighbors : int or None
        Neighbours per point.
    device : str, default "auto"
        As in ``TSNE``; the name of a GPU counts its memory as well; "h100" and "h200" add seconds
        by a model.
    pca : int or None
        Features kept, as in ``TSNE``.
    affinity_dtype : {"float32", "float16"}, default "float32"
        How a GPU keeps P, as in ``TSNE``.
    metric : str or callable, default "euclidean"
        As in ``TSNE``; what FAISS does not search compares all pairs in blocks, and
        "precomputed" holds n x n distances.
    affinity : str or P, default "perplexity"
        As in ``TSNE``; "precomputed" holds P.
    init : str or array_like, default "pca"
        As in ``TSNE``; "spectral" needs eigenvectors of P.
    entries : int or None
        Numbers that a sparse matrix of distances or P stores; None for a dense one.
    on_disk : bool, default False
        Whether X stays on disk (``gputsne.open_source``) and is read by blocks.
    memory_limit : float, str or None
        Bytes, or as "24GB". Where a fit all in memory would take more, the plan is that of the
        quickest way that fits, with rows or P on disk and neighbour lists in parts; where none
        does, of the one that takes least. A fit asks for what is free, or its own limit. None
        plans for all in memory.

    Returns
    -------
    Plan
        Bytes by part; ``check()`` compares with what there is.

    Raises
    ------
    TypeError, ValueError
        For counts that are no whole number of at least 1, and for what ``TSNE`` refuses.

    Examples
    --------
    >>> round(plan(1_000_000, 50).host_bytes / 1e9, 1) < 6
    True
    """
    from gputsne.backends import DEVICES, devices_with_memory
    from gputsne.planning.costs import MACHINES, Case

    if device not in (known := (*DEVICES, *MACHINES)):
        raise ValueError(f"device={device!r} is none of {', '.join(map(repr, known))}")
    for name, value in (
        ("n_components", n_components), ("perplexity", perplexity), ("n_neighbors", n_neighbors),
        ("pca", pca), ("affinity_dtype", affinity_dtype), ("init", init),
    ):  # fmt: skip
        check(name, value)
    if not isinstance(affinity, str):
        check("affinity", affinity)
        affinity = GIVEN
    elif affinity != GIVEN:
        check("affinity", affinity)
    if not (isinstance(metric, str) and metric == "precomputed"):
        metric_for(metric)
    n, d, c = _count("n", n), _count("d", d), int(n_components)
    entries = None if entries is None else _count("entries", entries)
    half = affinity_dtype == "float16"
    k = _neighbors(n, perplexity, n_neighbors, affinity)
    kept = d if pca is None else min(d, int(pca))
    edges = int(MIRRORED * n * k)
    own_memory = (*devices_with_memory(), *MACHINES)
    parts = {
        "data": _block_bytes(d, pca) if on_disk else 4 * n * d,
        "prepared data": 4 * n * kept,
        "neighbour search": search_bytes(n, kept, metric),
        "neighbour lists": LIST_BYTES * n * k,
        "conditional p": 4 * n * k,
        "transposed lists": 8 * max(min(n * k, TRANSPOSE_EDGES), n * k // TRANSPOSE_PARTS)
        + TRANSPOSE_POINT_BYTES * n,
    }
    given = "precomputed" in [name for name in (metric, affinity) if isinstance(name, str)]
    if given:
        stored = n * n if entries is None else entries
        parts["data"], parts["neighbour search"] = given_bytes(n, entries)
        parts["prepared data"] = 0
        if affinity == "precomputed":
            edges = stored
            parts |= {name: 0 for name in ("neighbour lists", "conditional p", "transposed lists")}
    spectral = isinstance(init, str) and init == "spectral"
    parts |= {
        "joint P": 8 * edges + 8 * (n + 1),
        "packed P": (PACKED_BYTES * edges + PACKED_ROW_BYTES * n)
        * (n >= PACKED_FROM and device not in own_memory),
        "first map": SPECTRAL_EDGE_BYTES * edges + SPECTRAL_POINT_BYTES * n if spectral else 0,
        "map and state": 4 * n * (6 * c + 2),
        "mesh": int(NODE_BYTES * _usual_nodes(n, c)),
    }
    # FAISS's memory is given back but for what its threads keep; of what else searches and reads,
    # the allocator may keep all. Of the lists, the distances are let go once there are weights.
    by_faiss = not given and isinstance(metric, str) and metric in VECTORS

    def stages_of(parts: dict[str, int]) -> dict[str, int]:
        held = parts["data"] + parts["prepared data"]
        searched = held + parts["neighbour search"]
        after = held + FAISS_BYTES if by_faiss else searched
        lists, weights = parts["neighbour lists"], parts["conditional p"]
        made = lists // 2 + weights + parts["transposed lists"] + parts["joint P"]
        P = parts["joint P in memory"]
        return {
            "neighbors": searched + lists,
            "affinities": after + max(lists + weights, made),
            "initial": (searched if spectral else held) + P + parts["first map"],
            "optimize": held + P + parts["packed P"] + parts["map and state"] + parts["mesh"],
        }

    limit = Bytes().read("memory_limit", memory_limit)
    whole, way, stages = (
        parts,
        IN_MEMORY,
        stages_of(parts | {"joint P in memory": parts["joint P"]}),
    )
    if limit is not None and device not in own_memory and not given:
        least = math.inf
        for tried in ways(by_faiss, whole["packed P"] > 0):
            made = whole | _kept_elsewhere(whole, tried, n, kept)
            held = stages_of(made)
            if max(held.values()) < least:
                least, parts, stages, way = max(held.values()), made, held, tried
            if BASE + least <= limit:
                break
    disk_bytes = whole["prepared data"] * way.rows_on_disk + whole["joint P"] * way.P_on_disk
    parts.pop("joint P in memory", None)
    host_bytes = int(BASE + max(stages.values()))
    # Beyond, few points are summed by definition.
    nodes = min(MAX_NODES[c - 1], max(FORCED_NODES, FORCED * n * n / LEAST_NODE_PAIRS[c - 1]))
    widest = stages["optimize"] - parts["mesh"] + NODE_BYTES * nodes
    most_bytes = max(host_bytes, int(BASE + widest))
    if device not in own_memory:
        return Plan(
            parts, stages, host_bytes=host_bytes, most_bytes=most_bytes, way=way,
            disk_bytes=disk_bytes,
        )  # fmt: skip
    on_device, there = device_stages(n, kept, k, c, edges, Case(n, k, c).nodes, half=half)
    seconds, by_stage = None, {}
    if device in MACHINES:
        from gputsne.planning import roofline
        from gputsne.planning.stages import fit_seconds

        gpu = MACHINES[device]
        seconds = roofline.seconds(Case(n, k, c, half=half), gpu, iterations=1000)
        by_stage = fit_seconds(n, d, gpu, k=k, pca=pca, c=c, half=half)
    return Plan(
        parts | on_device, stages, host_bytes, max(there.values()), seconds, there, most_bytes,
        by_stage,
    )  # fmt: skip


def _count(name: str, value: Any) -> int:
    """Return a count as Python's integer: numpy's int32 would overflow in products."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name}={value!r} must be a whole number")
    if value < 1 or not value < LARGEST:  # NaN is not below it
        raise ValueError(f"{name}={value!r} must be finite, at least 1 and below {LARGEST:.0e}")
    if value % 1:
        raise ValueError(f"{name}={value!r} must be a whole number")
    return int(math.floor(value))  # noqa: RUF046  of numpy's float, a float


def _neighbors(n: int, perplexity: Any, n_neighbors: int | None, affinity: str) -> int:
    """Return the neighbours per point that lists hold."""
    if n_neighbors is not None:
        return int(n_neighbors)
    if affinity == "uniform":
        return min(n - 1, N_NEIGHBORS)
    return min(n - 1, int(3 * float(np.max(perplexity))))


def _block_bytes(d: int, pca: int | None) -> int:
    """Return what reading X by blocks takes: of each thread a block, in float64 too."""
    covariance = 8 * (2 + SOURCE_THREADS) * min(d, BLOCKED_COLUMNS) ** 2 if pca else 0
    return 8 * SOURCE_BLOCKS * max(d, BLOCK_NUMBERS) + covariance


def _kept_elsewhere(parts: dict[str, int], way: Way, n: int, d: int) -> dict[str, int]:
    """Return the parts that a way makes smaller."""
    search = parts["neighbour search"]
    if way.parts > 1:
        search = parted_bytes(n, d, way.parts)
    return {
        "prepared data": 0 if way.rows_on_disk else parts["prepared data"],
        "neighbour search": search,
        "joint P in memory": 0 if way.P_on_disk else parts["joint P"],
    }


def _usual_nodes(n: int, c: int) -> float:
    """Return the FFT nodes of a usual map: its span ends, and few points have a small one."""
    return float(min(2 * SPAN[c] / WIDEST_GOAL, 2 * n**0.5 + LEAST_SIDE) ** c)


def mesh_nodes(c: int, limit: float | None, others: int = 0) -> int:
    """Return how many FFT nodes a mesh may have.

    Parameters
    ----------
    c : int
        Map axes.
    limit : float or None
        Bytes that are allowed or free; None for no limit.
    others : int
        Bytes within ``limit`` that the rest of the fit takes (``Plan.others``), 0 where ``limit``
        is what is free.

    Returns
    -------
    int
        At least 64 per axis; more than the accuracy needs is never used.
    """
    most = MAX_NODES[c - 1]
    if limit is None:
        return most
    room = (limit - others) / NODE_BYTES if others else limit / MESH_SHARE / NODE_BYTES
    return most if room >= most else max(LEAST_MESH**c, int(room))


def device_stages(
    n: int, d: int, k: int, c: int, edges: int, nodes: float, *, half: bool = False
) -> tuple[dict[str, int], dict[str, int]]:
    """Return what a GPU holds.

    Parameters
    ----------
    n, d, k, c : int
        Points, features after preparation, neighbours each, map axes.
    edges : int
        Of P, both directions.
    nodes : float
        FFT nodes of the mesh.
    half : bool
        P in 2-byte floats.

    Returns
    -------
    parts, stages : dict of str to int
        Bytes by part, and the sum of what is there at once in each stage.

    Notes
    -----
    Neighbours: X as rows and as columns, candidates of the rows searched for at a time, and lists.
    Where that does not fit, X comes in blocks and the rows in parts, so that this stage is never
    what a fit fails for (``Plan.check``). Affinities: lists,
    conditional p, the transpose with what it is sorted in, then P. Optimize: P twice, because P in
    another order is made beside the old one; in 2-byte floats it is at first made from the other.
    """
    lists, P = 4 * n * k, 8 * edges + 8 * (n + 1)
    kept = P - 2 * edges if half else P
    parts = {
        "device: data": device_bytes(n, d),
        "device: candidates": CANDIDATE_BYTES,
        "device: neighbour lists": 2 * lists,
        "device: transposed lists": 4 * lists,
        "device: joint P": kept,
        "device: map and state": 4 * n * (6 * c + 4),
        "device: mesh": int(DEVICE_NODE_BYTES * nodes),
        "device: FFT plans": PLAN_BYTES,
    }
    stages = {
        "neighbors": parts["device: data"] + parts["device: candidates"] + 2 * lists,
        "affinities": max(6 * lists, 4 * lists + P),
        "optimize": max(2 * kept, P + 2 * edges * half)
        + parts["device: map and state"]
        + parts["device: mesh"]
        + parts["device: FFT plans"],
    }
    return parts, stages
