"""Calls every function of gputsne._native with hostile arguments.

``python hostile_calls.py COUNT SEED``. A crash ends the process, so this is one of its own. An
error of Python's or a result are both right; how many of each there were is printed.
"""

from __future__ import annotations

import faulthandler
import sys
import warnings

import numpy as np

from gputsne import _native

EXTREMES = (0, 1, -1, 2**31 - 1, -(2**31), 2**31, 2**62, -(2**63), 2**63 - 1)
NUMBERS = (0.0, -1.0, 1e-300, 1e30, -1e30, 1e300, float("inf"), -float("inf"), float("nan"))
OTHERS = (None, "", [], [[]], (1, 2, 3, 4), -1, 2**70, 1.5)


def valid(rng):
    """Return functions by name, each with arguments that it takes."""
    n, c, k = int(rng.integers(1, 60)), int(rng.integers(1, 4)), 4
    order = int(rng.choice([4, 6]))
    m = (14,) * c

    def floats(*shape):
        return rng.normal(size=shape).astype(np.float32)

    Y, degree = floats(n, c), rng.integers(0, 6, n)
    indptr = np.concatenate([[0], np.cumsum(degree)]).astype(np.int64)
    indices = rng.integers(0, n, indptr[-1]).astype(np.int32)
    arrays = [indptr, indices, rng.uniform(size=indptr[-1]).astype(np.float32)]
    P = _native.Edges(*arrays)
    near = rng.integers(0, n, (n, k)).astype(np.int32)
    box, centre = [(-1.0, 1.0)] * c, [0.0] * c
    fixed = np.zeros(m, np.uint64)
    state = [floats(n, c) for _ in range(4)]
    numbers = [1.0, 1.0, 12.0, 0.5, 10.0, 5.0, 0.01]
    return {
        "Edges": arrays,
        "conditional": [np.abs(floats(n, k)), [2.0], floats(n, k)],
        "symmetrize": [near, np.abs(floats(n, k))],
        "_row_offsets": [degree.astype(np.int64)],
        "deposit": [Y, centre, 2.0, order, fixed, np.zeros(m, np.float32)],
        "gather": [
            Y, centre, 2.0, order, floats(*m), list(m), 0.1, [0.0] * (c + 1), floats(n),
            floats(n, c),
        ],
        "exact": [Y, 1.0, floats(n), floats(n, c)],
        "attract_and_step": [P, Y, *state, *numbers],
        "divergence": [P, Y, 1.0],
        "extent": [Y],
        "curve": [Y, box],
        "reorder": [P, rng.permutation(n).astype(np.int32)],
        "place": [
            Y, near, np.full((n, k), 1 / k, np.float32), floats(*m), centre, 2.0, order, 0.0, 1e-4,
            [-1.0] * c, [1.0] * c, 1.0, 1.0, 5, np.empty((n, c), np.float32),
        ],
        "set_threads": [2],
    }  # fmt: skip


def worse(a, rng):
    """Return a hostile relative of an argument."""
    if isinstance(a, np.ndarray) and a.size:
        how = int(rng.integers(0, 9))
        out = a.copy()
        if how < 3 and a.dtype.kind in "iu":  # some or all numbers lead elsewhere
            info = np.iinfo(a.dtype)
            where = rng.random(a.shape) < rng.choice([0.05, 1.0])
            out[where] = int(
                np.clip(EXTREMES[int(rng.integers(len(EXTREMES)))], info.min, info.max)
            )
            return out
        if how < 3:
            out[rng.random(a.shape) < 0.3] = np.float32(NUMBERS[int(rng.integers(len(NUMBERS)))])
            return out
        if how == 3:
            return out[: int(rng.integers(0, len(a)))]
        if how == 4:
            return np.concatenate([out, out])
        if how == 5:
            return np.squeeze(out[..., None, None], -1)
        if how == 6 and a.dtype != object:  # an odd address
            return np.frombuffer(b"x" + out.tobytes(), a.dtype, offset=1).reshape(a.shape)
        if how == 7:
            return out[::-1].T
        return out.astype(rng.choice(["f4", "f8", "i4", "i8", "u8", ">f4", "O"]))
    if isinstance(a, bool | int | float):
        return (*EXTREMES, *NUMBERS)[int(rng.integers(len(EXTREMES) + len(NUMBERS)))]
    if isinstance(a, list):
        if rng.random() < 0.5:
            return a[:-1] if rng.random() < 0.5 else a * 2
        return [NUMBERS[int(rng.integers(len(NUMBERS)))] for _ in a]
    return OTHERS[int(rng.integers(len(OTHERS)))]


def main(count, seed):
    faulthandler.enable()
    warnings.simplefilter("ignore")  # of numpy, about what is made here
    rng = np.random.default_rng(seed)
    _native.set_threads(2)
    refused = done = 0
    functions = {f for f in dir(_native) if callable(getattr(_native, f)) and f[:2] != "__"}
    assert functions - {"threads"} == set(valid(rng))
    for _ in range(count):
        calls = valid(rng)
        name = list(calls)[int(rng.integers(len(calls)))]
        given = calls[name]
        for at in rng.choice(len(given), int(rng.integers(1, 3))):
            given[at] = worse(given[at], rng)
        if name == "set_threads" and given[0] not in (1, 2):
            continue  # tested by itself
        if name == "place" and isinstance(given[13], int) and given[13] > 5:
            given[13] = 5  # as many iterations as were asked for
        try:
            getattr(_native, name)(*given)
            done += 1
        except (ValueError, TypeError, OverflowError, RuntimeError, MemoryError):
            refused += 1
        _native.set_threads(2)
    print(refused, done)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
