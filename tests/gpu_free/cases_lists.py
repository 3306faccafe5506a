"""Lists from outside and PCA's sums do what their host twins do: cases as in cases_iteration.py.

References: gputsne/neighbors/given.py, gputsne/affinities and numpy in float64.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from gpu_free.cases_iteration import EPS, Bench, Outputs, near

N, K = 301, 29


def lists(wide_ids: bool, wide_distances: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return lists in no order: most points list themselves, some places hold nobody."""
    rng = np.random.default_rng(40)
    ids = np.argsort(rng.uniform(size=(N, N)), axis=1)[:, :K]
    ids = ids.astype(np.int64 if wide_ids else np.int32)
    distances = rng.gamma(2, size=(N, K)) * (1 + 1e-9 * rng.integers(0, 9, (N, K)))
    distances[:, 5] = distances[:, 6] * (1 + 1e-12)  # float32 can't tell these apart
    distances[::3, 2] = distances[::3, 3]
    distances[::7, 11:] = np.inf
    ids[::7, 12] = -7  # nobody reads these
    distances[4] = np.sort(distances[4])
    for i in range(0, N, 2):
        ids[i, ids[i] == i] = ids[i, 0]
        ids[i, 0] = i
    distances[:, 0] *= 1e-9
    distances[8, 3] = -1e-8
    return ids, distances.astype(np.float64 if wide_distances else np.float32)


def checked(bench: Bench, ids: np.ndarray, distances: np.ndarray, slack: float) -> list[int]:
    given = held(bench, ids, distances)
    report = bench.put(np.array([-1, -1, -1, -1, 0, 0]))
    for begin, end in ((0, 200), (200, N)):
        scratch = bench.empty((200 * 2 * K,), np.uint64)
        bench.call("check_lists", given, slack, begin, end, scratch, report, 0)
    return bench.get(report).tolist()


def held(bench: Bench, ids: np.ndarray, distances: np.ndarray) -> Any:
    wide = (ids.itemsize == 8, distances.itemsize == 8)
    return bench.call("Given", bench.put(ids), wide[0], bench.put(distances), wide[1], N, K)


def given(bench: Bench, wide_ids: bool, wide_distances: bool) -> Outputs:
    from gputsne.neighbors import from_user

    ids, distances = lists(wide_ids, wide_distances)
    out = bench.empty((1,), np.float32)
    scratch = bench.empty((int(bench.call("sum_scratch")),), np.float32)
    bench.call("farthest", held(bench, ids, distances), scratch, out, 0)
    assert bench.get(out)[0] == np.float32(distances[np.isfinite(distances)].max())
    assert checked(bench, ids, distances, 1e-6) == [-1, -1, -1, -1, 0, 1]
    for keep in (K - 1, 7):
        want = from_user((ids, distances), N, keep)
        near_ids, lengths = bench.empty((N, keep), np.int32), bench.empty((N, keep), np.float32)
        for begin, end in ((0, 200), (200, N)):
            scratch = bench.empty((200 * 2 * K,), np.uint64)
            at = (keep, begin, end, scratch, near_ids, lengths, 0)
            bench.call("sort_lists", held(bench, ids, distances), *at)
        assert np.array_equal(bench.get(near_ids), want.indices), "ids: 1 of 1 differ"
        assert np.array_equal(bench.get(lengths), want.distances)
    return {"ids": bench.get(near_ids), "lengths": bench.get(lengths)}


def given_faults(bench: Bench) -> Outputs:
    """The first row with each fault is told, and what is no fault is none."""
    for wide in (False, True):
        ids, distances = lists(wide, wide)
        for kind, change in enumerate(
            (
                {"ids": [(250, 3, N), (30, 4, -1), (31, 2, -(2**31))]},
                {"distances": [(40, 3, -1.0), (41, 3, np.nan), (299, 1, -np.inf)]},
                {"ids": [(51, 3, None), (300, 9, None)]},
                {"distances": [(61, slice(None), np.inf), (62, slice(None), np.inf)]},
            )
        ):
            broken = {"ids": ids.copy(), "distances": distances.copy()}
            for name, places in change.items():
                for i, at, value in places:
                    broken[name][i, at] = ids[i, 0] if value is None else value
            want = [-1, -1, -1, -1, 2 * (kind == 3), 1]
            want[kind] = min(place[0] for place in next(iter(change.values())))
            assert checked(bench, broken["ids"], broken["distances"], 1e-6) == want
        own = checked(bench, np.where(ids == np.arange(N)[:, None], 0 * ids - 1, ids), distances, 1)
        assert own[-1] == 0
    distances[20, 2] = 1e300  # too long for float32
    distances[21, 2] = -1e-3
    assert checked(bench, ids, distances, 1e-2)[1] == 20
    assert checked(bench, ids, np.minimum(distances, 9), 1e-2)[1] == -1
    return {}


