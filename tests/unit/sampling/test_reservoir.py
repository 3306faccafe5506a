"""A reservoir: every row the same chance, weights as told, memory of the sample alone."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from scipy.stats import chisquare

from gputsne.sampling import Reservoir


def column(first, last):
    return np.arange(first, last, dtype=np.float64)[:, None]


@pytest.mark.parametrize("batch", [1, 7, 40])
def test_every_row_has_the_same_chance(batch):
    taken = np.zeros(40)
    for seed in range(600):
        kept = Reservoir(8, random_state=seed)
        for first in range(0, 40, batch):
            kept.add(column(first, min(40, first + batch)))
        assert kept.seen == 40
        np.testing.assert_array_equal(kept.rows[:, 0], kept.places)
        assert len(np.unique(kept.places)) == 8
        taken[kept.places] += 1
    assert chisquare(taken).pvalue > 1e-3  # without repetition the statistic is smaller still


def test_batches_make_no_difference():
    told = []
    for batch in (1, 13, 1000):
        kept = Reservoir(20, random_state=3)
        for first in range(0, 1000, batch):
            kept.add(column(first, min(1000, first + batch)))
        told.append(kept.places.tolist())
    assert told[0] == told[1] == told[2]


def test_weights_are_chances():
    weights = np.repeat([1.0, 3.0, 0.0], [20, 20, 5])
    first = np.zeros(45)
    for seed in range(2000):
        kept = Reservoir(1, weighted=True, random_state=seed)
        for part in (slice(0, 15), slice(15, 45)):
            kept.add(column(0, 45)[part], weights=weights[part])
        first[kept.places[0]] += 1
    assert first[40:].sum() == 0
    expected = 2000 * weights[:40] / weights.sum()  # of one row: in proportion, exactly
    assert chisquare(first[:40], expected).pvalue > 1e-3


def test_few_rows_are_all_kept_in_their_order():
    kept = Reservoir(10)
    assert kept.rows.shape == (0, 0)
    kept.add(column(0, 4), ids=list("abcd"))
    assert kept.ids == list("abcd")
    np.testing.assert_array_equal(kept.rows, column(0, 4))
    kept.add(column(4, 4))
    assert kept.seen == 4


def test_memory_is_that_of_the_sample():
    kept = Reservoir(100, random_state=0)
    batch = np.zeros((10_000, 20))
    kept.add(batch)
    tracemalloc.start()
    for _ in range(30):
        kept.add(batch)
    now, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept.seen == 310_000
    assert now < batch.nbytes / 4


def test_what_came_first_is_not_the_callers():
    batch = column(0, 5)
    kept = Reservoir(5)
    kept.add(batch)
    batch[:] = 99
    np.testing.assert_array_equal(kept.rows, column(0, 5))


def test_wider_types_are_kept():
    kept = Reservoir(3, random_state=0)
    kept.add(np.ones((3, 1), np.int16))
    for _ in range(40):
        kept.add(np.full((3, 1), 0.5))
    assert (kept.rows == 0.5).any()


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"batch": np.ones((2, 3))}, "batch has 3 columns, those before had 1"),
        ({"batch": column(0, 2), "ids": ["a"]}, "ids has 1 entries for 2 rows"),
        ({"batch": column(0, 2), "weights": [1, 1]}, "takes none: pass weighted=True"),
        ({"batch": np.ones(3)}, r"batch has shape \(3,\): rows x columns"),
        ({"batch": ["a", "b"]}, "batch must hold numbers"),
    ],
)
def test_a_bad_batch_changes_nothing(how, said):
    kept = Reservoir(2, random_state=0)
    kept.add(column(0, 2))
    with pytest.raises((ValueError, TypeError), match=said):
        kept.add(**how)
    assert kept.seen == 2
    np.testing.assert_array_equal(kept.rows, column(0, 2))


def test_a_weighted_reservoir_needs_weights():
    with pytest.raises(ValueError, match="needs weights"):
        Reservoir(2, weighted=True).add(column(0, 2))
    with pytest.raises(ValueError, match="size=0 must be at least 1"):
        Reservoir(0)


def test_a_sparse_batch_is_refused_with_its_cure():
    from scipy.sparse import csr_matrix

    with pytest.raises(TypeError, match=r"batch is sparse; make it dense, batch\.toarray\(\)"):
        Reservoir(3).add(csr_matrix(np.eye(3)))


def test_the_least_weights_have_no_chance_beside_the_largest():
    kept = Reservoir(3, weighted=True, random_state=0)
    kept.add(np.eye(6), weights=[5e-324, 1e300, 5e-324, 1e300, 5e-324, 1e300])
    assert kept.places.tolist() == [1, 3, 5]


def test_batches_whose_columns_have_another_order_are_refused():
    import pandas as pd

    X = np.arange(40.0).reshape(10, 4)
    kept = Reservoir(5, random_state=0)
    kept.add(pd.DataFrame(X, columns=list("abcd")))
    before = kept.rows
    with pytest.raises(ValueError, match="column 'b' where those before had 'a'"):
        kept.add(pd.DataFrame(X, columns=list("bacd")))
    assert kept.seen == 10
    np.testing.assert_array_equal(kept.rows, before)
    kept.add(X)  # an array has no names
    assert kept.seen == 20


@pytest.mark.parametrize("weighted", [False, True])
def test_a_reservoir_goes_on_from_its_state_by_the_same_draws(weighted: bool):
    rng = np.random.default_rng(0)
    stream = rng.normal(size=(30, 40, 3))
    weights = rng.uniform(1, 2, size=(30, 40)) if weighted else [None] * 30
    whole = Reservoir(25, weighted=weighted, random_state=3)
    part = Reservoir(25, weighted=weighted, random_state=3)
    assert Reservoir.from_state(part.state()).rows.shape == (0, 0)
    for i, (batch, own) in enumerate(zip(stream, weights, strict=True)):
        whole.add(batch, weights=own)
        if i % 7 == 0:
            state = part.state()
            part = Reservoir.from_state(state)
        part.add(batch, weights=own)
        # what was told before does not change with what comes later
        assert i % 7 or len(state["places"]) == min(25, state["seen"])
    assert np.array_equal(part.rows, whole.rows)
    assert part.ids == whole.ids


@pytest.mark.parametrize("change", [{"size": None}, {"places": [1, 2, 3]}, {"generator": {}}])
def test_what_is_no_state_of_a_reservoir_is_refused(change):
    with pytest.raises(ValueError, match="none that a Reservoir returned"):
        Reservoir.from_state(Reservoir(5, random_state=0).state() | change)
