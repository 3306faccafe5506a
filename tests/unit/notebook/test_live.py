"""The live map outside notebooks: lines at a bounded rate, and that it never ends a fit."""

from __future__ import annotations

import pickle
import re

import numpy as np
import pytest
from sklearn.base import clone

import gputsne
from gputsne.notebook import Live, link, view
from gputsne.notebook.live import SHARE, _thinned, _Watched
from gputsne.viewer.container import unpack

X = gputsne.datasets.load_digits().X[:200]
LINE = re.compile(r"(\w+: )?iteration [\d,]+ of [\d,]+(, KL \d+\.\d{4})?, \d+\.\d s")


def test_outside_notebooks_it_is_lines_of_text(capsys):
    live = Live()
    model = gputsne.TSNE(random_state=0, max_iter=300, callbacks=live, callbacks_every=5).fit(X)
    lines = capsys.readouterr().err.splitlines()
    assert all(LINE.fullmatch(line) for line in lines)
    assert lines[0].startswith("iteration 5 of 300")
    assert lines[-1].startswith(f"done: iteration 300 of 300, KL {model.kl_divergence_:.4f}")
    assert len(lines) <= 2 + model.timings_["total"] / 2  # one per two seconds, first and last
    assert live.widget is None


def test_the_map_is_that_of_a_fit_that_nobody_watches():
    how = {"random_state": 0, "max_iter": 300}
    watched = gputsne.TSNE(callbacks=Live(), callbacks_every=7, **how).fit(X)
    assert watched.run_.map_sha256 == gputsne.TSNE(**how).fit(X).run_.map_sha256


def test_pictures_take_a_small_share_of_the_time():
    fit = _Watched(begin=0.0)
    cost, interval, now, spent = 0.05, 0.25, 0.0, 0.0
    shown = []
    while now < 100.0:  # a loop whose iterations take 10 ms, and a picture 50
        now += 0.01
        if fit.due(now):
            fit.took(now, now + cost, interval)
            now, spent = now + cost, spent + cost
            shown.append(now)
    assert spent <= SHARE * now + cost
    assert min(np.diff(shown)) >= interval
    assert len(shown) >= 0.9 * SHARE * now / cost  # and it is used


def test_the_curve_that_is_sent_is_short_and_ends_at_the_last():
    curve = [(i, None if i % 7 else 1.0 / (i + 1)) for i in range(10_001)]
    sent = _thinned(curve)
    assert len(sent) <= 241
    assert sent[0] == [0, 1.0]
    assert sent[-1][0] == 10_000
    assert _thinned(curve[:3]) == [[0, 1.0], [1, None], [2, None]]


class Broken:
    """A display that fails."""

    pause = 0.0

    def show(self, Y, fit, status):
        raise OSError("the screen is gone")


def test_what_fails_in_it_is_one_warning_and_no_end_of_the_fit(monkeypatch):
    live = Live(interval=0)
    monkeypatch.setattr(live, "_shown", Broken)
    model = gputsne.TSNE(random_state=0, max_iter=300, callbacks=live, callbacks_every=5)
    with pytest.warns(UserWarning, match="Live shows nothing more.*the screen is gone") as told:
        model.fit(X)
    assert len(told) == 1
    assert model.n_iter_ == 300


def test_an_interrupted_fit_says_where_it_stopped(capsys):
    def interrupt(progress):
        raise KeyboardInterrupt

    model = gputsne.TSNE(max_iter=300, callbacks=[Live(), interrupt], callbacks_every=50)
    with pytest.raises(gputsne.errors.FitInterrupted):
        model.fit(X)
    assert capsys.readouterr().err.splitlines()[-1].startswith("interrupted: iteration 50 of 300")


def test_one_serves_several_fits_and_more_iterations(capsys):
    live = Live()
    model = gputsne.TSNE(random_state=0, max_iter=300, callbacks=live)
    model.fit(X).fit(X).optimize(50)
    ends = [line for line in capsys.readouterr().err.splitlines() if line.startswith("done")]
    assert [re.search("iteration (\\d+)", line)[1] for line in ends] == ["300", "300", "350"]


def test_a_copy_has_the_settings():
    live = Live(points=7, interval=0.5, height=400)
    for copy in (pickle.loads(pickle.dumps(live)), clone(gputsne.TSNE(callbacks=live)).callbacks):
        assert (copy.points, copy.interval, copy.height, copy.widget) == (7, 0.5, 400, None)


@pytest.fixture
def shown(monkeypatch):
    """What is displayed, as in a notebook with anywidget."""
    import IPython.display

    displayed = []
    monkeypatch.setattr("gputsne.notebook.live._in_notebook", lambda: True)
    monkeypatch.setattr(IPython.display, "display", displayed.append)
    return displayed


def places_of(widget):
    """Return the places of the points that are shown, by the numbers of their rows."""
    _, held = unpack(widget._container)
    units = np.frombuffer(widget._places, "<u2").reshape(2, -1).T
    x0, y0, side = widget._square
    return dict(zip(held["id"].tolist(), [x0, y0] + units * (side / 65535), strict=True))


def test_rows_of_a_sample_are_those_of_the_fitted_table(shown):
    live = Live(points=40)
    model = gputsne.TSNE(random_state=0, max_iter=300, callbacks=live, callbacks_every=50).fit(X)
    assert shown == [live.widget]
    assert live.widget._tileset["caption"] == "40 of 200 points"
    found = places_of(live.widget)  # of the map as it was left
    assert len(found) == 40
    half = live.widget._square[2] / 65535
    for row, place in found.items():
        np.testing.assert_allclose(place, model.embedding_[row], atol=half)
    mask = model.embedding_[:, 0] > 0
    live.widget.selection = mask
    wanted = [row for row in sorted(found) if mask[row]]
    assert live.widget.rows.tolist() == live.widget.selection.tolist() == wanted
    live.widget._selected = [wanted[-1]]  # as a browser tells
    assert live.widget.rows.tolist() == [wanted[-1]]
    whole = view(model)
    link(live.widget, whole)
    live.widget.selection = wanted[:2]
    assert whole.rows.tolist() == wanted[:2]
    whole.selection = ~mask
    assert live.widget.rows.tolist() == [row for row in sorted(found) if not mask[row]]


@pytest.mark.parametrize(
    ("axes", "points", "said"),
    [(2, 200, None), (3, 200, "the first two of 3 axes"),
     (3, 50, "50 of 200 points · the first two of 3 axes"), (1, 200, None)],
)  # fmt: skip
def test_what_the_picture_leaves_out_is_said(shown, axes, points, said):
    live = Live(points=points)
    gputsne.TSNE(
        n_components=axes, random_state=0, max_iter=260, callbacks=live, callbacks_every=100
    ).fit(X)
    assert (live.widget._tileset.get("caption") or None) == said
    assert live.widget.rows.tolist() == []


@pytest.mark.parametrize(
    ("how", "error"),
    [({"points": 0}, ValueError), ({"interval": -1}, ValueError), ({"height": "9"}, TypeError)],
)
def test_settings_out_of_range_are_refused(how, error):
    with pytest.raises(error, match=next(iter(how))):
        Live(**how)
