"""Names of other libraries: the error says what to write here, and scikit-learn's tools work on."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from sklearn.base import clone

from gputsne import TSNE
from gputsne.model.foreign import METRICS, PARAMETERS, TRANSFORM
from gputsne.neighbors.metric import METRICS as KNOWN

X = np.random.default_rng(0).normal(size=(60, 4))


@pytest.mark.parametrize("name", PARAMETERS)
def test_every_foreign_name_is_explained(name):
    assert name not in TSNE().get_params()
    with pytest.raises(TypeError, match=f"TSNE has no parameter '{name}': ") as caught:
        TSNE(**{name: 1})
    assert str(caught.value).endswith(PARAMETERS[name])
    with pytest.raises(ValueError, match=f"Invalid parameter '{name}' for TSNE: "):
        TSNE().set_params(**{name: 1})


def test_what_is_to_be_written_exists():
    own = set(TSNE().get_params())
    for remedy in PARAMETERS.values():
        if remedy.startswith("write "):
            said = remedy.removeprefix("write ").replace("=", " ").replace(",", " ").split()[0]
            assert said in own, remedy
    takes = set(inspect.signature(TSNE.transform).parameters)
    assert not takes & set(TRANSFORM)


def test_n_iter_leads_to_max_iter():
    with pytest.raises(TypeError, match="'n_iter': write max_iter"):
        TSNE(n_iter=500)


@pytest.mark.parametrize(
    ("name", "said"), [("perplexty", "did you mean perplexity?"), ("xyz", "it knows n_comp")]
)
def test_a_slip_leads_to_the_nearest_name(name, said):
    with pytest.raises(TypeError, match=f"'{name}': {said}".replace("?", r"\?")):
        TSNE(**{name: 1})


def test_scikit_learns_tools_see_the_real_signature():
    model = TSNE(perplexity=5.0, n_jobs=1)
    assert clone(model).get_params() == model.get_params()
    kinds = {p.kind for p in inspect.signature(TSNE).parameters.values()}
    assert inspect.Parameter.VAR_KEYWORD not in kinds
    with pytest.raises(TypeError, match="positional"):
        TSNE(2, 30)


@pytest.mark.parametrize("name", [*METRICS, "COS"])
def test_other_names_of_metrics(name):
    with pytest.raises(ValueError, match=f"metric='{name}' is called '\\w+'"):
        TSNE(metric=name).fit(X)


def test_metrics_lead_to_ones_that_exist():
    assert set(METRICS.values()) <= {*KNOWN}


def test_umaps_n_neighbors():
    with pytest.raises(ValueError, match=r"n_neighbors=15: .*affinity='uniform'"):
        TSNE(n_neighbors=15).fit(X)


def test_openTSNEs_words_for_going_on():  # noqa: N802 - its name
    model = TSNE(max_iter=10, perplexity=5.0).fit(X)
    with pytest.raises(TypeError, match="'inplace': leave it out"):
        model.optimize(10, inplace=True)
    with pytest.raises(TypeError, match="'perplexity': fit anew with the graph kept"):
        model.optimize(10, perplexity=3.0)


class Cells:
    """Has what makes an AnnData object known."""

    def __init__(self, X, **obsm):
        self.X, self.obs, self.obsm = X, [], obsm


def test_cells_bring_their_principal_components():
    quick = {"max_iter": 20, "perplexity": 5.0, "random_state": 0}
    want = TSNE(**quick).fit(X[:, :2])
    got = TSNE(**quick).fit(Cells(X, X_pca=X[:, :2]))
    np.testing.assert_array_equal(got.embedding_, want.embedding_)
    np.testing.assert_array_equal(
        got.transform(Cells(None, X_pca=X[:5, :2])), want.transform(X[:5, :2])
    )
    plain = TSNE(**quick).fit_transform(Cells(X, X_umap=X[:, :2]))
    np.testing.assert_array_equal(plain, TSNE(**quick).fit_transform(X))
    with pytest.raises(ValueError, match=r"no X; it has obsm\['X_umap'\]: pass"):
        TSNE(**quick).fit(Cells(None, X_umap=X))
