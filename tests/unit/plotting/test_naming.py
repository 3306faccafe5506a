"""Names on a map: where they stand, and which stand there."""

from __future__ import annotations

import numpy as np

from gputsne.plotting import plot


def groups(sizes, apart=10.0):
    """Return a map of round groups on a grid, and each point's group."""
    rng = np.random.default_rng(0)
    codes = np.repeat(np.arange(len(sizes)), sizes)
    centres = np.stack(np.divmod(np.arange(len(sizes)), 6), axis=1) * apart
    return (centres[codes] + rng.normal(size=(len(codes), 2))).astype(np.float32), codes


def a_map(n=200):
    return np.random.default_rng(0).normal(size=(n, 2)).astype(np.float32) * 20


def names_on(Y, labels, **kwargs):
    figure = plot(Y, labels, caption="", **kwargs)
    return {t.get_text(): t.get_position() for t in figure.axes[0].texts}


def test_names_of_the_largest_of_many_categories_stand_on_the_map():
    Y, codes = groups([30] * 20 + [3] * 10)
    found = names_on(Y, [f"l{i:02}" for i in codes])
    assert len(found) > 10  # the others would cover these
    assert found.keys() <= {f"l{i:02}" for i in range(20)}
    for name, at in found.items():  # each where it is, a standard deviation or so from its middle
        assert np.linalg.norm(np.median(Y[codes == int(name[1:])], axis=0) - at) < 1.5
    assert not names_on(a_map(600), [f"row{i}" for i in range(600)])  # 20 of 600 tell nothing


def test_a_name_stands_where_its_category_is_by_itself():
    """Nine tenths of "wide" are spread over everything; a dense spot of the rest is its own."""
    Y, codes = groups([300] * 6)
    rng = np.random.default_rng(1)
    spread = np.c_[rng.uniform(-3, 3, 180), rng.uniform(-3, 53, 180)]
    own = rng.normal(size=(60, 2)) * 0.5 + [20, 25]
    Y = np.concatenate([Y, spread, own]).astype(np.float32)
    labels = [f"c{i}" for i in codes] + ["wide"] * 240
    at = names_on(Y, labels)["wide"]
    assert np.linalg.norm(np.subtract(at, [20, 25])) < 1


def test_a_category_that_is_nowhere_by_itself_has_no_name_on_the_map():
    Y, codes = groups([300] * 6)
    labels = np.array([f"c{i}" for i in codes], dtype=object)
    labels[::5] = "mixed"
    found = names_on(Y, labels)
    assert "mixed" not in found
    assert len(found) == 6
