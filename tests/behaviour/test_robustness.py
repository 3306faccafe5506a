"""Every odd input gives a finite map or an error that names what is wrong. Nothing hangs."""

from __future__ import annotations

import gc
import sys
from pathlib import Path

import numpy as np
import pytest

from gputsne import TSNE

RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(300, 6)).astype(np.float32)
QUICK = {"max_iter": 300, "perplexity": 10.0, "random_state": 0}


def fit(X, **given):
    """Fit, and check what every map must be."""
    model = TSNE(**QUICK | given).fit(X)
    Y = model.embedding_
    assert np.isfinite(Y).all()
    assert np.isfinite(model.kl_divergence_)
    # P is stored in float32 and sums to 1 within 1e-7; KL is 0 at least for exact numbers
    assert model.kl_divergence_ >= -1e-6
    return model


@pytest.mark.parametrize("n", [*range(1, 8), 10, 25, 34, 35, 50])
def test_few_points(n):
    # 30, the default perplexity, is too large below 35 points: lowered with a warning, or P would
    # weigh all points alike. One point has nothing to choose.
    if 1 < n <= 34:
        with pytest.warns(UserWarning, match=f"perplexity=30.0 needs more than n={n}"):
            model = fit(ROWS[:n], perplexity=30.0)
    else:
        model = fit(ROWS[:n], perplexity=30.0)
    assert model.embedding_.shape == (n, 2)
    assert len(np.unique(model.embedding_, axis=0)) == n
    assert np.abs(model.embedding_).max() < 100


@pytest.mark.parametrize("init", ["pca", "spectral", "random"])
@pytest.mark.parametrize("n_components", [1, 2, 3])
def test_one_and_two_points_everywhere(init, n_components):
    for n in (1, 2, 3):
        model = fit(ROWS[:n], init=init, n_components=n_components, perplexity=1.0, max_iter=60)
        assert model.embedding_.shape == (n, n_components)


def typical(Y):
    """Farthest point from the middle over the median one: no point may be flung out."""
    r = np.linalg.norm(Y - np.median(Y, axis=0), axis=1)
    return r.max() / np.median(r)


@pytest.mark.parametrize("method", ["exact", "mesh"])
def test_all_points_equal(method):
    with pytest.warns(UserWarning, match="all 200 rows of X are equal"):
        model = fit(np.full((200, 4), 7.0), method=method)
    assert len(np.unique(model.embedding_, axis=0)) == 200
    assert typical(model.embedding_) < 10


@pytest.mark.parametrize("method", ["exact", "mesh"])
def test_half_the_points_are_duplicates(method):
    X = np.repeat(ROWS[:150], 2, axis=0)
    model = fit(X, method=method)
    Y = model.embedding_
    assert typical(Y) < 10
    # twins end nearer to each other than to almost everything else: by eye 0 to 0.3 of 20 units
    apart = np.linalg.norm(Y[::2] - Y[1::2], axis=1)
    assert np.median(apart) < 0.05 * np.ptp(Y)
    assert model.affinities_.unreached == 0


def test_one_point_repeated_is_no_trap():
    X = np.concatenate([ROWS[:150], np.repeat(ROWS[:1], 150, axis=0)])
    model = fit(X)
    assert typical(model.embedding_) < 10
    # memory does not grow with the copies: at most n * k edges and their mirrors
    assert model.affinities_.nnz <= 2 * 300 * 30


@pytest.fixture(scope="module")
def plain():
    return fit(ROWS).embedding_


def test_constant_columns_change_nothing():
    base = fit(ROWS, max_iter=50).embedding_
    for value in (0.0, 3.0):
        more = fit(np.c_[ROWS, np.full(300, value)], max_iter=50).embedding_
        # PCA of seven columns rounds differently; early exaggeration lets that grow a little
        np.testing.assert_allclose(more, base, rtol=0.05, atol=1e-4)
    # far from 0, as a constant: its float32 digits do not touch the others
    assert typical(fit(np.c_[ROWS, np.full(300, 1e9)]).embedding_) < 10


@pytest.mark.parametrize("exponent", [-300, -100, 100, 300])
def test_scale_does_not_matter(plain, exponent):
    # Powers of two multiply float64 exactly, so that the prepared rows are the same numbers but for
    # one power of two: t-SNE with a perplexity does not know the unit.
    X = ROWS.astype(np.float64) * 2.0**exponent
    np.testing.assert_array_equal(fit(X).embedding_, plain)


@pytest.mark.parametrize("scale", [1e30, 1e-30, 1e-300, 1e300])
def test_extreme_scales(scale):
    assert typical(fit(ROWS.astype(np.float64) * scale).embedding_) < 10


@pytest.mark.parametrize("method", ["exact", "mesh"])
def test_one_far_outlier(method):
    X = ROWS.copy()
    X[17] = 1e6
    model = fit(X, method=method)
    assert typical(model.embedding_) < 10
    inner = np.delete(model.embedding_, 17, axis=0)
    assert len(np.unique(inner, axis=0)) == 299


def test_a_huge_offset():
    # float64 holds 1e9 + x to 1e-7; taken off before float32 sees it, the same map but for that
    shifted = fit(ROWS.astype(np.float64) + 1e9, max_iter=20).embedding_
    base = fit(ROWS, max_iter=20).embedding_
    np.testing.assert_allclose(shifted, base, atol=0.01 * np.ptp(base))
    # float32 at 1e6 has lost all digits below 1/16: still a map
    assert typical(fit(ROWS + np.float32(1e6)).embedding_) < 10


