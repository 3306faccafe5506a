"""Each diagnosis fires on maps built to have its fault, and on no healthy one; three sets each."""

from __future__ import annotations

import copy
import dataclasses
from functools import cache
from typing import Any

import numpy as np
import pytest

import gputsne
from gputsne import inspect
from gputsne.judging import Checklist, read_rules

N = 400
DAY = np.random.default_rng(3).permutation(N)  # the day each row was recorded, in no order
META = {"day": DAY, "batch": DAY % 5}


def simulation() -> np.ndarray:
    """Three clusters in 256 dimensions, the normal part of "Evaluating embedding quality"."""
    rng = np.random.default_rng(42)
    centres = np.zeros((3, 256))
    centres[:, :2] = [[0, 0], [3, 3], [-3, 3]]
    return np.repeat(centres, [134, 133, 133], axis=0) + 0.5 * rng.normal(size=(N, 256))


def groups() -> np.ndarray:
    """Six clusters in 20 dimensions."""
    rng = np.random.default_rng(1)
    return 4 * rng.normal(size=(6, 20))[np.arange(N) % 6] + rng.normal(size=(N, 20))


def with_days(name: str) -> np.ndarray:
    return np.column_stack([data(name), 100.0 * DAY])


DATA = {
    "toy": lambda: gputsne.datasets.toy_clusters(N).X,
    "simulation": simulation,
    "groups": groups,
    "digits": lambda: gputsne.datasets.load_digits().X[::4][:N],
    "normal": lambda: np.random.default_rng(3).normal(size=(N, 50)),
    "uniform": lambda: np.random.default_rng(4).uniform(size=(N, 20)),
    "bits": lambda: np.random.default_rng(5).integers(0, 2, size=(N, 64)).astype(float),
}
CLUSTERED = ("toy", "simulation", "groups")


@cache
def data(name: str) -> np.ndarray:
    return DATA[name]()


@cache
def fitted(name: str, **settings: Any) -> gputsne.TSNE:
    return gputsne.TSNE(**{"random_state": 0, "max_iter": 500, **settings}).fit(data(name))


def diagnosis(X: Any, model: gputsne.TSNE, **more: Any) -> Checklist:
    """Return the diagnosis of a map by what is known of it."""
    found = inspect.symptoms(
        X, model.embedding_, kl_history=model.kl_history_, perplexity=model.perplexity, **more
    )
    return gputsne.check(found.evidence, "diagnose")


def fired(found: Checklist) -> set[str]:
    return {row.id for row in found.rows if row.status in ("fail", "warn")}


@pytest.mark.slow
@pytest.mark.parametrize("name", [*CLUSTERED, "digits"])
def test_a_healthy_map_has_no_fault(name):
    model = fitted(name)
    same = gputsne.TSNE(random_state=0, max_iter=500).fit_transform(data(name))
    found = diagnosis(data(name), model, repeats=[same], metadata=META)
    assert fired(found) == set()
    assert found.passed
    open_ = {row.id for row in found.rows if row.status == "n/a"}
    assert open_ == {"false_clusters", "heavy_page"}  # labels and a page are needed


@pytest.mark.slow
@pytest.mark.parametrize("name", CLUSTERED)
@pytest.mark.parametrize(
    ("fault", "settings"),
    [
        ("collapse", {"learning_rate": 1e-3, "max_iter": 300}),
        ("overclustering", {"perplexity": 2, "max_iter": 750}),
        ("oversmoothing", {"perplexity": 130, "max_iter": 400}),
        ("not_converged", {"max_iter": 250}),
    ],
)
def test_a_fault_of_the_fit_is_named(name, fault, settings):
    found = diagnosis(data(name), fitted(name, **settings))
    assert fault in fired(found)
    assert (found.verdict, found.exit_code) == ("FAIL", 1)
    row = found[fault]
    assert row.says
    assert row.cause
    assert row.action


@pytest.mark.slow
@pytest.mark.parametrize("name", CLUSTERED)
def test_maps_of_two_random_starts_are_not_reproducible(name):
    one = fitted(name, init="random", max_iter=750)
    other = gputsne.TSNE(init="random", random_state=1, max_iter=750).fit_transform(data(name))
    assert "not_reproducible" in fired(diagnosis(data(name), one, repeats=[other]))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["normal", "uniform", "bits"])
def test_noise_has_no_structure(name):
    assert fired(diagnosis(data(name), fitted(name))) == {"structure_missing"}


@pytest.mark.parametrize("name", CLUSTERED)
def test_a_map_whose_rows_were_shuffled_is_unrelated(name):
    model = copy.copy(fitted(name))
    model.embedding_ = model.embedding_[DAY]
    assert fired(diagnosis(data(name), model)) == {"random_map"}


@pytest.mark.slow
@pytest.mark.parametrize("name", CLUSTERED)
def test_a_counter_among_the_features_is_named(name):
    import pandas as pd

    X = with_days(name)
    frame = pd.DataFrame(X, columns=[*(f"f{i}" for i in range(X.shape[1] - 1)), "recorded"])
    model = gputsne.TSNE(random_state=0, max_iter=400).fit(frame)
    found = diagnosis(frame, model, metadata=META)
    assert {"misleading_scale", "misleading_metadata"} <= fired(found)
    assert "Column recorded has" in found["misleading_scale"].says
    assert "leave recorded out" in found["misleading_scale"].action
    assert "Neighbours in the map tell day," in found["misleading_metadata"].says


@pytest.mark.parametrize("name", CLUSTERED)
def test_clusters_of_noise_are_false(name):
    Y = fitted(name).embedding_
    rng = np.random.default_rng(0)
    rate = gputsne.metrics.false_cluster_rate(Y, rng.integers(0, 3, N))
    assert fired(gputsne.check({"false_cluster_rate": rate}, "diagnose")) == {"false_clusters"}


def test_every_diagnosis_is_tested_here():
    tested = {
        "collapse", "overclustering", "oversmoothing", "not_converged", "not_reproducible",
        "structure_missing", "random_map", "misleading_scale", "misleading_metadata",
        "false_clusters", "kl_rises", "heavy_page",
    }  # fmt: skip
    assert {rule.id for rule in read_rules() if "diagnose" in rule.profiles} == tested


def test_a_kl_that_rises_is_told():
    course = inspect.convergence([(300, 1.0), (400, 1.2), (500, 1.1)]).evidence
    assert "kl_rises" in fired(gputsne.check(course, "diagnose"))


def test_a_page_beyond_five_megabytes_is_to_be_cut_into_tiles(tmp_path):
    model = gputsne.TSNE(perplexity=5, max_iter=260, early_exaggeration_iter=250, random_state=0)
    model.fit(np.random.default_rng(0).normal(size=(40, 3)))
    for size, fires in ((5_000_000, set()), (5_000_001, {"heavy_page"})):
        page = tmp_path / "report.html"
        page.write_bytes(b" " * size)
        store = gputsne.Store(tmp_path / str(size))
        stored = store.get(store.put(model.run_, files={"report.html": page}))
        found = gputsne.run_evidence(stored)
        assert found["page_bytes"] == size
        assert fired(gputsne.check(found, "diagnose")) & {"heavy_page"} == fires
        # a run that is in no store: the pages that it wrote
        alone = dataclasses.replace(model.run_, output={"plot": str(page), "map": "none.npy"})
        assert gputsne.run_evidence(alone)["page_bytes"] == size
    assert "page_bytes" not in gputsne.run_evidence(model)
