"""The kernels of set-up, reordering and transform compute what their formulas say.

Cases as in cases_iteration.py.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import oracle
from gpu_free.cases_iteration import EPS, SHAPES, Bench, H, Outputs, near, points


def scan(bench: Bench, values: Any) -> Any:
    """Return sums of all before, as CuPy makes them between the kernels."""
    known = bench.get(values)
    return bench.put(np.concatenate([[0], np.cumsum(known[:-1])]))


def conditional(bench: Bench, perplexities: tuple[float, ...]) -> Outputs:
    n, k = 77, 31
    distances = np.sort(np.random.default_rng(6).gamma(3, size=(n, k)).astype(np.float32), axis=1)
    distances[3] *= 1e6
    distances[5] += 1e3
    p, missed = bench.empty((n, k), np.float32), bench.empty((n,), np.uint8)
    wanted = bench.put(np.array(perplexities))
    count = len(perplexities)
    bench.call("conditional", bench.put(distances), n, k, wanted, count, p, missed, 0)
    want = np.mean([oracle.conditional(distances, q) for q in perplexities], axis=0)
    assert not bench.get(missed).any()
    near(bench.get(p), want, atol=2e-5)  # entropies agree to 1e-5 nats
    return {"p": bench.get(p)}


def conditional_out_of_reach(bench: Bench) -> Outputs:
    distances = np.ones((40, 9), np.float32)  # equal distances: perplexity 9, whatever is asked
    p, missed = bench.empty(distances.shape, np.float32), bench.empty((40,), np.uint8)
    bench.call(
        "conditional", bench.put(distances), 40, 9, bench.put(np.array([3.0])), 1, p, missed, 0
    )
    assert bench.get(missed).all()
    near(bench.get(p), np.full((40, 9), 1 / 9), rtol=EPS)
    return {"p": bench.get(p)}


def graph(n: int = 291, k: int = 13) -> tuple[np.ndarray, np.ndarray]:
    """Return directed neighbours and weights; most list the same few points, some weigh 0."""
    rng = np.random.default_rng(8)
    lists = []
    for i in range(n):
        others = np.delete(np.arange(n), i)
        weight = np.where(others < 5, 300.0, 1.0)
        lists.append(rng.choice(others, k, replace=False, p=weight / weight.sum()))
    p = rng.uniform(size=(n, k)).astype(np.float32)
    p[::4, 2] = 0
    return np.array(lists, np.int32), p


def directed_of(bench: Bench, indices: np.ndarray, p: np.ndarray) -> Any:
    return bench.call("Directed", bench.put(indices), bench.put(p), *indices.shape)


def symmetrize(bench: Bench) -> Outputs:
    indices, p = graph()
    n, k = indices.shape
    directed = directed_of(bench, indices, p)
    start, bad = bench.put(np.zeros(n + 1, np.int64)), bench.put(np.array([-1]))
    bench.call("count_incoming", directed, start, bad, 0)
    start = scan(bench, start)
    assert bench.get(bad)[0] == -1
    total = int(bench.get(start)[-1])
    assert total == np.count_nonzero(p)
    cursor = bench.put(bench.get(start)[:n].copy())
    transpose, scratch = (bench.empty((total,), np.uint64) for _ in range(2))
    bench.call("fill_incoming", directed, cursor, transpose, 0)
    longest = int(np.sort(np.diff(bench.get(start)))[-2])  # all but the longest row
    bench.call("sort_rows", start, n, longest, transpose, scratch, 0)
    hub = int(np.diff(bench.get(start)).argmax())
    begin, end = bench.get(start)[hub : hub + 2]
    whole = bench.get(transpose).copy()
    whole[begin:end].sort()
    transpose = bench.put(whole)
    sizes = bench.put(np.zeros(n + 1, np.int64))
    bench.call("row_sizes", directed, start, transpose, sizes, 0)
    assert bench.get(sizes).min() == 0  # nobody is listed twice
    sizes = scan(bench, sizes)
    indptr = bench.get(sizes)
    columns = bench.empty((int(indptr[-1]),), np.int32)
    data = bench.empty((int(indptr[-1]),), np.float32)
    own = bench.empty((200 * (2 * k + 1),), np.uint64)
    for begin in range(0, n, 200):  # in slices, as memory allows
        span = (begin, min(begin + 200, n))
        bench.call("merge_rows", directed, start, transpose, sizes, columns, data, *span, own, 0)
    row = np.repeat(np.arange(n), np.diff(indptr))
    found, P = bench.get(columns), oracle.joint(indices, p.astype(np.float64))
    assert (np.diff(found)[row[1:] == row[:-1]] > 0).all()  # ascending, each column once
    assert len(found) == np.count_nonzero(P)
    near(bench.get(data), P[row, found], rtol=EPS)
    return {"indptr": indptr, "columns": found, "data": bench.get(data)}


def symmetrize_faults(bench: Bench) -> Outputs:
    """The first impossible row is named; a point that is listed twice is found."""
    indices, p = graph()
    n = len(indices)
    broken = indices.copy()
    broken[250, 1], broken[30, 4], broken[200, 0] = n, 30, -1
    incoming, bad = bench.put(np.zeros(n, np.int64)), bench.put(np.array([-1]))
    bench.call("count_incoming", directed_of(bench, broken, p), incoming, bad, 0)
    assert bench.get(bad)[0] == 30
    start = np.zeros(n + 1, np.int64)
    start[8:] = 2
    twice = np.array([5, 5], np.uint64) << np.uint64(32)  # point 5 lists point 7 twice
    sizes = bench.empty((n,), np.int64)
    directed = directed_of(bench, indices, p)
    bench.call("row_sizes", directed, bench.put(start), bench.put(twice), sizes, 0)
    assert np.flatnonzero(bench.get(sizes) < 0).tolist() == [7]
    assert bench.get(sizes)[7] == -1 - 5
    return {}


def curve(bench: Bench, c: int) -> Outputs:
    Y, n = points(c), len(points(c))
    low, high = Y.min(axis=0), Y.max(axis=0)
    code = bench.empty((n,), np.uint32)
    bench.call("curve", bench.put(Y), n, c, low.tolist(), high.tolist(), code, 0)
    bits = {1: 31, 2: 15, 3: 10}[c]
    unit = np.clip((Y.astype(np.float64) - low) / (high - low), 0, 0.999999)
    got = bench.get(code).astype(np.int64)
    cells = [sum((got >> (b * c + a) & 1) << b for b in range(bits)) for a in range(c)]
    grain = 2.0 ** min(bits, 24)  # float32 knows 24 bits
    near(np.stack(cells, axis=1) / grain, unit, atol=1.01 / grain + 4 * EPS)
    return {"code": bench.get(code)}


def move(bench: Bench) -> Outputs:
    rng, n = np.random.default_rng(9), 203
    degree = rng.integers(0, 90, n)
    indptr = np.concatenate([[0], np.cumsum(degree)])
    indices = rng.integers(0, n, indptr[-1]).astype(np.int32)
    data, order = (
        rng.uniform(size=indptr[-1]).astype(np.float32),
        rng.permutation(n).astype(np.int32),
    )
    at, inverse = bench.put(order), bench.empty((n,), np.int32)
    bench.call("invert", at, n, inverse, 0)
    assert np.array_equal(bench.get(inverse)[order], np.arange(n))
    sizes, ptr = bench.put(np.zeros(n + 1, np.int64)), bench.put(indptr)
    bench.call("moved_degrees", ptr, at, n, sizes, 0)
    assert np.array_equal(bench.get(sizes)[:n], degree[order])
    sizes = scan(bench, sizes)
    old = np.concatenate([np.arange(indptr[i], indptr[i + 1]) for i in order])
    for weights in (data, data.astype(np.float16)):
        columns = bench.empty(indices.shape, np.int32)
        values = bench.empty(data.shape, weights.dtype)
        half = weights.itemsize == 2
        edges = (ptr, bench.put(indices), bench.put(weights), half, at, inverse, n)
        bench.call("move_edges", *edges, sizes, columns, values, 0)
        assert np.array_equal(bench.get(columns), np.argsort(order)[indices[old]])
        assert np.array_equal(bench.get(values), weights[old])
    return {}


def check(bench: Bench) -> Outputs:
    """The first offset or point that leads out of its array is found; -1 where there is none."""
    offsets, points = np.arange(0, 4001, 4), np.arange(1000, dtype=np.int32)

    def first_bad(name: str, values: np.ndarray, *sizes: int) -> int:
        found = bench.put(np.array([-1]))
        bench.call(name, bench.put(values), *sizes, found, 0)
        return int(bench.get(found)[0])

    assert first_bad("check_offsets", offsets, 1000, 4000) == -1
    assert first_bad("check_points", points, 1000, 1000) == -1
    for values, bad in (
        ([(0, 1)], 0), ([(0, -4)], 0), ([(1000, 4001)], 1000), ([(1000, 3999)], 1000),
        ([(700, 2**62), (900, -1)], 700), ([(700, -(2**63)), (3, 17)], 4),
    ):  # fmt: skip
        broken = offsets.copy()
        for at, value in values:
            broken[at] = value
        assert first_bad("check_offsets", broken, 1000, 4000) == bad
    for values, bad in (([(0, -1)], 0), ([(999, 1000)], 999), ([(7, 2**31 - 1), (5, -(2**31))], 5)):
        broken = points.copy()
        for at, value in values:
            broken[at] = value
        assert first_bad("check_points", broken, 1000, 1000) == bad
    return {}


def place(bench: Bench, c: int, order: int, by_definition: bool) -> Outputs:
    """The numpy twin, in float64, is the reference: both must find the same minimum."""
    from gputsne.backends.numpy.place import place as twin
    from gputsne.base.types import Reference

    rng, shape, n, m, k = np.random.default_rng(13), SHAPES[c], 300, 41, 7
    Y = points(c, n)
    nodes = np.stack(np.meshgrid(*[(np.arange(s) - s // 2) * H for s in shape], indexing="ij"), -1)
    smooth = 40.0 / (1.0 + (nodes**2).sum(axis=-1) / 30.0)
    potential = np.zeros((0,) * c) if by_definition else smooth
    reach = [(s / 2 - 5) * H for s in shape]
    box = (tuple(-r for r in reach), tuple(reach))
    potential = potential.astype(np.float32)
    field = (potential, (0.0,) * c, H, order, 2.0, 1e-4)
    reference = Reference(Y, 1.0, *field, *box)
    near_by = np.argsort(((points(c, m, 14)[:, None] - Y) ** 2).sum(axis=2), axis=1)[:, :k]
    indices = np.ascontiguousarray(near_by, np.int32)
    p = rng.dirichlet(np.ones(k) * 5, m).astype(np.float32)
    out = bench.empty((m, c), np.float32)
    given: Any = 0 if by_definition else bench.put(potential)
    mesh = (given, [0.0] * c, 1 / H, order, list(shape), 2.0, 1e-4, *map(list, box))
    fitted = bench.call("Fitted", bench.put(Y), n, c, 1.0, *mesh)
    query = bench.call("Query", bench.put(indices), bench.put(p), m, k, 1.5, 60)
    bench.call("place", fitted, query, out, 0)
    want = twin(reference, indices, p, 1.5, 60)
    # the search ends at steps below 1e-4 h, and a flat minimum is known to sqrt(rounding of F)
    near(bench.get(out), want, atol=5e-3)
    return {"out": bench.get(out)}


CASES: dict[str, Callable[[Bench], Outputs]] = {
    "conditional-one": partial(conditional, perplexities=(8.0,)),
    "conditional-two": partial(conditional, perplexities=(4.0, 20.0)),
    "conditional-out-of-reach": conditional_out_of_reach,
    "symmetrize": symmetrize,
    "symmetrize-faults": symmetrize_faults,
    "move": move,
    "check": check,
    "place-definition": partial(place, c=2, order=6, by_definition=True),
}
for _c in (1, 2, 3):
    CASES[f"curve-{_c}"] = partial(curve, c=_c)
    for _order in (4, 6):
        CASES[f"place-{_c}-{_order}"] = partial(place, c=_c, order=_order, by_definition=False)
