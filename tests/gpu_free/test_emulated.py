"""Ring 2: the launchers do what they should on a GPU's terms. Shuffled, under sanitisers.

Each case runs under two orders of blocks and threads, must agree with float64, and must give the
same bytes both times.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys

import numpy as np
import pytest
from gpu_free import emulator as emulating
from gpu_free.benches import HostBench
from gpu_free.cases_iteration import SHAPES, H, N, points
from gpu_free.emulator import Emulator
from gpu_free.run_cases import CASES, digest

KERNEL = re.compile(r"_ZN7gputsne\d+[a-z]+_kI\w+")


@pytest.mark.parametrize("name", CASES)
def test_right_in_any_order_of_threads(name: str, emulated: Emulator):
    seen = set()
    for seed in (1, 99):
        emulated.shuffle(seed)
        seen.add(digest(CASES[name](HostBench(emulated))))
    assert len(seen) == 1


def test_clean_under_sanitisers():
    """AddressSanitizer and UBSan watch every kernel; arrays are allocations of their own."""
    if emulating.available():
        pytest.skip(emulating.available())
    module = emulating.build(emulating.SANITISED)
    command = [sys.executable, str(emulating.HERE / "run_cases.py"), str(module)]
    done = subprocess.run(
        command,
        env=os.environ | emulating.sanitised_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-6000:]
    assert len(done.stdout.splitlines()) == len(CASES)


def test_every_kernel_has_a_case(kernels_of_the_cases: set[str]):
    symbols = subprocess.run(
        ["nm", str(emulating.build())], capture_output=True, text=True, check=True
    )
    there = {name for name in symbols.stdout.split() if KERNEL.fullmatch(name)}
    assert len(there) > 50
    assert there == kernels_of_the_cases


@pytest.mark.parametrize("c", [1, 2, 3])
def test_grid_is_that_of_the_cpu_to_the_bit(c: int, emulated: Emulator):
    native = pytest.importorskip("gputsne._native")
    Y, shape, order = points(c), SHAPES[c], 6
    want, fixed = np.empty(shape, np.float32), np.zeros(shape, np.uint64)
    native.deposit(Y, native.Mesh([0.0] * c, 1.0 / H, order, shape), fixed, want)
    bench = HostBench(emulated)
    charge, got = bench.put(np.zeros(shape, np.uint64)), bench.empty(shape, np.float32)
    mesh = bench.call("Mesh", [0.0] * c, 1.0 / H, order, list(shape))
    bench.call("deposit", Y, N, c, mesh, charge, 0)
    bench.call("pack", charge, list(shape), got, list(shape), 0)
    assert np.array_equal(got, want)


def test_arguments_that_make_no_sense_are_refused(emulated: Emulator):
    bench, Mesh = HostBench(emulated), emulated.cuda.Mesh
    Y = points(2)
    charge = bench.put(np.zeros(SHAPES[2], np.uint64))
    usual = Mesh([0.0] * 2, 1.0, 6, [40, 40])
    with pytest.raises(ValueError, match="order=5 is not compiled; use 4 or 6"):
        bench.call("deposit", Y, N, 2, Mesh([0.0] * 2, 1.0, 5, [40, 40]), charge, 0)
    with pytest.raises(ValueError, match="4 axes; 1, 2 and 3 are compiled"):
        bench.call("exact", Y, N, 4, 1.0, Y, Y, Y, 0, 0)
    with pytest.raises(ValueError, match="center has 1 numbers; the map has 2 axes"):
        bench.call("deposit", Y, N, 2, Mesh([0.0], 1.0, 6, [40, 40]), charge, 0)
    with pytest.raises(ValueError, match="10 nodes on axis 1; order 6 needs at least 12"):
        bench.call("deposit", Y, N, 2, Mesh([0.0] * 2, 1.0, 6, [40, 10]), charge, 0)
    with pytest.raises(ValueError, match="self_terms has 0 numbers; 2 axes need 3"):
        bench.call("gather", Y, N, 2, usual, charge, [40, 1], Y, Y, Y, Y, 0, 0)
    with pytest.raises(ValueError, match="now is no address"):
        bench.call("write_numbers", Mesh([0.0] * 2, 1.0, 6, [40, 40], 0.0, [0.0] * 3), N, 0)
    with pytest.raises(ValueError, match="length 100; 2\\^a and 3 2\\^a from 64 to 8192"):
        bench.call("convolve", [32, 50], [64, 100], [0, 0], 0, 0, charge, Y, 0)
    with pytest.raises(ValueError, match="33 nodes on axis 0; an FFT of length 64 takes 1 to 32"):
        bench.call("convolve", [33, 32], [64, 64], [0, 0], 0, 0, charge, Y, 0)
    with pytest.raises(ValueError, match="shape has 3 axes; this FFT has one or two"):
        bench.call("convolve", [32] * 3, [64] * 3, [0] * 3, 0, 0, charge, Y, 0)
    with pytest.raises(ValueError, match="turns has 1 numbers; the map has 2 axes"):
        bench.call("convolve", [32, 32], [64, 64], [0], 0, 0, charge, Y, 0)
    with pytest.raises(ValueError, match="turns lie at an address that 8 does not divide"):
        bench.call("convolve", [32, 32], [64, 64], [4, 4], 0, 0, charge, Y, 0)
    with pytest.raises(ValueError, match="transfer has 7 terms; 1 to 6 are compiled"):
        bench.call("spectrum", [64], [0], 0.4, 1.0, 0.0, [1.0] * 7, 0, 0, charge, False, 0)
    with pytest.raises(ValueError, match=r"h=0.* and dof=.* must be above 0"):
        bench.call("spectrum", [64], [0], 0.0, 1.0, 0.0, [1.0], 0, 0, charge, False, 0)
    with pytest.raises(ValueError, match="padded has 30 nodes on axis 0, the mesh 40"):
        bench.call("pack", charge, [40, 40], charge, [30, 60], 0)
    with pytest.raises(ValueError, match="Y lies at an address that 8 does not divide"):
        emulated.cuda.extent(Y.ctypes.data + 4, N - 1, 2, 0, 0, 0)
    held = bench.call("Edges", indptr=Y, indices=Y, data=Y, group=33)
    with pytest.raises(ValueError, match="group=33 rows per warp; pass 1 to 32"):
        bench.call("divergence", Y, N, 2, held, 1.0, Y, Y, Y, 0)
    with pytest.raises(TypeError):
        bench.call("exact", 1.5, N, 2, 1.0, Y, Y, Y, 0, 0)
    with pytest.raises(ValueError, match="bytes=2 per value; 4 and 8 are compiled"):
        bench.call("fill", Y, N, 2, 0, 0)
    with pytest.raises(ValueError, match="4 axes; 1, 2 and 3 are compiled"):
        bench.call("take", Y, N, 4, 0, 1, Y, 0)
    for low, bits in ((60, 8), (-1, 8), (0, 0), (8, 2**31 - 1), (60, 4)):
        with pytest.raises(ValueError, match="can't be sorted by"):
            bench.call("sort", charge, charge, 5, low, bits, charge, 0)
    with pytest.raises(ValueError, match=r"at most 2\^31 can be put in order"):
        bench.call("order_of", charge, 2**31, charge, charge, charge, 0)
    with pytest.raises(ValueError, match="out_strides has 1 numbers; the map has 2 axes"):
        bench.call("crop", Y, [4, 1], [2, 2], Y, [1], 0)
    given = bench.call("Given", charge, False, Y, False, 5, 3)
    for keep in (0, 4):
        with pytest.raises(ValueError, match=f"keep={keep} of lists of 3 neighbours; pass 1 to 3"):
            bench.call("sort_lists", given, keep, 0, 5, charge, charge, Y, 0)
    with pytest.raises(ValueError, match="unit=3; 0 to 2 are compiled"):
        bench.call("own_unit", Y, 5, 3, 1.0, Y, 0)
    with pytest.raises(ValueError, match="k=0 neighbours of each query; pass 1 or more"):
        bench.call("check_near", Y, Y, 5, 0, 1.0, charge, 0)
    rows = bench.call("Rows", Y, False, 5, 2, 0, 0, 0, 1.0)
    with pytest.raises(ValueError, match="c=0 axes; pass 1 or more"):
        bench.call("project_rows", rows, charge, 0, Y, 0)
    with pytest.raises(TypeError):
        bench.call("place", given, given, Y, 0)


def test_nothing_to_do_launches_nothing(emulated: Emulator):
    emulated.launches()
    emulated.cuda.exact(0, 0, 2, 1.0, 0, 0, 0, 0, 0)
    emulated.cuda.invert(0, 0, 0, 0)
    emulated.cuda.check_points(0, 0, 5, 0, 0)
    assert emulated.launches() == 0
    out = np.full(1, np.nan)
    scratch = np.empty(emulated.cuda.sum_scratch())
    emulated.cuda.total(0, 0, scratch.ctypes.data, out.ctypes.data, 0)
    assert out[0] == 0  # a sum over nothing is written, too


def test_the_real_module_beside_it_raises_its_own_error(emulated: Emulator):
    """One process holds both: neither may speak for the other."""
    real = pytest.importorskip("gputsne._cuda")
    assert emulated.cuda.CudaError is not real.CudaError
    with pytest.raises(real.CudaError, match="describe"):
        real.describe(10_000)


def test_lengths_that_a_gpu_has_no_memory_for_are_known_before(emulated: Emulator):
    """Shared memory of 64 KB, as blocks of compute capability 7.5 have it at most."""
    fits = emulated.cuda.fft_fits
    for n in (64, 96, 1536, 8192):
        assert fits([n, n], False)
        assert fits([n, n], True)
    for n in (32, 48, 63, 65, 100, 1440, 16384, 0, -64):
        assert not fits([64, n], False)
        assert not fits([64, n], True)
    assert not fits([64] * 3, False)  # cuFFT's
    assert fits([64] * 3, True)
    with emulated.shared_memory(64 << 10):
        assert fits([6144, 6144], False)
        assert not fits([6144, 8192], False)
        assert fits([2048], True)
        assert not fits([4096], True)
        # fewer columns side by side, the same potential
        for name in ("convolve-4096x64", "convolve-768x64"):
            CASES[name](HostBench(emulated))
        with pytest.raises(emulated.cuda.CudaError, match="shared memory"):
            CASES["convolve-64x8192"](HostBench(emulated))
