"""Transform at the edges: training rows, tiny maps, fleeing points, wrong input."""

from __future__ import annotations

import numpy as np
import pytest

import gputsne
from gputsne import affinities, initial, neighbors
from gputsne.backends import BACKENDS, choose
from gputsne.engine import placement
from gputsne.engine.field import Field
from gputsne.engine.optimize import initial_state, optimize
from gputsne.engine.schedule import Schedule

DEVICES = [b.device for b in BACKENDS if not b.why_not()]


@pytest.fixture(params=DEVICES)
def ops(request):
    return choose(request.param, 2).ops


def pair(ids, distances):
    return np.array(ids, np.int32), np.array(distances, np.float32)


@pytest.mark.parametrize("c", [2, 3])
def test_training_rows_land_where_they_are(c):
    """The median is within 1 % of the map's diameter; the neighbours include the row itself."""
    from sklearn.datasets import load_digits

    ops = choose("auto", 2).ops
    X = load_digits().data[:600].astype(np.float32)
    P = affinities.joint(neighbors.knn(X, 60, random_state=0), ops, perplexity=20.0)
    Y0 = initial.initial(X, P, init="pca", n_components=c, random_state=0)
    Y = optimize(P, initial_state(Y0), Field(ops), Schedule(len(X), max_iter=400)).state.Y
    squares = ((X[:, None, :] - X[None]) ** 2).sum(axis=2)
    ids = np.argsort(squares, axis=1, kind="stable")[:, :15].astype(np.int32)
    distances = np.sqrt(np.take_along_axis(squares, ids.astype(np.int64), axis=1))
    y = placement.place(placement.reference(Y, ops), ids, distances, ops)
    diameter = np.linalg.norm(Y.max(axis=0) - Y.min(axis=0))
    assert np.median(np.linalg.norm(y - Y, axis=1)) < 0.01 * diameter


@pytest.mark.parametrize("c", [1, 2, 3])
@pytest.mark.parametrize("scale", [0.0, 1e-4, 1.0, 50.0])
@pytest.mark.parametrize("n", [1, 2, 20])
def test_small_flat_and_tiny_maps_give_finite_places_in_the_box(ops, c, scale, n):
    Y = (scale * np.random.default_rng(n).normal(size=(n, c))).astype(np.float32)
    k = min(n, 15)
    ids = np.tile(np.arange(k, dtype=np.int32), (3, 1))
    distances = np.ones((3, k), np.float32)
    distances[1] = np.arange(k)
    reference = placement.reference(Y, ops)
    for rho in (0.01, 1.0, 1.5):  # at 0.01 nothing holds a point back but the box
        y = placement.place(reference, ids, distances, ops, exaggeration=rho)
        assert np.isfinite(y).all()
        assert (y >= np.float32(reference.low)).all()
        assert (y <= np.float32(reference.high)).all()


def test_one_fitted_point_among_equal_ones_is_the_only_place(ops):
    reference = placement.reference(np.full((5, 2), 3.0, np.float32), ops)
    y = placement.place(reference, *pair([[0, 1]], [[1, 2]]), ops)
    assert np.abs(y - 3.0).max() < 1e-5


def test_no_rows_and_no_iterations(ops):
    Y = np.random.default_rng(0).normal(size=(30, 2)).astype(np.float32)
    reference = placement.reference(Y, ops)
    none = placement.place(reference, *pair(np.empty((0, 4)), np.empty((0, 4))), ops)
    assert none.shape == (0, 2)
    assert none.dtype == np.float32
    y = placement.place(reference, *pair([[7]], [[0.5]]), ops, max_iter=0)
    assert np.array_equal(y[0], Y[7])  # one neighbour: the mean and the neighbour are the same


def test_wide_and_other_dtypes_are_taken(ops):
    Y = np.random.default_rng(0).normal(size=(30, 2)).astype(np.float32)
    reference = placement.reference(Y, ops)
    ids, distances = pair([[1, 2, 3], [4, 5, 6]], [[1, 2, 3], [1, 1, 1]])
    want = placement.place(reference, ids, distances, ops)
    got = placement.place(
        reference, np.asfortranarray(ids.astype(np.int64)), distances.astype(np.float64), ops
    )
    assert np.array_equal(got, want)