@pytest.mark.parametrize("method", ["exact", "mesh"])
def test_coincident_first_points_separate(method):
    Y = fit(ROWS, init=np.zeros((300, 2)), method=method).embedding_
    assert len(np.unique(Y, axis=0)) == 300
    # Copies of a row attract each other so much that some pairs end in one place for float32: how
    # many differs from start to start, hence four.
    apart = []
    for seed in range(4):
        init = np.repeat(np.random.default_rng(seed).normal(size=(150, 2)), 2, axis=0)
        Y = fit(np.repeat(ROWS[:150], 2, axis=0), init=init, method=method).embedding_
        apart.append((Y[::2] != Y[1::2]).any(axis=1).mean())
    assert np.mean(apart) > 0.9


WRONG = {
    "one axis": (ROWS[0], "Reshape your data"),
    "three axes": (ROWS[None], "dim 3"),
    "a scalar": (3.0, "Expected 2D array"),
    "no rows": (np.empty((0, 3)), r"0 sample\(s\)"),
    "no columns": (np.empty((3, 0)), r"0 feature\(s\)"),
    "NaN": (np.where(ROWS > 2, np.nan, ROWS), r"X contains \d+ NaN values, in \d of 6 columns"),
    "inf": (np.where(ROWS > 2, np.inf, ROWS), "infinity"),
    "strings": (np.array([["a", "b"], ["c", "d"]]), "strings"),
    "a string": ("text", "is text and no table"),
    "objects": ([[object()]], "number"),
    "complex": (ROWS + 1j, "Complex data not supported"),
    "dates": (np.array([["2020-01-01"]], "datetime64[D]"), "datetime64"),
    "a dict": ({"a": 1}, "is a mapping"),
    "None": (None, "array"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_table_of_numbers(name):
    X, told = WRONG[name]
    with pytest.raises((ValueError, TypeError), match=told):
        TSNE(max_iter=1, perplexity=1.0).fit(X)


def test_inputs_that_are_only_unusual(plain, tmp_path):
    read_only = ROWS.copy()
    read_only.setflags(write=False)
    np.save(tmp_path / "rows.npy", ROWS)
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r")
    wide = np.zeros((600, 12), np.float32)
    wide[::2, ::2] = ROWS
    for X in (read_only, mapped, np.asfortranarray(ROWS), wide[::2, ::2], ROWS.tolist(),
              ROWS.astype(np.float64), ROWS.astype(">f4"), ROWS.astype(object)):  # fmt: skip
        np.testing.assert_array_equal(fit(X).embedding_, plain)
    assert fit(ROWS.astype(np.float16)).embedding_.dtype == np.float32
    assert fit((ROWS * 10).astype(np.int8)).embedding_.dtype == np.float32
    assert fit(ROWS > 0).embedding_.dtype == np.float32


def test_nothing_of_the_caller_is_changed():
    from scipy import sparse

    graph = TSNE(max_iter=0, **{k: v for k, v in QUICK.items() if k != "max_iter"}).fit(ROWS)
    P = graph.affinities_.to_csr()
    D = sparse.csr_matrix(np.linalg.norm(ROWS[:, None] - ROWS[None], axis=2))
    indices = np.argsort(D.toarray(), axis=1)[:, :40]
    distances = np.take_along_axis(D.toarray(), indices, axis=1)
    init = RNG.normal(size=(300, 2))
    arrays = [ROWS, P.data, P.indices, P.indptr, D.data, D.indices, indices, distances, init]
    before = [a.copy() for a in arrays]
    quick = {"max_iter": 20, "random_state": 0}
    TSNE(**quick, init=init, scale=True, pca=3, impute=0.0).fit(ROWS).transform(ROWS)
    TSNE(**quick, neighbors=(indices, distances), perplexity=10.0).fit(ROWS)
    TSNE(**quick, metric="precomputed", init="random", perplexity=10.0).fit(D)
    TSNE(**quick, affinity="precomputed", init=init).fit(P)
    for a, b in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_little_noise_moves_the_map_a_little():
    """A relative change of 1e-6 keeps the layout (Procrustes distance; a new layout has 0.5)."""
    from scipy.spatial import procrustes

    from gputsne.data.datasets import load_digits

    X = load_digits().X[:600]
    noisy = X + 1e-6 * np.random.default_rng(1).normal(size=X.shape) * X.std()
    a, b = (TSNE(random_state=0).fit_transform(data) for data in (X, noisy))
    assert procrustes(a, b)[2] < 0.1


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_does_not_grow():
    X = np.random.default_rng(0).normal(size=(2000, 10)).astype(np.float32)
    model = TSNE(max_iter=10, random_state=0)

    def resident():
        gc.collect()
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        return pages * 4096

    sizes = []
    for _ in range(20):
        model.fit(X).transform(X[:100])
        sizes.append(resident())
    # A fit's lists take 1.4 MB and its P 2.4 MB: kept by 15 fits, either would pass 20 MB. The
    # allocator itself wanders by one fit's worth.
    assert max(sizes[15:]) - max(sizes[:5]) < 10_000_000
