"""Calls every function of gputsne._native with hostile arguments.

``python hostile_calls.py COUNT SEED``. A crash ends the process, so this is one of its own. An
error of Python's or a result are both right; how many of each there were is printed.
"""

from __future__ import annotations

import faulthandler
import sys
import tempfile
import warnings

import numpy as np

from gputsne import _native

EXTREMES = (0, 1, -1, 2**31 - 1, -(2**31), 2**31, 2**62, -(2**63), 2**63 - 1)
NUMBERS = (0.0, -1.0, 1e-300, 1e30, -1e30, 1e300, float("inf"), -float("inf"), float("nan"))
FAR_TOO_MANY = 2**46  # rows: more bytes than there are addresses
FILE = tempfile.TemporaryFile()  # noqa: SIM115 - open until the process ends
OTHERS = (None, "", [], [[]], (1, 2, 3, 4), -1, 2**70, 1.5)


def deposit(Y, centre, inv_h, order, shape, fixed, charge):
    return _native.deposit(Y, _native.Mesh(centre, inv_h, order, shape), fixed, charge)


def gather(Y, centre, inv_h, order, shape, *rest):
    return _native.gather(Y, _native.Mesh(centre, inv_h, order, shape), *rest)


def attract_and_step(P, Y, *into):
    into = _native.StepInto(*into)
    _native.attract_and_step(P, Y, into)
    order = np.arange(P.n, dtype=np.int32)[::-1].copy()
    return _native.attract_and_step(_native.Packed(P, order), Y, into)


def place(Y, dof, potential, mesh, offset, floor, low, high, indices, p, rho, max_iter, out):
    fitted = _native.Fitted(Y, dof, potential, _native.Mesh(*mesh), offset, floor, low, high)
    if max_iter == max_iter and max_iter > 5:
        max_iter = 5  # as many iterations as were asked for would be done
    return _native.place(fitted, _native.Query(indices, p, rho, max_iter), out)


def valid(rng):
    """Return calls by name, each a function and arguments that it takes."""
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
    where = [centre, 2.0, order, list(m)]
    fixed, charge = np.zeros(m, np.uint64), np.zeros(m, np.float32)
    into = [*(floats(n, c) for _ in range(4)), 1.0, 1.0, 12.0, 0.5, 10.0, 5.0, 0.01]
    query = [near, np.full((n, k), 1 / k, np.float32), 1.0, 5]
    field = [floats(*m), where, 0.0, 1e-4, [-1.0] * c, [1.0] * c]
    lengths = [int(g) for g in rng.choice([16, 18, 20, 30, 32, 54, 72], 2)]
    half = [g // 2 for g in lengths]
    by = _native.Convolution(lengths, floats(half[0] + 1, half[1] + 1))
    N = _native
    return {
        "Edges": (N.Edges, arrays),
        "conditional": (N.conditional, [np.abs(floats(n, k)), np.array([2.0]), floats(n, k)]),
        "symmetrize": (N.symmetrize, [near, np.abs(floats(n, k))]),
        "_symmetrize_in": (N._symmetrize_in, [near, np.abs(floats(n, k)), 4]),
        "_row_offsets": (N._row_offsets, [degree.astype(np.int64)]),
        "Mesh": (N.Mesh, where),
        "deposit": (deposit, [Y, *where, fixed, charge]),
        "gather": (
            gather,
            [Y, *where, floats(*m), 0.1, [0.0] * (c + 1), floats(n), floats(n, c)],
        ),
        "Convolution": (N.Convolution, [lengths, floats(half[0] + 1, half[1] + 1)]),
        "convolve": (N.convolve, [by, floats(*half), floats(by.work), floats(*half)]),
        "exact": (N.exact, [Y, 1.0, floats(n), floats(n, c)]),
        "StepInto": (N.StepInto, into),
        "attract_and_step": (attract_and_step, [P, Y, *into]),
        "divergence": (N.divergence, [P, Y, 1.0]),
        "extent": (N.extent, [Y]),
        "curve": (N.curve, [Y, box]),
        "reorder": (N.reorder, [P, rng.permutation(n).astype(np.int32)]),
        "Packed": (N.Packed, [P, rng.permutation(n).astype(np.int32)]),
        "Fitted": (N.Fitted, [Y, 1.0, field[0], N.Mesh(*where), *field[2:]]),
        "Query": (N.Query, query),
        "place": (place, [Y, 1.0, *field, *query, np.empty((n, c), np.float32)]),
        "put_on_disk": (N.put_on_disk, [floats(n), FILE.fileno(), 0]),
        "set_threads": (N.set_threads, [2]),
        "_set_wide": (N._set_wide, [True]),
    }


def worse(a, rng, others):
    """Return a hostile relative of an argument, given all arguments of the call."""
    if isinstance(a, np.ndarray) and a.size:
        how = int(rng.integers(0, 13))
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
        if how == 8:
            out.setflags(write=False)
            return out
        if how == 9:
            return np.broadcast_to(out[:1], (int(rng.choice([len(a), FAR_TOO_MANY])), *a.shape[1:]))
        if how in (10, 11):  # memory of another argument, moved by some items
            return alias(a, others[int(rng.integers(len(others)))], int(rng.integers(-9, 10)))
        return out.astype(rng.choice(["f4", "f8", "i4", "i8", "u8", ">f4", "O"]))
    if isinstance(a, bool | int | float):
        return (*EXTREMES, *NUMBERS)[int(rng.integers(len(EXTREMES) + len(NUMBERS)))]
    if isinstance(a, list):
        if rng.random() < 0.5:
            return a[:-1] if rng.random() < 0.5 else a * 2
        return [(*NUMBERS, *EXTREMES)[int(rng.integers(len(NUMBERS) + 9))] for _ in a]
    return OTHERS[int(rng.integers(len(OTHERS)))]


def alias(a, other, shift):
    """Return an array like ``a`` in the memory of ``other`` where there is enough of it."""
    if not isinstance(other, np.ndarray) or not other.flags.c_contiguous:
        return a
    if a.dtype.hasobject or other.dtype.hasobject:  # numpy won't look at references as bytes
        return a
    raw = other.reshape(-1).view(np.uint8)
    begin = max(0, shift * a.itemsize)
    if len(raw) < begin + a.nbytes:
        return a
    return raw[begin : begin + a.nbytes].view(a.dtype).reshape(a.shape)


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
        function, given = calls[name]
        for at in rng.choice(len(given), min(len(given), int(rng.integers(1, 3))), replace=False):
            given[at] = worse(given[at], rng, given)
        if name == "set_threads" and given[0] not in (1, 2):
            continue  # tested by itself
        locked = [a for a in given if isinstance(a, np.ndarray) and not a.flags.writeable]
        before = [a[:99].tobytes() for a in locked]
        try:
            function(*given)
            done += 1
        except (ValueError, TypeError, OverflowError, RuntimeError, MemoryError, OSError):
            refused += 1
        assert before == [a[:99].tobytes() for a in locked], f"{name} wrote to read-only memory"
        _native.set_threads(2)
    print(refused, done)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
