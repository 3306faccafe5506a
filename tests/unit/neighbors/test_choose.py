"""One place decides what searches: all pairs, lists, or what the GPU offers."""

from __future__ import annotations

import numpy as np
import pytest

from gputsne.neighbors import ReferenceIndex, choose, exact_neighbors, knn
from gputsne.neighbors.choose import Wish, choose_search
from gputsne.neighbors.recall import Sample, measure, sample_of, share_found
from gputsne.neighbors.search.exact import AllPairs, exact_float64
from gputsne.neighbors.search.ivf import InvertedLists


def vectors(kind: str, n: int = 14_000, d: int = 96) -> np.ndarray:
    rng = np.random.default_rng(0)
    if kind == "noise":  # every list has some neighbour
        return rng.normal(size=(n, d)).astype(np.float32)
    base = rng.normal(size=(n, 3)) * 10  # a sheet: neighbours lie in few lists
    return (base @ rng.normal(size=(3, d))).astype(np.float32)


@pytest.fixture
def built(monkeypatch):
    """Sizes of the inverted lists that are built, while no all-pairs search counts as quick."""
    monkeypatch.setattr(choose, "EXACT_WORK", 0)
    sizes: list[int] = []
    real = choose.InvertedLists

    def counted(Z, seed):
        sizes.append(len(Z))
        return real(Z, seed)

    monkeypatch.setattr(choose, "InvertedLists", counted)
    return sizes


def test_wide_noise_is_given_up_before_lists_are_built(built):
    X = vectors("noise")
    graph = knn(X, 20, random_state=0)
    assert (graph.source, graph.recall) == ("faiss-flat", 1.0)
    assert built == [choose.PILOT_ROWS]


def test_wide_vectors_of_few_dimensions_go_into_lists(built):
    X = vectors("sheet")
    graph = knn(X, 20, random_state=0)
    assert graph.source == "faiss-ivf"
    assert graph.recall >= 0.98
    assert built == [choose.PILOT_ROWS, len(X)]


def test_narrow_vectors_need_no_pilot(built):
    assert knn(vectors("sheet", 9000, 20), 10, random_state=0).source == "faiss-ivf"
    assert built == [9000]


@pytest.mark.parametrize("options", [{"exact": True}, {"min_recall": 1.0}])
def test_who_asks_for_all_pairs_gets_them(built, options):
    assert knn(vectors("sheet", 2000), 10, **options).source == "faiss-flat"
    assert not built


def test_index_and_graph_choose_alike(built):
    X = vectors("sheet", 2000, 20)
    graph = knn(X, 10, random_state=0)
    index = ReferenceIndex(X, random_state=0)
    indices, _ = index.query(X, 11)
    # Copies apart, a row's own list without itself; k + 1 and k are raised to the recall apart.
    same = (indices[:, 1:] == graph.indices).mean()
    assert same > 0.97
    assert index.query(X, 2000)[0].shape == (2000, 2000)  # all: nothing to choose


def test_recall_counts_by_distance():
    truth = np.array([[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]], np.float32)
    assert share_found(truth, truth) == 1.0
    assert share_found(np.array([[1.0, 2.0, 3.00001], [0, 0, 0]], np.float32), truth) == 1.0
    assert share_found(np.array([[1.0, 3.1, 3.2], [0, 0, 1]], np.float32), truth) == 0.5


def test_recall_of_a_search_that_misses():
    X = vectors("noise", 600, 10)

    class Half(AllPairs):
        """Sees every other vector only."""

        rows = 100

        def search(self, Q, k, own):
            squared, ids = super().search(Q, k, own)
            return squared, 2 * ids

    own = sample_of(np.arange(600), 0)
    assert (np.diff(own) > 0).all()
    sample = Sample(X[own], own)
    truth = exact_float64(X[own], X, 11)[0][:, 1:].astype(np.float32)
    assert measure(AllPairs(X), sample, 10, truth) == 1.0
    # Of the true neighbours half are there: 600 rows x 10, a standard error below 0.01.
    assert measure(Half(np.ascontiguousarray(X[::2])), sample, 10, truth) == pytest.approx(
        0.5, abs=0.05
    )


def test_a_ready_search_is_told_with_its_recall():
    X = vectors("sheet", 3000, 12)
    own = sample_of(np.arange(3000), 0)
    found = choose_search(X, 5, Wish(False, 0.9, 0), lambda: Sample(X[own], own))
    assert found.recall >= 0.9
    assert found.search.source == "faiss-ivf"
    assert sorted(found.search.order()) == list(range(3000))


@pytest.mark.parametrize("d", [1, 3, 4, 20])
@pytest.mark.parametrize("place", [(1.0, 0.0), (2.0**-600, 0.0), (2.0**500, 0.0), (1.0, 2.0**30)])
def test_exact_neighbours_in_float64(d, place):
    size, shift = place
    X = np.round(np.random.default_rng(0).normal(size=(300, d)) * 8) / 8  # ties and copies
    D = np.square(X[:, None] - X[None]).sum(axis=2)
    np.fill_diagonal(D, np.inf)
    rows = np.array([0, 7, 299])
    k = 2 if d == 1 else 10  # on a line more than 32 may tie at the k-th place
    want = np.argsort(D, axis=1, kind="stable")[:, :k]
    got = exact_neighbors(X * size + shift, rows, k)
    if d == 1:
        np.testing.assert_array_equal(
            np.take_along_axis(D[rows], got, 1), np.take_along_axis(D, want, 1)[rows]
        )
    else:
        np.testing.assert_array_equal(got, want[rows])


def test_visits_are_counted_from_the_lists_of_true_neighbours():
    """Against searches with every number of visits: FAISS' own results say which is the fewest."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(3000, 6)).astype(np.float32)
    lists = InvertedLists(X, 0)
    Q = X[:200]
    distances = ((Q[:, None].astype(np.float64) - X[None]) ** 2).sum(axis=2)
    truth = np.argsort(distances, axis=1, kind="stable")[:, :10]
    shares = []
    for nprobe in range(1, lists.nlist + 1):
        ids = lists.search(Q, 10, nprobe)[1]
        shares.append(np.mean([np.isin(t, row).mean() for t, row in zip(truth, ids, strict=True)]))
    for least in (0.5, 0.9, 0.98, 1.0):
        assert lists.fewest_visits(Q, truth, least) == 1 + int(np.argmax(np.array(shares) >= least))


def test_rows_out_of_reach_of_float32_have_no_nearest_list():
    X = np.random.default_rng(0).normal(size=(500, 3)).astype(np.float32)
    lists = InvertedLists(X, 0)
    Q = np.full((2, 3), 1e30, np.float32)
    assert 1 <= lists.fewest_visits(Q, np.full((2, 4), -1), 0.9) <= lists.nlist
