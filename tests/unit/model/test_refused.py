"""A fit that is refused: the estimator stays unfitted, and whatever looks at it says so."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from gputsne import TSNE

X = np.random.default_rng(0).normal(size=(60, 4))
QUICK = {"max_iter": 20, "early_exaggeration_iter": 10, "perplexity": 5.0}


@pytest.mark.parametrize(
    "table",
    [np.full((60, 4), np.nan), np.full((60, 4), "a"), np.zeros((60, 0))],
    ids=["nan", "text", "no-columns"],
)
@pytest.mark.parametrize("before", [False, True], ids=["first", "again"])
def test_what_looks_at_a_refused_fit_finds_no_map(table, before):
    model = TSNE(**QUICK)
    if before:
        model.fit(X)
    with pytest.raises((ValueError, TypeError)):
        model.fit(table)
    assert not hasattr(model, "fitted_map_")
    assert "fit" in dir(model)
    assert "bad input: " in model._repr_html_()
    assert "TSNE" in repr(model)
    with pytest.raises(NotFittedError):
        check_is_fitted(model)


@pytest.mark.parametrize("how", [{"metric": "precomputed"}, {"affinity": "precomputed"}])
def test_a_map_without_features_is_looked_at_as_any_other(how):
    D = np.linalg.norm(X[:, None] - X[None], axis=2)
    given = D if "metric" in how else np.exp(-D) * (D > 0)
    own = {"perplexity": 5.0} if "metric" in how else {}
    model = TSNE(max_iter=20, early_exaggeration_iter=10, init="random", **how, **own).fit(given)
    assert not hasattr(model, "fitted_map_")
    assert "embedding_" in vars(model)
    assert "fit" in dir(model)
    assert "points on 2 axes" in model._repr_html_()
    check_is_fitted(model)
    with pytest.raises(ValueError, match="transform needs features"):
        model.transform(X)


def test_what_a_callback_raises_is_no_fault_of_the_data():
    def fails(progress):
        raise ValueError("mine")

    model = TSNE(**QUICK, callbacks=fails, callbacks_every=10)
    with pytest.raises(ValueError, match="mine"):
        model.fit(X)
    run = model.run_
    assert (run.status, run.exit_code) == ("failed", 1)
    assert run.error == "a callback raised ValueError: mine"
