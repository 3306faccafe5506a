"""Ring 2, all of it: the whole engine on the emulated GPU makes the map that the CPU makes.

``CudaOps`` on the lookalike of CuPy and the emulated kernels fits a few hundred digits: early phase
and its end, points put in order, meshes built again, transform, and the model on another machine.
"""

from __future__ import annotations

import numpy as np
import pytest
from gpu_free import lookalike

import gputsne
from gputsne import affinities, backends
from gputsne.backends.cuda.field import OnDevice
from gputsne.backends.cuda.ops import CudaOps
from gputsne.backends.native.ops import NativeOps
from gputsne.base.errors import OverMemory
from gputsne.base.types import Affinities, StepParams
from gputsne.engine.field import Field
from gputsne.engine.iteration import Engine
from gputsne.engine.optimize import initial_state

N, EARLY, ITERATIONS = 300, 110, 290
X = gputsne.datasets.load_digits().X[: N + 40].astype(np.float32)
SETTINGS = {
    "perplexity": 10.0,
    "max_iter": ITERATIONS,
    "early_exaggeration_iter": EARLY,
    "method": "mesh",
    "random_state": 0,
}


class Emulated(CudaOps):
    relabel_from = 100  # so that the points are put in order: before 20, 100 and 270

    orders = 0

    def reorder(self, P, order):
        self.orders += 1
        return super().reorder(P, order)


@pytest.fixture
def cuda(emulated, monkeypatch):
    """Put an emulated GPU into the table of backends; returns the operations that were made."""
    made = []

    def make(n_jobs):
        xp, fft = lookalike.modules()
        made.append(Emulated(n_jobs, xp=xp, fft=fft, module=emulated.cuda))
        return made[-1]

    row = backends.Backend("cuda", "cuda", lambda: "", make, own_memory=True)
    monkeypatch.setattr(backends, "BACKENDS", (row, *backends.BACKENDS[1:]))
    with lookalike.strict(monkeypatch):
        yield made


def fitted(device, seen):
    watch = {"callbacks_every": 10, "callbacks": lambda p: seen.append((p.iteration, p.embedding))}
    return gputsne.TSNE(device=device, **SETTINGS, **watch).fit(X[:N])


def off(a, b):
    """RMS distance of two maps, in shares of the RMS of the second."""
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))


@pytest.mark.slow
def test_the_map_is_the_cpus_and_itself(cuda, emulated, tmp_path, monkeypatch):
    for choice in ("epoch", "few_meshes", "node_pairs"):  # the same meshes for both
        monkeypatch.setattr(NativeOps, choice, getattr(CudaOps, choice))
    maps = {}
    for name, device, seed in (("native", "cpu", 0), ("one", "cuda", 1), ("other", "cuda", 99)):
        emulated.shuffle(seed)
        seen = []
        maps[name] = (fitted(device, seen), dict(seen))
    (native, want), (one, got), (other, _) = maps["native"], maps["one"], maps["other"]
    # 1. Two orders of blocks and threads: the same bytes.
    assert one.embedding_.tobytes() == other.embedding_.tobytes()
    assert one.kl_divergence_ == other.kl_divergence_
    # 2. What was to happen has happened.
    assert cuda[0].orders == 3
    assert one.mesh_["rebuilds"] > 5
    assert one._fit.prepared.graph_source == "tiles-device"
    assert one.neighbors_recall_ == 1.0
    # 3. The CPU's map on the same meshes. Roundings, 1e-5 after ten iterations, grow a thousandfold
    # in the ten that follow, where the map unfolds: numpy's and the native backend's own maps
    # differ by 6e-3 on this data. When the early phase ends they grow again, tenfold in ten
    # iterations, and only the divergence still compares.
    assert off(got[10], want[10]) < 1e-3
    for iteration in (50, EARLY):
        assert off(got[iteration], want[iteration]) < 2e-2
    assert one.kl_divergence_ == pytest.approx(native.kl_divergence_, rel=0.05)
    assert off(one.embedding_, native.embedding_) > 0
    # 4. New points land where the CPU puts them on the very same map.
    new = X[N:]
    placed = one.transform(new)
    assert type(placed) is np.ndarray
    path = tmp_path / "model.npz"
    one.save(path, affinities=True)
    elsewhere = gputsne.TSNE.load(path, device="cpu")
    assert elsewhere.device_ == "cpu"
    np.testing.assert_array_equal(elsewhere.embedding_, one.embedding_)
    # placement's own minima are found to 1e-3 map units in float32
    np.testing.assert_allclose(elsewhere.transform(new), placed, atol=2e-2)
    assert elsewhere.optimize(1).n_iter_ == ITERATIONS + 1


