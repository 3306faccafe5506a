"""What the CUDA module takes and gives; made by csrc/cuda, symbols in docs/math.md.

An int that names an array is its address on the device, ``stream`` that of a CUDA stream. Shapes
and types of the arrays stand in csrc/cuda/launch.hpp; nothing is allocated, copied or waited for.
"""

from collections.abc import Sequence

__version__: str
architectures: str

class CudaError(RuntimeError): ...

# Devices: csrc/cuda/device.cu.
def device_count() -> tuple[int, str]: ...
def describe(device: int) -> str: ...
def use_device(device: int) -> None: ...

# Graph: csrc/cuda/bind_graph.cpp. distances, indices, p: (n, k); in the order of symmetrize.hpp.
def conditional(
    distances: int, n: int, k: int, perplexities: int, count: int, p: int, missed: int, stream: int
) -> None: ...

class Directed:
    """The directed graph that P is made of."""

    def __init__(self, indices: int, p: int, n: int, k: int) -> None: ...

def count_incoming(edges: Directed, incoming: int, first_bad: int, stream: int) -> None: ...
def fill_incoming(edges: Directed, cursor: int, transpose: int, stream: int) -> None: ...
def sort_rows(
    start: int, n: int, longest: int, transpose: int, scratch: int, stream: int
) -> None: ...
def row_sizes(edges: Directed, start: int, transpose: int, size: int, stream: int) -> None: ...
def merge_rows(
    edges: Directed,
    start: int,
    transpose: int,
    indptr: int,
    columns: int,
    data: int,
    begin: int,
    end: int,
    scratch: int,
    stream: int,
) -> None: ...
def check_offsets(offsets: int, n: int, nnz: int, first_bad: int, stream: int) -> None: ...
def check_points(points: int, count: int, n: int, first_bad: int, stream: int) -> None: ...
def to_half(data: int, nnz: int, scale: float, half: int, stream: int) -> None: ...

# Field: csrc/cuda/bind_field.cpp. Y, grad: (n, c); phi, z: (n,).
class Mesh:
    """A mesh of a field, and where a captured launch reads it anew."""

    def __init__(
        self,
        center: Sequence[float],
        inv_h: float,
        order: int,
        shape: Sequence[int],
        offset: float = 0.0,
        self_terms: Sequence[float] = ...,
        now: int = 0,
    ) -> None: ...

def numbers_size() -> int: ...
def write_numbers(mesh: Mesh, n: int, stream: int) -> None: ...
def deposit(Y: int, n: int, c: int, mesh: Mesh, charge: int, stream: int) -> None: ...
def pack(
    charge: int, shape: Sequence[int], out: int, padded: Sequence[int], stream: int
) -> None: ...
def multiply(A: int, fft_shape: Sequence[int], octant: int, scale: float, stream: int) -> None: ...
def gather(
    Y: int,
    n: int,
    c: int,
    mesh: Mesh,
    potential: int,
    strides: Sequence[int],
    phi: int,
    grad: int,
    scratch: int,
    Z: int,
    extent: int,
    stream: int,
) -> None: ...
def gather_scratch(n: int) -> int: ...
def exact(
    Y: int,
    n: int,
    c: int,
    dof: float,
    phi: int,
    grad: int,
    z: int,
    extent: int,
    stream: int,
) -> None: ...
def sum_scratch() -> int: ...
def total(values: int, n: int, scratch: int, out: int, stream: int) -> None: ...
def extent(Y: int, n: int, c: int, scratch: int, out: int, stream: int) -> None: ...

# Step: csrc/cuda/bind_step.cpp. Y, Y_next, velocity, gains, grad: (n, c).
class Edges:
    """P in CSR form, and which of its rows are added up in pieces."""

    def __init__(
        self,
        *,
        indptr: int,
        indices: int,
        data: int,
        half: bool = False,
        scale: float = 1.0,
        hubs: Sequence[int] = ...,
        group: int = 0,
    ) -> None: ...

class StepInto:
    """What a step reads and writes beside the map, and its numbers."""

    def __init__(
        self,
        *,
        grad: int,
        Y_next: int,
        velocity: int,
        gains: int,
        Z: int,
        dof: float,
        exaggeration: float,
        momentum: float,
        learning_rate: float,
        max_step: float,
        min_gain: float,
        low: Sequence[float],
        high: Sequence[float],
        escaped: int,
        extent: int = 0,
        now: int = 0,
        write: bool = False,
    ) -> None: ...

