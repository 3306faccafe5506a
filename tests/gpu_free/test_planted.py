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
from gpu_free.bugs import RISKY, Bug
from gpu_free.cases_iteration import SHAPES, H, N, points
from gpu_free.emulator import Emulator
from gpu_free.planted_bugs import BUGS, FLOAT_ATOMICS, NO_BOUNDS, ON_HOST
from gpu_free.ptx import Program
from gpu_free.ptx_memory import Fault
from gpu_free.run_cases import CASES, digest


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
            # so near to each other that sums are rounded, in blocks that send what they share
            bench.call("deposit", points(2) * np.float32(0.1), N, 2, mesh, charge, 0)
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
    before = "/// One entry of P"
    assert before in text
    header.write_text(
        text.replace(before, "inline float on_host(float x) { return x; }\n" + before)
    )
    as_ptx(source)  # only a warning, as nvcc sees it
    with pytest.raises(RuntimeError, match="calling a __host__ function"):
        as_ptx(source, strict=True)
