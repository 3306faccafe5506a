"""The model of a GPU counts what the code does, and stays near the design's table."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from gpu_free import lookalike

import gputsne
from gputsne.backends.cuda.edges import Edges
from gputsne.backends.cuda.ops import CudaOps
from gputsne.base.types import State, StepParams
from gputsne.cli import main
from gputsne.engine.field import Field
from gputsne.engine.iteration import Engine
from gputsne.planning import roofline
from gputsne.planning.costs import LOCALITY, MACHINES, Case, calls

H100 = MACHINES["h100"]
NAMES = {
    "deposit": "deposit",
    "convolve": "FFT",
    "gather": "gather",
    "attract_and_step": "attract and step",
}


STRUCTS = ("Edges", "StepInto")  # what calls are told of arrays, in one argument
ANSWERS = {
    "sum_scratch": 264, "gather_scratch": 264, "fft_fits": True, "fft_pitch": 516,
    "spectrum_scratch": 0, "numbers_size": 64, "Mesh": None,
}  # fmt: skip


class Silent:
    """Kernels that tell which arrays they were given, and do nothing."""

    def __init__(self):
        self.seen, self.known, self.xp = [], {}, lookalike.Cupy()

    def __getattr__(self, name):
        def call(*arguments, **named):
            if name in STRUCTS:
                return tuple(named.values())
            if name in ANSWERS:
                return ANSWERS[name]
            given = [b for a in arguments for b in (a if isinstance(a, tuple) else (a,))]
            held = [self.known.get(a, 0) for a in given if isinstance(a, int)]
            held += [a.nbytes for a in given if isinstance(a, np.ndarray)]
            self.seen.append((name, sum(held)))
            return None

        return call


class Watched(CudaOps):
    """CudaOps on numpy that tells ``module`` what lies at which address."""

    def __init__(self, *given, **how):
        super().__init__(*given, **how)
        at = self.gpu.at

        def told(a):
            address = at(a)
            self.gpu.module.known[address] = a.nbytes
            return address

        self.gpu.at = told

    def host(self, a):
        """What kernels that do nothing were to fill holds anything, also what can't be added."""
        return np.zeros_like(super().host(a))

    def extent(self, Y):
        return [(-60.0, 60.0)] * 2

    stepped_extent = extent


@pytest.fixture(scope="module")
def iteration():
    """Calls of one iteration in the midst of an epoch, with the bytes of their arrays."""
    n, k, rng = 20_000, 10, np.random.default_rng(0)
    silent = Silent()
    ops = Watched(1, xp=silent.xp, module=silent)
    indices = rng.integers(0, n, 2 * n * k).astype(np.int32)
    indptr = np.arange(n + 1, dtype=np.int64) * 2 * k
    data = np.full(len(indices), 1e-6, np.float32)
    P = Edges(*map(silent.xp.asarray, (indptr, indices, data)))  # silent kernels check none
    Y = rng.normal(size=(n, 2)).astype(np.float32)
    engine = Engine(P, State(Y, Y * 0, Y * 0 + 1, 0), Field(ops))
    params = StepParams(1.0, 0.8, 100.0)
    for _ in range(3):
        engine.step(params)
    silent.seen.clear()
    engine.step(params)
    mesh = engine.field.mesh
    return list(silent.seen), Case(n, k, 2, mesh.fft_shape, edges=len(indices))


def test_the_calls_are_those_of_the_code(iteration):
    seen, case = iteration
    assert [NAMES[name] for name, _ in seen] == [call.name for call in calls(case, H100)]


def test_bytes_are_those_of_the_arrays(iteration):
    # What an array holds is read or written once, but for these: what a call changes in place it
    # reads and writes (charges, velocity and gains), and an FFT's rows it does so twice.
    seen, case = iteration
    M, point = case.nodes / 4, 8 * case.n
    twice = {
        "deposit": -8 * M,  # counted as atomics
        "FFT": 8 * M + 3 * 8 * M,
        "gather": -4 * M,  # counted as cached
        "attract and step": 2 * point,
    }
    for (name, held), call in zip(seen, calls(case, H100), strict=True):
        want = held + twice.get(NAMES[name], 0)
        # scratch, complex grids' one column more, and the padding of the last axis
        assert call.bytes == pytest.approx(want, rel=0.02, abs=20_000), name


