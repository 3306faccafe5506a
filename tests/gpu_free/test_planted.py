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
from functools import cache
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
from gpu_free.trimmed import trim


def plant(bug: Bug, folder: Path) -> Path:
    """Return the .cu file of a copy of csrc that has the bug."""
    csrc = folder / "csrc"
    shutil.copytree(emulating.ROOT / "csrc", csrc)
    path = csrc / bug.file
    text = path.read_text()
    assert text.count(bug.was) == 1, f"{bug.file} has changed: plant this bug again"
    path.write_text(text.replace(bug.was, bug.becomes))
    return csrc / "cuda" / bug.source


@pytest.fixture(scope="module")
def without(emulated: Emulator) -> Callable[[str], set[str]]:
    """Return the functions that a case calls, which sees nothing where there is no bug."""

    class Noting(HostBench):
        def call(self, name: str, *arguments: object, **named: object) -> object:
            names.add(name)
            return super().call(name, *arguments, **named)

    names: set[str] = set()

    @cache
    def called(case: str) -> set[str]:
        names.clear()
        in_two_orders(lambda: Noting(emulated), emulated, case)
        return set(names)

    return called


Planting = Callable[[Bug], Path]


@pytest.fixture
def planted(emulated: Emulator, without: Callable[[str], set[str]], tmp_path: Path) -> Planting:
    """Plant a bug in a copy of csrc that is cut down to its case."""

    def make(bug: Bug) -> Path:
        source = plant(bug, tmp_path)
        trim(tmp_path / "csrc", bug.source, without(bug.case), dir(emulated.cuda))
        return source

    return make


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


def in_two_orders(bench: Callable[[], HostBench], emulator: Emulator, case: str) -> None:
    seen = set()
    for seed in (1, 99):
        emulator.shuffle(seed)
        seen.add(digest(CASES[case](bench())))
    assert len(seen) == 1, "the order of threads can be seen"


@pytest.mark.parametrize("name", [name for name, bug in BUGS.items() if bug.ring_2])
def test_the_emulator_sees(name: str, planted: Planting):
    bug = BUGS[name]
    broken = Emulator(emulating.build(planted=planted(bug)))
    said = complaint(lambda: in_two_orders(lambda: HostBench(broken), broken, bug.case))
    assert re.search(bug.ring_2, said)


@pytest.mark.parametrize("name", RISKY)
def test_a_process_of_its_own_sees(name: str, planted: Planting):
    bug = RISKY[name]
    module = emulating.build(planted=planted(bug))
    command = [sys.executable, str(emulating.HERE / "run_cases.py"), str(module), bug.case]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert done.returncode < 0 or re.search(bug.ring_2, done.stderr)


def test_address_sanitizer_sees_a_missing_bounds_check(planted: Planting):
    module = emulating.build(emulating.SANITISED, planted=planted(NO_BOUNDS))
    done = subprocess.run(
        [sys.executable, str(emulating.HERE / "run_cases.py"), str(module), NO_BOUNDS.case],
        env=os.environ | emulating.sanitised_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert NO_BOUNDS.ring_2 in done.stderr


def test_float_atomics_show_the_order(emulated: Emulator, planted: Planting):
    broken = Emulator(emulating.build(planted=planted(FLOAT_ATOMICS)))
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
def test_the_ptx_shows(name: str, emulated: Emulator, planted: Planting):
    bug = {"bounds": NO_BOUNDS, "atomics": FLOAT_ATOMICS, **BUGS}[name]
    program = Program([as_ptx(planted(bug))])
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
