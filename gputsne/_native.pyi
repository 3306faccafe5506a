"""What the compiled module takes and gives; made by csrc/cpu, symbols in docs/math.md.

Arrays named here must be in C order and of the dtype that stands there: nothing is copied.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

_F32 = npt.NDArray[np.float32]
_U32 = npt.NDArray[np.uint32]
_I32 = npt.NDArray[np.int32]
_I64 = npt.NDArray[np.int64]

__version__: str

def set_threads(count: int) -> None: ...
def threads() -> int: ...
def _set_wide(on: bool) -> bool: ...

# Graph: csrc/cpu/bind_graph.cpp. distances, p_out, indices, p: (n, k); perplexities: (q,).
def conditional(
    distances: _F32, perplexities: Sequence[float] | npt.NDArray[np.float64], p_out: _F32
) -> int: ...
def symmetrize(indices: _I32, p: _F32) -> tuple[_I64, _I32, _F32]: ...
def _symmetrize_in(indices: _I32, p: _F32, part_edges: int) -> tuple[_I64, _I32, _F32]: ...
def put_on_disk(a: npt.NDArray[Any], file: int, offset: int) -> npt.NDArray[Any]: ...
def _row_offsets(sizes: Sequence[int] | _I64) -> _I64: ...

class Edges:
    def __init__(self, indptr: _I64, indices: _I32, data: _F32) -> None: ...
    @property
    def n(self) -> int: ...
    @property
    def indptr(self) -> _I64: ...
    @property
    def indices(self) -> _I32: ...
    @property
    def data(self) -> _F32: ...

# Field: csrc/cpu/bind_field.cpp. Y, grad: (n, c); phi: (n,).
class Mesh:
    def __init__(
        self, center: Sequence[float], inv_h: float, order: int, shape: Sequence[int]
    ) -> None: ...
    @property
    def order(self) -> int: ...
    @property
    def shape(self) -> list[int]: ...

def deposit(Y: _F32, mesh: Mesh, fixed: npt.NDArray[np.uint64], charge: _F32) -> None: ...
def gather(
    Y: _F32,
    mesh: Mesh,
    potential: _F32,
    offset: float,
    self_terms: Sequence[float],
    phi: _F32,
    grad: _F32,
) -> float: ...
def exact(Y: _F32, dof: float, phi: _F32, grad: _F32) -> float: ...
def extent(Y: _F32) -> list[tuple[float, float]]: ...

# FFT: csrc/cpu/bind_fft.cpp. charge, potential: lengths // 2; work: (by.work,).
class Convolution:
    def __init__(self, lengths: Sequence[int], spectrum: _F32) -> None: ...
    @staticmethod
    def suits(lengths: Sequence[int]) -> bool: ...
    @property
    def work(self) -> int: ...

def convolve(by: Convolution, charge: _F32, work: _F32, potential: _F32) -> None: ...

# Step: csrc/cpu/bind_step.cpp. Y, Y_next, velocity, gains, grad: (n, c).
class StepInto:
    def __init__(
        self,
        grad: _F32,
        Y_next: _F32,
        velocity: _F32,
        gains: _F32,
        Z: float,
        dof: float,
        exaggeration: float,
        momentum: float,
        learning_rate: float,
        max_step: float,
        min_gain: float,
    ) -> None: ...

def attract_and_step(P: Edges | Packed, Y: _F32, into: StepInto) -> None: ...
def divergence(P: Edges, Y: _F32, dof: float) -> float: ...

# Order: csrc/cpu/bind_order.cpp.
def curve(Y: _F32, box: Sequence[tuple[float, float]]) -> _U32: ...
def reorder(P: Edges, order: _I32) -> Edges: ...

class Packed:
    def __init__(self, P: Edges, order: _I32) -> None: ...
    @property
    def n(self) -> int: ...
    @property
    def nbytes(self) -> int: ...

# New points: csrc/cpu/bind_place.cpp. Y: (n, c); indices, p: (m, k); out: (m, c).
class Fitted:
    def __init__(
        self,
        Y: _F32,
        dof: float,
        potential: _F32,
        mesh: Mesh,
        offset: float,
        rounding_floor: float,
        low: Sequence[float],
        high: Sequence[float],
    ) -> None: ...

class Query:
    def __init__(self, indices: _I32, p: _F32, exaggeration: float, max_iter: int) -> None: ...

def place(map: Fitted, query: Query, out: _F32) -> None: ...
