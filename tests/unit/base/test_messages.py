"""Every warning names the line of the user's that called the package."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import make_pipeline

import gputsne
from gputsne import TSNE
from gputsne.base.messages import heard, warn_user

X = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
WIDE = np.random.default_rng(1).normal(size=(60, 2)).astype(np.float32) * 300
ROOT = Path(gputsne.__file__).parent


def fitted(**given: object) -> TSNE:
    return TSNE(perplexity=5, max_iter=5, random_state=0, **given).fit(X)  # type: ignore[arg-type]


def frame() -> pd.DataFrame:
    return pd.DataFrame(X, columns=list("abcd"))


# What warns -> the call and a word of its message.
CALLS: dict[str, tuple[Callable[[], object], str]] = {
    "fit, perplexity": (lambda: TSNE(perplexity=59, max_iter=2).fit(X), "perplexity"),
    "fit_transform": (lambda: TSNE(perplexity=59, max_iter=2).fit_transform(X), "perplexity"),
    "fit, equal rows": (lambda: TSNE(perplexity=5, max_iter=2).fit(np.ones((30, 3))), "equal"),
    "fit, init": (lambda: TSNE(perplexity=5, max_iter=2, init=WIDE).fit(X), "init"),
    "fit in a pipeline": (
        lambda: make_pipeline(TSNE(perplexity=59, max_iter=2)).fit_transform(X), "perplexity",
    ),
    "transform, perplexity": (lambda: fitted().transform(X[:3], perplexity=59), "perplexity"),
    "transform, names": (lambda: fitted().transform(frame()), "feature names"),
    "transform, no names": (
        lambda: TSNE(perplexity=5, max_iter=2).fit(frame()).transform(X), "feature names",
    ),
    "plot": (lambda: gputsne.plot(X[:, :2], ["\U0010fffd", "b"] * 30), "no font"),
}  # fmt: skip


@pytest.mark.parametrize("what", CALLS)
def test_a_warning_names_the_callers_line(what: str):
    call, word = CALLS[what]
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        call()
    ours = [w for w in seen if word in str(w.message)]
    assert ours
    assert {w.filename for w in ours} == {__file__}


@pytest.mark.parametrize("entry", ["optimize", "knn", "metrics"])
def test_a_warning_from_deep_inside_any_entry_names_the_callers_line(monkeypatch, entry: str):
    # These have nothing to warn of today; what they call is made to.
    def warning(real: Callable[..., object]) -> Callable[..., object]:
        def call(*args: object, **given: object) -> object:
            exec("warn('from deep inside')", {"warn": warn_user, "__name__": "gputsne.inner"})
            return real(*args, **given)

        return call

    from gputsne.base import threads

    model = fitted()
    monkeypatch.setattr(threads, "limit", warning(threads.limit))
    entries: dict[str, Callable[[], object]] = {
        "optimize": lambda: model.optimize(1),
        "knn": lambda: gputsne.knn(X, 5),
        "metrics": lambda: gputsne.metrics.knn_preservation(X, model.embedding_, k=5),
    }
    with pytest.warns(UserWarning, match="deep inside") as seen:
        entries[entry]()
    assert {w.filename for w in seen} == {__file__}


def test_there_is_one_way_to_warn():
    # A level counted by hand is wrong as soon as a function is put between.
    found = [
        str(path.relative_to(ROOT))
        for path in sorted(ROOT.rglob("*.py"))
        if path.name != "messages.py" and re.search(r"\bwarnings\.warn\(", path.read_text("utf-8"))
    ]
    assert not found


def test_what_is_said_is_heard_whatever_filters_show():
    with warnings.catch_warnings(), heard() as outer:
        warnings.simplefilter("ignore")
        warn_user("one")
        with heard() as inner:
            warn_user("two")
        assert (outer, inner) == (["one", "two"], ["two"])
    with pytest.warns(UserWarning, match="three"):
        warn_user("three")
    assert outer == ["one", "two"]


def test_a_listener_hears_its_own_thread_alone():
    with heard() as said, ThreadPoolExecutor(1) as pool:
        with pytest.warns(UserWarning, match="elsewhere"):
            pool.submit(warn_user, "elsewhere").result()
        assert said == []
