"""The CUDA backend: the stages of this folder behind the one interface ``Ops``.

Every stage is an object of its own on the same ``Gpu``; this class joins them, chooses the GPU and
the stream, and turns a lack of memory into ``OverMemory``.
"""

from __future__ import annotations

import traceback
import weakref
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from typing import Any

import numpy as np

from gputsne.backends.cuda import arrays
from gputsne.backends.cuda.affinities import AffinityStage
from gputsne.backends.cuda.device import Gpu
from gputsne.backends.cuda.edges import Edges
from gputsne.backends.cuda.field import FieldStage, OnDevice
from gputsne.backends.cuda.given_rows import GivenRows, given_rows, sent_values
from gputsne.backends.cuda.gram import MOST_COLUMNS, RESIDENT, RowSums
from gputsne.backends.cuda.held import HeldAffinities, HeldRows, keep, spill
from gputsne.backends.cuda.lists import GivenLists, ListStage
from gputsne.backends.cuda.neighbors import NeighborStage
from gputsne.backends.cuda.order import OrderStage
from gputsne.backends.cuda.place import PlaceStage
from gputsne.backends.cuda.replay import Replay
from gputsne.backends.cuda.step import StepStage
from gputsne.backends.protocol import Ops
from gputsne.base.errors import OverMemory
from gputsne.base.sizes import size_text
from gputsne.base.types import (
    Affinities,
    Array,
    FloatArray,
    IntArray,
    KNNGraph,
    Mesh,
    Reference,
    StepParams,
)

__all__ = ["CudaOps"]


