"""The FFT and the kernel's spectrum compute what their formulas say, in float64 by numpy.

Cases as in cases_iteration.py. Lengths on both sides of every radix, meshes of odd sizes and of
less than half of the length, tables of turns as gputsne/backends/cuda/fft.py makes them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from gpu_free.cases_iteration import EPS, Bench, Outputs, near
from scipy.interpolate import BSpline

# (mesh, lengths): 64 = 8 8, 96 = 8 4 3, 128 = 8 8 2, 192 = 8 8 3, 256 = 8 8 4, 768 = 8 8 4 3
MESHES = {
    "64": ((32,), (64,)),
    "96": ((31,), (96,)),
    "8192": ((4001,), (8192,)),
    "64x64": ((32, 32), (64, 64)),
    "128x64": ((61, 30), (128, 64)),
    "96x192": ((47, 96), (96, 192)),
    "192x96": ((96, 45), (192, 96)),
    "64x256": ((1, 127), (64, 256)),
    "768x64": ((383, 17), (768, 64)),
    "64x2048": ((5, 1000), (64, 2048)),
    "4096x64": ((2000, 3), (4096, 64)),
    "64x8192": ((3, 4096), (64, 8192)),
    "8192x64": ((4096, 2), (8192, 64)),
}
# (h, dof) of spectra: a fine mesh, a usual one, heavy and light tails
SPECTRA = {
    "64-1": ((64,), 0.42, 1.0, 6),
    "192-2": ((192,), 0.42, 2.0, 6),
    "64x96-1": ((64, 96), 0.31, 1.0, 6),
    "192x64-0.5": ((192, 64), 0.25, 0.5, 4),
    "128x512-10": ((128, 512), 0.36, 10.0, 6),
    "64x1024-1": ((64, 1024), 0.1, 1.0, 6),
    "64x96x64-1": ((64, 96, 64), 0.4, 1.0, 6),
}


def turns(n: int, dtype: Any) -> np.ndarray:
    """Return exp(-2 pi i k / n) as pairs."""
    return np.exp(-2j * np.pi * np.arange(n) / n).view(np.float64).astype(dtype)


def convolve(bench: Bench, mesh: tuple[int, ...], lengths: tuple[int, ...]) -> Outputs:
    rng = np.random.default_rng(3)
    half = tuple(g // 2 + 1 for g in lengths)
    fixed = rng.integers(0, 5 << 24, mesh).astype(np.uint64)
    # real and even: any numbers at the frequencies from 0 to G / 2, which fall as a kernel's do
    octant = rng.uniform(0.5, 1, half)
    for axis, g in enumerate(lengths):
        octant /= (
            1
            + (np.arange(g // 2 + 1) / 5).reshape(
                [-1 if a == axis else 1 for a in range(len(mesh))]
            )
            ** 2
        )
    octant = (octant / np.prod(lengths)).astype(np.float32)
    charge, potential = bench.put(fixed), bench.empty(mesh, np.float32)
    pitch = bench.call("fft_pitch", lengths[-1])
    rows = bench.empty((mesh[0] if len(mesh) > 1 else 0, pitch, 2), np.float32)
    tables = [bench.at(bench.put(turns(n, np.float32))) for n in lengths]
    stored = bench.put(np.ascontiguousarray(octant.T))
    told = (list(mesh), list(lengths), tables, rows, stored, charge, potential, 0)
    bench.call("convolve", *told)
    axes = tuple(range(len(mesh)))
    spectrum = np.fft.rfftn(fixed.astype(np.int64) / float(CHARGE_UNIT), s=lengths, axes=axes)
    folded = [
        np.minimum(np.arange(s), g - np.arange(s))
        for s, g in zip(spectrum.shape, lengths, strict=True)
    ]
    spectrum *= octant.astype(np.float64)[np.ix_(*folded)] * np.prod(lengths, dtype=float)
    want = np.fft.irfftn(spectrum, s=lengths, axes=axes)[tuple(slice(m) for m in mesh)]
    # a few roundings in each of some 5 passes per axis and direction, on the size of the largest
    near(bench.get(potential), want, atol=10 * EPS * float(np.abs(want).max()))
    near(bench.get(charge), np.zeros(mesh))  # cleared for the next iteration
    return {"potential": bench.get(potential)}


def spectrum(
    bench: Bench, lengths: tuple[int, ...], h: float, dof: float, order: int, across: bool
) -> Outputs:
    c, half = len(lengths), tuple(g // 2 + 1 for g in lengths)
    offset = 1e-3
    nodes = BSpline.basis_element(np.arange(2 * order + 1.0))(np.arange(1.0, 2 * order))
    series = [nodes[order - 1], *(2 * nodes[order:])]
    scratch = [
        bench.empty((bench.call("spectrum_scratch", list(lengths)),), np.float64) for _ in "12"
    ]
    shape = (half[-1], *half[:-1]) if across else half
    out = bench.empty(shape, np.float32)
    tables = [bench.at(bench.put(turns(n, np.float64))) for n in lengths]
    told = (list(lengths), tables, h, dof, offset, list(series), *scratch, out, across, 0)
    bench.call("spectrum", *told)
    r2: Any = 0.0
    for axis, g in enumerate(lengths):
        x = np.minimum(np.arange(g), g - np.arange(g)) * h
        r2 = r2 + x.reshape([-1 if a == axis else 1 for a in range(c)]) ** 2
    want = np.fft.fftn((1 + r2 / dof) ** (-(dof + 1) / 2) - offset).real
    want = want[tuple(slice(s) for s in half)] / np.prod(lengths)
    for axis, g in enumerate(lengths):
        j = np.arange(1 - order, order)
        wave = np.cos(2 * np.pi * np.outer(np.arange(g // 2 + 1), j) / g) @ nodes
        want = want / wave.reshape([-1 if a == axis else 1 for a in range(c)])
    if across:
        want = np.moveaxis(want, -1, 0)
    # rounded to float32 once; float64 sums of terms of up to 1, over transfers of down to 1e-2
    near(bench.get(out), want, rtol=EPS, atol=1e-11)
    return {"octant": bench.get(out)}


CHARGE_UNIT = 1 << 24  # of csrc/kernels/deposit.hpp
CASES: dict[str, Callable[[Bench], Outputs]] = {}
for _name, (_mesh, _lengths) in MESHES.items():
    CASES[f"convolve-{_name}"] = partial(convolve, mesh=_mesh, lengths=_lengths)
for _name, (_lengths, _h, _dof, _order) in SPECTRA.items():
    for _across in (False, True)[: 1 + (len(_lengths) == 2)]:
        CASES[f"spectrum-{_name}{'-across' * _across}"] = partial(
            spectrum, lengths=_lengths, h=_h, dof=_dof, order=_order, across=_across
        )