def test_launches_and_bytes_meet_the_goal():
    # The design: pack 8 M^2, FFT pair and multiply 42 M^2, and by point deposit 8, gather 24,
    # attract and step 72 and 8 an edge, 1.5 k edges each; M = 864, 2048, 4096.
    for n, M in ((60_000, 864), (1_000_000, 2048), (10_000_000, 4096)):
        case = Case(n, 90)
        told = calls(case, H100)
        assert sum(call.launches for call in told) <= 12
        design = 50 * M**2 + n * (8 + 24 + 135 * 8 + 72)
        assert sum(call.bytes for call in told) < 1.3 * design


def test_locality_is_as_counted():
    text = (Path(__file__).parents[3] / "bench/results/locality.json").read_text()
    counted = json.loads(text)["sizes"]
    assert len(counted) == len(LOCALITY)
    for size, used in zip(counted, LOCALITY, strict=True):
        mean = size["mean"]
        assert size["n"] < used.below
        names = ("deposit", "deposit_passes", "gather", "gather_passes", "edge", "edge_far")
        assert used[1:] == tuple(mean[name] for name in names)


def test_half_weights_and_order_are_quicker():
    def total(case):
        return sum(call.seconds(H100) for call in calls(case, H100))

    case = Case(1_000_000)
    assert total(dataclasses.replace(case, half=True)) < total(case)
    assert total(case) < total(dataclasses.replace(case, in_order=False))


def test_plan_of_a_model_has_device_bytes_and_seconds():
    planned = gputsne.plan(1_000_000, 50, device="h100")
    assert planned.seconds == pytest.approx(roofline.seconds(Case(1_000_000), H100, 1000))
    assert planned.device_bytes == max(planned.device_stages.values()) > 2**30
    assert gputsne.plan(1_000_000, 50, device="cpu").device_bytes == 0
    with pytest.raises(gputsne.errors.OverMemory, match=r"GPU's memory .* 1\.00 GB are free"):
        planned.check(2**62, device_limit=10**9)


def test_more_bandwidth_is_quicker():
    h100, h200 = (roofline.seconds(Case(1_000_000), gpu, 1000) for gpu in MACHINES.values())
    assert 3.0 / 4.3 < h200 / h100 < 1


def test_three_axes_go_through_cufft():
    names = [call.name for call in calls(Case(100_000, c=3), H100)]
    assert names[1:5] == ["pack", "FFT", "multiply", "inverse FFT"]


def test_patches_send_less_than_points_and_sums_take_what_rows_wait_for():
    case = Case(1_000_000)
    scattered = calls(dataclasses.replace(case, in_order=False), H100)
    together = calls(case, H100)
    for i in (0, -2):  # deposit, gather
        assert scattered[i].passes == 0 < together[i].passes
    assert together[0].atomics < scattered[0].atomics / 10
    assert together[-1].chain == pytest.approx(1e6 * 1450 / 1.7e9 / (132 * 32))
    # few points: what a block waits for, not what all of them move
    small = calls(Case(5_000), H100)[0]
    assert small.seconds(H100) == pytest.approx(small.trips * H100.trip + H100.launch)


@pytest.mark.parametrize("name", MACHINES)
def test_the_command_prints_the_table(name):
    done = CliRunner().invoke(main, ["plan", "--device", name])
    assert done.exit_code == 0
    for word in ("attract and step", "60k", "10M", "by roofline", "wanted", "70k x 784 -> 50"):
        assert word in done.output
    told = json.loads(CliRunner().invoke(main, ["plan", "--device", name, "--json"]).stdout)
    assert [m["n"] for m in told["models"]] == list(roofline.SIZES)
    assert [(fit["n"], fit["seconds"]) for fit in told["fits"]] == [
        (70_000, 0.16), (70_000, 0.35), (1_000_000, 1.3), (10_000_000, 13.0),
    ]  # fmt: skip
    assert CliRunner().invoke(main, ["plan"]).exit_code == 2
