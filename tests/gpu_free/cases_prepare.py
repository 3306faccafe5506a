"""The kernels that read X and turn distances into a metric's do what numpy does, number for number.

Cases as in cases_iteration.py. References: numpy in float64, gputsne/neighbors/metric.py.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from gpu_free.cases_iteration import EPS, Bench, Outputs, near

LARGEST = np.finfo(np.float32).max


def first_bad(bench: Bench, name: str, *given: Any) -> int:
    found = bench.put(np.array([-1]))
    bench.call(name, *given, found, 0)
    return int(bench.get(found)[0])


def units(bench: Bench) -> Outputs:
    """Distances as the metrics of the CPU give them, to the bit; one array for both."""
    from gputsne.neighbors.metric import metric_for

    squared = np.random.default_rng(50).gamma(1, size=700).astype(np.float32) ** 4
    squared[:9] = 0, 1e-40, 1e-20, 3.9999998, 4, 4.0000005, 1e38, LARGEST, np.inf
    outputs = {}
    for name, factor in (
        ("euclidean", 1.0), ("euclidean", 2.0**-70), ("sqeuclidean", 1.0), ("sqeuclidean", 2.0**50),
        ("cosine", 1.0), ("inner_product", 1.0),
    ):  # fmt: skip
        metric = metric_for(name)
        object.__setattr__(metric, "factor", factor)
        there = bench.put(squared)
        bench.call("own_unit", there, len(squared), metric.unit, factor, there, 0)
        kept = squared >= np.finfo(np.float32).tiny  # smaller ones a GPU takes for 0
        want = np.where(kept, metric.to_distances(squared), 0)
        got = np.where(kept, bench.get(there), 0)
        assert np.array_equal(got, want), f"{name}: 1 of 1 differ"
        outputs[f"{name}-{factor}"] = got
    return outputs


def queries(bench: Bench) -> Outputs:
    squared = np.sort(np.random.default_rng(51).gamma(2, size=(290, 3)), axis=1).astype(np.float32)
    ids = np.zeros((290, 3), np.int32)
    reach = float(np.sqrt(np.float64(squared[:, 0].max())))

    def first(squared: np.ndarray, ids: np.ndarray, reach: float) -> int:
        at = bench.put(squared), bench.put(ids)
        return first_bad(bench, "check_near", *at, *ids.shape, reach)

    assert first(squared, ids, reach) == -1
    assert first(squared, ids, np.inf) == -1
    far = squared.copy()
    far[[131, 280]] = 1e9
    assert first(far, ids, reach) == 131
    ids[77, 2] = -1
    assert first(far, ids, reach) == 77
    far[77] = np.inf
    assert first(far, ids, np.inf) == 77
    return {}


def vectors(bench: Bench) -> Outputs:
    """Vectors of cosine, correlation and inner product; rows without direction among them."""
    from gputsne.neighbors.metric import metric_for

    rng, outputs = np.random.default_rng(52), {}
    for n, d in ((300, 7), (5, 1)):
        X = rng.normal(3, 1, (n, d)).astype(np.float32)
        X[1], X[2], X[3] = 0, 5, X[3] * np.float32(1e30)
        X[4] = X[0]
        at, out = bench.put(X), bench.empty((n, d + 1), np.float32)
        for name in ("cosine", "correlation"):
            bench.call("unit_rows", at, n, d, name == "correlation", out, 0)
            got = bench.get(out).copy()
            near(got, metric_for(name).to_vectors(X), atol=2 * EPS)
            assert np.array_equal(got[:, d], metric_for(name).to_vectors(X)[:, d])
            assert np.array_equal(got[4], got[0])
            outputs[f"{name}-{d}"] = got
        X[3] = 1
        metric, at, lengths = metric_for("inner_product"), bench.put(X), bench.empty((n,), float)
        bench.call("row_lengths", at, n, d, lengths, 0)
        near(bench.get(lengths), np.square(X.astype(float)).sum(axis=1), rtol=1e-14)
        metric = metric.learn(X)
        bench.call("bound_rows", at, n, d, metric.bound, out, 0)
        near(bench.get(out), metric.to_vectors(X), atol=1e-6 * metric.bound**0.5)
        assert np.array_equal(bench.get(out)[:, :d], X)
        bench.call("bound_rows", at, n, d, -1.0, out, 0)
        assert np.array_equal(bench.get(out), metric.query_vectors(X))
    return outputs


def rows_of(bench: Bench, X: np.ndarray, *given: Any) -> Any:
    """Return Rows of what is given: mean, scale, factor."""
    mean, scale, factor = given or (None, None, 1.0)
    at = [0 if a is None else bench.put(a) for a in (None, mean, scale)]
    return bench.call("Rows", bench.put(X), X.itemsize == 8, *X.shape, *at, factor)


def columns(bench: Bench, wide: bool) -> Outputs:
    """Ranges and moments of columns, of rows that are whole chunks and not, one among them."""
    rng, outputs = np.random.default_rng(53), {}
    for n, d in ((1100, 3), (256, 37), (1, 4)):
        X = (rng.normal(size=(n, d)) * 10.0 ** rng.integers(-3, 4, d) + 1e4).astype(
            np.float64 if wide else np.float32
        )
        X[:, 1] = 7
        scratch = bench.empty((2 * int(bench.call("column_scratch", n, d)),), np.float64)
        out = bench.empty((2, d), np.float64)
        bench.call("column_ranges", rows_of(bench, X), scratch, out, 0)
        assert np.array_equal(bench.get(out), np.stack([X.min(axis=0), X.max(axis=0)]))
        for factor in (1.0, 2.0**-20):
            scratch = bench.empty((2 * int(bench.call("column_scratch", n, d)),), np.float64)
            bench.call("column_moments", rows_of(bench, X, None, None, factor), scratch, out, 0)
            mean, squares = bench.get(out)
            unit = X.astype(np.float64) * factor
            near(mean, unit.mean(axis=0), rtol=1e-14)
            off = np.square(unit - unit.mean(axis=0)).sum(axis=0)
            # an error of the mean, 1e-14 of it, comes in by its square
            near(squares, off, rtol=1e-9, atol=1e-24 * n * 1e8 * factor**2)
            assert squares[1] == 0
            outputs[f"{n}-{factor}"] = bench.get(out).copy()
    return outputs


def prepared(bench: Bench, wide: bool) -> Outputs:
    """Rows as Preparation makes them: centred and scaled to the bit, on axes to float32."""
    rng, n, d, c = np.random.default_rng(54), 301, 11, 5
    X = rng.normal(4, 2, (n, d)).astype(np.float64 if wide else np.float32)
    mean, scale = rng.normal(size=d), rng.gamma(2, size=d) + 0.1
    outputs = {}
    for given in ((None, None, 0.5), (mean, None, 1.0), (mean, scale, 2.0)):
        out = bench.empty((n, d), np.float32)
        bench.call("prepare_rows", rows_of(bench, X, *given), out, 0)
        want = X.astype(np.float64)
        want = want if given[0] is None else want - mean
        want = (want if given[1] is None else want / scale) * given[2]
        assert np.array_equal(bench.get(out), want.astype(np.float32)), "1 of 1 differ"
        axes, score = rng.normal(size=(d, c)), bench.empty((n, c), np.float32)
        bench.call("project_rows", rows_of(bench, X, *given), bench.put(axes), c, score, 0)
        near(bench.get(score), want @ axes, atol=EPS * np.abs(want @ axes).max())
        outputs[str(given[2])] = bench.get(score)
    return outputs


def judged(bench: Bench) -> Outputs:
    """The first number that is not finite, the first row that is not the first; rows taken."""
    for dtype in (np.float32, np.float64):
        X = np.linspace(-1, 1, 900).astype(dtype)
        X[0] = np.finfo(dtype).max
        wide = dtype == np.float64
        assert first_bad(bench, "check_finite", bench.put(X), wide, 900) == -1
        for at, value in ((899, np.nan), (300, np.inf), (300, -np.inf), (0, np.nan)):
            X[at] = value
            assert first_bad(bench, "check_finite", bench.put(X), wide, 900) == at
    rows = np.tile(np.arange(7, dtype=np.float32), (130, 1))
    assert first_bad(bench, "check_equal", bench.put(rows), 130, 7) == -1
    rows[99, 3], rows[120, 0] = 3.5, 1
    assert first_bad(bench, "check_equal", bench.put(rows), 130, 7) == 99 * 7 + 3
    words = np.random.default_rng(55).integers(0, 2**32, (210, 5), np.uint64).astype(np.uint32)
    some = np.array([209, 0, 7, 7, 100], np.int32)
    at, out = bench.put(words), bench.empty((5, 5), np.uint32)
    bench.call("take_rows", at, 5, 5, bench.put(some), 1, out, 0)
    assert np.array_equal(bench.get(out), words[some])
    third = bench.empty((70, 5), np.uint32)
    bench.call("take_rows", at, 70, 5, 0, 3, third, 0)
    assert np.array_equal(bench.get(third), words[::3])
    return {"third": bench.get(third)}


CASES: dict[str, Callable[[Bench], Outputs]] = {
    "metric-units": units,
    "metric-queries": queries,
    "metric-vectors": vectors,
    "X-judged": judged,
}
for _wide in (False, True):
    _type = "double" if _wide else "float"
    CASES[f"X-columns-{_type}"] = partial(columns, wide=_wide)
    CASES[f"X-prepared-{_type}"] = partial(prepared, wide=_wide)
