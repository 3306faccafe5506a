"""The order of points in memory doesn't change the map: the bytes are equal in any order."""

from __future__ import annotations

import numpy as np
import pytest

from gputsne import backends
from gputsne.affinities import joint
from gputsne.base.types import StepParams
from gputsne.engine.field import Field
from gputsne.engine.iteration import Engine
from gputsne.engine.optimize import initial_state
from gputsne.neighbors import knn

DEVICES = [device for device, there, _ in backends.explain() if there]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("c", [1, 2, 3])
def test_an_engine_that_reorders_gives_the_same_bytes(device, c):
    """Charges are integers, edges keep their order in a row, and sums over rows are exact in
    float64 (24-bit terms of similar size), so even the last bit must agree. From the first order on
    a CPU reads weights of 15 bits: so that comes at one iteration, as in the engine's own runs."""
    rng = np.random.default_rng(c)
    n = 700
    X = rng.normal(size=(n, 5)).astype(np.float32)
    ops = backends.choose(device, 2).ops
    P = joint(knn(X, 15), ops, perplexity=5.0)
    Y = rng.normal(scale=3.0, size=(n, c)).astype(np.float32)
    maps = []
    for at in ((3,), (3, 5, 7)):
        ops.relabel_from = 1
        engine = Engine(P, initial_state(Y), Field(ops, method="mesh"))
        for t in range(12):
            if t in at:
                engine.reorder()
            engine.step(StepParams(exaggeration=4.0, momentum=0.8, learning_rate=20.0))
        maps.append((engine.embedding(), engine.state().velocity, engine.kl_divergence()))
    np.testing.assert_array_equal(maps[0][0], maps[1][0])
    np.testing.assert_array_equal(maps[0][1], maps[1][1])
    assert maps[0][2] == pytest.approx(maps[1][2], abs=1e-12)


@pytest.mark.parametrize("device", DEVICES)
def test_a_reordered_matrix_is_the_matrix_with_rows_and_columns_moved(device):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 4)).astype(np.float32)
    ops = backends.choose(device).ops
    P = joint(knn(X, 12), ops, perplexity=4.0)
    order = rng.permutation(200).astype(np.int32)
    got = ops.reorder(P, order).to_csr().toarray()
    np.testing.assert_array_equal(got, P.to_csr().toarray()[np.ix_(order, order)])


@pytest.mark.skipif("cpu" not in DEVICES, reason="gputsne was installed without kernels")
def test_a_packed_matrix_gives_way_to_the_next_and_is_packed_again_when_asked_for():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 4)).astype(np.float32)
    ops = backends.choose("cpu").ops
    P = joint(knn(X, 12), ops, perplexity=4.0)
    Y = rng.normal(size=(300, 2)).astype(np.float32)
    orders = [rng.permutation(300).astype(np.int32) for _ in range(2)]

    def stepped(Q, Y):
        state = [np.zeros_like(Y) for _ in range(2)] + [np.ones_like(Y), np.zeros_like(Y)]
        step = StepParams(exaggeration=1.0, momentum=0.0, learning_rate=100.0)
        ops.attract_and_step(Q, Y, *state, 1.0, 1.0, step)
        return state[0]

    first = ops.reorder(P, orders[0])
    before = stepped(first, Y[orders[0]])
    second = ops.reorder(first, orders[1])
    assert "edges" not in vars(first)  # or two of them would lie in memory
    assert second.n == first.n == 300
    np.testing.assert_array_equal(stepped(second, Y[orders[0]][orders[1]]), before[orders[1]])
    np.testing.assert_array_equal(stepped(first, Y[orders[0]]), before)


@pytest.mark.parametrize("device", DEVICES)
def test_the_curve_keeps_near_points_near(device):
    """Along a Morton curve a step is a cell's width on average, along a random order half a map."""
    rng = np.random.default_rng(1)
    Y = rng.uniform(size=(4000, 2)).astype(np.float32)
    ops = backends.choose(device).ops
    order = np.argsort(ops.curve(Y, ops.extent(Y)), kind="stable")
    along = np.linalg.norm(np.diff(Y[order], axis=0), axis=1).mean()
    assert along < 3.0 / np.sqrt(4000)
