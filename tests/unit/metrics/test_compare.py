"""Several maps in one call: the numbers of one by one, one search of the data, clear errors."""

from __future__ import annotations

import numpy as np
import pytest

from gputsne.metrics import Context, compare, evaluate, spaces


@pytest.fixture(scope="module")
def cloud():
    rng = np.random.default_rng(0)
    group = np.arange(150) % 5
    X = rng.normal(size=(150, 6))
    X[:, 0] += 7 * group
    return (
        X,
        {"two columns": X[:, :2], "one column": X[:, :1], "noise": rng.normal(size=(150, 2))},
        group,
    )


def same(found, wanted):
    """Values equal to the bit, NaN where there is none."""
    assert list(found) == list(wanted)
    np.testing.assert_array_equal(list(found.values()), list(wanted.values()))


@pytest.mark.parametrize("sample", ["auto", None, 40])
def test_each_map_gets_what_evaluate_gives_it(cloud, sample):
    X, maps, group = cloud
    found = compare(X, maps, group, k=5, sample=sample)
    assert list(found) == list(maps)
    for name, Y in maps.items():
        same(found[name], evaluate(X, Y, group, k=5, sample=sample))


def test_labels_that_are_missing_and_other_metrics_are_heeded(cloud):
    X, maps, group = cloud
    labels = np.where(np.arange(150) % 7, group, -1).astype(object)
    labels[labels == -1] = None
    found = compare(X, maps, labels, k=5, metric="cosine")
    for name, Y in maps.items():
        same(found[name], evaluate(X, Y, labels, k=5, metric="cosine"))


def test_maps_without_data(cloud):
    _, maps, group = cloud
    found = compare(None, maps, group, k=5)
    for name, Y in maps.items():
        same(found[name], evaluate(None, Y, group, k=5))


def test_the_data_are_searched_once(cloud, monkeypatch):
    X, maps, group = cloud
    columns = []
    search = spaces.exact_neighbors

    def counted(points, rows, k):
        columns.append(points.shape[1])
        return search(points, rows, k)

    monkeypatch.setattr(spaces, "exact_neighbors", counted)
    compare(X, maps, group > 1, k=5)  # two classes: no search among their means
    assert sorted(columns) == [1, 2, 2, 6]


def test_a_second_map_does_not_change_the_first(cloud):
    X, maps, group = cloud
    first = Context(X, maps["noise"], group)
    before = first.neighbors("Y", 5).copy()
    other = first.with_map(maps["two columns"])
    assert (other.neighbors("X", 4) == first.neighbors("X", 4)).all()
    assert (other.neighbors("Y", 5) != before).any()
    assert (first.neighbors("Y", 5) == before).all()


@pytest.mark.parametrize(
    ("maps", "error", "words"),
    [
        ({}, ValueError, "maps is empty"),
        ([[0.0, 1.0]], TypeError, "maps must be a mapping of names to maps, got list"),
        ({"a": None}, ValueError, "map 'a' is None"),
        ({"good": np.zeros((150, 2)), "short": np.zeros((149, 2))}, ValueError, "map 'short'.*149"),
        ({"holes": np.full((150, 2), np.nan)}, ValueError, "map 'holes'.*"),
    ],
)
def test_what_is_no_map_is_named(cloud, maps, error, words):
    with pytest.raises(error, match=words):
        compare(cloud[0], maps, k=5)
