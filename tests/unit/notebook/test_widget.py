"""The widget as Python sees it: selection, colour, links, and the widget of jupyter-scatter."""

from __future__ import annotations

import copy
import pickle
import sys

import numpy as np
import pandas as pd
import pytest

import gputsne
from gputsne.base.errors import DependencyMissing
from gputsne.notebook import link, view

N = 50
Y = np.random.default_rng(0).normal(size=(N, 2)).astype(np.float32)
IDS = [f"id{i}" for i in range(N)]


@pytest.fixture
def heard():
    """A list of the selections that an observer was told of."""
    return []


@pytest.fixture
def widget(heard):
    made = view(Y, np.arange(N) % 3, ids=IDS, columns={"size": Y[:, 0]})
    made.observe(lambda change: heard.append(change["new"].tolist()), "selection")
    return made


def test_a_selection_is_ids_in_the_order_of_rows(widget, heard):
    assert widget.selection.tolist() == []
    widget.selection = ["id9", "id3"]
    assert widget.selection.tolist() == ["id3", "id9"]
    assert widget.rows.tolist() == [3, 9]
    np.testing.assert_array_equal(Y[widget.rows], Y[[3, 9]])
    assert heard == [["id3", "id9"]]
    assert repr(widget) == "<MapWidget: 50 points, 2 of them selected>"


def test_an_equal_selection_is_no_news(widget, heard):
    for _ in range(2):
        widget.selection = ["id4"]
        widget.selection = Y[:, 0] == Y[4, 0]
    assert heard == [["id4"]]
    widget.selection = None
    assert heard == [["id4"], []]


def test_a_selection_is_not_changed_in_place(widget):
    widget.selection = ["id1", "id2"]
    with pytest.raises(ValueError, match="read-only"):
        widget.selection[0] = "id3"


def test_a_selection_that_is_refused_leaves_the_one_before(widget, heard):
    widget.selection = ["id1"]
    with pytest.raises(ValueError, match="no row's: 'id99'"):
        widget.selection = ["id2", "id99"]
    assert widget.selection.tolist() == ["id1"]
    assert widget._selected == ["id1"]
    assert heard == [["id1"]]


def test_what_the_browser_selects_is_told(widget, heard):
    widget._selected = ["id8", "id2", "no such id"]
    assert widget.selection.tolist() == ["id2", "id8"]
    assert heard == [["id2", "id8"]]


def test_row_numbers_select_where_there_are_no_ids():
    made = view(Y)
    made.selection = np.flatnonzero(Y[:, 0] > 0)
    assert made.selection.tolist() == made.rows.tolist() == np.flatnonzero(Y[:, 0] > 0).tolist()
    assert made.columns == ()
    assert made.colour is None


def test_a_column_colours_the_map(widget):
    assert widget.columns == ("label", "size")
    assert widget.colour == "label"
    first = widget._column
    widget.colour = "size"
    assert widget._column != first
    widget.colour = None
    assert widget._column is None
    with pytest.raises(ValueError, match=r"colour='weight' is none of .*: 'label', 'size'"):
        widget.colour = "weight"


def test_what_a_browser_picks_is_the_colour(widget):
    seen = []
    widget.observe(lambda change: seen.append(change["new"]), "color")
    for column in (widget._named["size"], "c9", None):
        widget._column = column
    assert seen == ["size", None]


def test_color_is_colour(widget):
    widget.color = "size"
    assert widget.color == widget.colour == "size"
    with pytest.raises(ValueError, match="'weight' is none of"):
        widget.color = "weight"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("colr", "has no attribute 'colr': did you mean color"),
        ("selected", "did you mean selection"),
        ("themes", "did you mean theme"),
        ("palette", "colour, color, height, selection, theme can be set"),
        ("rows", "rows can't be set: set selection"),
        ("columns", "columns can't be set: view the map again"),
    ],
)
def test_nothing_is_set_or_observed_in_silence(widget, name, told):
    with pytest.raises(AttributeError, match=told):
        setattr(widget, name, [1])
    with pytest.raises(AttributeError, match=f"{name}.*(did you mean|can be|can't be) ?"):
        widget.observe(print, name)