def attract_and_step(Y: int, n: int, c: int, P: Edges, into: StepInto, stream: int) -> None: ...
def divergence(
    Y: int,
    n: int,
    c: int,
    P: Edges,
    dof: float,
    rows: int,
    scratch: int,
    out: int,
    stream: int,
) -> None: ...

# Order: csrc/cuda/bind_order.cpp.
def curve(
    Y: int, n: int, c: int, low: Sequence[float], high: Sequence[float], code: int, stream: int
) -> None: ...
def invert(order: int, n: int, inverse: int, stream: int) -> None: ...
def moved_degrees(indptr: int, order: int, n: int, size: int, stream: int) -> None: ...
def move_edges(
    indptr: int,
    indices: int,
    data: int,
    half: bool,
    order: int,
    inverse: int,
    n: int,
    new_indptr: int,
    new_indices: int,
    new_data: int,
    stream: int,
) -> None: ...

# New points: csrc/cuda/bind_place.cpp.
class Fitted:
    """A fitted map and its field: ``gputsne.base.types.Reference``."""

    def __init__(
        self,
        Y: int,
        n: int,
        c: int,
        dof: float,
        potential: int,
        center: Sequence[float],
        inv_h: float,
        order: int,
        shape: Sequence[int],
        far: float,
        floor: float,
        low: Sequence[float],
        high: Sequence[float],
    ) -> None: ...

class Query:
    """New points: fitted neighbours and their conditional probabilities."""

    def __init__(
        self, indices: int, p: int, m: int, k: int, exaggeration: float, max_iter: int
    ) -> None: ...

def place(map: Fitted, query: Query, out: int, stream: int) -> None: ...

# Whole arrays: csrc/cuda/bind_arrays.cpp.
def fill(out: int, count: int, bytes: int, value: int, stream: int) -> None: ...
def take(
    source: int, n: int, columns: int, order: int, step: int, out: int, stream: int
) -> None: ...
def scatter(source: int, n: int, columns: int, order: int, out: int, stream: int) -> None: ...
def scan_scratch(n: int) -> int: ...
def sort_scratch(n: int) -> int: ...
def scan(values: int, n: int, scratch: int, stream: int) -> None: ...
def sort(
    words: int, other: int, n: int, low: int, bits: int, scratch: int, stream: int
) -> None: ...
def order_of(code: int, n: int, words: int, scratch: int, order: int, stream: int) -> None: ...
def long_rows(indptr: int, n: int, longest: int, place: int, scratch: int, stream: int) -> None: ...
def list_long_rows(
    indptr: int, place: int, n: int, row: int, begin: int, end: int, stream: int
) -> None: ...
def count(flags: int, n: int, scratch: int, out: int, stream: int) -> None: ...
def mass(values: int, n: int, half: bool, scratch: int, out: int, stream: int) -> None: ...
def largest(values: int, n: int, scratch: int, out: int, stream: int) -> None: ...
def check_not_negative(values: int, n: int, first_bad: int, stream: int) -> None: ...
def recentre(Y: int, n: int, c: int, scratch: int, stream: int) -> None: ...
def mean(one: int, two: int, n: int, wide: bool, stream: int) -> None: ...
def crop(
    source: int,
    strides: Sequence[int],
    shape: Sequence[int],
    out: int,
    out_strides: Sequence[int],
    stream: int,
) -> None: ...

# Lists from outside: csrc/cuda/bind_lists.cpp.
class Given:
    """Neighbour lists as they were given."""

    def __init__(
        self, ids: int, wide_ids: bool, distances: int, wide_distances: bool, n: int, k: int
    ) -> None: ...

def farthest(lists: Given, scratch: int, out: int, stream: int) -> None: ...
def check_lists(
    lists: Given, slack: float, begin: int, end: int, scratch: int, report: int, stream: int
) -> None: ...
def sort_lists(
    lists: Given,
    keep: int,
    begin: int,
    end: int,
    scratch: int,
    ids: int,
    lengths: int,
    stream: int,
) -> None: ...
def check_lengths(distances: int, count: int, first_bad: int, stream: int) -> None: ...
def equal_weights(distances: int, n: int, k: int, p: int, stream: int) -> None: ...
def fixed_width(distances: int, n: int, k: int, sigma: float, p: int, stream: int) -> None: ...

# PCA's sums over rows: csrc/cuda/bind_gram.cpp.
class Rows:
    """Rows of X and how they are centred."""

    def __init__(
        self,
        X: int,
        wide: bool,
        n: int,
        d: int,
        fill: int,
        mean: int,
        scale: int,
        factor: float,
    ) -> None: ...

