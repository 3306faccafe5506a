"""Sweeps: one search for all, the maps of single fits, the best by a metric, clear errors."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from sklearn.neighbors import kneighbors_graph

import gputsne
from gputsne import neighbors
from gputsne.metrics import METRICS, evaluate

QUICK = {"max_iter": 60, "early_exaggeration_iter": 30, "device": "cpu"}


@pytest.fixture(scope="module")
def cloud():
    rng = np.random.default_rng(0)
    group = np.arange(180) % 4
    X = rng.normal(size=(180, 7)).astype(np.float32)
    X[:, 0] += 8 * group
    return X, group


@pytest.fixture
def searches(monkeypatch):
    """Count the searches of rows that anything makes."""
    counted = []
    search = neighbors.on_host

    def on_host(rows, k, **how):
        counted.append(k)
        return search(rows, k, **how)

    monkeypatch.setattr(neighbors, "on_host", on_host)
    return counted


def test_one_search_of_the_longest_lists_serves_every_map(cloud, searches):
    X, group = cloud
    found = gputsne.sweep(X, group, perplexity=(5, 20, 10), seeds=(0, 1), **QUICK)
    assert searches == [60]  # three times the largest perplexity
    assert found.searches == 1
    assert [trial.settings for trial in found] == [
        {"perplexity": p, "random_state": seed} for p in (5, 20, 10) for seed in (0, 1)
    ]
    assert found[0].name == "perplexity=5, random_state=0"


def test_maps_are_those_of_single_fits(cloud):
    X, _ = cloud  # so few rows are searched exactly
    found = gputsne.sweep(X, perplexity=(5, 20), **QUICK)
    for trial in found:
        alone = gputsne.TSNE(**trial.settings, **QUICK).fit(X)
        np.testing.assert_array_equal(trial.model.embedding_, alone.embedding_)
        assert trial.model.kl_divergence_ == alone.kl_divergence_
        assert trial.model.get_params() == alone.get_params()
        np.testing.assert_array_equal(trial.model.transform(X[:9]), alone.transform(X[:9]))


def test_what_changes_the_neighbours_is_searched_again(cloud, searches):
    X, _ = cloud
    found = gputsne.sweep(X, perplexity=(5, 10), grid={"pca": [None, 3]}, **QUICK)
    assert searches == [30, 30]
    assert found.searches == 2
    for trial in found:
        alone = gputsne.TSNE(**trial.settings, **QUICK).fit(X)
        np.testing.assert_array_equal(trial.model.embedding_, alone.embedding_)


@pytest.mark.parametrize(
    ("how", "lists"),
    [
        ({"perplexity": 5}, [15]),
        ({"perplexity": 5, "grid": {"scale": [True, False]}}, [15, 15]),
        ({"perplexity": 30.0, "affinity": "fixed_sigma", "sigma": 1.0, "n_neighbors": 9,
          "seeds": (0, 1)}, [9, 9]),
    ],
    ids=["one map", "each its own rows", "affinities of a width"],
)  # fmt: skip
def test_searches_that_serve_one_map_are_counted(cloud, searches, how, lists):
    found = gputsne.sweep(cloud[0], **how, **QUICK)
    assert searches == lists
    assert found.searches == len(lists)


def test_scores_are_those_of_evaluate(cloud):
    X, group = cloud
    found = gputsne.sweep(X, group, perplexity=8, grid={"metric": ["euclidean", "cosine"]}, **QUICK)
    for trial in found:
        wanted = evaluate(X, trial.model.embedding_, group, metric=trial.settings["metric"])
        assert list(trial.scores) == list(wanted)
        np.testing.assert_array_equal(list(trial.scores.values()), list(wanted.values()))


def test_the_best_heeds_which_end_of_a_metric_is_good(cloud):
    X, group = cloud
    found = gputsne.sweep(X, group, perplexity=(3, 10, 40), **QUICK)
    for name, line in METRICS.items():
        values = [trial.scores[name] for trial in found]
        wanted = max(values) if line.best > line.worst else min(values)
        assert found.best(name).scores[name] == wanted


def test_the_table_is_flat(cloud):
    X, _ = cloud
    (line,) = gputsne.sweep(X, perplexity=8, **QUICK).table()
    assert {"perplexity", "random_state", "kl_divergence", "seconds", "trustworthiness"} <= set(
        line
    )
    assert all(np.isscalar(value) for value in line.values())


@pytest.mark.parametrize(
    "params",
    [
        {"affinity": "fixed_sigma", "sigma": 2.0},
        {"affinity": "uniform", "grid": {"n_neighbors": [5, 9]}},
        {"grid": {"exaggeration": [1.0, 2.0]}},
        {"neighbors": True},
    ],
    ids=lambda params: "-".join(map(str, params)),
)
def test_other_settings_give_the_maps_of_single_fits(cloud, params):
    X, _ = cloud
    if "neighbors" in params:
        params = {"neighbors": gputsne.knn(X, 40)}
    alone = "perplexity" if params.get("affinity", "perplexity") == "perplexity" else None
    values = {"perplexity": (6, 9)} if alone else {"perplexity": 30}
    for trial in gputsne.sweep(X, **values, **params, **QUICK):
        rest = {name: value for name, value in params.items() if name != "grid"}
        single = gputsne.TSNE(**rest, **trial.settings, **QUICK).fit(X)
        np.testing.assert_array_equal(trial.model.embedding_, single.embedding_)


def test_distances_are_no_rows_to_search(cloud):
    X, group = cloud
    D = np.linalg.norm(X[:, None] - X[None], axis=2)
    found = gputsne.sweep(D, group, perplexity=(5, 9), metric="precomputed", init="random", **QUICK)
    assert found.searches == 0
    assert 0 < found.best("knn_preservation").scores["knn_preservation"] <= 1


def test_sparse_rows_and_tables(cloud):
    X, _ = cloud
    dense = gputsne.sweep(X, perplexity=6, **QUICK)[0]
    table = pytest.importorskip("pandas").DataFrame(X)
    for other in (sparse.csr_matrix(X), table):
        found = gputsne.sweep(other, perplexity=6, **QUICK)[0]
        np.testing.assert_allclose(found.model.embedding_, dense.model.embedding_, atol=1e-3)
        assert found.scores.keys() == dense.scores.keys()


def test_holes_that_are_filled(cloud):
    X = cloud[0].copy()
    X[3, 2] = np.nan
    found = gputsne.sweep(X, perplexity=6, impute="mean", **QUICK)[0]
    assert 0 < found.scores["trustworthiness"] <= 1


def test_sparse_distances_are_not_compared_with_the_map(cloud):
    X, group = cloud
    D = kneighbors_graph(X, 30, mode="distance")
    found = gputsne.sweep(D, group, perplexity=6, metric="precomputed", init="random", **QUICK)[0]
    assert "knn_accuracy" in found.scores
    assert "trustworthiness" not in found.scores


def test_panels_of_all_trials(cloud, tmp_path):
    pytest.importorskip("matplotlib")
    X, group = cloud
    found = gputsne.sweep(X, perplexity=(5, 9, 20), **QUICK)
    figure = found.plot(group, path=tmp_path / "three.png")
    panels = [ax for ax in figure.axes if ax.collections]
    assert len(panels) == 3
    assert [ax.get_legend() is not None for ax in panels] == [False, False, True]
    titles = [{text.get_text() for text in ax.texts} for ax in panels]
    assert all(trial.name in title for trial, title in zip(found, titles, strict=True))
    assert (tmp_path / "three.png").stat().st_size > 1000
    colours = [
        {tuple(colour) for c in ax.collections for colour in np.round(c.get_facecolor(), 4)}
        for ax in panels
    ]
    assert colours[0] == colours[1] == colours[2]


@pytest.mark.parametrize(
    ("how", "error", "words"),
    [
        ({"perplexity": ()}, ValueError, "perplexity is empty"),
        ({"seeds": []}, ValueError, "seeds is empty"),
        ({"grid": {"pca": []}}, ValueError, r"grid\['pca'\] is empty"),
        ({"grid": {"perplexity": [5]}}, ValueError, "grid has 'perplexity'"),
        ({"grid": {"random_state": [5]}}, ValueError, "pass seeds"),
        ({"random_state": 3}, ValueError, "random_state=3 is given twice"),
        ({"grid": {"dof": [1.0]}, "dof": 2.0}, ValueError, "dof=2.0 is given twice"),
        ({"grid": {"dof": [1.0, -1.0]}}, ValueError, "dof=-1.0"),
        ({"perplexity": (5, "many")}, (TypeError, ValueError), "perplexity='many'"),
        ({"min_dist": 0.1}, TypeError, "min_dist"),
        ({"grid": {"min_dist": [0.1]}}, TypeError, "min_dist"),
        ({"k": 0}, ValueError, "k=0"),
        ({"k": 90}, ValueError, "k=90 must be below"),
    ],
)
def test_what_can_not_be_swept_is_named_before_anything_is_fitted(
    cloud, how, error, words, monkeypatch
):
    def fit(*_):
        raise AssertionError("fitted")

    monkeypatch.setattr(gputsne.TSNE, "fit", fit)
    with pytest.raises(error, match=words):
        gputsne.sweep(cloud[0], **{"perplexity": 5} | how)


@pytest.mark.parametrize(
    ("metric", "words"),
    [("speed", "metric='speed' is none of"), ("knn_accuracy", "it needs labels")],
)
def test_best_by_what_there_is_not(cloud, metric, words):
    found = gputsne.sweep(cloud[0], perplexity=6, **QUICK)
    with pytest.raises(ValueError, match=words):
        found.best(metric)


def test_settings_that_print_alike_are_told_apart():
    """Arrays of a thousand numbers and more print their corners only."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 36)).astype(np.float32)
    weights = [np.eye(36), np.eye(36)]
    weights[1][18, 18] = 400.0
    assert repr(weights[0]) == repr(weights[1])
    ways = [{"VI": w} for w in weights]
    found = gputsne.sweep(
        X, perplexity=(4, 6), k=3, metric="mahalanobis", grid={"metric_params": ways}, **QUICK
    )
    assert found.searches == 2
    for trial in found:
        alone = gputsne.TSNE(metric="mahalanobis", **trial.settings, **QUICK).fit(X)
        np.testing.assert_array_equal(trial.model.embedding_, alone.embedding_)
        wanted = evaluate(
            X, alone.embedding_, k=3, metric="mahalanobis",
            metric_params=trial.settings["metric_params"],
        )  # fmt: skip
        np.testing.assert_array_equal(list(trial.scores.values()), list(wanted.values()))
    assert [trial.name for trial in found] == [
        f"perplexity={p}, metric_params=#{w}" for p in (4, 6) for w in (1, 2)
    ]


def test_maps_of_filled_rows_are_compared_with_their_own(cloud):
    X = cloud[0].copy()
    X[::9, 2] = np.nan
    for trial in gputsne.sweep(X, perplexity=6, impute="mean", grid={"pca": [None, 3]}, **QUICK):
        rows = trial.model.fitted_map_.rows
        wanted = evaluate(rows, trial.model.embedding_)
        np.testing.assert_array_equal(list(trial.scores.values()), list(wanted.values()))


def test_trials_of_equal_settings_have_names_of_their_own(cloud):
    found = gputsne.sweep(cloud[0], perplexity=(6, 6, 9), **QUICK)
    assert [trial.name for trial in found] == ["perplexity=6", "perplexity=6 (2)", "perplexity=9"]
