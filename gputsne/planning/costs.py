"""The cost of an iteration on a GPU: launches and bytes of every call of ``CudaOps``.

A roofline of measured rates: time is the largest of what memory, L2 and atomics take, plus the
launch. Tests compare calls and bytes with those of the code; ``bench/gpu.py`` compares the times.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from gputsne.engine import mesh as meshes

__all__ = ["MACHINES", "Call", "Case", "Machine", "calls"]

SECTOR = 32  # bytes that a gather moves, whatever it wants of them
CHARGE = 8  # bytes of a fixed-point charge
EDGES = 1.5  # edges of P over n k: 1.26 to 1.5 on MNIST and text
SPAN = 200.0  # of a finished map of SPAN_AT points in two axes; a guess for other sizes:
SPAN_AT, SPAN_POWER = 70_000, 0.3


class Locality(NamedTuple):
    """What threads share where points lie along the curve: means over a fit of MNIST, k = 90.

    Counted by bench/locality.py, two axes and order 6; in other cases the shares are the same.
    """

    below: float  # points
    deposit: float  # sectors of charges per point that the blocks send
    deposit_passes: float  # passes in shared memory per point, of additions
    gather: float  # sectors of the potential per point that the blocks read
    gather_passes: float  # passes in shared memory per point, of reading
    edge: float  # sectors of Y per edge that a block reads
    far: float  # edges that leave what a cache of 0.6 of the map would hold


LOCALITY = (Locality(float("inf"), 1.12488, 3.69563, 0.795356, 2.174, 0.176558, 0.043485),)


class Machine(NamedTuple):
    """Rates of a GPU, bytes and bytes per second."""

    name: str
    memory: float  # bytes
    bandwidth: float  # of the memory
    cache: float  # bytes of the L2 cache
    cache_bandwidth: float
    atomics: float  # sectors per second
    shared: float  # passes of all shared memories per second
    arithmetic: float  # operations of float32 per second that tiles of products reach
    trip: float  # seconds to the memory and back
    launch: float  # seconds between two kernels


# Copies within the memory and sectors of 64-bit additions in the L2 cache as measured; the cache's
# own rate, the arithmetic of the neighbour search and the trip are estimates, the launch the gap
# between two kernels of one graph (docs/gpu.md). A pass is a clock of one of 132 processors.
_SHARED, _TRIP, _LAUNCH = 132 * 1.7e9, 0.7e-6, 1.25e-6
_REST = (50e6, 5.5e12, 71e9, _SHARED, 48e12, _TRIP, _LAUNCH)
MACHINES = {
    "h100": Machine("H100 SXM 80 GB", 80e9, 3.0e12, *_REST),
    "h200": Machine("H200 SXM 141 GB", 141e9, 4.3e12, *_REST),
}
ADDITION = 2.0  # clocks of a pass that adds, an estimate; one that reads takes 1
# Of a warp that adds up rows of P: clocks per row of 135 edges, by the machine code; 32 warps of
# each of 132 processors do so at once.
ROW_SECONDS, ROW_WARPS = 1450 / 1.7e9, 132 * 32


@dataclass(frozen=True)
class Case:
    """One size of map.

    Attributes
    ----------
    n, k, c : int
        Points, neighbours each, map axes.
    fft_shape : tuple of int
        FFT nodes per axis.
    half : bool
        Two bytes per weight instead of four.
    in_order : bool
        Points lie along a curve through the map.
    order : int
        Of the spline.
    edges : int or None
        Of P, both directions; None for ``EDGES n k``.
    """

    n: int
    k: int = 90
    c: int = 2
    fft_shape: tuple[int, ...] = ()
    half: bool = False
    in_order: bool = True
    order: int = meshes.ORDER
    edges: int | None = None

    @property
    def nodes(self) -> int:
        """FFT nodes in all."""
        shape = self.fft_shape or self._shape()
        out = 1
        for g in shape:
            out *= g
        return out

    @property
    def nnz(self) -> int:
        """Edges of P, both directions."""
        return int(EDGES * self.n * self.k) if self.edges is None else self.edges

    def _shape(self) -> tuple[int, ...]:
        side = SPAN * (self.n / SPAN_AT) ** SPAN_POWER
        span = [side ** (2.0 / self.c)] * self.c
        h, _ = meshes.spacing(span, self.n, 1.0, few=True)
        return meshes.lengths(span, h, few=True)


class Call(NamedTuple):
    """One call of an iteration.

    ``bytes`` counts what its arrays hold, read and written once; ``cached`` is the traffic of
    gathers at the L2 cache, ``missed`` what of it goes to memory; ``atomics`` counts sectors,
    ``passes`` the clocks of shared memory, ``trips`` the accesses to memory of a block that wait
    for one another, and ``chain`` the seconds of those that many warps do in turn.
    """

    name: str
    launches: int
    bytes: float
    cached: float = 0.0
    missed: float = 0.0
    atomics: float = 0.0
    passes: float = 0.0
    trips: int = 2
    chain: float = 0.0
    resident: float = 0.0  # bytes of the arrays; where the cache holds them, memory is not asked

    def seconds(self, gpu: Machine) -> float:
        """Return the modelled time."""
        rate = gpu.cache_bandwidth if 0 < self.resident < gpu.cache else gpu.bandwidth
        work = max(
            (self.bytes + self.missed) / rate,
            self.cached / gpu.cache_bandwidth,
            self.atomics / gpu.atomics,
            self.passes / gpu.shared,
            self.trips * gpu.trip,
            self.chain,
        )
        return work + self.launches * gpu.launch


def _stencil(c: int, order: int, size: int) -> float:
    """Return the sectors of one point's stencil of numbers of ``size`` bytes, on the mean.

    A row of ``order`` numbers begins at any number of a sector.
    """
    starts = range(0, SECTOR, size)
    row = sum(-(-(at + size * order) // SECTOR) for at in starts) / len(starts)
    return row * float(order ** (c - 1))


def calls(case: Case, gpu: Machine) -> list[Call]:
    """Return the calls of one iteration on the mesh, in their order.

    Parameters
    ----------
    case : Case
        The size.
    gpu : Machine
        Its L2 cache decides what gathers miss.

    Returns
    -------
    list of Call
        Between two looks at the extent, which come once in 25 iterations.
    """
    n, c, G, nnz = case.n, case.c, case.nodes, case.nnz
    M = G / 2**c
    point = 4.0 * c * n
    # In no order, and in three axes, a patch seldom holds a block's stencils.
    deposited, gathered = _stencil(c, case.order, CHARGE), _stencil(c, case.order, 4)
    added = read = 0.0
    edge, far = 1.0, 1.0 - min(1.0, gpu.cache / max(point, 1.0))
    if case.in_order:
        counted = next(found for found in LOCALITY if n < found.below)
        edge, far = counted.edge, min(far, counted.far)
        if c < 3:
            share = case.order**c / meshes.ORDER**2
            deposited, gathered = counted.deposit, counted.gather
            added, read = share * counted.deposit_passes, share * counted.gather_passes
    gathers = float(SECTOR) * nnz * edge
    weight = 2 if case.half else 4
    return [
        Call("deposit", 1, point, atomics=n * deposited, passes=ADDITION * n * added, trips=3),
        *_transforms(c, G, M),
        Call("gather", 1, 2 * point, cached=n * gathered * SECTOR, passes=n * read, trips=4),
        Call(
            "attract and step",
            1,
            nnz * (4.0 + weight) + 8.0 * n + 7 * point,
            cached=gathers,
            missed=gathers * far,
            trips=6,
            chain=max(n, ROW_WARPS) * ROW_SECONDS / ROW_WARPS * max(1.0, nnz / (135.0 * n)),
        ),
    ]


def _transforms(c: int, G: float, M: float) -> list[Call]:
    """Return the calls from charges to potential, for G FFT nodes and M of the mesh."""
    octant, grid = 4.0 * M, 4.0 * G
    if c < 3:  # our own: charges are read and cleared, rows of half a spectrum written and read
        rows = 8.0 * M * (c - 1)
        moved = 2 * CHARGE * M + 4 * rows + octant + 4.0 * M
        held, launches = CHARGE * M + rows + octant + 4.0 * M, 2 * c - 1
        return [Call("FFT", launches, moved, trips=2 * launches, resident=held)]
    complex_grid = grid  # half of G complex numbers of 8 bytes
    passes = 2.0 * c  # each axis reads and writes once
    return [
        Call("pack", 1, 2 * CHARGE * M + grid, resident=CHARGE * M + grid),
        Call("FFT", c, passes * complex_grid, resident=2 * grid),
        Call("multiply", 1, 2 * complex_grid + octant, resident=grid),
        Call("inverse FFT", c, passes * complex_grid, resident=2 * grid),
    ]
