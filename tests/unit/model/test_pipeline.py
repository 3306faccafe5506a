"""The stages of a fit: records, seeds, what they refuse, and going on with other values."""

from __future__ import annotations

import dataclasses
import warnings

import numpy as np
import oracle
import pytest
from sklearn.neighbors import kneighbors_graph

import gputsne
from gputsne import TSNE
from gputsne.backends import choose
from gputsne.model.parameters import Parameters
from gputsne.model.pipeline import Seeds, field_of
from gputsne.model.records import Fit, Prepared

X = gputsne.datasets.load_digits().X[:300]
QUICK = {"perplexity": 10.0, "random_state": 0}


def test_a_fit_is_frozen_records_by_lifetime():
    fit = TSNE(max_iter=20, **QUICK).fit(X)._fit
    assert isinstance(fit, Fit)
    assert isinstance(fit.prepared, Prepared)
    for record, name in ((fit, "P"), (fit.prepared, "rows"), (fit.result, "state")):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(record, name, None)
    assert fit.prepared.recall == 1.0
    assert fit.prepared.perplexity == 10.0
    assert fit.params.callbacks is None


def test_each_stage_has_a_seed_of_its_own():
    seeds = Seeds.of(0)
    assert len(set(seeds)) == len(seeds) == 3
    assert Seeds.of(np.random.RandomState(0)) != seeds
    assert Seeds.of(np.int64(0)) == seeds
    with pytest.raises(ValueError, match="random_state=-1 can't seed anything"):
        Seeds.of(-1)


def test_the_field_is_made_without_touching_the_backend():
    ops = choose("auto", 1).ops
    was = ops.half
    params = Parameters.of(TSNE(affinity_dtype="float16").get_params())
    assert field_of(params, ops, 0.5).dof == 0.5
    assert ops.half == was


def test_a_map_inside_the_early_phase_is_told():
    with pytest.warns(UserWarning, match="all 60 iterations were in the early phase") as told:
        TSNE(max_iter=60, **QUICK).fit(X)
    assert told[0].filename == __file__, "the line to mend is the caller's"
    assert "by 12" in str(told[0].message)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        TSNE(max_iter=60, early_exaggeration=1.0, **QUICK).fit(X)  # nothing is exaggerated
        TSNE(max_iter=60, early_exaggeration_iter=30, **QUICK).fit(X)
        TSNE(max_iter=0, **QUICK).fit(X)
        TSNE(max_iter=200, callbacks=lambda p: True, **QUICK).fit(X)  # as the user wished


@pytest.mark.parametrize("max_iter", [100, 150])
@pytest.mark.parametrize(
    ("name", "value"), [("exaggeration", 4.0), ("final_momentum", 0.5), ("stop", "auto")]
)
def test_what_the_early_phase_alone_has_no_use_for(name, value, max_iter):
    with pytest.raises(
        ValueError, match=f"{name}=.* has no effect with max_iter={max_iter} inside"
    ):
        TSNE(max_iter=max_iter, **{name: value}, **QUICK).fit(X)
    Parameters.of(TSNE(max_iter=251, **{name: value}).get_params())


def test_optimize_with_another_momentum_and_kernel():
    model = TSNE(max_iter=300, **QUICK).fit(X)
    plain = TSNE(max_iter=300, **QUICK).fit(X).optimize(40)
    slow = TSNE(max_iter=300, **QUICK).fit(X).optimize(40, momentum=0.1)
    # less momentum, shorter way
    ways = [np.linalg.norm(m.embedding_ - model.embedding_) for m in (plain, slow)]
    assert 0 < ways[1] < ways[0]
    heavy = model.optimize(200, dof=0.5)
    P = heavy.affinities_.to_csr().toarray()
    assert heavy.kl_divergence_ == pytest.approx(oracle.kl(P, heavy.embedding_, 0.5), rel=1e-4)
    assert heavy.fitted_map_.dof == 0.5
    assert heavy.dof == 1.0, "the estimator's own parameters stay"
    for given in ({"momentum": 1.0}, {"dof": 0}, {"learning_rate": "fast"}, {"momentum": "x"}):
        with pytest.raises((ValueError, TypeError), match=r"dof|momentum|learning_rate"):
            model.optimize(5, **given)


