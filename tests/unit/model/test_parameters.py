"""Every parameter is checked before work starts, with a message that names it; none is ignored."""

from __future__ import annotations

import re

import numpy as np
import pytest

from gputsne import TSNE
from gputsne.model.parameters import Parameters

WRONG = {
    "n_components": [0, 4, 2.0, "2", True],
    "perplexity": [0.5, 0, -3, np.nan, np.inf, "30", [], [30, 0.1], True, None],
    "early_exaggeration": [0, -1, np.nan, "12", None, True],
    "schedule": ["fast", None, 3],
    "early_exaggeration_iter": [-1, 2.5, "250", True],
    "learning_rate": [0, -1, np.nan, np.inf, "fast", None, True],
    "max_iter": [-1, 10.0, "10", True],
    "exaggeration": [0, np.inf],
    "initial_momentum": [-0.1, 1.0, "x"],
    "final_momentum": [1.5],
    "max_step": [0, -1, np.nan],
    "stop": ["never", 3],
    "dof": [0, -1, np.inf, "1", 1e-10, 9.9e-4, 1.1e5],
    "metric": ["no such metric"],
    "neighbors": ["x", (1, 2, 3)],
    "n_neighbors": [0, -2, 3.5, "7", 500],
    "min_recall": [0, 1.5],
    "affinity": ["gaussian", None],
    "sigma": [1.0, "wide"],
    "init": ["PCA", np.zeros((3, 2)), np.full((40, 2), np.nan), np.full((40, 2), "a")],
    "method": ["fft", None],
    "scale": ["yes"],
    "pca": [0, 100, 2.5],
    "impute": ["mode", np.inf],
    "callbacks": [3, [print, 3]],
    "callbacks_every": [0, 1.5, 7],
    "random_state": ["seed", -1],
    "n_jobs": [0, 1.5, "all"],
    "device": ["gpu", None],
    "affinity_dtype": ["half", None, 16],
    "memory_limit": [0, -5, "1 apple", "0G", True, [1]],
    "verbose": ["a", None, -1, 2.5],
}
X = np.random.default_rng(0).normal(size=(40, 5))


@pytest.mark.parametrize("name", WRONG)
def test_wrong_values_are_named(name):
    for value in WRONG[name]:
        with pytest.raises((ValueError, TypeError), match=name) as caught:
            TSNE(**{"max_iter": 1, name: value}).fit(X)
        told = str(caught.value)
        assert not isinstance(value, float | int) or str(value) in told, told


def test_every_parameter_has_a_wrong_value():
    assert set(WRONG) | {"verbose", "metric_params"} == set(TSNE().get_params())


@pytest.mark.parametrize("method", ["barnes_hut", "fft", "interpolation", "FFT", "BH"])
def test_methods_of_other_libraries_lead_to_ours(method):
    with pytest.raises(ValueError, match=f"method='{method}' is none of .*use 'auto'"):
        TSNE(method=method).fit(X)


# name -> value that would change nothing, and what takes its effect away
IDLE = [
    ({"perplexity": 10.0, "affinity": "uniform"}, "perplexity"),
    ({"perplexity": [10.0, 30.0], "affinity": "uniform"}, "perplexity"),
    ({"sigma": 1.0}, "sigma"),
    ({"affinity": "fixed_sigma"}, "sigma"),
    ({"early_exaggeration": 4.0, "early_exaggeration_iter": 0}, "early_exaggeration"),
    ({"initial_momentum": 0.5, "early_exaggeration_iter": 0}, "initial_momentum"),
    ({"callbacks_every": 10}, "callbacks_every"),
    ({"affinity_dtype": "float16", "device": "cpu"}, "affinity_dtype"),
    ({"affinity_dtype": "float16", "device": "numpy"}, "affinity_dtype"),
    ({"metric_params": {"p": 3}}, "metric_params"),
    *(
        ({"affinity": "precomputed", "init": "random", **given}, name)
        for name, given in {
            "perplexity": {"perplexity": 5.0},
            "n_neighbors": {"n_neighbors": 5},
            "neighbors": {"neighbors": (np.zeros((40, 5)), np.zeros((40, 5)))},
            "metric": {"metric": "cosine"},
            "min_recall": {"min_recall": 0.9},
        }.items()
    ),
    *(
        ({"metric": "precomputed", "init": "random", **given}, name)
        for name, given in {
            "neighbors": {"neighbors": (np.zeros((40, 5)), np.zeros((40, 5)))},
            "scale": {"scale": True},
            "pca": {"pca": 3},
            "impute": {"impute": "mean"},
            "metric_params": {"metric_params": {"p": 3}},
        }.items()
    ),
    ({"metric": "precomputed"}, "init"),
    ({"affinity": "precomputed"}, "init"),
]


@pytest.mark.parametrize(("given", "name"), IDLE)
def test_nothing_is_ignored_in_silence(given, name):
    square = np.abs(X @ X.T)
    np.fill_diagonal(square, 0.0)
    rows = square if "precomputed" in given.values() else X
    with pytest.raises(ValueError, match=name):
        TSNE(**{"max_iter": 1, **given}).fit(rows)


