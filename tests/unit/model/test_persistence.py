"""A model in a file: parameters come back, all that a file says is checked, runs go on alike."""

from __future__ import annotations

import json
import pickle
import zipfile
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import gputsne
from gputsne import TSNE
from gputsne.model import storage
from gputsne.model.persistence import NOT_KEPT

X = gputsne.datasets.load_digits().X[:300]
QUICK = {"max_iter": 50, "random_state": 0}


def through(model: TSNE, path: Path, **more) -> TSNE:
    model.save(path / "m.npz", **more)
    return gputsne.load(path / "m.npz")


@pytest.mark.parametrize(
    ("given", "want"),
    [
        ({"perplexity": np.arange(10, 60, 10)[1]}, {"perplexity": 20}),
        ({"perplexity": np.float32(12.5)}, {"perplexity": 12.5}),
        ({"perplexity": np.array(20.0)[()]}, {"perplexity": 20.0}),
        ({"perplexity": Fraction(25, 2)}, {"perplexity": 12.5}),
        ({"perplexity": (10, np.int64(20))}, {"perplexity": [10.0, 20.0]}),
        ({"perplexity": np.array([10, 20])}, {"perplexity": [10.0, 20.0]}),
        ({"max_iter": np.int32(50), "learning_rate": np.float32(8)}, {"learning_rate": 8.0}),
        ({"n_neighbors": np.uint8(100), "dof": np.float16(0.5)}, {"n_neighbors": 100}),
        ({"scale": np.True_}, {"scale": True}),
        ({"random_state": np.int64(0)}, {"random_state": 0}),
        pytest.param({"random_state": np.random.default_rng(0)}, {"random_state": None}, id="rng"),
    ],
    ids=str,
)
def test_numbers_of_any_library_come_back_as_numbers(given, want, tmp_path):
    model = TSNE(**QUICK | given).fit(X)
    back = through(model, tmp_path)
    for name, value in want.items():
        kept = back.get_params()[name]
        assert kept == value
        assert type(kept) is type(value)
    np.testing.assert_array_equal(back.transform(X[:5]), model.transform(X[:5]))
    if "random_state" not in given:
        np.testing.assert_array_equal(back.fit(X).embedding_, model.embedding_)


def test_the_names_of_a_mesh_in_a_file_stay(tmp_path):
    """Files of other versions hold them, whatever the attributes are called."""
    model = TSNE(**QUICK, method="mesh").fit(X)
    model.save(tmp_path / "m.npz")
    with zipfile.ZipFile(tmp_path / "m.npz") as kept:
        text = kept.read("model.json").decode()
    meta = json.loads(text)["meta"]
    assert list(meta["mesh"]) == [
        "h", "fft_shape", "center", "coarsened", "ever_coarsened", "rebuilds", "pair", "burden",
        "since", "clean_at",
    ]  # fmt: skip
    head = json.loads(text)
    del head["meta"]["run"]  # older than records of fits
    old = json.dumps(head)
    old = old.replace('"coarsened"', '"widened"').replace('"ever_coarsened"', '"ever_widened"')
    assert old.count("widened") == 2
    with (
        zipfile.ZipFile(tmp_path / "m.npz") as now,
        zipfile.ZipFile(tmp_path / "o.npz", "w") as then,
    ):
        for name in now.namelist():
            then.writestr(name, old if name == "model.json" else now.read(name))
    back = gputsne.load(tmp_path / "o.npz")
    assert back.mesh_ == model.mesh_
    with pytest.raises(AttributeError, match="saved since fits have had records"):
        _ = back.run_
    back.save(tmp_path / "o.npz")  # and can be saved again


