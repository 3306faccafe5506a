"""First maps: the axes asked for, scaled, deterministic, finite; an array is left as it is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import sparse
from threadpoolctl import threadpool_limits

from gputsne import initial as room
from gputsne.affinities import precomputed
from gputsne.initial import STARTS, initial

RNG = np.random.default_rng(0)
X = (RNG.normal(size=(500, 8)) * np.arange(9, 1, -1)).astype(np.float32)


def ring(n, parts=1):
    """P of `parts` separate rings of n points, neighbours up to 3 away."""
    steps = np.arange(1, 4)
    A = sparse.lil_matrix((n, n))
    for i in range(n):
        A[i, (i + steps) % n] = A[i, (i - steps) % n] = 1.0
    return precomputed(sparse.block_diag([A] * parts, format="csr"))


def correlation(a, b):
    return abs(np.corrcoef(a, b)[0, 1])


@pytest.mark.parametrize("c", [1, 2, 3])
def test_pca_is_scikit_learns_up_to_sign_scale_and_jitter(c):
    from sklearn.decomposition import PCA

    Y = initial(X, None, init="pca", n_components=c, random_state=0)
    want = PCA(c, svd_solver="full").fit_transform(X.astype(np.float64))
    assert Y.shape == (500, c)
    assert Y.dtype == np.float32
    assert Y.flags.c_contiguous
    assert abs(Y[:, 0].std() - 1e-4) < 1e-9
    for a in range(c):
        # Jitter of 1 % of the first axis leaves a correlation of 1 - 1e-4 / 2 or so.
        assert correlation(Y[:, a], want[:, a]) > 1 - 5e-4
        np.testing.assert_allclose(
            Y[:, a].std() / 1e-4, want[:, a].std() / want[:, 0].std(), rtol=0.01
        )


def test_a_wide_matrix_takes_the_randomised_way_to_the_same_axes(monkeypatch):
    by_covariance = initial(X, None, init="pca", random_state=0)
    monkeypatch.setattr("gputsne.initial.principal.COVARIANCE_FLOPS", 0)
    np.testing.assert_allclose(
        initial(X, None, init="pca", random_state=0), by_covariance, atol=1e-8
    )


def test_the_largest_loading_is_positive():
    base = RNG.normal(size=400)
    X = np.stack([-3 * base, base, 0.1 * RNG.normal(size=400)], axis=1).astype(np.float32)
    for data in (X, -X, X + 1e4):
        Y = initial(data, None, init="pca", random_state=0)
        assert np.corrcoef(Y[:, 0], data[:, 0])[0, 1] > 0.99


@pytest.mark.parametrize("init", ["pca", "spectral", "random"])
def test_the_same_seed_gives_the_same_bytes_for_any_number_of_threads(init):
    P = ring(600)
    big = RNG.normal(size=(20_000, 30)).astype(np.float32)
    got = set()
    for threads in (1, 2):
        with threadpool_limits(threads):
            got.add(initial(big if init == "pca" else None, P, init=init, random_state=7).tobytes())
    assert len(got) == 1
    data = big if init == "pca" else None
    assert initial(data, P, init=init, random_state=8).tobytes() not in got


def test_every_start_is_usable_alone():
    P = ring(500)
    sources = {"X": X, "P": P, "n": 500}
    for name, start in STARTS.items():
        alone = getattr(room, name)(sources[start.source], 2, random_state=5)
        np.testing.assert_array_equal(alone, initial(X, P, init=name, random_state=5))


@pytest.mark.parametrize(
    "make", [lambda: 3, lambda: np.random.RandomState(3), lambda: np.random.default_rng(3)]
)
def test_every_kind_of_random_state(make):
    a, b = (initial(X, None, init="random", random_state=make()) for _ in range(2))
    np.testing.assert_array_equal(a, b)
    assert abs(a.std() / 1e-4 - 1) < 0.1  # 1000 draws: 4 sd of their sd


@pytest.mark.parametrize("init", ["pca", "spectral", "random"])
def test_coincident_points_are_separated(init):
    data = np.repeat(X[:20], 10, axis=0)
    P = precomputed(np.ones((200, 200)))
    Y = initial(data, P, init=init, random_state=0)
    assert len(np.unique(Y, axis=0)) == 200


@pytest.mark.parametrize(
    "data",
    [
        np.ones((40, 3)),  # constant
        np.zeros((40, 1)),
        RNG.normal(size=(40, 1)),  # fewer features than axes
        np.outer(RNG.normal(size=40), [1, 2, 3]),  # rank 1
        RNG.normal(size=(2, 50)),
        np.ones((1, 4)),
        RNG.normal(size=(40, 3)) * 1e30,
        RNG.normal(size=(40, 3)) * 1e-30,
        RNG.normal(size=(40, 3)) + 1e6,
    ],
)
@pytest.mark.parametrize("c", [1, 2, 3])
def test_poor_data_give_a_finite_map_with_distinct_points(data, c):
    Y = initial(data.astype(np.float32), None, init="pca", n_components=c, random_state=0)
    assert Y.shape == (len(data), c)
    assert np.isfinite(Y).all()
    assert np.abs(Y).max() < 2e-3
    assert len(np.unique(Y, axis=0)) == len(data)
    if len(data) > 1:
        assert (Y.std(axis=0) > 0).all()
        assert abs(Y[:, 0].std() - 1e-4) < 1e-9


@pytest.mark.parametrize("n", [100, 3000])  # dense and sparse eigenvectors
def test_spectral_finds_the_ring(n):
    Y = initial(None, ring(n), init="spectral", random_state=0)
    # A ring's two slowest modes are cos and sin of the angle: all radii equal, up to 1 % of jitter.
    radius = np.hypot(Y[:, 0], Y[:, 1])
    assert radius.std() / radius.mean() < 0.05
    angle = np.unwrap(np.arctan2(Y[:, 1], Y[:, 0]))
    assert abs(abs(angle[-1] - angle[0]) - 2 * np.pi) < 0.2


@pytest.mark.parametrize(("n", "parts"), [(40, 2), (10, 30), (300, 2), (100, 12)])
def test_spectral_survives_a_disconnected_graph(n, parts):
    Y = initial(None, ring(n, parts), init="spectral", random_state=0)
    assert np.isfinite(Y).all()
    assert abs(Y[:, 0].std() - 1e-4) < 1e-9
    part = np.repeat(np.arange(parts), n)
    centres = np.array([Y[part == a].mean(axis=0) for a in range(parts)])
    if parts == 2:  # the first axis tells two parts apart
        assert abs(centres[0, 0] - centres[1, 0]) > 1.5e-4


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_spectral_of_the_smallest_graphs(n):
    from gputsne.base.types import Affinities

    nothing = Affinities(np.zeros(2, np.int64), np.zeros(0, np.int32), np.zeros(0, np.float32))
    P = precomputed(1 - np.eye(n)) if n > 1 else nothing
    Y = initial(None, P, init="spectral", n_components=3, random_state=0)
    assert Y.shape == (n, 3)
    assert np.isfinite(Y).all()


def test_a_point_without_edges_stays_finite():
    A = np.ones((30, 30))
    A[4] = A[:, 4] = 0
    A[29] = A[:, 29] = 0
    with pytest.warns(UserWarning, match=r"2 of 30 points have no neighbour in P \(rows 4, 29\)"):
        P = precomputed(A)
    assert np.isfinite(initial(None, P, init="spectral", random_state=0)).all()


def test_spectral_that_does_not_converge_pads_with_noise(monkeypatch):
    from scipy.sparse import linalg

    def give_up(*_, **__):
        raise linalg.ArpackNoConvergence("no", np.zeros(0), np.zeros((600, 0)))

    monkeypatch.setattr(linalg, "eigsh", give_up)
    Y = initial(None, ring(600), init="spectral", random_state=0)
    assert abs(Y[:, 0].std() - 1e-4) < 1e-9


@settings(max_examples=30)
@given(hnp.arrays(np.float32, (6, 2), elements=st.floats(-(2.0**100), 2.0**100, width=32)))
def test_an_array_comes_back_bit_equal_as_a_copy(Y0):
    for given_array in (Y0, np.asfortranarray(Y0), Y0.tolist(), Y0.astype(np.float64)):
        Y = initial(None, precomputed(np.ones((6, 6))), init=given_array)
        assert Y.tobytes() == Y0.tobytes()
        assert Y.flags.c_contiguous
        assert not np.shares_memory(Y, np.asarray(given_array))
    frozen = Y0.copy()
    frozen.setflags(write=False)
    assert initial(np.zeros((6, 9), np.float32), None, init=frozen).flags.writeable


@pytest.mark.parametrize(
    ("init", "error", "message"),
    [
        (np.zeros((5, 2)), ValueError, r"init has shape \(5, 2\): .*\(500, 2\)"),
        (np.zeros((500, 3)), ValueError, r"init has shape \(500, 3\)"),
        (np.zeros(500), ValueError, r"init has shape \(500,\)"),
        (np.full((500, 2), np.nan), ValueError, "1000 values that are NaN"),
        (np.full((500, 2), 1e300), ValueError, "too large for float32"),
        (np.full((500, 2), "a"), ValueError, "init must hold numbers"),
        (np.zeros((500, 2), complex), ValueError, "init is complex128"),
        (None, TypeError, "init is None"),
        ("PCA", ValueError, "init='PCA': must be one of 'pca', 'spectral', 'random'"),
        ("spectral", ValueError, "init='spectral' needs P"),
    ],
)
def test_wrong_init_is_named(init, error, message):
    with pytest.raises(error, match=message):
        initial(X, None, init=init)


def test_pca_without_data_names_the_remedy():
    with pytest.raises(ValueError, match="use 'spectral' or 'random'"):
        initial(None, ring(10), init="pca")
    with pytest.raises(ValueError, match="needs X or P"):
        initial(None, None, init="random")


def test_the_data_are_not_changed():
    data = X.copy()
    data.setflags(write=False)
    initial(data, None, init="pca", random_state=0)
    np.testing.assert_array_equal(data, X)