class CudaOps(Ops):
    """The operations of ``gputsne._cuda`` on CuPy's arrays.

    Parameters
    ----------
    n_jobs : int
        Threads of what stays on the CPU.
    xp, fft, module : module, optional
        Array library, FFT and kernels; CuPy's and ``gputsne._cuda`` unless tests bring others.
    half : bool, default False
        Keep P in 2-byte floats: 6 bytes per edge, a quarter less traffic, 5e-4 of rounding.
    graphs : bool, default False
        Launch iterations as CUDA graphs; ``GPUTSNE_CUDA_GRAPHS=0`` says no.
    own_fft : bool, default True
        Use the own FFT where it has the lengths; ``GPUTSNE_CUDA_FFT=cufft`` says no.
    """

    name = "cuda"
    searches = True
    # A guess: one thread per point, so that fewer points than this leave most of a GPU idle anyway.
    exact_below = ((2048, 2048, 4096), (2048, 2048, 4096))
    # Estimates: an FFT pair of 4096**2 nodes takes 0.38 ms.
    node_pairs = ((10.0, 10.0, 10.0), (3.0, 3.0, 3.0))
    epoch = 25  # iterations between two looks at the extent, at most
    few_meshes = True
    phi_wanted = False
    relabel_from = 20_000  # L1 gains at any size; below, one reordering costs what it saves

    def __init__(
        self, n_jobs: int = 1, *, xp: Any = None, fft: Any = None, module: Any = None,
        half: bool = False, graphs: bool = False, own_fft: bool = True,
    ) -> None:  # fmt: skip
        self.n_jobs = n_jobs
        self.half = half
        self.escaped = False  # whether a point left the mesh since the field last asked
        self.gpu = Gpu(xp, module)
        self.xp: Any = self.gpu.xp
        self.device: int | None = int(self.xp.cuda.Device().id)
        self.gpu.number = self.device
        self.gpu.module.use_device(self.device)
        self.graphs: Replay | None = None
        self._affinities = AffinityStage(self.gpu)
        self._lists = ListStage(self.gpu)
        self._P: Callable[[], HeldAffinities | None] = lambda: None  # the one that was made last
        self._field = FieldStage(self.gpu, fft, self._forget_graphs, own_fft)
        if graphs:
            self.graphs = Replay(self.xp, self._field.numbers)
        self._step = StepStage(self.gpu, self._field.watch, self._field.numbers)
        self._order = OrderStage(self.gpu)
        self._place = PlaceStage(self.gpu)
        self.neighbors = NeighborStage(self.gpu)
        with self._freeing():
            self._field.move_to(self.device)

    def _forget_graphs(self) -> None:
        """Forget graphs that know another array than the one that is kept now."""
        if self.graphs is not None:
            self.graphs.forget()

    # The device

    @contextmanager
    def guard(self, device: int | None = None) -> Iterator[None]:
        """Work on the GPU ``device``; what fails there leaves memory free for the next attempt."""
        self.gpu.check_process()
        self.device = self.device if device is None else device
        stream = nullcontext() if self.graphs is None else self.graphs.stream()
        with self._freeing(), self.xp.cuda.Device(self.device), stream:
            self.gpu.module.use_device(self.device)
            self.gpu.number = self.device
            self._field.move_to(self.device)
            yield

    @contextmanager
    def _freeing(self) -> Iterator[None]:
        """Free memory where the work inside fails; say so where it was memory that ran out."""
        try:
            yield
        except (self.xp.cuda.memory.OutOfMemoryError, self.gpu.module.CudaError) as error:
            if not isinstance(error, MemoryError) and "MemoryAllocation" not in str(error):
                with suppress(Exception):  # a GPU that has failed refuses this as well
                    self.release()
                raise
            # A traceback that somebody keeps, as notebooks do, would keep the arrays of its frames.
            traceback.clear_frames(error.__traceback__)
            self.release()
            raise OverMemory(
                f"the GPU's memory ran out ({error}), {size_text(self.memory()[0])} are free; "
                "lower perplexity or n_neighbors, use affinity='uniform', or device='cpu'"
            ) from error
        except BaseException:
            with suppress(Exception):
                self.release()
            raise

    def memory(self) -> tuple[int, int]:
        """Return the bytes that this process may still take on the device, and the device's all."""
        return self.gpu.memory(self.device)

    def peak_memory(self) -> int:
        """See ``Ops``: what CuPy's pools have held."""
        return self.gpu.peak(0 if self.graphs is None else self.graphs.held())

    def host(self, a: Any) -> Array:
        """Return a copy in main memory; waits for the device."""
        return self.gpu.host(a)

    def release(self) -> None:
        """Give back what is kept between calls; CuPy's free blocks go back to the driver."""
        self.peak_memory()
        self._field.release()
        if self.graphs is not None:
            self.graphs.release()
        self._place.release()
        self.gpu.tidy()

    def iterate(
        self, epoch: Hashable, numbers: Hashable, turn: Hashable, work: Callable[[], None]
    ) -> None:
        """See ``Ops``."""
        if self.graphs is None:
            work()
        else:
            with self._field.numbers.used():
                self.graphs.run(epoch, numbers, turn, work)

    # Graph

    def conditional(
        self, distances: FloatArray, perplexities: Sequence[float]
    ) -> tuple[FloatArray, int]:
        """See ``Ops``; p stays on the device."""
        return self._affinities.conditional(distances, perplexities)

    def symmetrize(self, indices: IntArray, p: FloatArray) -> tuple[Array, IntArray, FloatArray]:
        """See ``Ops``; ``joint`` leaves the arrays on the device."""
        P = self._affinities.joint(indices, p, 0)
        return P.indptr, P.indices, P.data

    def joint(self, graph: KNNGraph, p: FloatArray, unreached: int) -> HeldAffinities:
        """See ``Ops``; P stays on the device until it is read."""
        P = self._affinities.joint(self._lists.indices(graph), p, unreached)
        self._P = weakref.ref(P)
        return P

    def lengths(self, graph: KNNGraph) -> FloatArray:
        """See ``Ops``; waits for the device."""
        return self._lists.lengths(graph)

    def equal_weights(self, graph: KNNGraph) -> FloatArray:
        """See ``Ops``; on the device."""
        return self._lists.equal_weights(graph)

    def fixed_width(self, graph: KNNGraph, sigma: float) -> FloatArray:
        """See ``Ops``; on the device."""
        return self._lists.fixed_width(graph, sigma)

    def given_lists(self, indices: Any, distances: Any) -> GivenLists | None:
        """See ``Ops``; None where there is no row or no neighbour to look at."""
        empty = 0 in indices.shape
        return None if empty else GivenLists(self.gpu, indices, distances)

    def given_rows(self, X: Any) -> GivenRows | None:
        """See ``Ops``; None, too, for what is not of float32 or float64, 2-D and in C order."""
        return given_rows(self.gpu, X)

    def sent_rows(self, rows: FloatArray) -> GivenRows:
        """See ``Ops``."""
        return GivenRows(self.gpu, self.gpu.put(rows, np.float32))

    def sent_values(self, values: Any) -> GivenRows | None:
        """See ``Ops``."""
        return sent_values(self.gpu, values, RESIDENT * self.memory()[0])

    def row_sums(self, values: Any) -> RowSums | None:
        """See ``Ops``; None for what is sparse, empty or too wide."""
        there = given_rows(self.gpu, values) if isinstance(values, HeldRows) else values
        if isinstance(there, GivenRows):
            fits = there.shape[1] <= MOST_COLUMNS
            return RowSums(self.gpu, there.array, 0) if fits else None
        values = np.asarray(values) if isinstance(values, HeldRows) else values
        dense = isinstance(values, np.ndarray) and values.dtype.kind in "biuf"
        fits = dense and 0 < values.shape[1] <= MOST_COLUMNS and len(values) > 0
        return RowSums(self.gpu, values, self.memory()[0]) if fits else None

    def keep(self, kept: Any) -> None:
        """See ``Ops``."""
        keep(kept)

    def make_room(self) -> None:
        """See ``Ops``: P of finished fits goes to main memory, rows kept for a search are freed."""
        spill()
        self.gpu.tidy()

    def hold(self, P: Affinities) -> Edges:
        """See ``Ops``; on the device."""
        return self._affinities.hold(P, self.half)

    def mass(self, P: Affinities) -> float:
        """See ``Ops``; waits for the device."""
        return self._affinities.mass(self.hold(P))

    # Field

    def extent(self, Y: FloatArray) -> list[tuple[float, float]]:
        """See ``Ops``; waits for the device, and takes the flag of escape along."""
        box, escaped = self._field.extent(Y)
        self.escaped = self.escaped or escaped
        return box

    def stepped_extent(self, Y: FloatArray) -> list[tuple[float, float]]:
        """See ``Ops``; the step has noted it. Waits for the device, and takes the flag along."""
        box, escaped = self._field.stepped_extent(Y)
        self.escaped = self.escaped or escaped
        return box

    def grid(self, mesh: Mesh) -> FloatArray:
        """See ``Ops``; padded, as the FFT reads it."""
        return self._field.grid(mesh)

    def deposit(
        self, Y: FloatArray, mesh: Mesh, center: Sequence[float], charge: FloatArray
    ) -> None:
        """See ``Ops``; ``charge`` may be padded, as ``grid`` makes it."""
        self._field.deposit(Y, mesh, center, charge)

    def convolve(self, charge: FloatArray, mesh: Mesh) -> FloatArray:
        """See ``Ops``."""
        return self._field.convolve(charge, mesh)

    def potential(self, Y: FloatArray, mesh: Mesh, center: Sequence[float]) -> FloatArray:
        """See ``Ops``; filled again by the next call."""
        return self._field.potential(Y, mesh, center)

    def gather(
        self, Y: FloatArray, mesh: Mesh, center: Sequence[float], potential: FloatArray,
        phi: FloatArray | None, grad: FloatArray,
    ) -> OnDevice:  # fmt: skip
        """See ``Ops``; Z stays on the device."""
        return self._field.gather(Y, mesh, center, potential, phi, grad)

    def spare(self, Y: FloatArray) -> tuple[None, FloatArray]:
        """See ``Ops``; no array for phi."""
        return self._field.spare(Y)

    def mean(
        self,
        one: tuple[FloatArray | None, FloatArray, OnDevice],
        two: tuple[FloatArray | None, FloatArray, OnDevice],
    ) -> OnDevice:
        """See ``Ops``; Z stays on the device."""
        return self._field.mean(one, two)

    def exact(
        self, Y: FloatArray, dof: float, phi: FloatArray | None, grad: FloatArray
    ) -> OnDevice:
        """See ``Ops``; Z stays on the device."""
        return self._field.exact(Y, dof, phi, grad)

    # Step

    def attract_and_step(
        self, P: Affinities, Y: FloatArray, Y_next: FloatArray, velocity: FloatArray,
        gains: FloatArray, grad: FloatArray, Z: Any, dof: float, params: StepParams,
    ) -> None:  # fmt: skip
        """See ``Ops``; raises a flag on the device where a point leaves the mesh."""
        held = self.hold(P)  # what is made here must live until the launch
        self._step.attract_and_step(held, Y, Y_next, velocity, gains, grad, Z, dof, params)

    def divergence(self, P: Affinities, Y: FloatArray, dof: float) -> float:
        """See ``Ops``; waits for the device."""
        return self._step.divergence(self.hold(P), Y, dof)

    # Order

    def curve(self, Y: FloatArray, box: Sequence[tuple[float, float]]) -> Array:
        """See ``Ops``; on the device."""
        return self._order.curve(Y, box)

    def reorder(self, P: Affinities, order: IntArray) -> Edges:
        """See ``Ops``; where three of P don't fit, the one that is kept for later goes first."""
        held, first = self.hold(P), self._P()
        if first is not None and self.memory()[0] < 2 * 8 * held.nnz:
            first.spill()
        return self._order.reorder(held, order)

    def order_of(self, codes: Array) -> IntArray:
        """See ``Ops``."""
        return arrays.order_of(self.gpu, codes)

    def take(self, a: Array, order: IntArray | None = None, step: int = 1) -> Array:
        """See ``Ops``."""
        return arrays.take(self.gpu, a, order, step)

    def duplicate(self, a: Array) -> Array:
        """See ``Ops``."""
        return arrays.take(self.gpu, a)

    def scatter(self, a: Array, order: IntArray) -> Array:
        """See ``Ops``."""
        return arrays.scatter(self.gpu, a, order)

    def recentre(self, Y: FloatArray) -> None:
        """See ``Ops``."""
        arrays.recentre(self.gpu, Y)

    # Place

    def inside(self, potential: FloatArray, shape: Sequence[int]) -> tuple[FloatArray, float]:
        """See ``Ops``; waits for the device."""
        kept = arrays.crop(self.gpu, potential, tuple(shape))
        return kept, arrays.largest(self.gpu, kept)

    def place(
        self, reference: Reference, indices: IntArray, p: FloatArray, exaggeration: float,
        max_iter: int,
    ) -> FloatArray:  # fmt: skip
        """See ``Ops``; the fitted map stays on the device between blocks."""
        return self._place.place(reference, indices, p, exaggeration, max_iter)