@pytest.mark.parametrize(
    ("metric", "metric_params"),
    [
        ("seuclidean", {"V": np.linspace(1, 2, 64)}),
        ("mahalanobis", {"VI": np.eye(64)}),
        ("minkowski", {"p": 3, "w": np.linspace(1, 2, 64)}),
        ("minkowski", {"p": np.float32(3)}),
    ],
)
def test_arrays_in_metric_params_are_kept(metric, metric_params, tmp_path):
    model = TSNE(**QUICK, metric=metric, metric_params=metric_params).fit(X)
    back = through(model, tmp_path)
    assert set(back.metric_params) == set(metric_params)
    for name, value in metric_params.items():
        np.testing.assert_array_equal(back.metric_params[name], value)
    np.testing.assert_array_equal(back.transform(X[:5]), model.transform(X[:5]))
    np.testing.assert_array_equal(back.fit(X).embedding_, model.embedding_)


@pytest.mark.parametrize(
    "given",
    [
        {"metric": lambda a, b: float(abs(a - b).sum())},
        {"metric": "minkowski", "metric_params": {"w": np.array([{}] * 64, dtype=object)}},
    ],
)
def test_what_a_file_can_not_hold_is_a_value_error(given, tmp_path):
    plain = TSNE(**QUICK).fit(X[:60])
    plain._fit = pickle.loads(pickle.dumps(plain._fit))
    object.__setattr__(plain._fit.params, "metric", given["metric"])
    object.__setattr__(plain._fit.params, "metric_params", given.get("metric_params"))
    with pytest.raises(ValueError, match=r"(?s)metric.*pickle the model"):
        plain.save(tmp_path / "m.npz")
    assert not list(tmp_path.iterdir())


def test_what_is_the_machines_is_not_kept(tmp_path):
    model = TSNE(**QUICK, n_jobs=1, memory_limit=10**10, verbose=0, callbacks=lambda p: None)
    back = through(model.fit(X), tmp_path)
    defaults = TSNE().get_params()
    for name in NOT_KEPT:
        assert back.get_params()[name] == defaults[name]
    meta, arrays = storage.read(tmp_path / "m.npz")
    assert not set(meta["parameters"]) & set(NOT_KEPT)
    meta["parameters"] |= {"n_jobs": 200_000, "schedule": "classic"}  # of an older file
    storage.write(tmp_path / "m.npz", meta, arrays)
    again = gputsne.load(tmp_path / "m.npz")
    assert again.n_jobs is None
    np.testing.assert_array_equal(again.transform(X[:5]), model.transform(X[:5]))


@pytest.mark.parametrize("method", ["mesh", "exact"])
@pytest.mark.parametrize("cut", [20, 250, 260, 300])
def test_going_on_after_a_file_or_a_pickle_is_going_on(cut, method, tmp_path):
    # 2-D maps keep an older mesh until it is too coarse or too small: the file has to know it.
    settings = QUICK | {"max_iter": cut, "method": method, "perplexity": 10.0}
    model = TSNE(**settings).fit(X)
    copies = [through(model, tmp_path, affinities=True), pickle.loads(pickle.dumps(model))]
    model.optimize(60).optimize(30)
    for copy in copies:
        copy = through(copy.optimize(60), tmp_path, affinities=True).optimize(30)
        np.testing.assert_array_equal(copy.embedding_, model.embedding_)
        np.testing.assert_array_equal(copy.kl_history_, model.kl_history_)
        assert copy.mesh_ == model.mesh_
        assert copy.learning_rate_ == model.learning_rate_


