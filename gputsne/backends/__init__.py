"""Which machine does the work? One table of backends; each offers the same operations.

An operation takes numpy (or device) arrays that the caller owns and fills them; the engine never
asks which backend it has. A new backend is one file and one line of ``BACKENDS``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, SupportsFloat

from gputsne.base.errors import BackendUnavailable
from gputsne.base.resources import resolve_n_jobs
from gputsne.base.types import Affinities, Array, FloatArray, IntArray, Reference, StepParams

if TYPE_CHECKING:
    from gputsne.base.types import Mesh

__all__ = ["BACKENDS", "DEVICES", "Choice", "Ops", "choose", "explain"]


class Ops(Protocol):
    """The operations every backend has; docs/math.md has the formulas."""

    name: str
    n_jobs: int
    xp: Any
    fft: Any
    exact_below: tuple[int, int, int]  # points up to which sums by definition beat the mesh, by c
    epoch: int  # iterations between two looks at the map's extent, at most
    escaped: bool  # whether a point left the mesh before the last look
    relabel_from: int  # points from which an order along a curve pays
    device: int | None  # number of the GPU
    half: bool  # whether P may be kept in 2-byte floats, as far as the backend can

    def conditional(
        self, distances: FloatArray, perplexities: Sequence[float]
    ) -> tuple[FloatArray, int]:
        """Return ``p_j|i`` of shape (n, k) and the number of rows that missed their entropy."""

    def symmetrize(self, indices: IntArray, p: FloatArray) -> tuple[Array, IntArray, FloatArray]:
        """Return the joint P as CSR ``(indptr, indices, data)``."""

    def memory(self) -> tuple[int, int]:
        """Return the bytes that are free on the device, and the device's all; no device: zeros."""

    def guard(self, device: int | None = None) -> AbstractContextManager[Any]:
        """Return a block to work in, on the GPU with this number where one is given."""

    def release(self) -> None:
        """Give back what is kept between calls."""

    def hold(self, P: Affinities) -> Affinities:
        """Return P where the operations of an iteration read it, checked once.

        Raises ValueError for an offset or a column that leads out of the arrays. Whatever happens
        to the arrays of ``P`` later, the operations stay inside their memory.
        """

    def host(self, a: FloatArray) -> FloatArray:
        """Return an array of this backend in main memory."""

    def iterate(self, epoch: Hashable, turn: Hashable, work: Callable[[], None]) -> None:
        """Do ``work``, or again what it launched at this ``turn`` of this ``epoch``."""

    def extent(self, Y: FloatArray) -> list[tuple[float, float]]:
        """Return the smallest and largest coordinate of every axis."""

    def grid(self, mesh: Mesh) -> FloatArray:
        """Return an array that ``deposit`` fills and ``convolve`` reads."""

    def deposit(
        self, Y: FloatArray, mesh: Mesh, center: Sequence[float], charge: FloatArray
    ) -> None:
        """Fill ``charge`` of shape ``mesh.shape`` with the spline weights of all points."""

    def convolve(self, charge: FloatArray, mesh: Mesh) -> FloatArray:
        """Return charge * (K - offset); along each axis only the first M nodes are meant."""

    def gather(
        self,
        Y: FloatArray,
        mesh: Mesh,
        center: Sequence[float],
        potential: FloatArray,
        phi: FloatArray,
        grad: FloatArray,
    ) -> SupportsFloat:
        """Fill ``phi`` (n,) and ``grad`` (n, c); return Z, which may stay on a device."""

    def spare(self, Y: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return arrays for ``phi`` (n,) and ``grad`` (n, c) on another mesh."""

    def mean(
        self,
        one: tuple[FloatArray, FloatArray, Any],
        two: tuple[FloatArray, FloatArray, Any],
    ) -> SupportsFloat:
        """Write the mean of two (phi, grad, Z) into the arrays of the first; return that of Z."""

    def exact(self, Y: FloatArray, dof: float, phi: FloatArray, grad: FloatArray) -> SupportsFloat:
        """Fill ``phi`` and ``grad`` by definition; return Z."""

    def attract_and_step(
        self,
        P: Affinities,
        Y: FloatArray,
        Y_next: FloatArray,
        velocity: FloatArray,
        gains: FloatArray,
        grad: FloatArray,
        Z: Any,
        dof: float,
        params: StepParams,
    ) -> None:
        """Fill ``Y_next``; ``velocity`` and ``gains`` are updated in place. Z: what gather gave."""

    def curve(self, Y: FloatArray, box: Sequence[tuple[float, float]]) -> Array:
        """Return the place of each point on a space-filling curve, shape (n,), uint32."""

    def reorder(self, P: Affinities, order: IntArray) -> Affinities:
        """Return P with row and column ``i`` those of ``order[i]``; columns no longer ascend."""

    def mass(self, P: Affinities) -> float:
        """Return the sum of P, in float64: 1 but for rounding."""

    def divergence(self, P: Affinities, Y: FloatArray, dof: float) -> float:
        """Return ``sum p_ij (log p_ij - log K_ij)``; KL = this + log Z."""

    def place(
        self,
        reference: Reference,
        indices: IntArray,
        p: FloatArray,
        exaggeration: float,
        max_iter: int,
    ) -> FloatArray:
        """Return the places (m, c) of new points, each on its own; see engine/placement.py."""


class Backend(NamedTuple):
    """One line of the table."""

    device: str  # what users write
    name: str  # what it is called in reports
    why_not: Callable[[], str]  # "" where it can run here
    make: Callable[[int], Ops]


class Choice(NamedTuple):
    """What ``choose`` decided, and why."""

    ops: Ops
    device: str
    reason: str


def _cuda_missing() -> str:
    from gputsne.backends.cuda.presence import why_not

    return why_not()


def _cuda_make(n_jobs: int) -> Ops:
    from gputsne.backends.cuda.ops import CudaOps

    return CudaOps(n_jobs, graphs=os.environ.get("GPUTSNE_CUDA_GRAPHS", "0") == "1")


def _native_missing() -> str:
    from gputsne.backends.native.loading import native

    try:
        _native = native()
    except ImportError as error:
        from gputsne._build import build

        return f"compiled kernels are missing: {build()['reason'] or error}"
    from gputsne._version import __version__

    if _native.__version__ != __version__:
        found = _native.__version__
        return f"compiled kernels are of version {found}, the package of {__version__}: reinstall"
    return ""


def _native_make(n_jobs: int) -> Ops:
    from gputsne.backends.native.ops import NativeOps

    return NativeOps(n_jobs)


def _numpy_make(n_jobs: int) -> Ops:
    from gputsne.backends.numpy.ops import NumpyOps

    return NumpyOps(n_jobs)


BACKENDS = (  # in the order in which "auto" tries them
    Backend("cuda", "cuda", _cuda_missing, _cuda_make),
    Backend("cpu", "native", _native_missing, _native_make),
    Backend("numpy", "numpy", lambda: "", _numpy_make),
)
DEVICES = ("auto", *(b.device for b in BACKENDS))


def explain() -> list[tuple[str, bool, str]]:
    """Return ``(device, available, reason)`` for every backend, best first."""
    return [
        (b.device, not (why := b.why_not()), why or f"{b.name} backend is ready") for b in BACKENDS
    ]


def choose(device: str = "auto", n_jobs: int | None = None) -> Choice:
    """Choose a backend.

    Parameters
    ----------
    device : {"auto", "cuda", "cpu", "numpy"}
        ``"auto"`` takes the first that can run; any other name never falls back.
    n_jobs : int or None
        Threads; None for all that this process may use.

    Returns
    -------
    Choice
        The operations, the device's name and the reason.

    Raises
    ------
    ValueError
        ``device`` is none of the names above.
    BackendUnavailable
        The device was asked for by name and can't run here.
    """
    threads = resolve_n_jobs(n_jobs)
    if device not in DEVICES:
        raise ValueError(f"device={device!r} is none of {', '.join(map(repr, DEVICES))}")
    passed: list[str] = []
    for backend in BACKENDS:
        if device not in ("auto", backend.device):
            continue
        why = backend.why_not()
        if not why:
            reason = "; ".join(passed) or f"{backend.device} is the best there is"
            return Choice(backend.make(threads), backend.device, reason)
        if device != "auto":
            raise BackendUnavailable(
                f"device={device!r}: {why}; device='auto' takes what works here"
            )
        passed.append(f"{backend.device}: {why}")
    raise BackendUnavailable("; ".join(passed))  # numpy always works, so never reached