@pytest.mark.parametrize(
    "given",
    [
        {"n_components": 1},
        {"perplexity": 5.0},
        {"perplexity": (5.0, 10.0)},
        {"schedule": "short"},
        {"early_exaggeration": 4.0},
        {"early_exaggeration_iter": 20},
        {"learning_rate": 50.0},
        {"exaggeration": 2.0},
        {"initial_momentum": 0.5},
        {"final_momentum": 0.5},
        {"max_step": 0.01},
        {"dof": 0.5},
        {"metric": "manhattan"},
        {"n_neighbors": 20},
        {"affinity": "uniform"},
        {"init": "random"},
        {"init": "spectral"},
        {"method": "mesh"},
        {"scale": True},
        {"pca": 2},
    ],
    ids=lambda given: "-".join(map(str, *given.items())),
)
def test_every_parameter_changes_the_map(given):
    base = {"max_iter": 60, "early_exaggeration_iter": 30, "perplexity": 8.0, "random_state": 0}
    plain = TSNE(**base).fit(X * [1, 2, 3, 4, 5])
    if "affinity" in given:
        base.pop("perplexity")
    other = TSNE(**base | given).fit(X * [1, 2, 3, 4, 5])
    same_shape = plain.embedding_.shape == other.embedding_.shape
    assert not (same_shape and np.array_equal(plain.embedding_, other.embedding_))


def test_too_large_a_perplexity_is_lowered_and_told():
    params = Parameters.of(TSNE(perplexity=[30.0, 300.0]).get_params())
    with pytest.warns(UserWarning, match=r"perplexity=.*n=100 points.*; \[30, 33\] is used"):
        assert params.perplexity_for(100) == [30.0, 33.0]
    assert Parameters.of(TSNE().get_params()).perplexity_for(100) == 30.0


@pytest.mark.parametrize(
    ("given", "n", "k"),
    [
        ({}, 1000, 90),
        ({}, 50, 49),
        ({}, 1, 0),
        ({"perplexity": [10.0, 50.0]}, 1000, 150),
        ({"n_neighbors": 40}, 1000, 40),
        ({"affinity": "uniform"}, 1000, 15),
        ({"affinity": "uniform", "n_neighbors": 7}, 1000, 7),
        ({"affinity": "fixed_sigma", "sigma": 1.0}, 1000, 90),
    ],
)
def test_neighbors_per_point(given, n, k):
    params = Parameters.of(TSNE(**given).get_params())
    perplexity = params.perplexity if n > 30 else 1.0
    assert params.k_for(n, perplexity) == k


def schedule_of(n=4800, **given):
    return Parameters.of(TSNE(**given).get_params()).schedule_for(n)


@pytest.mark.parametrize(
    "given",
    [
        {"learning_rate": 200.0}, {"initial_momentum": 0.5}, {"final_momentum": 0.8},
        {"max_step": 5.0}, {"exaggeration": 2.0}, {"dof": 2.0},
        {"n_components": 1}, {"exaggeration": 2.0, "max_step": 1.0},
    ],
)  # fmt: skip
def test_the_short_schedule_names_what_it_does_not_go_with(given):
    words = ", ".join(f"{name}={value!r}" for name, value in reversed(given.items()))
    words = re.escape(f"schedule='short' does not go with {words}: leave that out")
    with pytest.raises(ValueError, match=words):
        schedule_of(schedule="short", **given)
    schedule_of(**given)


def test_learning_rate_follows_n_and_the_phase():
    schedule = schedule_of(schedule="classic")
    early, plain = schedule(249), schedule(250)
    # openTSNE's n / exaggeration, a quarter of it in scikit-learn's convention
    assert (early.exaggeration, early.learning_rate) == (12.0, 100.0)
    assert (plain.exaggeration, plain.learning_rate) == (1.0, 1200.0)
    fixed = schedule_of(learning_rate=200.0)
    assert fixed(0).learning_rate == fixed(749).learning_rate == 200.0


def test_what_is_given_stays_whatever_the_schedule():
    given = {
        "max_iter": 77, "early_exaggeration_iter": 33, "early_exaggeration": 5.0,
        "exaggeration": 2.0, "initial_momentum": 0.1, "final_momentum": 0.2, "max_step": 9.0,
    }  # fmt: skip
    for key, value in given.items():
        assert getattr(schedule_of(**{key: value}), key) == value
        if key in ("max_iter", "early_exaggeration_iter", "early_exaggeration"):
            assert getattr(schedule_of(schedule="short", **{key: value}), key) == value
    assert schedule_of() == schedule_of(schedule="classic")
    numpys = schedule_of(max_iter=np.int32(400), max_step=np.float32(2.0))
    assert type(numpys.max_iter) is int
    assert type(numpys.max_step) is float
