"""fit_large: as good as a whole fit once refined, the same bytes for any form, what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from sklearn.neighbors import KNeighborsClassifier

import gputsne
from gputsne.base.errors import OverMemory
from gputsne.cli import main
from gputsne.data.datasets import load_digits, toy_clusters
from gputsne.data.named import with_names
from gputsne.large import SampledTSNE, fitting, start
from gputsne.metrics import knn_preservation
from gputsne.provenance.facts import map_sha256

X = load_digits().X
FEW = X[:500]
SHORT = {"perplexity": 10, "max_iter": 60, "early_exaggeration_iter": 30, "random_state": 0}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def large():
    return gputsne.fit_large(FEW, sample=200, refine=20, **SHORT)


def test_refined_it_keeps_the_neighbours_that_a_whole_fit_keeps():
    whole = gputsne.TSNE(random_state=0).fit_transform(X)
    found = gputsne.fit_large(X, sample=400, random_state=0)
    placed = gputsne.fit_large(X, sample=400, refine=None, random_state=0)
    kept = [knn_preservation(X, Y) for Y in (whole, found.embedding_, placed.embedding_)]
    assert kept[1] > kept[0] - 0.02
    assert kept[2] < kept[0] - 0.05  # placing alone does not
    assert found.refined_ == found.model_.n_iter_ == fitting.REFINE == 300


def test_the_labels_of_placed_rows_are_those_of_a_whole_fit():
    data = toy_clusters(2500)
    whole = gputsne.TSNE(random_state=0, schedule="short").fit_transform(data.X)
    some = gputsne.fit_large(data.X, sample=600, refine=None, random_state=0, schedule="short")
    found = []
    for Y in (whole, some.embedding_):
        votes = KNeighborsClassifier(10).fit(Y[::2], data.labels[::2])
        found.append(votes.score(Y[1::2], data.labels[1::2]))
    assert found[1] > found[0] - 0.03


def test_the_refinement_is_a_fit_from_where_rows_were_placed(large):
    found = start.starting_map(gputsne.open_source(FEW), 200, "density", SHORT, refined=True)
    np.testing.assert_array_equal(found.rows, large.sample_indices_)
    sampled = gputsne.TSNE(**SHORT).fit(FEW[found.rows])
    np.testing.assert_array_equal(found.places[found.rows], sampled.embedding_)
    rest = np.setdiff1d(np.arange(500), found.rows)
    np.testing.assert_array_equal(found.places[rest], sampled.transform(FEW[rest], max_iter=0))
    by_hand = gputsne.TSNE(
        perplexity=10, random_state=0, early_exaggeration_iter=0, max_iter=20, init=found.places,
    ).fit_transform(FEW)  # fmt: skip
    np.testing.assert_array_equal(large.embedding_, by_hand)


def test_without_refinement_rows_lie_where_transform_places_them():
    found = gputsne.fit_large(FEW, sample=200, refine=None, **SHORT)
    rows = found.sample_indices_
    np.testing.assert_array_equal(found.embedding_[rows], found.model_.embedding_)
    rest = np.setdiff1d(np.arange(500), rows)
    np.testing.assert_array_equal(found.embedding_[rest], found.transform(FEW[rest]))
    np.testing.assert_array_equal(found.model_.ids_, rows)
    assert found.refined_ == 0
    assert set(found.timings_) == {"sample", "fit", "transform", "total"}


@pytest.mark.parametrize("form", ["npy", "shards", "source", "one thread"])
def test_the_bytes_are_the_same_for_any_form_and_number_of_threads(large, form):
    np.save("x.npy", FEW)
    Path("rows").mkdir()
    for i, stop in enumerate((13, 13, 400, 500)):
        np.save(f"rows/{i}.npy", FEW[(0, 13, 13, 400)[i] : stop])
    given = {"npy": "x.npy", "shards": "rows", "source": gputsne.open_source(FEW)}
    more = {"n_jobs": 1} if form == "one thread" else {}
    found = gputsne.fit_large(given.get(form, FEW), sample=200, refine=20, **SHORT, **more)
    np.testing.assert_array_equal(found.embedding_, large.embedding_)
    np.testing.assert_array_equal(found.sample_indices_, large.sample_indices_)


def test_it_is_saved_and_read_as_a_model(large):
    large.save("model.npz")
    again = gputsne.load("model.npz")
    np.testing.assert_array_equal(again.embedding_, large.embedding_)
    np.testing.assert_array_equal(again.transform(X[600:620]), large.transform(X[600:620]))


def test_a_sample_may_be_a_share_or_row_numbers():
    assert len(gputsne.fit_large(FEW, sample=0.3, refine=None, **SHORT).sample_indices_) == 150
    rows = np.arange(0, 500, 4)[::-1]
    found = gputsne.fit_large(FEW, sample=rows, refine=None, **SHORT)
    np.testing.assert_array_equal(found.sample_indices_, rows[::-1])
    np.testing.assert_array_equal(found.sample_weights_, np.full(125, 4.0))


def test_names_of_columns_go_along():
    names = [f"f{j}" for j in range(FEW.shape[1])]
    found = gputsne.fit_large(with_names(FEW, names), sample=200, refine=10, **SHORT)
    assert list(found.model_.feature_names_in_) == names
    placed = gputsne.fit_large(with_names(FEW, names), sample=200, refine=None, **SHORT)
    assert list(placed.model_.feature_names_in_) == names


def test_missing_values_are_filled_in_both_fits():
    gaps = FEW.copy()
    gaps[::7, 20] = np.nan
    with pytest.raises(ValueError, match="row 0: correct or remove"):
        gputsne.fit_large(gaps, sample=200, refine=5, **SHORT)
    found = gputsne.fit_large(gaps, sample=200, refine=5, impute="mean", **SHORT)
    assert np.isfinite(found.embedding_).all()


def test_the_schedule_and_the_early_phase_are_the_sample_s(monkeypatch):
    made = []
    real = gputsne.TSNE.fit
    monkeypatch.setattr(
        gputsne.TSNE, "fit", lambda m, *a: made.append(m.get_params()) or real(m, *a)
    )
    own = {"schedule": "short", "early_exaggeration": 4.0, "perplexity": 8.0, "init": "random"}
    gputsne.fit_large(FEW, sample=200, refine=3, random_state=0, max_iter=200, **own)
    sample, all_rows = made
    assert {name: sample[name] for name in own} == own
    assert (all_rows["schedule"], all_rows["early_exaggeration_iter"]) == ("classic", 0)
    assert (all_rows["perplexity"], all_rows["max_iter"], all_rows["random_state"]) == (8.0, 3, 0)


def test_callbacks_are_called_in_the_last_fit_alone():
    seen = []
    called = {"callbacks": lambda p: seen.append(len(p.embedding)), "callbacks_every": 10}
    gputsne.fit_large(FEW, sample=200, refine=20, **SHORT, **called)
    assert set(seen) == {500}
    seen.clear()
    gputsne.fit_large(FEW, sample=200, refine=None, **SHORT, **called)
    assert set(seen) == {200}


def test_a_refinement_that_a_callback_ends_tells_what_was_done():
    ended = {"callbacks": lambda p: True, "callbacks_every": 5}
    found = gputsne.fit_large(FEW, sample=200, refine=20, **SHORT, **ended)
    assert found.refined_ == found.model_.n_iter_ == 5


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ({"sample": 501}, ValueError, "more than the 500 rows"),
        ({"sample": 0}, ValueError, "sample=0"),
        ({"sample": 200.0}, ValueError, "as an integer, 200"),
        ({"sample": 1.0}, ValueError, "between 0 and 1, both excluded"),
        ({"sample": float("nan")}, ValueError, "is no share"),
        ({"sample": 1}, ValueError, "at least 10 rows"),
        ({"sample": "10%"}, TypeError, "a share such as 0.1"),
        ({"sample": []}, ValueError, "give row numbers"),
        ({"sample": [True] * 500}, ValueError, "np.flatnonzero"),
        ({"sample": range(9)}, ValueError, "names 9 rows"),
        ({"sample": [1, *range(20)]}, ValueError, "each once"),
        ({"sample": [*range(20), 500]}, ValueError, "from 0 to 499"),
        ({"refine": -1}, ValueError, "refine=-1"),
        ({"refine": "all"}, TypeError, "refine='all'"),
        ({"refine": True}, ValueError, "says no number"),
        ({"method": "diverse"}, ValueError, "method='diverse'"),
        ({"perplexty": 3}, TypeError, "perplexity"),
        ({"init": FEW[:, :2]}, ValueError, "init is an array"),
        ({"neighbors": (FEW, FEW)}, ValueError, "neighbors is an array"),
        ({"metric": "precomputed"}, ValueError, "placed by their features"),
    ],
)
def test_what_is_refused(given, error, said):
    with pytest.raises(error, match=said):
        gputsne.fit_large(FEW, **{"sample": 200, "random_state": 0, **given})


def test_frames_have_the_names_of_their_columns():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(FEW[:, :20], columns=[f"f{j}" for j in range(20)])
    found = gputsne.fit_large(frame, sample=200, refine=3, **SHORT)
    assert list(found.model_.feature_names_in_) == list(frame.columns)
    frame["kind"] = "a"
    with pytest.raises(ValueError, match="kind"):
        gputsne.fit_large(frame, sample=200, refine=3, **SHORT)


def test_rows_that_are_no_blocks_are_refused():
    from scipy import sparse

    with pytest.raises(ValueError, match="X is sparse"):
        gputsne.fit_large(sparse.csr_matrix(FEW))


def test_memory_is_planned_before_anything_is_computed(monkeypatch):
    def never(*args, **more):
        raise AssertionError("computed")

    monkeypatch.setattr(fitting, "starting_map", never)
    with pytest.raises(OverMemory, match="refine=None leaves each row"):
        gputsne.fit_large(np.zeros((200_000, 2), np.float32), memory_limit="600M")


def run(*args):
    return CliRunner().invoke(main, list(map(str, args)))


OPTIONS = ("--perplexity", 10, "--max-iter", 60, "--early-exaggeration-iter", 30)


def test_the_command_gives_the_bytes_of_the_function(large):
    np.save("x.npy", FEW)
    how = ("--sample", "40%", "--refine", 20, *OPTIONS)
    result = run(
        "embed", "x.npy", "-o", "map.npy", "--model", "m.npz", "--run-record", "r.json", *how
    )
    assert result.exit_code == 0, result.output
    np.testing.assert_array_equal(np.load("map.npy"), large.embedding_)
    np.testing.assert_array_equal(gputsne.load("m.npz").embedding_, large.embedding_)
    record = json.loads(Path("r.json").read_text())
    assert {"sample", "fit of the sample", "transform", "optimize"} <= set(record["timings"])
    assert record["n_iter"] == 20


@pytest.mark.parametrize("none", ["none", "None", 0])
def test_the_command_leaves_the_refinement_out(none):
    placed = gputsne.fit_large(
        FEW, sample=200, refine=None, perplexity=10, max_iter=60, early_exaggeration_iter=30,
        random_state=0,
    )  # fmt: skip
    np.save("x.npy", FEW)
    result = run(
        "embed", "x.npy", "-o", "map.npy", "--model", "m.npz", "--run-record", "r.json",
        "--plot", "map.svg", "--sample", 200, "--refine", none, *OPTIONS,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    np.testing.assert_array_equal(np.load("map.npy"), placed.embedding_)
    model = gputsne.load("m.npz")
    np.testing.assert_array_equal(model.embedding_, placed.model_.embedding_)
    np.testing.assert_array_equal(model.ids_, placed.sample_indices_)
    np.testing.assert_array_equal(model.transform(FEW[:9]), placed.transform(FEW[:9]))
    record = json.loads(Path("r.json").read_text())
    assert record["map"] == [500, 2]
    assert record["map_sha256"] == map_sha256(placed.embedding_)
    assert set(record["timings"]) >= {"sample", "fit of the sample", "transform"}
    assert "optimize" not in record["timings"]


@pytest.mark.parametrize("share", ["1.0", "200.0", "100%", "1", "9"])
def test_a_sample_that_is_neither_share_nor_number_of_rows_is_refused(share):
    np.save("x.npy", FEW)
    result = run("embed", "x.npy", "-o", "m.npy", "--sample", share)
    assert result.exit_code in (2, 3)
    assert not Path("m.npy").exists()
    assert ("share" if result.exit_code == 2 else "at least 10 rows") in result.stderr


def test_the_command_goes_on_from_a_checkpoint(large, monkeypatch):
    np.save("x.npy", FEW)
    how = ("--sample", 200, "--refine", 20, *OPTIONS, "--checkpoint", "c", "--resume")
    with monkeypatch.context() as broken:
        broken.setattr("gputsne.runs.job.write_points", lambda *a, **k: 1 / 0)
        assert run("embed", "x.npy", "-o", "map.npy", *how).exit_code == 1
    assert Path("c").exists()
    assert run("embed", "x.npy", "-o", "map.npy", *how).exit_code == 0
    np.testing.assert_array_equal(np.load("map.npy"), large.embedding_)


def test_what_the_command_refuses():
    np.save("x.npy", FEW)
    assert run("embed", "x.npy", "-o", "m.npy", "--refine", 5).exit_code == 2
    assert run("embed", "x.npy", "-o", "m.npy", "--sample", 501).exit_code == 3
    none = run("embed", "x.npy", "-o", "m.npy", "--sample", 200, "--refine", 0, "--checkpoint", "c")
    assert none.exit_code == 2
    assert "--checkpoint: has no effect" in none.stderr.replace("'", "")
    over = run("embed", "x.npy", "-o", "m.npy", "--sample", 200, "--memory-limit", "50M")
    assert over.exit_code == 4


def test_the_estimator_of_the_command_can_be_fitted_again(large):
    model = SampledTSNE(**SHORT)
    model.sample, model.refine = 200, 20
    np.testing.assert_array_equal(model.fit_transform(FEW), large.embedding_)
