"""The record of a fit: in its file, after more iterations, and of a fit that something ended."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

import gputsne
from gputsne import TSNE

X = gputsne.datasets.load_digits().X[:300]
QUICK = {"max_iter": 50, "random_state": 0}


def through(model: TSNE, path: Path, **more) -> TSNE:
    model.save(path / "m.npz", **more)
    return gputsne.load(path / "m.npz")


def test_the_record_of_the_fit_is_in_its_file(tmp_path):
    model = TSNE(**QUICK).fit(X)
    back = through(model, tmp_path)
    assert back.run_ == model.run_
    assert pickle.loads(pickle.dumps(model)).run_ == model.run_


def test_iterations_after_a_file_have_a_record_that_names_the_one_before(tmp_path):
    model = TSNE(**QUICK).fit(X)
    back = through(model, tmp_path, affinities=True).optimize(10)
    assert back.run_.previous == model.run_.id
    assert back.run_.id != model.run_.id
    assert back.run_.input == model.run_.input
    assert (back.run_.n_iter, model.run_.n_iter) == (60, 50)


def test_before_a_fit_there_is_no_record():
    with pytest.raises(AttributeError, match="run_ needs fit"):
        _ = TSNE().run_


def test_a_fit_that_is_interrupted_says_so():
    def interrupt(progress):
        raise KeyboardInterrupt

    model = TSNE(**QUICK, callbacks=interrupt, callbacks_every=10)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X)
    assert (model.run_.status, model.run_.exit_code) == ("interrupted", 130)
    assert model.run_.n_iter == model.n_iter_ == 10
    model.callbacks = None
    model.callbacks_every = 50
    assert model.fit(X).run_.status == "done"


def test_an_error_that_cannot_say_what_it_is_ends_the_fit_as_it_is():
    class Speechless(RuntimeError):
        def __str__(self) -> str:
            raise TypeError("no words")

    def fail(progress):
        raise Speechless

    model = TSNE(**QUICK, callbacks=fail, callbacks_every=10)
    with pytest.raises(Speechless):
        model.fit(X)
    assert model.run_.status == "failed"


def test_a_fit_that_fails_has_a_record_without_a_map():
    model = TSNE(**QUICK)
    bad = X.copy()
    bad[3, 5] = float("nan")
    with pytest.raises(ValueError, match="NaN"):
        model.fit(bad)
    assert (model.run_.status, model.run_.map, model.run_.map_sha256) == ("bad input", None, None)
    assert "NaN" in model.run_.error