def test_the_mesh_is_one_that_a_new_run_would_not_choose(tmp_path):
    """The test above would pass without the record where the mesh were a function of the map."""
    model = TSNE(**QUICK | {"max_iter": 300, "method": "mesh", "perplexity": 10.0}).fit(X)
    model.save(tmp_path / "m.npz", affinities=True)
    meta, arrays = storage.read(tmp_path / "m.npz")
    larger = [2 * m for m in meta["mesh"]["fft_shape"]]
    kept, forgot = model._fit.result.mesh, None
    assert kept.fft_shape == tuple(meta["mesh"]["fft_shape"])
    assert not kept.suits(kept.h, [int(0.5 * m) for m in kept.fft_shape])
    assert kept.suits(kept.h, [int(0.7 * m) for m in kept.fft_shape])
    assert not kept.suits(kept.h * 1.1, kept.fft_shape)
    storage.write(tmp_path / "n.npz", meta | {"mesh": forgot}, arrays)
    assert gputsne.load(tmp_path / "n.npz").optimize(5).n_iter_ == 305
    storage.write(tmp_path / "o.npz", meta | {"mesh": meta["mesh"] | {"fft_shape": larger}}, arrays)
    assert gputsne.load(tmp_path / "o.npz").optimize(5).mesh_["rebuilds"] > kept.rebuilds


HOSTILE = [
    None, True, -1, 0, 1, 2, 3, 1.5, -0.0, 1e-320, 1e300, float("nan"), float("inf"), 2**31, 2**63,
    10**30, "", "x", "auto", [], [1], [[1, 2]], [None], {}, {"a": 1},
]  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("whole") / "m.npz"
    settings = QUICK | {"pca": 5, "scale": True, "impute": "mean", "method": "mesh"}
    TSNE(**settings, perplexity=[5.0, 10.0]).fit(X[:120]).save(path, affinities=True)
    return storage.read(path)


def places(value, way=()):
    """Return every place in nested metadata."""
    yield way
    items = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, inner in items:
        yield from places(inner, (*way, key))


def with_value(meta, way, value):
    meta = json.loads(json.dumps(meta))
    target = meta
    for key in way[:-1]:
        target = target[key]
    target[way[-1]] = value
    return meta


def attempt(path):
    """Load and use a file; all that may happen is a ValueError with its name, or a finite map."""
    try:
        model = gputsne.load(path)
    except ValueError as error:
        refused = str(error)
    else:
        refused = ""
    if refused:
        assert str(path) in refused
        return False
    try:
        model.transform(X[:2], max_iter=1)
        model.optimize(1)
    except (ValueError, TypeError, MemoryError, FloatingPointError):
        pass  # a parameter that only its stage can judge; no crash, no other error
    return True


@pytest.mark.parametrize("seed", range(4))
def test_hostile_metadata_is_refused_by_name(whole, tmp_path, seed):
    meta, arrays = whole
    rng = np.random.default_rng(seed)
    every = [way for way in places(meta) if way]
    loaded = 0
    for _ in range(60):
        way = every[rng.integers(len(every))]
        storage.write(
            tmp_path / "m.npz", with_value(meta, way, HOSTILE[rng.integers(len(HOSTILE))]), arrays
        )
        loaded += attempt(tmp_path / "m.npz")
    assert 0 < loaded < 60


def hostile(rng, array):
    """Return the array with one hostile change."""
    array = array.copy()
    kind = rng.integers(4)
    if kind == 0 and array.size:
        flat = array.reshape(-1)
        if array.dtype.kind == "f":
            flat[rng.integers(array.size)] = rng.choice([np.nan, np.inf, -1.0, 1e38, -1e38])
        elif array.dtype.kind == "i":
            worst = np.iinfo(array.dtype)
            flat[rng.integers(array.size)] = rng.choice([worst.min, -1, 10**6, worst.max])
    elif kind == 1:
        array = array[:-1] if array.ndim else np.array([array])
    elif kind == 2:
        array = array.astype(rng.choice(["f2", "f8", "i1", "i8", "U5", "?"]))
    else:
        array = np.concatenate([array, array]) if array.ndim else -array
    return array


