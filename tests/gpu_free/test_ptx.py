"""Ring 3: the PTX that nvcc made computes what the formulas say, for every generation of GPUs.

The launchers say what they would launch; the interpreter executes that, on memory that faults.
"""

from __future__ import annotations

import numpy as np
import pytest
from gpu_free.benches import PtxBench
from gpu_free.cases_iteration import SHAPES, H, N, points
from gpu_free.compiled import Compiled
from gpu_free.emulator import Emulator
from gpu_free.ptx import Program
from gpu_free.ptx_memory import Fault
from gpu_free.ptx_parse import Kernel
from gpu_free.run_cases import CASES

pytestmark = pytest.mark.nvcc
ARCHS = (75, 80, 90, 120)


@pytest.fixture(scope="module", params=ARCHS)
def program(request: pytest.FixtureRequest, compiled_kernels: list[Compiled]) -> Program:
    return Program([part.ptx(request.param) for part in compiled_kernels])


@pytest.fixture(scope="module")
def passed() -> dict[str, list[dict[str, Kernel]]]:
    """By case, the kernels of each run that passed."""
    return {}


@pytest.mark.parametrize("name", CASES)
def test_right_by_the_numbers(
    name: str, program: Program, emulated: Emulator, passed: dict[str, list[dict[str, Kernel]]]
):
    """Kernels that are the same to the instruction for two generations run once for both."""
    for ran in passed.get(name, []):
        if all(program.kernels[kernel] == known for kernel, known in ran.items()):
            return
    bench = PtxBench(emulated, program)
    CASES[name](bench)
    passed.setdefault(name, []).append(bench.ran)


@pytest.mark.parametrize("c", [1, 2, 3])
def test_grid_is_that_of_the_cpu_to_the_bit(c: int, program: Program, emulated: Emulator):
    """deposit.cu is compiled without contraction, so that two machines can share a grid."""
    native = pytest.importorskip("gputsne._native")
    Y, shape = points(c), SHAPES[c]
    want, fixed = np.empty(shape, np.float32), np.zeros(shape, np.uint64)
    native.deposit(Y, native.Mesh([0.0] * c, 1.0 / H, 6, shape), fixed, want)
    bench = PtxBench(emulated, program)
    charge, got = bench.put(np.zeros(shape, np.uint64)), bench.empty(shape, np.float32)
    mesh = bench.call("Mesh", [0.0] * c, 1.0 / H, 6, list(shape))
    bench.call("deposit", bench.put(Y), N, c, mesh, charge, 0)
    bench.call("pack", charge, list(shape), got, list(shape), 0)
    assert np.array_equal(bench.get(got), want)


def test_kernels_are_those_that_ring_2_runs(
    compiled_kernels: list[Compiled], kernels_of_the_cases: set[str]
):
    there = {kernel for part in compiled_kernels for kernel, _ in part.figures()}
    assert there == kernels_of_the_cases


def test_memory_that_was_never_written_is_a_fault(program: Program, emulated: Emulator):
    bench = PtxBench(emulated, program)
    scratch, out = bench.empty((264,), np.float64), bench.empty((1,), np.float64)
    with pytest.raises(Fault, match="uninitialised global read"):
        bench.call("total", bench.empty((300,), np.float32), 300, scratch, out, 0)
    values = bench.put(np.ones(300, np.float32))
    with pytest.raises(Fault, match="out of bounds global read"):
        bench.call("total", values, 5000, scratch, out, 0)
    with pytest.raises(Fault, match="misaligned global read"):
        bench.call("total", values.address + 2, 1, scratch, out, 0)
