"""What nvcc makes of the kernels is what they were designed for: registers, spills, machine code.

Every architecture compiles with every warning an error (compiled.py). Speed can't be seen here;
what is known to cost it can: local memory, FP64, calls, atomics that return a value.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from gpu_free import compiled
from gpu_free.compiled import Compiled

pytestmark = pytest.mark.nvcc
TABLE = Path(__file__).with_name("registers.txt")
# What runs in every iteration; sums are in float64 by design.
HOT = re.compile(r"(deposit|gather|rows|pieces|sum)_k<|each_k<(Pad|Multiply)|blocks_k<Fft")
ON_EXACT_SUMS = re.compile(
    r"sum_k<(double|Coordinates)|gather_k|Exact|Placement|Conditional|MergeSlice|Recentre"
    r"|Mean<double>|gram_k|Chunk|AddParts|AddSymmetric|Scores|EqualWeights|FixedWidth|EvenLines"
    r"|JoinMoments|PreparedRows|ProjectedRows|OwnUnit|NearQuery|RowLengths|UnitRows|BoundRows"
)


@pytest.fixture(scope="module")
def named(compiled_kernels: list[Compiled]) -> dict[str, dict[int, compiled.Figures]]:
    """Return what ptxas says, by readable name and architecture."""
    figures = {key: value for part in compiled_kernels for key, value in part.figures().items()}
    names = compiled.readable(sorted({kernel for kernel, _ in figures}))
    found: dict[str, dict[int, compiled.Figures]] = {}
    for (kernel, arch), value in figures.items():
        found.setdefault(names[kernel], {})[arch] = value
    return found


def test_table_of_registers_is_as_committed(compiled_kernels: list[Compiled]):
    committed = TABLE.read_text()
    made_by = committed[2:].split(":")[0]
    if made_by != compiled.release():
        pytest.skip(f"registers.txt is of {made_by}, this is {compiled.release()}")
    now = compiled.table(compiled_kernels)
    assert now == committed, f"if this is meant: python tests/gpu_free/compiled.py > {TABLE.name}"


def test_hot_kernels_leave_room_for_others(named: dict[str, dict[int, compiled.Figures]]):
    hot = {name: by_arch for name, by_arch in named.items() if HOT.match(name)}
    assert len(hot) > 30
    for name, by_arch in hot.items():
        for arch, figures in by_arch.items():
            assert (figures.stack, figures.spilled) == (0, 0), f"{name} on sm_{arch}"
            # 2 blocks of 256 threads at the least; in one and two axes 4 of them
            most = 128 if "3" in name else 64
            assert figures.registers <= most, f"{name} on sm_{arch}"


def test_tiles_keep_their_pairs_in_registers(named: dict[str, dict[int, compiled.Figures]]):
    tiles = {name: by_arch for name, by_arch in named.items() if name.startswith("tiles_k<")}
    assert len(tiles) == 2
    for name, by_arch in tiles.items():
        for arch, figures in by_arch.items():
            assert (figures.stack, figures.spilled) == (0, 0), f"{name} on sm_{arch}"
            assert figures.registers <= 128, f"{name} on sm_{arch}"  # 2 blocks of 256 threads


@pytest.fixture(scope="module", params=compiled.recipe().ARCHS)
def code(request: pytest.FixtureRequest, compiled_kernels: list[Compiled]) -> dict[str, list[str]]:
    """Return the machine instructions of every kernel by its readable name."""
    tool = compiled.disassembler()
    if tool is None:
        pytest.skip("no nvdisasm: pip install nvidia-cuda-nvdisasm")
    cubins = [part.cubin(request.param) for part in compiled_kernels]
    found = compiled.instructions(cubins, tool)
    assert set(found) == {kernel for part in compiled_kernels for kernel, _ in part.figures()}
    names = compiled.readable(sorted(found))
    return {names[kernel]: listed for kernel, listed in found.items()}


def test_code_of_all_files_reads_as_that_of_each(compiled_kernels: list[Compiled]):
    """Of files with calls of functions of their own, which are numbered through."""
    tool = compiled.disassembler()
    if tool is None:
        pytest.skip("no nvdisasm: pip install nvidia-cuda-nvdisasm")
    files = [p.cubin(75) for p in compiled_kernels if p.name in ("neighbors", "step")]
    together, alone = compiled.instructions(files, tool), {}
    for file in files:
        told = subprocess.run([tool, "-c", str(file)], capture_output=True, text=True, check=True)
        alone |= compiled.listed(told.stdout)
    numbered = re.compile(r"__\d+\)$")
    assert len(alone) > 10
    assert {k: [numbered.sub(")", i) for i in own] for k, own in together.items()} == alone


def test_hot_kernels_keep_to_registers_and_float32(code: dict[str, list[str]]):
    hot = {name: listed for name, listed in code.items() if HOT.match(name)}
    assert len(hot) > 30
    for name, listed in hot.items():
        assert len(listed) > 10, name
        text = " ".join(listed)
        assert not re.search(r"\b(LDL|STL)\b", text), f"{name}: local memory"
        # A warp that has diverged calls for help on sm_75 and 80; jumps may be calls of a label.
        called = [i for i in listed if i.startswith("CALL") and "$" in i]
        strange = [i for i in called if not re.search(r"__cuda_sm70_(warp|shfl)sync", i)]
        assert not strange, f"{name}: a call"


def test_float64_is_for_sums(code: dict[str, list[str]]):
    with_float64 = {n for n, c in code.items() if re.search(r"\bD(ADD|MUL|FMA)\b", " ".join(c))}
    assert with_float64
    assert not {name for name in with_float64 if not ON_EXACT_SUMS.search(name)}


def test_no_float_is_added_atomically(code: dict[str, list[str]]):
    """Their order would be seen in the last digits."""
    atomics = re.compile(r"^(RED|ATOM)\w*\..*(F16|BF16|F32|F64)")
    assert atomics.match("REDG.E.ADD.F32.FTZ.RN.STRONG.GPU")
    for name, listed in code.items():
        assert not [one for one in listed if atomics.match(one)], name


def test_deposit_waits_for_no_answer(code: dict[str, list[str]]):
    deposits = {name: listed for name, listed in code.items() if name.startswith("deposit_k")}
    assert len(deposits) == 6
    for name, listed in deposits.items():
        text = " ".join(listed)
        assert re.search(r"\bREDG?\.E\.ADD\.64", text), name
        assert not re.search(r"\bATOMG?\.E", text), name
        # In shared memory 32-bit additions are one instruction; others are loops of CAS.
        assert re.search(r"\bATOMS\.ADD\b", text), name
        assert not re.search(r"\bATOMS\.CAS", text), name


def test_patches_are_read_from_shared_memory(code: dict[str, list[str]]):
    for name, listed in code.items():
        found = re.match(r"gather_k<(\d), (\d)>", name)
        if found:
            c, order = map(int, found.groups())
            loads = [i for i in listed if re.fullmatch(r"LDS(\.U)?(\.64|\.128)?", i)]
            assert len(loads) >= order ** min(c, 2), name
            assert not [i for i in listed if re.fullmatch(r"LD\.E.*", i)], f"{name}: generic loads"


def test_a_warp_has_all_loads_of_a_batch_on_the_way(code: dict[str, list[str]]):
    """Ids and weights of all strides come before the first point: gpu_rows.hpp says why."""
    batch = re.search(r"BATCH = (\d+)", (compiled.recipe().KERNELS / "gpu_rows.hpp").read_text())
    assert batch is not None
    both = 2 * int(batch[1])
    kernels = {name: listed for name, listed in code.items() if re.match(r"(rows|pieces)_k<", name)}
    assert len(kernels) == 24
    for name, listed in kernels.items():
        loads = [i for i in listed if i.startswith("LDG")]
        streamed = [".EF" in i for i in loads]
        first = streamed.index(True)
        assert sum(streamed) == both, name
        assert all(streamed[first : first + both]), f"{name}: a point is read before the last id"


def test_tiles_multiply_what_four_numbers_a_load_bring(code: dict[str, list[str]]):
    """Of a column, 64 products and four loads from shared memory."""
    for name, listed in code.items():
        if not name.startswith("tiles_k<"):
            continue
        text = " ".join(listed)
        # CALL.REL.NOINC is how ptxas jumps out of a loop; nothing returns.
        assert not re.search(r"\b(LDL|STL|CALL(?!\.REL\.NOINC))\b", text), name
        wide = [i for i in listed if re.match(r"LDS\.(U\.)?128", i)]
        products = [i for i in listed if re.match(r"FFMA\b", i)]
        assert len(products) >= 12 * len(wide) > 0, name  # and a few loads of the row's limits
        assert any(re.match(r"LDG\.E(\.\w+)*\.128", i) for i in listed), name
        assert any(re.match(r"STS\.128", i) for i in listed), name


def test_attraction_loads_points_at_once(code: dict[str, list[str]]):
    for name, listed in code.items():
        if re.match(r"rows_k<Attract<2,", name):
            assert any(re.fullmatch(r"LDG\.E(\.\w+)*\.64(\.\w+)*", i) for i in listed), name


def test_a_gpu_between_two_chosen_architectures_gets_ptx():
    def ptx(*chosen):
        return re.findall(r"[,\[]compute_(\d+)", " ".join(compiled.recipe().code(chosen)))

    assert ptx(*compiled.recipe().ARCHS) == ["90", "120"]
    assert ptx(80, 120) == ["80", "120"]  # 9.0 runs that of 8.0
    assert ptx(75, 80) == ["80"]
    assert ptx(90) == ["90"]
