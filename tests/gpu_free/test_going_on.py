"""A run of the GPU backend that stopped between two iterations goes on to the same bytes."""

from __future__ import annotations

import numpy as np
import pytest
from gpu_free import lookalike

from gputsne import affinities
from gputsne.backends.cuda.ops import CudaOps
from gputsne.engine.field import Field
from gputsne.engine.optimize import initial_state, optimize
from gputsne.engine.schedule import Schedule
from gputsne.neighbors import knn

N, ALL = 150, 75


@pytest.fixture
def ops(emulated, monkeypatch):
    xp, fft = lookalike.modules()
    with lookalike.strict(monkeypatch):
        yield CudaOps(1, xp=xp, fft=fft, module=emulated.cuda)


@pytest.mark.slow
@pytest.mark.parametrize(("relabel_from", "half"), [(1 << 30, False), (1, True)])
def test_from_any_iteration(ops, monkeypatch, relabel_from, half):
    """The extent is read now and then, sums follow the order in memory: both are kept."""
    monkeypatch.setattr(CudaOps, "relabel_from", relabel_from)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N, 5)).astype(np.float32)
    ops.half = half
    P = affinities.joint(knn(X, 15), ops, perplexity=5.0)
    schedule = Schedule(N, max_iter=ALL, early_exaggeration_iter=30, learning_rate=N / 4)
    Y = (X[:, :2] * 5).astype(np.float32)  # large enough to be read seldom
    copies = []

    def run(state, aside=None, history=(), order=None, **kept):
        field = Field(ops, method="mesh", **kept)
        return optimize(P, state, field, schedule, aside=aside, history=history, order=order)

    with ops.guard():
        whole = run(initial_state(Y), lambda copy: copies.append(copy()))
        standings = [copy() for copy in copies]
    assert max(s.pace.interval for s in standings) > 1
    assert (standings[-1].order is None) == (relabel_from > N)
    for s in standings[3::9]:
        with ops.guard():
            again = run(s.state, history=s.history, order=s.order, before=s.mesh, pace=s.pace)
        for name in ("Y", "velocity", "gains"):
            np.testing.assert_array_equal(
                getattr(again.state, name), getattr(whole.state, name), err_msg=str(s.pace)
            )
        assert again.mesh == whole.mesh
