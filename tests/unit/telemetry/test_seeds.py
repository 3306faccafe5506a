"""Disparities of maps by their seeds, and the other metrics that a store's runs gained."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import procrustes

import gputsne
from gputsne.provenance import Run
from gputsne.telemetry import board_of_store
from gputsne.telemetry.seeds import MOST_SEEDS, seed_disparities

TAGS = {"model": "m", "pipeline": "p", "owner": "o"}
SERVICE = ("m", "p", "o")
NAME = "gputsne_seed_disparity"


@pytest.fixture
def store(tmp_path):
    return gputsne.Store(tmp_path / "store")


def put(store, folder, second: int, seed, Y, data="d" * 64, **more):
    path = folder / f"{second}.npy"
    np.save(path, Y)
    run = Run(
        id=f"20261101T0000{second:02}Z-00000000", tags=TAGS, seed=seed, map=Y.shape,
        input={"data_sha256": data}, parameters={"perplexity": 30, "random_state": seed} | more,
    )  # fmt: skip
    store.put(run, files={"map.npy": path})
    return run.id


def test_every_pair_of_seeds_has_scipys_disparity(store, tmp_path):
    rng = np.random.default_rng(0)
    maps = [rng.normal(size=(40, 2)).astype(np.float32) for _ in range(3)]
    for i, Y in enumerate(maps):
        put(store, tmp_path, i, i, Y)
    put(store, tmp_path, 10, 7, maps[0], data="e" * 64)  # other data
    put(store, tmp_path, 11, 8, maps[0], perplexity=5)  # other parameters
    put(store, tmp_path, 12, 0, maps[2])  # seed 0 again: the latest counts
    board = board_of_store(store, seeds=True)
    for a in range(3):
        for b in range(3):
            one, two = maps[2 if a == 0 else a], maps[2 if b == 0 else b]
            expected = procrustes(one.astype(float), two.astype(float))[2]
            value = board.value(NAME, SERVICE, a=a, b=b)
            # scipy's own, of the same float32 maps; a sum of 80 squares of float64.
            assert value == pytest.approx(expected, abs=1e-12)
    assert board.value(NAME, SERVICE, a=0, b=7) is None
    assert NAME not in board_of_store(store).text()


def test_the_number_of_seeds_is_bounded(store, tmp_path):
    rng = np.random.default_rng(1)
    for i in range(MOST_SEEDS + 3):
        put(store, tmp_path, i, 1000 + i, rng.normal(size=(30, 2)).astype(np.float32))
    runs = store.list()
    found = seed_disparities(store, runs, runs[-1].id)
    assert len(found) == MOST_SEEDS**2
    assert {a for a, _ in found} == {str(1003 + i) for i in range(MOST_SEEDS)}
    assert board_of_store(store, seeds=True).text().count(f"\n{NAME}{{") == MOST_SEEDS**2


def test_maps_that_can_not_be_read_are_a_warning(store, tmp_path):
    for seed in (0, 1):
        run = Run(seed=seed, input={"data_sha256": "d" * 64}, tags=TAGS)
        store.put(run, files={})
    with pytest.warns(UserWarning, match="can't be compared"):
        board = board_of_store(store, seeds=True)
    assert NAME not in board.text()


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("d", [12, 1100])  # exact, and by scikit-learn's solver
def test_the_share_of_variance_that_pca_keeps_is_scikit_learns(store, sparse, d):
    from scipy.sparse import csr_array
    from sklearn.decomposition import PCA, TruncatedSVD

    rng = np.random.default_rng(2)
    X = rng.normal(size=(120, d)) * np.geomspace(1, 1e-2, d)
    given = csr_array(X) if sparse else X
    model = gputsne.TSNE(pca=5, max_iter=250, random_state=0, perplexity=10).fit(given)
    ratio = model.run_.pca_variance_ratio
    if sparse:
        # Both sketch; of a spectrum that falls so fast the share differs in the third digit.
        told = TruncatedSVD(5, random_state=0).fit(given).explained_variance_ratio_.sum()
        assert ratio == pytest.approx(told, abs=0.02)
    else:
        told = PCA(5, svd_solver="full").fit(X).explained_variance_ratio_.sum()
        assert ratio == pytest.approx(told, abs=1e-6 if d == 12 else 0.02)
    store.put(model.run_)
    board = board_of_store(store)
    assert board.value("gputsne_pca_variance_ratio", ("none",) * 3) == pytest.approx(ratio)


def test_without_pca_there_is_no_share():
    X = np.random.default_rng(0).normal(size=(60, 5))
    assert gputsne.TSNE(max_iter=250, perplexity=5).fit(X).run_.pca_variance_ratio is None


def test_the_expected_cost_and_the_limit_stand_beside_the_cost(store):
    told = {"predicted_cost": 0.5, "max_cost": 2.0}
    store.put(Run(seconds=360.0, price_per_hour=10.0, tags=TAGS, spending=told))
    board = board_of_store(store)
    names = ("gputsne_run_cost", "gputsne_run_cost_predicted", "gputsne_run_cost_max")
    assert [board.value(name, SERVICE) for name in names] == [1.0, 0.5, 2.0]
