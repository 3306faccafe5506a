"""TSNE keeps scikit-learn's contract: its own checks, clones, frames, names, pickles."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from gputsne import TSNE
from gputsne.backends import Choice
from gputsne.base.errors import BackendUnavailable
from gputsne.base.types import Affinities
from gputsne.model import fitted as fitted_maps

SMALL = {"max_iter": 60, "perplexity": 5.0, "random_state": 0}
# Every check of scikit-learn that TSNE does not pass, and why it should not.
EXPECTED = {
    "check_transformer_general": "transform places a row by its neighbours on the finished map; "
    "rows of fit land near their place there, not on it (scikit-learn's TSNE has no transform)",
    "check_transformer_data_not_an_array": "compares fit_transform with transform, as above",
    "check_fit2d_1sample": "sets perplexity=0.5 in whatever is called TSNE, which is below 1",
}


@pytest.fixture(scope="module", name="X")
def rows():
    return np.random.default_rng(0).normal(size=(60, 4))


@pytest.fixture(scope="module")
def fitted(X):
    return TSNE(**SMALL).fit(X)


def test_scikit_learns_own_checks():
    results = check_estimator(
        TSNE(**SMALL | {"max_iter": 20}), expected_failed_checks=EXPECTED, on_skip=None
    )
    failed = {r["check_name"] for r in results if r["status"] == "xfail"}
    assert failed == set(EXPECTED), "an exception that is not needed any more must go"


def test_attributes(X, fitted):
    Y = fitted.embedding_
    assert Y.shape == (60, 2)
    assert Y.dtype == np.float32
    assert np.isfinite(Y).all()
    assert isinstance(fitted.kl_divergence_, float)
    np.testing.assert_array_equal(fitted.kl_history_[:, 0], [50, 60])
    assert fitted.kl_history_[-1, 1] == fitted.kl_divergence_
    assert fitted.n_iter_ == 60
    assert fitted.learning_rate_ == pytest.approx(60 / 4 / 12)  # n / (4 * exaggeration)
    assert fitted.device_ in ("cuda", "cpu", "numpy")
    assert fitted.device_reason_
    assert fitted.neighbors_recall_ == 1.0  # all pairs are compared below 15,000 rows
    stages = ["prepare", "neighbors", "affinities", "initial", "optimize", "total"]
    assert list(fitted.timings_) == stages
    assert sum(fitted.timings_[s] for s in stages[:-1]) <= fitted.timings_["total"]
    assert isinstance(fitted.affinities_, Affinities)
    assert fitted.n_features_in_ == 4
    assert fitted.mesh_["method"] == "exact"


def test_fit_transform_is_the_embedding(X, fitted):
    model = TSNE(**SMALL)
    Y = model.fit_transform(X)
    np.testing.assert_array_equal(Y, model.embedding_)
    np.testing.assert_array_equal(Y, fitted.embedding_)


def test_clone_and_parameters(X, fitted):
    twin = clone(fitted)
    assert twin.get_params() == fitted.get_params()
    assert not hasattr(twin, "embedding_")
    assert twin.set_params(perplexity=7).perplexity == 7
    with pytest.raises(ValueError, match="perplexty"):
        twin.set_params(perplexty=7)


def test_fit_leaves_the_parameters_alone(X):
    init = np.random.default_rng(1).normal(size=(60, 2))
    given = SMALL | {"init": init, "callbacks": [print], "callbacks_every": 1000}
    model = TSNE(**given).fit(X)
    assert all(model.get_params()[name] is value for name, value in given.items())


def test_refit_forgets(X):
    frame = pd.DataFrame(X, columns=list("abcd"))
    model = TSNE(**SMALL).fit(frame)
    assert list(model.feature_names_in_) == list("abcd")
    model.fit(X[:40, :3])
    assert not hasattr(model, "feature_names_in_")
    assert model.n_features_in_ == 3
    assert model.embedding_.shape == (40, 2)
    with pytest.raises(ValueError, match="NaN"):
        model.fit(np.full((9, 2), np.nan))
    assert not hasattr(model, "embedding_"), "a fit that failed must not leave an older map"
    with pytest.raises(NotFittedError):
        model.transform(X[:, :3])
    with pytest.raises(AttributeError, match="affinities_"):
        _ = model.affinities_


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame], ids=["pandas", "polars"])
def test_data_frames(X, fitted, frame):
    columns = {name: X[:, i] for i, name in enumerate("abcd")}
    library = frame.__module__.split(".")[0]
    model = TSNE(**SMALL).set_output(transform=library)
    out = model.fit_transform(frame(columns))
    assert isinstance(out, frame)
    assert list(out.columns) == ["tsne0", "tsne1"]
    assert list(model.get_feature_names_out()) == ["tsne0", "tsne1"]
    np.testing.assert_array_equal(out.to_numpy(), fitted.embedding_)
    assert isinstance(model.embedding_, np.ndarray)
    placed = model.transform(frame(columns)[:7])
    assert isinstance(placed, frame)
    with pytest.raises(ValueError, match="feature names should match"):
        model.transform(frame({name: columns[name] for name in "abdc"}))


def test_set_output_keeps_the_index(X):
    frame = pd.DataFrame(X, index=[f"row {i}" for i in range(60)], columns=list("abcd"))
    out = TSNE(**SMALL).set_output(transform="pandas").fit_transform(frame)
    assert list(out.index) == list(frame.index)


def test_in_a_pipeline(X):
    chain = make_pipeline(StandardScaler(), TSNE(**SMALL)).fit(X)
    assert list(chain.get_feature_names_out()) == ["tsne0", "tsne1"]
    assert chain.transform(X[:3]).shape == (3, 2)


def test_pickle(X, fitted):
    twin = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(twin.embedding_, fitted.embedding_)
    np.testing.assert_array_equal(twin.transform(X[:9] + 0.1), fitted.transform(X[:9] + 0.1))
    # Below exact_below points there is no mesh, so going on agrees to the bit.
    more = clone(fitted).fit(X).optimize(20)
    np.testing.assert_array_equal(twin.optimize(20).embedding_, more.embedding_)
    assert twin.timings_["total"] > 0


def test_methods_are_pickled_by_their_names(X, fitted):
    for method in (TSNE.fit, TSNE.fit_transform, TSNE.transform, TSNE.set_params, fitted.transform):
        again = pickle.loads(pickle.dumps(method))
        assert getattr(again, "__func__", again) is getattr(method, "__func__", method)


def test_a_pickle_names_no_backend(fitted):
    written = pickle.dumps(fitted)
    for module in (b"native_ops", b"numpy_ops", b"cuda_ops", b"_native"):
        assert module not in written, "it could not be read on a machine without that backend"


def test_pickle_from_a_machine_with_another_backend(X, fitted, monkeypatch):
    written = pickle.dumps(fitted)
    real = fitted_maps.choose

    def without(device, n_jobs=None) -> Choice:
        if device != "auto":
            raise BackendUnavailable(f"device={device!r}: there is none here")
        return real("numpy", n_jobs)

    monkeypatch.setattr(fitted_maps, "choose", without)
    model = pickle.loads(written)
    choice = model.fitted_map_.backend()
    assert choice.device == "numpy"
    assert "there is none here" in choice.reason
    np.testing.assert_array_equal(model.embedding_, fitted.embedding_)
    # Two backends, one problem: the search ends within a hundredth of the map's size.
    places = fitted.transform(X[:9] + 0.1)
    assert np.abs(model.transform(X[:9] + 0.1) - places).max() < 0.01 * np.ptp(fitted.embedding_)


class Quick(TSNE):
    """A subclass with fewer parameters, and one besides, as scikit-learn lets them be made."""

    def __init__(self, perplexity=5.0, name="quick"):
        super().__init__(perplexity=perplexity, max_iter=60, random_state=0)
        self.name = name


def test_a_subclass_chooses_its_parameters(X, fitted, tmp_path):
    model = clone(Quick(name="mine")).fit(X)
    assert model.get_params() == {"perplexity": 5.0, "name": "mine"}
    np.testing.assert_array_equal(model.embedding_, fitted.embedding_)
    np.testing.assert_array_equal(
        pickle.loads(pickle.dumps(model)).transform(X), fitted.transform(X)
    )
    model.save(tmp_path / "m.npz", affinities=True)
    again = Quick.load(tmp_path / "m.npz")
    assert isinstance(again, Quick)
    assert again.max_iter == 60
    np.testing.assert_array_equal(again.transform(X), fitted.transform(X))
    np.testing.assert_array_equal(again.optimize(5).embedding_, model.optimize(5).embedding_)
    np.testing.assert_array_equal(again.fit(X).embedding_, fitted.embedding_)


def test_what_needs_a_fit(X):
    for call in (TSNE().transform, lambda X: TSNE().optimize(5), lambda X: TSNE().save("nowhere")):
        with pytest.raises(NotFittedError):
            call(X)


def test_no_transform_without_features(X):
    D = np.linalg.norm(X[:, None] - X[None], axis=2)
    model = TSNE(**SMALL, metric="precomputed", init="random").fit(D)
    with pytest.raises(ValueError, match="needs features"):
        model.transform(D)