def weights(bench: Bench) -> Outputs:
    from gputsne.affinities.fixed_width import _conditional

    distances = np.sort(lists(False, False)[1].clip(0), axis=1)
    distances[17] = np.inf
    distances[18] *= 1e-30
    there, p = bench.put(distances), bench.empty((N, K), np.float32)
    bench.call("equal_weights", there, N, K, p, 0)
    known = np.isfinite(distances)
    want = (known / np.maximum(1, known.sum(axis=1, keepdims=True))).astype(np.float32)
    assert np.array_equal(bench.get(p), want)
    outputs = {"equal": want}
    for sigma in (0.02, 1.0, 1e6):
        bench.call("fixed_width", there, N, K, sigma, p, 0)
        # below 1e-20 weights are 0 in both, and which are just above is up to rounding
        near(bench.get(p), _conditional(distances, sigma), rtol=2 * EPS, atol=1e-19)
        outputs[str(sigma)] = bench.get(p).copy()
    for values, bad in (([0, np.inf, 3], -1), ([1, np.nan, -3], 1), ([1, 0, -1e-38], 2)):
        first = bench.put(np.array([-1]))
        bench.call("check_lengths", bench.put(np.float32(values)), 3, first, 0)
        assert bench.get(first)[0] == bad
    return outputs


def gram(bench: Bench, wide: bool) -> Outputs:
    """More rows than one part, columns of two blocks; sums go on where they were."""
    rng, outputs = np.random.default_rng(41), {}
    for n, d in ((4100, 3), (90, 70)):
        X = rng.normal(size=(n, d)) * 3 + 1000
        X = X.astype(np.float64 if wide else np.float32)
        X[7, 2] = np.nan
        fill, mean, scale = (rng.normal(size=d) ** 2 + at for at in (1, 1000, 0.5))
        filled = np.where(np.isnan(X), fill, X.astype(np.float64))
        centred = (filled - mean) / scale * 0.25
        at = [bench.put(a) for a in (fill, mean, scale)]
        rows = bench.call("Rows", bench.put(X), wide, n, d, *at, 0.25)
        total = bench.put(np.ones(d))
        scratch = bench.empty((int(bench.call("column_scratch", n, d)),), np.float64)
        bench.call("add_columns", rows, scratch, total, 0)
        near(bench.get(total), 1 + centred.sum(axis=0), atol=1e-12 * np.abs(centred).sum())
        out = bench.put(np.ones((d, d)))
        scratch = bench.empty((int(bench.call("gram_scratch", n, d)),), np.float64)
        bench.call("add_gram", rows, scratch, out, 0)
        near(bench.get(out), 1 + centred.T @ centred, atol=1e-12 * (centred**2).sum())
        outputs[f"gram-{d}"] = bench.get(out)
        assert np.array_equal(bench.get(out), bench.get(out).T)
        for c in (1, 2, 3):
            axes, score = rng.normal(size=(c, d)), bench.empty((n, c), np.float64)
            bench.call("scores", rows, bench.put(axes), c, score, 0)
            near(bench.get(score), centred @ axes.T, atol=1e-11 * np.abs(centred).max() * d)
            outputs[f"scores-{d}-{c}"] = bench.get(score)
    plain = bench.call("Rows", bench.put(X), wide, 80, d, 0, 0, 0, 1.0)
    total = bench.put(np.zeros(d))
    bench.call("add_columns", plain, bench.empty((d,), np.float64), total, 0)
    want = X[:80].astype(np.float64).sum(axis=0)
    assert np.isnan(bench.get(total)[2])  # nothing stands in for what is missing
    near(np.delete(bench.get(total), 2), np.delete(want, 2), rtol=1e-12)
    return outputs


CASES: dict[str, Callable[[Bench], Outputs]] = {
    "given-faults": given_faults,
    "weights": weights,
}
for _wide in (False, True):
    CASES[f"gram-{'double' if _wide else 'float'}"] = partial(gram, wide=_wide)
    for _long in (False, True):
        name = f"given-{'long' if _long else 'int'}-{'double' if _wide else 'float'}"
        CASES[name] = partial(given, wide_ids=_long, wide_distances=_wide)
