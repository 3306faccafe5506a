"""Cards of maps and runs in notebooks: what they say, texts escaped, nothing fetched."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pytest
from sklearn import config_context
from sklearn.pipeline import make_pipeline
from sklearn.utils import estimator_html_repr

import gputsne
from gputsne.provenance.card import POINTS, SIDE, card, facts_of_model

X = gputsne.datasets.load_digits().X[:200]
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>"


@pytest.fixture(scope="module")
def model():
    how = {"max_iter": 60, "early_exaggeration_iter": 20, "perplexity": 200}
    with pytest.warns(UserWarning, match="perplexity=200"):
        return gputsne.TSNE(random_state=0, **how).fit(X)


class Tags(HTMLParser):
    """The tags of a piece of HTML, and whether each that was opened is closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.seen.append((tag, dict(attrs)))

    def handle_startendtag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_an_unfitted_model_shows_the_view_of_scikit_learn_alone():
    model = gputsne.TSNE(perplexity=7)
    html = model._repr_html_()
    assert "gputsne-card" not in html
    # Ids in it count up: two views of scikit-learn's own differ in them, too.
    same = re.sub(r"-\d+", "-0", html) == re.sub(r"-\d+", "-0", estimator_html_repr(model))
    assert same


def test_a_fitted_model_says_what_the_fit_came_to(model):
    html = model._repr_html_()
    for said in (
        "200 points on 2 axes, of 64 columns",
        f"{model.kl_divergence_:.4f} after 60 iterations",
        f"{model.timings_['total']:.2f}",
        f"optimize {model.timings_['optimize']:.2f}",
        f"{model.neighbors_recall_:.4f} of the true neighbours",
        model.device_,
        "perplexity=200",
    ):
        assert said in html
    bundle = model._repr_mimebundle_()
    assert "gputsne-card" in bundle["text/html"]


def test_what_the_fit_warned_of_is_in_its_record(model):
    (said,) = model.run_.warnings
    assert said.startswith("perplexity=200")
    assert f"warning   {said}" in str(model.run_)
    assert gputsne.Run.from_dict(model.run_.to_dict()).warnings == (said,)
    with pytest.raises(TypeError, match="warnings holds 3"):
        dataclasses.replace(model.run_, warnings=(3,))


def test_a_fit_without_a_warning_has_none_in_its_record():
    run = gputsne.TSNE(random_state=0, max_iter=300).fit(X).run_
    assert run.warnings == ()


def test_text_is_shown_where_scikit_learn_is_told_to(model):
    with config_context(display="text"):
        assert not hasattr(model, "_repr_html_")
        assert set(model._repr_mimebundle_()) == {"text/plain"}


def test_a_pipeline_shows_itself(model):
    assert "TSNE" in make_pipeline(model)._repr_html_()


def test_nothing_is_fetched_and_every_text_is_escaped(model):
    run = dataclasses.replace(
        model.run_, error=HOSTILE, tags={"owner": HOSTILE}, warnings=(HOSTILE,), device=HOSTILE
    )
    for html in (run._repr_html_(), card([(HOSTILE, HOSTILE)], [HOSTILE], model.embedding_)):
        tags = Tags(html)
        assert tags.open == []
        assert {"script", "img", "link", "iframe"}.isdisjoint(tag for tag, _ in tags.seen)
        assert not re.search(r"https?:|url\(|@import|src=|href=", html.replace("&lt;img src=x", ""))
        assert "&lt;script&gt;" in html


def test_the_record_and_the_frozen_map_have_cards_too(model):
    assert model.run_.id in model.run_._repr_html_()
    html = model.fitted_map_._repr_html_()
    assert "200 points on 2 axes" in html
    assert "<svg" in html


@pytest.mark.parametrize("n", [1, 2, 700, 5000])
@pytest.mark.parametrize("c", [1, 2, 3])
def test_the_picture_has_dots_inside_its_box(n, c):
    Y = np.random.default_rng(0).normal(size=(n, c)).astype(np.float32)
    html = card([], (), Y)
    width, height = map(int, re.search(r'viewBox="-4 -4 (\d+) (\d+)"', html).groups())
    dots = np.array(re.findall(r"M(\d+) (\d+)h0", html), dtype=int)
    assert len(dots) == min(n, POINTS)
    assert dots.min() >= 0
    assert (dots.max(axis=0) < [width - 8, height - 8]).all()
    assert dots.max() <= SIDE
    assert len(html) < 30_000


def test_dots_lie_where_the_points_do():
    Y = np.random.default_rng(1).normal(size=(300, 2))
    dots = np.array(re.findall(r"M(\d+) (\d+)h0", card([], (), Y)), dtype=float)
    # The same shape in any unit, up to rounding to whole units: the second axis is turned over.
    span = np.ptp(Y, axis=0).max()
    want = (Y - Y.min(axis=0)) / span * (SIDE - 1)
    want[:, 1] = want[:, 1].max() - want[:, 1]
    assert np.abs(dots - want).max() <= 1.0


def test_points_without_a_place_are_left_out():
    Y = np.array([[0.0, 1.0], [np.nan, 0.0], [np.inf, 2.0], [1.0, 0.0]])
    assert len(re.findall(r"M\d+ \d+h0", card([], (), Y))) == 2
    assert "<svg" not in card([], (), np.full((3, 2), np.nan))


def test_a_model_that_was_stopped_says_so():
    def stop(progress):
        raise KeyboardInterrupt

    model = gputsne.TSNE(random_state=0, max_iter=100, callbacks=stop)
    with pytest.raises(gputsne.errors.FitInterrupted):
        model.fit(X)
    facts = dict(facts_of_model(model))
    assert facts["status"].startswith("interrupted")
    assert "interrupted" in model._repr_html_()


def test_a_map_as_a_table_shows_its_card():
    model = gputsne.TSNE(random_state=0, max_iter=300).set_output(transform="pandas").fit(X)
    assert "200 points on 2 axes" in model._repr_html_()


def test_without_jinja2_the_view_of_scikit_learn_is_left():
    code = """
import sys
sys.modules["jinja2"] = None
import gputsne
model = gputsne.TSNE(random_state=0, max_iter=300).fit(gputsne.datasets.load_digits().X[:100])
assert "TSNE" in model._repr_html_() and "gputsne-card" not in model._repr_html_()
assert model.run_._repr_html_() is None and model.fitted_map_._repr_html_() is None
"""
    subprocess.run([sys.executable, "-c", code], check=True)