@pytest.mark.parametrize("seed", range(4))
def test_hostile_arrays_are_refused_by_name(whole, tmp_path, seed):
    meta, arrays = whole
    rng = np.random.default_rng(seed)
    names = sorted(arrays)
    with np.errstate(all="ignore"):
        for _ in range(60):
            name = names[rng.integers(len(names))]
            changed = dict(arrays)
            if rng.random() < 0.1:
                del changed[name]
            else:
                changed[name] = hostile(rng, arrays[name])
            storage.write(tmp_path / "m.npz", meta, changed)
            attempt(tmp_path / "m.npz")


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("P.indices", lambda a: np.where(a == a[7], 120, a), r"P.indices .*outside 0 \.\.\. 119"),
        ("P.indices", lambda a: np.where(a == a[7], -1, a), "P.indices"),
        ("P.indptr", lambda a: a * 2, "P.indptr"),
        ("P.indptr", lambda a: a[::-1].copy(), "P.indptr"),
        ("P.indptr", lambda a: a + 1, "P.indptr"),
        ("P.data", lambda a: -a, "P.data"),
        ("P.data", lambda a: a * np.nan, "P.data"),
        ("P.data", lambda a: a.astype(np.float64), "dtypes"),
        ("rows", lambda a: a[:-1], "rows"),
        ("rows", lambda a: a * np.inf, "rows"),
        ("state.gains", lambda a: a[:, :1], "state.gains"),
        ("state.velocity", lambda a: a * np.nan, "state.velocity"),
        ("preparation.scale", lambda a: a * 0, "preparation.scale"),
        ("preparation.components", lambda a: a[:, :-1], "preparation.components"),
    ],
)
def test_arrays_are_checked_one_by_one(whole, tmp_path, name, change, said):
    meta, arrays = whole
    with np.errstate(invalid="ignore"):
        storage.write(tmp_path / "m.npz", meta, arrays | {name: change(arrays[name])})
    with pytest.raises(ValueError, match=rf"m\.npz is no complete model of gputsne.*{said}"):
        gputsne.load(tmp_path / "m.npz")


def test_the_device_that_is_asked_for_is_checked_first(tmp_path):
    with pytest.raises(ValueError, match="device='gpu' is none of"):
        gputsne.load(tmp_path / "there is none", device="gpu")


def test_load_exists_once():
    assert gputsne.load == TSNE.load


def test_rows_that_came_with_their_own_p(tmp_path):
    P = TSNE(**QUICK).fit(X).affinities_
    model = TSNE(**QUICK, affinity=P).fit(X)
    np.testing.assert_array_equal(model.embedding_, TSNE(**QUICK).fit(X).embedding_)
    assert np.isnan(model.neighbors_recall_)
    placed = model.transform(X[:7])
    np.testing.assert_array_equal(placed, TSNE(**QUICK).fit(X).transform(X[:7]))
    for matrix in (P.to_csr(), P.to_csr().toarray()):
        np.testing.assert_array_equal(
            TSNE(**QUICK, affinity=matrix).fit(X).embedding_, model.embedding_
        )
    back = through(model, tmp_path, affinities=True)
    np.testing.assert_array_equal(back.transform(X[:7]), placed)
    np.testing.assert_array_equal(back.fit(X).embedding_, model.embedding_)
    assert through(model, tmp_path).affinity == "perplexity"
    with pytest.raises(ValueError, match="affinity is a P of 300 points, and X has 200 rows"):
        TSNE(**QUICK, affinity=P).fit(X[:200])
    for given in ({"perplexity": 5.0}, {"n_neighbors": 9}, {"neighbors": (1, 2)}):
        with pytest.raises(ValueError, match="has no effect with affinity=given"):
            TSNE(**QUICK, affinity=P, **given).fit(X)
    assert "P given" in gputsne_caption(model)


def gputsne_caption(model):
    from gputsne.plotting.caption import caption_of

    return caption_of(model, 5)


def test_the_zip_is_one_that_numpy_reads(tmp_path):
    TSNE(**QUICK).fit(X[:60]).save(tmp_path / "m.npz")
    with zipfile.ZipFile(tmp_path / "m.npz") as file:
        assert "state.Y.npy" in file.namelist()
