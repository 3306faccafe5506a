"""What forces are taken from, sums by definition or a mesh, and what a measurement costs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from clouds import cloud
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gputsne import TSNE, backends
from gputsne.affinities import joint
from gputsne.base.types import StepParams
from gputsne.engine import field as fields
from gputsne.engine import mesh as meshes
from gputsne.engine.field import CHECK_EVERY, Field
from gputsne.engine.iteration import Engine
from gputsne.engine.kept import record_of
from gputsne.engine.optimize import initial_state
from gputsne.neighbors import knn

DEVICES = [device for device, there, _ in backends.explain() if there]
NUMPY = backends.choose("numpy").ops


def evaluated(ops, Y, **given):
    """Return the field of a map, with phi, grad and Z as numpy has them."""
    field = Field(ops, **given)
    phi, grad = ops.xp.empty(len(Y), np.float32), ops.xp.empty(Y.shape, np.float32)
    Z = float(field.evaluate(ops.xp.asarray(Y), phi, grad))
    return field, ops.host(phi), ops.host(grad), Z


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(
    ("n", "c", "width", "told"),
    [
        (300, 2, 1e-2, {"dof": 1e-3, "method": "mesh"}),  # a kernel narrower than the map by far
        (300, 2, 20.0, {"dof": 1e-3, "method": "mesh"}),
        (12, 3, 300.0, {"method": "mesh"}),  # points that flew apart
        (12, 1, 1e6, {"method": "mesh"}),
        (2500, 2, 300.0, {"method": "auto"}),  # too many for sums as a rule
    ],
)
def test_a_mesh_that_few_points_would_have_all_to_themselves_is_not_made(device, n, c, width, told):
    ops = backends.choose(device).ops
    Y = (np.random.default_rng(0).normal(size=(n, c)) * width).astype(np.float32)
    field, phi, grad, Z = evaluated(ops, Y, **told)
    if width > 1.0:
        assert field.summed
        assert field.mesh is None
        _, *want = evaluated(ops, Y, dof=field.dof, method="exact")
        np.testing.assert_array_equal(phi, want[0])
        np.testing.assert_array_equal(grad, want[1])
        assert want[2] == Z
    else:
        assert np.prod(field.mesh.fft_shape) <= meshes.FORCED_NODES


@settings(max_examples=80)
@example(n=1024, c=2, log_span=2.0, dof=1e-3, burden=1.0, method="mesh")
@given(
    n=st.integers(2, 5000),
    c=st.sampled_from((1, 2, 3)),
    log_span=st.floats(-4, 6),
    dof=st.sampled_from((1e-3, 0.5, 1.0, 1e5)),
    burden=st.sampled_from((0.0, 1.0)),
    method=st.sampled_from(("auto", "mesh")),
)
def test_no_mesh_costs_more_than_the_sums_by_far(n, c, log_span, dof, burden, method):
    field = Field(NUMPY, dof=dof, method=method)
    field.burden = burden
    box = [(0.0, 10.0**log_span)] * c
    sums = n * n / NUMPY.node_pairs[dof != 1.0][c - 1]
    if not field._sums_are_quicker(box, n, burden):
        h, pair, _ = field._spacing([10.0**log_span] * c, n, burden, None)
        nodes = (1 + pair) * np.prod(meshes.lengths([10.0**log_span] * c, h), dtype=float)
        most = {"auto": sums, "mesh": max(meshes.FORCED * sums, meshes.FORCED_NODES)}[method]
        assert nodes <= most


@pytest.mark.parametrize("method", ["auto", "mesh"])
def test_many_points_and_usual_maps_keep_their_mesh(method):
    for ops in (backends.choose(device).ops for device in DEVICES):
        field = Field(ops, method=method)
        for n, c, span in ((70_000, 2, 200.0), (10**6, 2, 1000.0), (5000, 2, 150.0)):
            assert not field._sums_are_quicker([(0.0, span)] * c, n, 0.0)
    small = Field(NUMPY, method="mesh")
    for n, c, span in ((60, 2, 40.0), (300, 2, 80.0), (300, 3, 10.0), (1000, 2, 250.0)):
        assert not small._sums_are_quicker([(0.0, span)] * c, n, 0.0)


def test_memory_makes_a_mesh_coarser_only_where_sums_would_cost_more():
    box = [(0.0, 300.0)] * 2
    for n, summed in ((500, True), (5000, False)):
        Y = np.linspace(*box[0], 2 * n, dtype=np.float32).reshape(n, 2)
        field, *_ = evaluated(NUMPY, Y, max_nodes=64**2)
        assert (field.summed, field.coarsened) == (summed, not summed)


def test_an_estimator_says_what_it_took():
    X = np.random.default_rng(0).normal(size=(300, 5)).astype(np.float32)
    wide = np.random.default_rng(1).normal(size=(300, 2)).astype(np.float32) * 190
    told = {"max_iter": 1, "perplexity": 5.0, "device": "numpy", "method": "mesh"}
    assert TSNE(**told).fit(X).mesh_["method"] == "mesh"
    model = TSNE(**told, init=wide, dof=0.1).fit(X)
    assert model.mesh_ == {"method": "exact", "rebuilds": 0, "coarsened": False}


def test_close_pairs_that_make_a_mesh_dear_are_summed_until_they_part():
    n = 450  # n^2 = 202,500: more than the 129,600 nodes of one mesh, less than those of a pair
    Y = cloud("specks", n, 2, 60.0)
    field, phi, grad = Field(NUMPY), np.empty(n, np.float32), np.empty((n, 2), np.float32)
    field.evaluate(Y, phi, grad)
    assert field.summed
    assert field.burden > 0.0
    apart = (np.random.default_rng(0).random((n, 2)) * 60).astype(np.float32)
    for _ in range(40 * CHECK_EVERY):  # what was measured is forgotten at 0.7 a time
        field.refresh(apart)
        if not field.summed:
            break
    assert not field.summed


def schedule(t):
    # The learning rate makes a map that grows fast: from the mesh to the sums, and back.
    return StepParams(exaggeration=4.0 if t < 20 else 1.0, momentum=0.8, learning_rate=300.0)


def run(P, start, field, end, seen=None):
    engine = Engine(P, start, field)
    while engine.iteration < end:
        engine.step(schedule(engine.iteration))
        if seen is not None:
            seen.append(field.summed)
    return engine


@pytest.mark.parametrize("stop", [10, 21, 45, 70, 90, 119])
def test_a_run_that_goes_on_is_the_same_whatever_its_forces_come_from(stop, monkeypatch):
    # From a span of about 50 on, sums cost less; close pairs are measured more often here.
    monkeypatch.setattr(NUMPY, "node_pairs", ((2.5,) * 3,) * 2)
    monkeypatch.setattr(fields, "CHECK_EVERY", 15)
    rng = np.random.default_rng(0)
    P = joint(knn(rng.normal(size=(450, 5)).astype(np.float32), 15), NUMPY, perplexity=5.0)
    start, seen = initial_state(rng.normal(size=(450, 2)).astype(np.float32)), []
    whole = run(P, start, Field(NUMPY), 120, seen)
    assert len(set(seen)) == 2
    first = run(P, start, Field(NUMPY), stop)
    second = run(P, first.state(), Field(NUMPY, before=record_of(first.field)), 120)
    assert second.embedding().tobytes() == whole.embedding().tobytes()
    assert record_of(second.field) == record_of(whole.field)


def test_a_record_without_a_mesh_of_its_own_keeps_what_was_measured():
    Y = cloud("specks", 450, 2, 30.0)
    field, *_ = evaluated(NUMPY, Y, method="mesh")
    before = replace(record_of(field), burden=9.0, since=3)
    later = Field(NUMPY, before=before)
    later.refresh(Y * 100)
    assert later.mesh is None
    assert record_of(later).since == CHECK_EVERY + 1
    assert record_of(later).burden == 9.0


class Counting:
    """Counts the calls of an operation and the points of each."""

    def __init__(self, ops, monkeypatch, name):
        self.sizes, work = [], getattr(ops, name)

        def counted(Y, *rest):
            self.sizes.append(len(Y))
            return work(Y, *rest)

        monkeypatch.setattr(ops, name, counted)


@pytest.mark.parametrize("device", [d for d in DEVICES if d != "cuda"])  # whose work is recorded
@pytest.mark.parametrize(("shape", "meshes_in_use"), [("uniform", 1), ("specks", 2)])
def test_a_measurement_takes_one_mesh_more_and_some_of_the_points(
    device, shape, meshes_in_use, monkeypatch
):
    ops, n = backends.choose(device).ops, 3000
    monkeypatch.setattr(fields, "SAMPLE", n // 3)
    Y = cloud(shape, n, 2, 100.0) if shape == "specks" else None
    Y = np.random.default_rng(0).random((n, 2)).astype(np.float32) * 100 if Y is None else Y
    field, phi, grad = Field(ops, method="mesh"), np.empty(n, np.float32), np.empty_like(Y)
    field.evaluate(Y, phi, grad)
    field.since = 0
    field.evaluate(Y, phi, grad)
    assert field.pair == (meshes_in_use == 2)
    deposits = Counting(ops, monkeypatch, "deposit")
    gathers = Counting(ops, monkeypatch, "gather")
    again, burden, field.since = np.empty_like(grad), field.burden, CHECK_EVERY
    Z = field.evaluate(Y, phi.copy(), again)
    assert len(deposits.sizes) == meshes_in_use + 1  # that of a potential more than without
    assert sorted(gathers.sizes) == [n // 3] * 2 + [n] * meshes_in_use
    np.testing.assert_array_equal(again, grad)
    assert field.burden == pytest.approx(burden, rel=0.2)
    assert field.evaluate(Y, phi, again) == Z  # the potential is not used again
    assert len(deposits.sizes) == 2 * meshes_in_use + 1


def test_a_share_of_the_points_tells_what_all_of_them_would(monkeypatch):
    # The square of the error is a mean over points. Of 1,000 groups of 30 a third of the points
    # shows all; 3,000 of them leave 1 in sqrt(3000) and groups that are cut.
    Y = cloud("specks", 9000, 2, 150.0)
    measured = []
    for sample in (1 << 20, 3000):
        monkeypatch.setattr(fields, "SAMPLE", sample)
        field, *_ = evaluated(NUMPY, Y, method="mesh")
        measured.append(field.burden)
    assert measured[1] == pytest.approx(measured[0], rel=0.1)


@pytest.mark.parametrize(("c", "method"), [(3, "auto"), (3, "exact"), (2, "auto")])
def test_sums_are_of_the_callers_order_wherever_points_lie_in_memory(c, method, monkeypatch):
    # Large maps that are put in another order on the way, and need a mesh only at first.
    ops = backends.choose("auto").ops
    monkeypatch.setattr(type(ops), "relabel_from", 100)
    monkeypatch.setattr(type(ops), "exact_below", ((0,) * 3,) * 2)
    monkeypatch.setattr(type(ops), "node_pairs", ((2.5,) * 3,) * 2)
    rng = np.random.default_rng(0)
    P = joint(knn(rng.normal(size=(450, 5)).astype(np.float32), 15), ops, perplexity=5.0)
    start = initial_state(rng.normal(size=(450, c)).astype(np.float32))
    whole = run(P, start, Field(ops, method=method), 120)
    assert whole.field.is_exact(450, c)
    for stop in (19, 21, 60, 110):
        first = run(P, start, Field(ops, method=method), stop)
        before = record_of(first.field)
        second = run(P, first.state(), Field(ops, method=method, before=before), 120)
        assert second.embedding().tobytes() == whole.embedding().tobytes()


def test_a_power_kernel_takes_the_mesh_from_fewer_points():
    # Sums of powers take some thirty times as long: 1,400 points of a usual map by both.
    ops, box = backends.choose("auto").ops, [(0.0, 120.0)] * 2
    for dof, by_definition in ((1.0, True), (0.5, False), (2.0, False)):
        field = Field(ops, dof=dof)
        summed = field.never_by_mesh(1400, 2) or field._sums_are_quicker(box, 1400, 0.0)
        assert summed == by_definition
