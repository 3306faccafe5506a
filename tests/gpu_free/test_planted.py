"""The rings see a bug where there is one: those that GPUs are known for, each in a copy.

Ring 2 is the emulator (shuffled, NaN in what is unwritten, sanitisers), ring 3 the PTX. Lock-step
hides races from ring 3, and ring 2 does not run nvcc: neither would do alone.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from gpu_free import compiled
from gpu_free import emulator as emulating
from gpu_free.benches import HostBench, PtxBench
from gpu_free.bugs import ARRAY_BUGS, FFT_BUGS, RISKY, WRONG, Bug
from gpu_free.cases_iteration import SHAPES, H, N, points
from gpu_free.emulator import Emulator
from gpu_free.ptx import Program
from gpu_free.ptx_memory import Fault
from gpu_free.run_cases import CASES, digest

MACHINE = "kernels/gpu_machine.hpp"
TILES = "kernels/gpu_neighbors.hpp"
RANK = "kernels/neighbors.hpp"


TREE = """    if (threadIdx.x < d)
      tree[threadIdx.x] = tree[threadIdx.x] + tree[threadIdx.x + d];
    __syncthreads();
"""
BUGS = {
    "barrier-missing": Bug(
        MACHINE,
        "  tree[threadIdx.x] = s;\n  __syncthreads();\n",
        "  tree[threadIdx.x] = s;\n",
        "field.cu",
        "total",
        WRONG,
        "",
    ),
    "barrier-in-the-tree-missing": Bug(
        MACHINE, TREE, TREE.replace("    __syncthreads();\n", ""), "field.cu", "total", WRONG, ""
    ),
    "barrier-in-a-branch": Bug(
        MACHINE,
        TREE,
        TREE.replace("if (threadIdx.x < d)", "if (threadIdx.x < d) {") + "    }\n",
        "field.cu",
        "total",
        "a thread left while others wait in __syncthreads|not reached by all|different barriers",
        "barrier not reached by every thread",
    ),
    "lane-leaves-before-the-shuffle": Bug(
        MACHINE,
        "  Sum s;\n  if (hubs",
        "  Sum s;\n  if (lane >= degree)\n    return;\n  if (hubs",
        "step.cu",
        "attract_and_step-2-float",
        "a lane named in the mask has exited",
        "shuffle with lanes missing",
    ),
    "one-block-too-few": Bug(
        MACHINE,
        "(n + size - 1) / size",
        "n / size",
        "step.cu",
        "attract_and_step-2-float",
        WRONG,
        "",
    ),
    "grid-of-nothing": Bug(
        MACHINE,
        "(n + size - 1) / size",
        "n / size",
        "field.cu",
        "exact-2-1.0",
        "cudaErrorInvalidConfiguration",
        "",
    ),
    "wrong-stride": Bug(
        MACHINE, "e += WARP", "e += WARP - 1", "step.cu", "divergence-2-float", WRONG, WRONG
    ),
    "shuffle-stops-early": Bug(
        MACHINE,
        "for (int d = WARP / 2; d; d /= 2)",
        "for (int d = WARP / 2; d > 1; d /= 2)",
        "step.cu",
        "divergence-2-float",
        WRONG,
        WRONG,
    ),
    "output-not-written": Bug(
        "kernels/attract.hpp",
        "rows[i] = sum.v[0];",
        "if (i % 64) rows[i] = sum.v[0];",
        "step.cu",
        "divergence-2-float",
        WRONG,
        "uninitialised global read",
    ),
    "map-updated-in-place": Bug(
        "kernels/step.hpp",
        "Y_next[i * C + a] = Y[i * C + a] + v[a] * limit;",
        "Y_next[i * C + a] = const_cast<float *>(Y)[i * C + a] = Y[i * C + a] + v[a] * limit;",
        "step.cu",
        "attract_and_step-2-float",
        WRONG,
        "",
    ),
    "vectors-of-what-is-not-aligned": Bug(
        TILES,
        "struct alignas(sizeof(Quad)) TileSlices",
        "struct TileSlices",
        "neighbors.cu",
        "search-products",
        "",  # a CPU loads them all the same
        "misaligned shared vector",
    ),
    "slice-is-read-before-it-is-there": Bug(
        TILES,
        "        __syncthreads(); // the other buffer",
        "        // the other buffer",
        "neighbors.cu",
        "search-products",
        WRONG,
        "",
    ),
    "slice-has-one-buffer": Bug(
        TILES,
        "        now ^= 1;\n",
        "",
        "neighbors.cu",
        "search-differences",
        WRONG,
        WRONG,
    ),
    "limits-are-read-before-they-are-there": Bug(
        TILES,
        "      active = 1;\n  }\n  __syncthreads();\n",
        "      active = 1;\n  }\n",
        "neighbors.cu",
        "search-products",
        f"{WRONG}|different barriers|a thread left while others wait",
        "",
    ),
    "two-candidates-in-one-place": Bug(
        TILES,
        "fetch_add(p.lists.count + row)",
        "p.lists.count[row]++",
        "neighbors.cu",
        "search-products",
        "",  # the emulator's threads change at barriers only
        WRONG,
    ),
    "list-that-ran-over-is-kept": Bug(
        TILES,
        "    if (count > room) {",
        "    if (count > room && room > 1000) {",
        "neighbors.cu",
        "search-short-lists",
        "lists run over|" + WRONG,
        "lists run over|" + WRONG,
    ),
    "front-is-filled-out-of-step": Bug(
        TILES,
        "      for (int d = 1; d < WARP; d *= 2) {\n        const int other",
        "      for (int d = 1; d < WARP / 2; d *= 2) {\n        const int other",
        "neighbors.cu",
        "search-products",
        WRONG,
        WRONG,
    ),
    "rank-of-equals": Bug(
        RANK,
        "before += keys[f] < key &&",
        "before += squared_of(keys[f]) < squared_of(key) &&",
        "neighbors.cu",
        "search-differences",
        WRONG,
        "uninitialised|" + WRONG,
    ),
}
BUGS |= FFT_BUGS | ARRAY_BUGS

NO_BOUNDS = Bug(
    MACHINE,
    "  if (t < n)\n    f(first + t);\n",
    "  f(first + t);\n",
    "field.cu",
    "exact-2-1.0",
    "heap-buffer-overflow",
    "out of bounds global",
)
FLOAT_ATOMICS = Bug(
    "kernels/machine.hpp",
    "  atomicAdd(number, amount);\n#else\n  *number += amount;\n",
    "  atomicAdd(reinterpret_cast<float *>(number), float(amount));\n#else\n"
    "  float sum;\n  __builtin_memcpy(&sum, number, 4);\n  sum += float(amount);\n"
    "  __builtin_memcpy(number, &sum, 4);\n",
    "deposit.cu",
    "deposit-2-6",
    "",
    "float atomics give another result in another order",
)
ON_HOST = Bug(
    "kernels/attract.hpp",
    "    float w = data[e] /",
    "    float w = on_host(data[e]) /",
    "step.cu",
    "",
    "",
    "",
)


def plant(bug: Bug, folder: Path) -> Path:
    """Return the .cu file of a copy of csrc that has the bug."""
    shutil.copytree(emulating.ROOT / "csrc", folder / "csrc")
    path = folder / "csrc" / bug.file
    text = path.read_text()
    assert text.count(bug.was) == 1, f"{bug.file} has changed: plant this bug again"
    path.write_text(text.replace(bug.was, bug.becomes))
    return folder / "csrc" / "cuda" / bug.source


def as_ptx(source: Path, *, strict: bool = False) -> str:
    tools = compiled.recipe()
    out = source.with_suffix(".ptx")
    options = [*tools.flags(source), "-arch=sm_90", *(tools.STRICT if strict else ())]
    tools.run([tools.find(), *options, "-ptx", str(source), "-o", str(out)])
    return out.read_text()


def complaint(run: Callable[[], object]) -> str:
    """Return what is said of a bug, or an empty string."""
    try:
        run()
    except (AssertionError, RuntimeError, Fault) as error:
        return str(error)
    return ""


def in_two_orders(emulator: Emulator, case: str) -> None:
    seen = set()
    for seed in (1, 99):
        emulator.shuffle(seed)
        seen.add(digest(CASES[case](HostBench(emulator))))
    assert len(seen) == 1, "the order of threads can be seen"


@pytest.mark.parametrize("name", BUGS)
def test_the_emulator_sees(name: str, emulated: Emulator, tmp_path: Path):
    bug = BUGS[name]
    in_two_orders(emulated, bug.case)  # and nothing without the bug
    broken = Emulator(emulating.build(planted=plant(bug, tmp_path)))
    assert re.search(bug.ring_2, complaint(lambda: in_two_orders(broken, bug.case)))


@pytest.mark.parametrize("name", RISKY)
def test_a_process_of_its_own_sees(name: str, emulated: Emulator, tmp_path: Path):
    bug = RISKY[name]
    in_two_orders(emulated, bug.case)
    module = emulating.build(planted=plant(bug, tmp_path))
    command = [sys.executable, str(emulating.HERE / "run_cases.py"), str(module), bug.case]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert done.returncode < 0 or re.search(bug.ring_2, done.stderr)


def test_address_sanitizer_sees_a_missing_bounds_check(emulated: Emulator, tmp_path: Path):
    module = emulating.build(emulating.SANITISED, planted=plant(NO_BOUNDS, tmp_path))
    done = subprocess.run(
        [sys.executable, str(emulating.HERE / "run_cases.py"), str(module), NO_BOUNDS.case],
        env=os.environ | emulating.sanitised_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert NO_BOUNDS.ring_2 in done.stderr


def test_float_atomics_show_the_order(emulated: Emulator, tmp_path: Path):
    broken = Emulator(emulating.build(planted=plant(FLOAT_ATOMICS, tmp_path)))
    for emulator, orders_seen in ((emulated, 1), (broken, 2)):
        seen = set()
        for seed in (1, 99):
            emulator.shuffle(seed)
            bench = HostBench(emulator)
            charge = bench.put(np.zeros(SHAPES[2], np.uint64))
            mesh = bench.call("Mesh", [0.0] * 2, 1 / H, 6, list(SHAPES[2]))
            bench.call("deposit", points(2), N, 2, mesh, charge, 0)
            seen.add(charge.tobytes())
        assert len(seen) == orders_seen


@pytest.mark.nvcc
@pytest.mark.parametrize("name", [*(n for n, b in BUGS.items() if b.ring_3), "bounds", "atomics"])
def test_the_ptx_shows(name: str, emulated: Emulator, tmp_path: Path):
    bug = {"bounds": NO_BOUNDS, "atomics": FLOAT_ATOMICS, **BUGS}[name]
    program = Program([as_ptx(plant(bug, tmp_path))])
    assert re.search(bug.ring_3, complaint(lambda: CASES[bug.case](PtxBench(emulated, program))))


@pytest.mark.nvcc
def test_a_host_function_in_a_body_does_not_compile(tmp_path: Path):
    source = plant(ON_HOST, tmp_path)
    header = source.parents[1] / ON_HOST.file
    text = header.read_text()
    before = "/// Weights: what data[e]"
    assert before in text
    header.write_text(
        text.replace(before, "inline float on_host(float x) { return x; }\n" + before)
    )
    as_ptx(source)  # only a warning, as nvcc sees it
    with pytest.raises(RuntimeError, match="calling a __host__ function"):
        as_ptx(source, strict=True)