def column_scratch(n: int, d: int) -> int: ...
def gram_scratch(n: int, d: int) -> int: ...
def add_columns(rows: Rows, scratch: int, sum: int, stream: int) -> None: ...
def add_gram(rows: Rows, scratch: int, gram: int, stream: int) -> None: ...
def scores(rows: Rows, axes: int, c: int, out: int, stream: int) -> None: ...

# Metrics: csrc/cuda/bind_metric.cpp, csrc/kernels/metric.hpp.
def own_unit(squared: int, count: int, unit: int, factor: float, out: int, stream: int) -> None: ...
def check_near(
    squared: int, ids: int, m: int, k: int, reach: float, first_bad: int, stream: int
) -> None: ...
def row_lengths(rows: int, n: int, d: int, out: int, stream: int) -> None: ...
def unit_rows(rows: int, n: int, d: int, centred: bool, out: int, stream: int) -> None: ...
def bound_rows(rows: int, n: int, d: int, bound: float, out: int, stream: int) -> None: ...

# X before and after its preparation: csrc/cuda/bind_prepare.cpp, csrc/kernels/prepare.hpp.
def check_finite(X: int, wide: bool, count: int, first_bad: int, stream: int) -> None: ...
def check_equal(rows: int, n: int, d: int, first_bad: int, stream: int) -> None: ...
def column_ranges(rows: Rows, scratch: int, out: int, stream: int) -> None: ...
def column_moments(rows: Rows, scratch: int, out: int, stream: int) -> None: ...
def prepare_rows(rows: Rows, out: int, stream: int) -> None: ...
def project_rows(rows: Rows, axes: int, c: int, out: int, stream: int) -> None: ...
def take_rows(
    source: int, n: int, words: int, rows: int, step: int, out: int, stream: int
) -> None: ...

# Neighbours: csrc/cuda/bind_neighbors.cpp, csrc/kernels/neighbors.hpp. Groups of arrays are tuples
# in the order of csrc/cuda/launch_neighbors.hpp: queries and database Columns, lists ListsOf.
def to_columns(
    rows: int,
    order: int,
    centre: int,
    d: int,
    padded: int,
    slots: int,
    columns: int,
    norm: int,
    most: int,
    stream: int,
) -> None: ...
def open_lists(norm: int, slots: int, lists: Sequence[int], stream: int) -> None: ...
def compare_tiles(
    queries: Sequence[int],
    database: Sequence[int],
    padded: int,
    tiles: int,
    first: int,
    last: int,
    begin: int,
    end: int,
    per: int,
    pass_: int,
    by_difference: bool,
    lists: Sequence[int],
    stream: int,
) -> None: ...
def keep_nearest(
    lists: Sequence[int], slots: int, keep: int, pass_: int, over: int, stream: int
) -> None: ...
def direct_keys(
    lists: Sequence[int], queries: Sequence[int], query_rows: int, rows: int, d: int, stream: int
) -> None: ...
def rank_keys(
    lists: Sequence[int],
    queries: Sequence[int],
    own: int,
    k: int,
    squared: int,
    ids: int,
    most: int,
    slack: float,
    whole: bool,
    unsure: int,
    again: int,
    stream: int,
) -> None: ...
def add_to_cells(
    rows: int, cell: int, n: int, d: int, scale: float, sum: int, stream: int
) -> None: ...
def count_cells(cell: int, rows: int, n: int, count: int, stream: int) -> None: ...
def fill_cells(cell: int, rows: int, n: int, next: int, order: int, stream: int) -> None: ...

# The FFT and the kernel's spectrum: csrc/cuda/bind_fft.cpp.
def convolve(
    shape: Sequence[int],
    fft_shape: Sequence[int],
    turns: Sequence[int],
    rows: int,
    octant: int,
    charge: int,
    potential: int,
    stream: int,
) -> None: ...
def fft_fits(fft_shape: Sequence[int], spectrum: bool) -> bool: ...
def fft_pitch(length: int) -> int: ...
def spectrum(
    fft_shape: Sequence[int],
    turns: Sequence[int],
    h: float,
    dof: float,
    offset: float,
    transfer: Sequence[float],
    scratch: int,
    other: int,
    octant: int,
    across: bool,
    stream: int,
) -> None: ...
def spectrum_scratch(fft_shape: Sequence[int]) -> int: ...