def test_an_iteration_waits_for_nothing(cuda, monkeypatch):
    ops = backends.choose("cuda").ops
    graph = gputsne.knn(X[:N], 30)
    P = affinities.joint(graph, ops, perplexity=10.0)
    Y = np.random.default_rng(0).normal(size=(N, 2)).astype(np.float32) * 20
    field = Field(ops, method="mesh")
    engine = Engine(P, initial_state(Y), field)
    params = StepParams(1.0, 0.5, 1.0)
    for _ in range(40):  # until the map is calm and its extent is seldom read
        engine.step(params)
    while field._evaluations != 1:
        engine.step(params)
    assert field._mesh_interval > 10
    for waits in ("get", "__float__", "__int__", "__bool__"):
        monkeypatch.setattr(lookalike.Array, waits, lambda *_: pytest.fail("waits for the device"))
    monkeypatch.setattr(OnDevice, "__float__", lambda _: pytest.fail("waits for the device"))
    for _ in range(5):
        engine.step(params)


def test_a_point_that_leaves_the_mesh_is_noticed(cuda):
    ops = backends.choose("cuda").ops
    empty = np.empty(0, np.int32)
    P = Affinities(np.zeros(N + 1, np.int64), empty, empty.astype(np.float32))
    Y = np.random.default_rng(0).normal(size=(N, 2)).astype(np.float32) * 20
    field = Field(ops, method="mesh")
    engine = Engine(P, initial_state(Y), field)
    params = StepParams(1.0, 0.0, 1.0)
    for _ in range(10):
        engine.step(params)
    assert field._mesh_interval > 1
    assert not field.out_of_mesh
    outermost = int(Y[:, 0].argmax())
    engine.velocity[outermost] = 40.0
    thrown = StepParams(1.0, 1.0, 1.0, max_step=100.0)
    engine.step(thrown)
    for _ in range(30):
        engine.step(params)
    assert field.out_of_mesh == 1
    low, high = zip(*ops.extent(engine.Y), strict=True)
    assert field.mesh.holds(low, high)


def test_memory_is_checked_before_and_freed_after(cuda):
    ops = backends.choose("cuda").ops
    ops.xp.pool.free = 1000
    cuda_row = backends.BACKENDS[0]._replace(make=lambda n_jobs: ops)
    backends.BACKENDS = (cuda_row, *backends.BACKENDS[1:])  # the fixture puts the table back
    with pytest.raises(OverMemory, match=r"GPU's memory .* 1\.0 kB are free"):
        gputsne.TSNE(device="cuda", **SETTINGS).fit(X[:N])
    ops.xp.pool.free, emptied = 1 << 40, ops.xp.pool.emptied
    real = ops.joint
    ops.joint = lambda *_: (_ for _ in ()).throw(lookalike.OutOfMemory("no block"))
    with pytest.raises(OverMemory, match="ran out"):
        gputsne.TSNE(device="cuda", **SETTINGS).fit(X[:N])
    assert ops.xp.pool.emptied > emptied
    ops.joint = real
    model = gputsne.TSNE(device="cuda", **SETTINGS | {"max_iter": 3}).fit(X[:N])
    assert np.isfinite(model.embedding_).all()
