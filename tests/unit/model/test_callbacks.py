"""What may be a callback, and how it is called."""

from __future__ import annotations

import functools

import numpy as np
import pandas as pd
import pytest

from gputsne import TSNE
from gputsne.base.types import Progress
from gputsne.model.callbacks import as_callbacks

X = np.random.default_rng(0).normal(size=(80, 4))
QUICK = {"max_iter": 100, "perplexity": 5.0, "random_state": 0}


def test_openTSNEs_three_arguments():  # noqa: N802 - its name
    seen = []

    def theirs(iteration, error, embedding):
        seen.append((iteration, error, embedding.shape))
        return iteration >= 50

    model = TSNE(**QUICK, callbacks=theirs).fit(X)
    assert seen == [(50, model.kl_divergence_, (80, 2))]
    assert model.n_iter_ == 50


class Method:
    def __call__(self, iteration, error, embedding):
        return True

    def one(self, progress, detail=None):
        return isinstance(progress, Progress)


@pytest.mark.parametrize(
    "callback",
    [
        Method(),
        Method().one,
        lambda *args: len(args) == 1,
        functools.partial(lambda extra, progress: True, 1),
        lambda i, e, m: np.abs(m).max() > 0,
        lambda p: np.abs(p.embedding).max() > 0,
    ],
)
def test_anything_that_can_be_called_so(callback):
    assert TSNE(**QUICK, callbacks=[callback]).fit(X).n_iter_ == 50


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (lambda: None, r"callbacks holds .*\(\).*one gputsne.types.Progress"),
        ([lambda a, b: None], "callbacks holds"),
        (iter([print]), "gone through only once.*list"),
        ((f for f in [print]), "gone through only once"),
        (map(lambda f: f, [print]), "gone through only once"),
        (3, "callbacks=3"),
        ([print, "x"], "callbacks holds 'x'"),
    ],
)
def test_what_can_not_be_called_so(given, said):
    with pytest.raises(TypeError, match=said):
        TSNE(**QUICK, callbacks=given).fit(X)


def test_none_and_an_empty_list_are_no_callbacks():
    assert as_callbacks(None) == as_callbacks([]) == ()
    for none in (None, []):
        with pytest.raises(ValueError, match="callbacks_every=7 has no effect with no callbacks"):
            TSNE(**QUICK, callbacks=none, callbacks_every=7).fit(X)


def test_an_answer_that_is_neither_true_nor_false_raises_and_keeps_the_map():
    model = TSNE(**QUICK, callbacks=lambda p: p.embedding > 0)
    with pytest.raises(TypeError, match=r"callbacks: one returned ndarray.*ambiguous"):
        model.fit(X)
    assert model.n_iter_ == 50


async def _later(progress):
    return True


def _generated(progress):
    yield True


@pytest.mark.parametrize("callback", [_later, _generated, lambda p: np.ones(2), lambda p: pd.NA])
def test_an_answer_that_is_neither_true_nor_false_is_told(callback):
    X = np.random.default_rng(0).normal(size=(60, 3))
    tsne = TSNE(callbacks=callback, callbacks_every=5, max_iter=300, perplexity=5)
    with pytest.raises(TypeError, match="callbacks: one returned"):
        tsne.fit(X)
