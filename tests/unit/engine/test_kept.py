"""A run that stopped between two iterations goes on to the bytes of one that never stopped."""

from __future__ import annotations

import numpy as np
import pytest

from gputsne import backends
from gputsne.affinities import joint
from gputsne.engine.field import Field
from gputsne.engine.optimize import initial_state, optimize
from gputsne.engine.schedule import Schedule
from gputsne.neighbors import knn

DEVICES = [device for device, there, _ in backends.explain() if there]
EARLY, ALL = 40, 130


def of(n, c, ops):
    """Return P, a first map and a schedule with two phases."""
    rng = np.random.default_rng(n + c)
    X = np.concatenate([rng.normal(size=(n // 2, 6)), rng.normal(3.0, 2.0, size=(n - n // 2, 6))])
    P = joint(knn(X.astype(np.float32), 15), ops, perplexity=5.0)
    Y = (X[:, :c] * 1e-4).astype(np.float32)
    return P, Y, Schedule(n, max_iter=ALL, early_exaggeration_iter=EARLY, learning_rate=n / 4)


def run(P, start, ops, schedule, *, standing=None, aside=None, **how):
    """Return the result, from a first map or from where a run stood."""
    kept = {} if standing is None else {"before": standing.mesh, "pace": standing.pace}
    further = {} if standing is None else {"history": standing.history, "order": standing.order}
    field = Field(ops, **kept, **how)
    state = initial_state(start) if standing is None else standing.state
    return optimize(P, state, field, schedule, aside=aside, **further)


def same(a, b):
    for one, two in zip((a.state, a), (b.state, b), strict=True):
        for name in ("Y", "velocity", "gains"):
            if hasattr(one, name):
                np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
    assert (a.history, a.mesh, a.kl_divergence) == (b.history, b.mesh, b.kl_divergence)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(
    ("n", "c", "how"),
    [
        (700, 1, {"method": "mesh"}),
        (900, 2, {"method": "mesh"}),
        (900, 2, {}),  # sums where they are quicker, a mesh where it is
        (600, 2, {"method": "mesh", "dof": 0.5}),
        (300, 3, {"method": "exact"}),
    ],
)
def test_from_any_iteration(device, n, c, how):
    ops = backends.choose(device, 2).ops
    P, Y, schedule = of(n, c, ops)
    copies = []
    whole = run(P, Y, ops, schedule, aside=lambda copy: copies.append(copy()), **how)
    same(whole, run(P, Y, ops, schedule, **how))  # copies don't change the map
    standings = [copy() for copy in copies]
    assert [s.state.iteration for s in standings] == [t for t in range(1, ALL) if t % 50]
    for at in (1, 7, EARLY - 1, EARLY, 49, 51, 99, ALL - 1):
        standing = next(s for s in standings if s.state.iteration == at)
        same(whole, run(P, Y, ops, schedule, standing=standing, **how))


@pytest.mark.parametrize("every", [1, 7, 25])
def test_where_callbacks_have_looked(every):
    """What a callback has had evaluated is no part of what is kept."""
    ops = backends.choose("cpu", 2).ops if "cpu" in DEVICES else backends.choose("numpy").ops
    P, Y, schedule = of(500, 2, ops)
    whole = run(P, Y, ops, schedule, method="mesh")
    copies = []
    field = Field(ops, method="mesh")
    optimize(
        P, initial_state(Y), field, schedule, aside=lambda copy: copies.append(copy()),
        callbacks=[lambda p: None], callbacks_every=every,
    )  # fmt: skip
    for copy in copies[20::13]:
        same(whole, run(P, Y, ops, schedule, standing=copy(), method="mesh"))


@pytest.mark.slow
@pytest.mark.parametrize("device", DEVICES)
def test_points_in_another_order(device, monkeypatch):
    """Large maps lie in the order of a curve, and a CPU then reads weights of 15 bits."""
    ops = backends.choose(device, 2).ops
    monkeypatch.setattr(ops, "relabel_from", 1000, raising=False)
    P, Y, schedule = of(1500, 2, ops)
    copies = []
    whole = run(P, Y, ops, schedule, aside=lambda copy: copies.append(copy()), method="mesh")
    for copy in copies[10:-1:17]:
        standing = copy()
        assert (standing.order is None) == (standing.state.iteration <= 20)
        same(whole, run(P, Y, ops, schedule, standing=standing, method="mesh"))