@pytest.mark.parametrize(
    ("ids", "distances", "words"),
    [
        ([[0, 30]], [[1, 1]], r"indices\[0, 1\]=30; pass points of the map, 0 to 29"),
        ([[0, -1]], [[1, 1]], r"indices\[0, 1\]=-1"),
        ([[0, 1]], [[1, -1]], r"distances\[0, 1\]=-1"),
        ([[0, 1]], [[1, np.nan]], r"distances\[0, 1\]=nan"),
        ([[0, 1]], [[1, 1, 1]], r"distances has shape \(1, 3\)"),
        ([0, 1], [1, 1], r"indices has shape \(2,\)"),
        ([[]], [[]], r"indices has shape \(1, 0\)"),
    ],
)
def test_wrong_neighbours_are_named(ids, distances, words):
    ops = choose("numpy", 1).ops
    reference = placement.reference(np.zeros((30, 2), np.float32), ops)
    with pytest.raises(ValueError, match=words):
        placement.place(reference, *pair(ids, distances), ops)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"perplexity": 0.5}, "perplexity=0.5"),
        ({"perplexity": np.nan}, "perplexity=nan"),
        ({"exaggeration": 0.0}, "exaggeration=0.0"),
        ({"exaggeration": np.inf}, "exaggeration=inf"),
        ({"max_iter": -1}, "max_iter=-1"),
    ],
)
def test_parameters_out_of_range_are_named(given, words):
    ops = choose("numpy", 1).ops
    reference = placement.reference(np.zeros((30, 2), np.float32), ops)
    with pytest.raises(ValueError, match=words):
        placement.place(reference, *pair([[0]], [[1]]), ops, **given)


@pytest.mark.parametrize("Y", [np.empty((0, 2)), np.ones(3), np.array([[0.0, np.nan]])])
def test_a_map_that_is_none_is_refused(Y):
    with pytest.raises(ValueError, match="Y has"):
        placement.reference(Y, choose("numpy", 1).ops)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"indices": np.array([[5]], np.int32)}, r"indices\[0, 0\]=5 is no point of n=5"),
        ({"p": np.ones((2, 1), np.float32)}, "p has shape"),
        (
            {"potential": np.zeros((40, 4), np.float32), "shape": (40, 4)},
            "needs at least 12 nodes",
        ),
        ({"potential": np.zeros((40, 39), np.float32)}, "needs the mesh's"),
        ({"potential": np.zeros(40, np.float32)}, "potential has shape"),
        ({"center": [0.0]}, "center has 1 numbers"),
        ({"low": [0.0] * 3}, "low has 3 numbers"),
        ({"order": 5}, "order=5"),
        ({"out": np.zeros((1, 3), np.float32)}, "out has shape"),
    ],
)
def test_the_compiled_call_checks_what_it_would_read(changes, words):
    native = pytest.importorskip("gputsne._native")
    good = {
        "Y": np.zeros((5, 2), np.float32),
        "indices": np.zeros((1, 1), np.int32),
        "p": np.ones((1, 1), np.float32),
        "potential": np.ones((40, 40), np.float32),
        "center": [0.0, 0.0],
        "inv_h": 1.0,
        "order": 6,
        "shape": (40, 40),
        "offset": 1.0,
        "rounding_floor": 1e-6,
        "low": [-1.0, -1.0],
        "high": [1.0, 1.0],
        "dof": 1.0,
        "exaggeration": 1.0,
        "max_iter": 5,
        "out": np.zeros((1, 2), np.float32),
    }

    def place(center, inv_h, order, shape, indices, p, exaggeration, max_iter, out, **map_):
        fitted = native.Fitted(mesh=native.Mesh(center, inv_h, order, shape), **map_)
        native.place(fitted, native.Query(indices, p, exaggeration, max_iter), out)

    place(**good)
    with pytest.raises(ValueError, match=words):
        place(**{**good, **changes})


def test_a_perplexity_near_the_number_of_fitted_rows_is_lowered_and_told():
    """Weights that are all alike would put every new row at the middle of the map."""
    X = np.random.default_rng(0).normal(size=(150, 6)).astype(np.float32)
    X[:75, 0] += 20
    model = gputsne.TSNE(perplexity=10, max_iter=200, random_state=0).fit(X[:120])
    want = model.transform(X[120:], perplexity=40.0)
    for perplexity in (109.0, 120.0, 5000.0):
        with pytest.warns(UserWarning, match=f"perplexity={perplexity} .*120 fitted.*40 is used"):
            placed = model.transform(X[120:], perplexity=perplexity)
        np.testing.assert_array_equal(placed, want)