def test_observers_are_of_traits_and_can_go(widget):
    seen = []
    for names in ("color", ["selection", "height"]):
        widget.observe(seen.append, names)
    widget.color, widget.height = None, 400
    widget.unobserve(seen.append, "color")
    widget.unobserve(seen.append, ["selection", "height"])
    widget.color, widget.height = "size", 500
    assert [change["name"] for change in seen] == ["colour", "height"]


@pytest.mark.parametrize("doing", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_widget_lives_in_its_kernel(widget, doing):
    for held in (widget, {"map": widget}) if doing is not copy.copy else (widget,):
        with pytest.raises(TypeError, match=r"lives in its kernel: keep the model and .*selection"):
            doing(held)


def test_the_class_is_there_for_isinstance(widget):
    from gputsne.notebook import MapWidget

    assert isinstance(widget, MapWidget)
    assert not hasattr(gputsne.notebook, "MapWidgets")


def test_linked_views_have_one_selection(widget):
    order = np.random.default_rng(1).permutation(N)[:30]  # fewer rows, in another order
    other = view(-Y[order], ids=[IDS[i] for i in order])
    third = view(Y, ids=IDS)
    linked = link(widget, other, third)
    wanted = [IDS[order[0]], IDS[order[5]]]
    widget.selection = wanted
    assert set(other.selection) == set(third.selection) == set(wanted)
    assert set(other.rows) == {0, 5}
    absent = next(i for i in range(N) if i not in order)
    third.selection = [IDS[absent], IDS[order[1]]]
    assert set(widget.selection) == {IDS[absent], IDS[order[1]]}
    assert other.selection.tolist() == [IDS[order[1]]]
    linked.unlink()
    other.selection = None
    assert len(widget.selection) == 2
    assert repr(linked) == "<Link of 0 views>"


def test_views_that_have_nothing_to_match_rows_by_are_not_linked(widget):
    for others, error, told in (
        ([], TypeError, "two views or more, got 1"),
        ([3], TypeError, "takes what gputsne.view returns, got int"),
        ([view(Y)], ValueError, "some of the views have ids, others none"),
        ([view(Y[:5], ids=list("abcde"))], ValueError, "no id in common"),
    ):
        with pytest.raises(error, match=told):
            link(widget, *others)
    with pytest.raises(ValueError, match="50 and 20 rows and no ids"):
        link(view(Y), view(Y[:20]))


@pytest.mark.parametrize(
    ("how", "error", "told"),
    [
        ({"backend": "vega"}, ValueError, "backend='vega' is none of gputsne, jupyter-scatter"),
        ({"theme": "blue"}, ValueError, "theme='blue' is none of auto, light, dark"),
        ({"height": 20}, ValueError, "height=20 must be at least 300"),
        ({"backend": "jupyter-scatter", "title": "T"}, ValueError, "title has no effect"),
    ],
)
def test_what_the_view_has_not_is_refused(how, error, told):
    with pytest.raises(error, match=told):
        view(Y, **how)


def test_a_model_that_is_not_fitted_is_refused():
    from sklearn.exceptions import NotFittedError

    with pytest.raises(NotFittedError, match="view needs a fitted TSNE"):
        view(gputsne.TSNE())
    with pytest.raises(ValueError, match=r"view draws numbers of shape \(n, 1\) or \(n, 2\)$"):
        view(np.zeros((5, 4)))


def test_the_widget_of_jupyter_scatter_has_the_same_points():
    kinds = np.array(["b", "a"])[np.arange(N) % 2]
    notes = [f"note {i}" for i in range(N)]
    made = view(Y, kinds, columns={"size": Y[:, 0], "note": notes}, ids=IDS, theme="dark",
                backend="jupyter-scatter")  # fmt: skip
    table = made._data
    assert table.index.tolist() == IDS
    np.testing.assert_array_equal(table[["x", "y"]].to_numpy(), Y)
    assert table["label"].tolist() == kinds.tolist()
    assert table["note"].tolist() == notes
    np.testing.assert_array_equal(table["size"], Y[:, 0])
    assert isinstance(table["label"].dtype, pd.CategoricalDtype)


def test_one_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "jscatter", None)
    with pytest.raises(DependencyMissing, match="pip install jupyter-scatter"):
        view(Y, backend="jupyter-scatter")