def test_a_kernel_of_optimize_survives_a_file(tmp_path):
    model = TSNE(max_iter=300, **QUICK).fit(X).optimize(50, dof=0.5)
    model.save(tmp_path / "m.npz", affinities=True)
    again = gputsne.load(tmp_path / "m.npz")
    np.testing.assert_array_equal(again.transform(X[:5]), model.transform(X[:5]))
    np.testing.assert_array_equal(again.optimize(30).embedding_, model.optimize(30).embedding_)


def test_perplexity_is_annealed_with_the_graph_kept():
    """A coarse map first, then a finer one of the same search."""
    graph = gputsne.knn(X, 90, random_state=0)
    coarse = TSNE(neighbors=graph, perplexity=30.0, max_iter=300, random_state=0).fit(X)
    fine = TSNE(
        neighbors=graph, perplexity=10.0, n_neighbors=30, init=coarse.embedding_,
        early_exaggeration_iter=0, max_iter=200, random_state=0,
    ).fit(X)  # fmt: skip
    searched = TSNE(perplexity=10.0, max_iter=0, random_state=0).fit(X)
    np.testing.assert_array_equal(fine.affinities_.data, searched.affinities_.data)
    assert fine.kl_history_[-1, 1] < fine.kl_history_[0, 1]


def test_a_graph_that_was_brought_decides_how_many_neighbours_it_has():
    D = kneighbors_graph(X, 14, mode="distance")  # as scanpy stores it: 15 with the point itself
    settings = {"metric": "precomputed", "affinity": "uniform", "init": "random", "max_iter": 20}
    model = TSNE(**settings, random_state=0).fit(D)
    assert model.affinities_.nnz >= 14 * len(X)
    with pytest.raises(ValueError, match="15"):
        TSNE(**settings, n_neighbors=15).fit(D)


def test_a_tiny_sigma_weighs_the_nearest_alone():
    settings = {"affinity": "fixed_sigma", "max_iter": 0, "random_state": 0}
    rows = np.random.default_rng(0).normal(size=(60, 3))
    model = TSNE(sigma=1e-320, **settings).fit(rows)
    D = np.linalg.norm(rows[:, None] - rows[None], axis=2)
    np.fill_diagonal(D, np.inf)
    nearest = np.zeros((60, 60))
    nearest[np.arange(60), D.argmin(axis=1)] = 1
    want = (nearest + nearest.T) / 120
    np.testing.assert_allclose(model.affinities_.to_csr().toarray(), want, atol=1e-7)


@pytest.mark.parametrize("n", [2, 3, 4, 5])
@pytest.mark.parametrize("dof", [100.0, 1000.0])
def test_few_points_under_a_light_tailed_kernel_stay_on_the_map(n, dof):
    for seed in range(3):
        rows = np.random.default_rng(seed).normal(size=(n, 5))
        model = TSNE(dof=dof, perplexity=1.0, random_state=seed).fit(rows)
        Y, P = model.embedding_, model.affinities_.to_csr().toarray()
        assert np.abs(Y).max() < 100
        # float32 kernels raise 1 + r^2 / dof to the power (dof + 1) / 2: 6e-8 grows by so much
        slack = 1e-4 + 2e-7 * dof
        assert model.kl_divergence_ == pytest.approx(oracle.kl(P, Y, dof), rel=1e-3, abs=slack)


def test_a_fit_that_flies_apart_leaves_no_map():
    model = TSNE(learning_rate=1e38, max_iter=60, **QUICK)
    with pytest.raises(FloatingPointError):
        model.fit(X)
    assert not hasattr(model, "embedding_")
