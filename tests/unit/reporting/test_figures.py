"""Pictures of a report: which there are of what was given, and that they are told in words."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

import gputsne

MAPS = ["The map", "Where neighbours are kept", "Where labels agree"]
CHARTS = ["Silhouettes in the input", "Neighbourhoods of every size", "Distances"]


def titles(found) -> list[str]:
    assert [row["title"] for row in found.facts["figures"]] == [f.title for f in found.figures]
    return [figure.title for figure in found.figures]


def test_a_map_of_three_axes_and_the_descent_of_its_fit(data):
    run = {"kl_history": [[50, 3.0], [300, 1.0], [350, 0.9]]}
    found = gputsne.report(data["X"], data["X"][:, :3], data["labels"], run=run)
    assert titles(found) == [*MAPS, *CHARTS, "Descent of the fit"]
    assert found.facts["figures_missing"] == ""


def test_a_map_of_one_axis_coloured_by_values(data):
    found = gputsne.report(data["X"][:40], data["X"][:40, :1], data["X"][:40, 5])
    assert titles(found) == [*MAPS[:2], *CHARTS[1:]]
    assert "values" in found.figures[0].caption
    assert found.figures[0].legend == ()


@pytest.mark.parametrize(
    ("columns", "said"), [(4, "a map of 4 axes can't be drawn"), (0, "there is no map to draw")]
)
def test_what_can_t_be_drawn_is_told(data, columns, said, read_page):
    Y = data["X"][:, :columns] if columns else None
    found = gputsne.report(data["X"], Y, data["labels"])
    assert found.facts["figures_missing"] == said
    assert titles(found) == (CHARTS if columns else CHARTS[:1])
    page = read_page(found.to_html())
    assert said in page.text
    assert page.tags.count("img") == len(found.figures)


def test_a_map_alone(data):
    found = gputsne.report(None, data["Y"], data["labels"])
    assert titles(found) == ["The map", "Where labels agree", "Silhouettes in the map"]


def test_a_map_of_many_points_is_drawn_as_their_density():
    """All of them, and the page stays light; it tells what shows them one by one."""
    rng = np.random.default_rng(0)
    n = 210_000
    kinds = rng.integers(0, 3, n)
    Y = rng.normal(size=(n, 2)) + 8.0 * kinds[:, None]
    found = gputsne.report(None, Y, kinds, sample=100)
    figure = found.figures[0]
    assert figure.caption.startswith(f"All {n:,} points, as their density; coloured by label.")
    assert "gputsne tiles" in figure.caption
    assert len(found.to_html()) < 6_000_000


def test_labels_have_the_colours_that_are_kept_for_them(data):
    """Of a store, by ``palette``; of a model, those of its earlier pictures."""
    X, Y = data["X"], data["X"][:, :2]
    labels = ["ant", "bee", "cow"] * (len(X) // 3) + ["ant"] * (len(X) % 3)
    kept = {"bee": "#123456", "ant": "#654321", "zebra": "#000000"}
    model = SimpleNamespace(embedding_=Y, palette_=kept, run_=gputsne.Run())
    for found in (gputsne.report(X, Y, labels, palette=kept), gputsne.report(X, model, labels)):
        legend = dict(found.figures[0].legend)
        assert legend["bee"] == ("#123456", "#123456")
        assert legend["ant"] == ("#654321", "#654321")
        assert legend["cow"][0] not in kept.values()
    assert gputsne.report(X, Y, [0.5] * len(X), palette=kept).figures
