"""The values that stages hand to each other: frozen, validated once, blind to the device.

Symbols are those of docs/math.md: ``n`` points, ``d`` features, ``k`` neighbours, ``c`` map axes,
``nnz`` edges of the joint matrix P. Imports nothing of ours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from scipy import sparse

Array: TypeAlias = npt.NDArray[Any]
FloatArray: TypeAlias = npt.NDArray[np.float32]
IntArray: TypeAlias = npt.NDArray[np.int32]
AFFINITY_DTYPES = ("float32", "float16")  # how a GPU may keep P


@dataclass(frozen=True, eq=False)
class KNNGraph:
    """Directed nearest-neighbour lists; a point is never in its own list.

    Attributes
    ----------
    indices : array, shape (n, k), int32
        Row ``i`` lists the neighbours of point ``i``, nearest first.
    distances : array, shape (n, k), float32
        Distances in the metric's own unit (Euclidean ones are not squared), ascending.
    recall : float
        Share of true neighbours found, measured on sampled exact queries; 1.0 when exact.
    source : str
        What built the lists, for instance ``"faiss-flat"``, ``"faiss-ivf"``, ``"user"``.
    metric : str
        Name of the metric.
    """

    indices: IntArray
    distances: FloatArray
    recall: float = 1.0
    source: str = "user"
    metric: str = "euclidean"

    @property
    def n(self) -> int:
        """Number of points."""
        return int(self.indices.shape[0])

    @property
    def k(self) -> int:
        """Neighbours per point."""
        return int(self.indices.shape[1])


@dataclass(frozen=True, eq=False)
class Affinities:
    """Joint probabilities P in CSR form: symmetric to the bit, sum 1, zero diagonal.

    Attributes
    ----------
    indptr : array, shape (n + 1,), int64
        Row offsets; int64 because 15.9 million points at k = 90 pass 2**31 edges.
    indices : array, shape (nnz,), int32
        Column of each edge, ascending inside a row.
    data : array, shape (nnz,), float32
        ``p_ij``.
    unreached : int
        Rows whose entropy did not reach the asked perplexity (too few or equal neighbours).
    """

    indptr: npt.NDArray[np.int64]
    indices: IntArray
    data: FloatArray
    unreached: int = 0

    @property
    def n(self) -> int:
        """Number of points."""
        return int(self.indptr.shape[0] - 1)

    @property
    def nnz(self) -> int:
        """Number of stored edges, both directions counted."""
        return int(self.indices.shape[0])

    def to_csr(self) -> sparse.csr_matrix:
        """Return P as a scipy CSR matrix.

        Returns
        -------
        scipy.sparse.csr_matrix, shape (n, n), float32
            A copy, the caller's to change.
        """
        from scipy import sparse

        parts = (self.data, self.indices, self.indptr)
        return sparse.csr_matrix(parts, shape=(self.n, self.n), copy=True)


@dataclass(frozen=True, eq=False)
class Reference:
    """A fitted map and its field on a mesh: all that placing a new point needs; never changed.

    Attributes
    ----------
    Y : array, shape (n, c), float32
        The fitted map.
    dof : float
        Degrees of freedom of its kernel.
    potential : array, shape (M0, .., Mc), float32, C order
        What the mesh carries; phi at a point is ``offset`` plus the spline's sum over it. Empty
        where phi is to be summed by definition.
    center : tuple of float
        Place of node ``M // 2`` of every axis, map units.
    h : float
        Spacing of the nodes, map units; the scale of the shortest step.
    order : int
        Spline order.
    offset : float
        The part of phi that is the same everywhere: ``Mesh.offset`` times the number of points.
    rounding_floor : float
        Rounding error of phi: values below it can't be told from 0.
    low, high : tuple of float
        The box that no new point leaves.
    """

    Y: FloatArray
    dof: float
    potential: FloatArray
    center: tuple[float, ...]
    h: float
    order: int
    offset: float
    rounding_floor: float
    low: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Mesh:
    """A mesh and the kernel on it.

    Attributes
    ----------
    h : float
        Spacing of the nodes, map units.
    order : int
        Spline order (even); degree ``order - 1``.
    shape : tuple of int
        Nodes per axis that carry charge (``M``).
    fft_shape : tuple of int
        FFT length per axis (``G >= 2 M``, even).
    dof : float
        Degrees of freedom of the kernel.
    offset : float
        Constant taken off the kernel; the field is ``offset * n`` plus what the mesh returns.
    self_terms : tuple of float
        Cosine coefficients of a point's own image (``Correction`` in csrc/kernels/gather.hpp).
    coarsened : bool
        True where the memory allowed, or a reasonable cost, made ``h`` larger than the accuracy
        goal asks.
    make_spectrum : callable
        Returns ``spectrum`` in float64.
    """

    h: float
    order: int
    shape: tuple[int, ...]
    fft_shape: tuple[int, ...]
    dof: float
    offset: float
    self_terms: tuple[float, ...]
    coarsened: bool
    make_spectrum: Callable[[], Array]

    @cached_property
    def spectrum(self) -> FloatArray:
        """Folded spectrum of the kernel over the spline's transfer, float32.

        Shape (G0 // 2 + 1, .., Gc // 2 + 1): it is real and even on every axis, so frequencies 0 to
        G / 2 of each are enough. Made when it is first asked for: a device makes its own.
        """
        return self.make_spectrum().astype(np.float32)

    def holds(self, low: Sequence[float], high: Sequence[float]) -> bool:
        """Tell whether a box fits on the mesh when the mesh is centred on it.

        Parameters
        ----------
        low, high : sequence of float
            Its corners, map units.

        Returns
        -------
        bool
        """
        room = [(m - self.order - 2) * self.h for m in self.shape]
        return all(hi - lo <= r for lo, hi, r in zip(low, high, room, strict=True))


@dataclass(frozen=True)
class StepParams:
    """What one iteration needs to know; new each iteration, immutable.

    Attributes
    ----------
    exaggeration : float
        Factor on the attractive forces (``rho`` in docs/math.md).
    momentum : float
        Share of the last step that is kept.
    learning_rate : float
        In scikit-learn's convention (gradient with the factor 4).
    max_step : float
        Longest move of one point in one iteration, map units.
    min_gain : float
        Added to a gain that falls: g <- 0.8 g + min_gain, whose limit is 5 min_gain (docs/math.md
        (5)).
    """

    exaggeration: float
    momentum: float
    learning_rate: float
    max_step: float = 5.0
    min_gain: float = 0.01


@dataclass(frozen=True, eq=False)
class State:
    """An optimiser's state, enough to go on where it stopped.

    Attributes
    ----------
    Y, velocity, gains : array, shape (n, c), float32
        The map, the last move of every point, and the factors of its learning rate per axis.
    iteration : int
        Iterations done.
    """

    Y: FloatArray
    velocity: FloatArray
    gains: FloatArray
    iteration: int = 0


@dataclass(frozen=True)
class Progress:
    """What a callback is told.

    Attributes
    ----------
    stage : str
        ``"optimize"``: callbacks are called between iterations, not in the stages before.
    iteration : int
        Iterations done in all.
    total : int
        Iterations planned in all.
    kl_divergence : float
        KL(P || Q) of the map now, without exaggeration; NaN where it was not computed.
    embedding : array, shape (n, c), float32
        The map now; a copy, the caller may keep it.
    """

    stage: str
    iteration: int
    total: int
    kl_divergence: float
    embedding: FloatArray = field(repr=False)
