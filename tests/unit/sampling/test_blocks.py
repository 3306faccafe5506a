"""sample_blocks: chances by densities as defined, any table in blocks, what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from gputsne.planning import sampled
from gputsne.sampling import blocks, sample_blocks


def walked(X, rows=64):
    return lambda: (X[first : first + rows] for first in range(0, len(X), rows))


@pytest.fixture(scope="module")
def crowds():
    """Return 1,500 rows in one crowd and 20 far from it, the last ones."""
    rng = np.random.default_rng(0)
    return np.vstack([rng.normal(size=(1500, 6)), rng.normal(size=(20, 6)) + 9]) * 3 + 100


def test_chances_are_in_inverse_proportion_to_the_rows_within_one_radius(crowds):
    # fewer rows than landmarks: each is one, and counts can be had by definition
    n = len(crowds)
    rows, weights = sample_blocks(walked(crowds), n, 200, random_state=3)
    distances = cdist(crowds, crowds)
    radius = np.sqrt(np.quantile(distances[:1000] ** 2, 0.1))
    count = (distances <= radius * (1 + 1e-9)).sum(axis=1)
    shared = weights > 1.0  # the others are sure to come in
    ratio = weights[shared] / count[rows[shared]]
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-9)
    assert (np.diff(rows) > 0).all()
    assert len(rows) == 200


def test_rare_rows_come_in_before_those_of_crowds(crowds):
    n = len(crowds)
    density, _ = sample_blocks(walked(crowds), n, 150, random_state=0)
    by_chance, _ = sample_blocks(walked(crowds), n, 150, method="random", random_state=0)
    assert (density >= 1500).sum() > 3 * max(1, (by_chance >= 1500).sum())


def test_weights_add_up_to_all_rows_in_the_mean(crowds):
    n = len(crowds)
    sums = [sample_blocks(walked(crowds), n, 100, random_state=s)[1].sum() for s in range(25)]
    error = np.std(sums) / np.sqrt(len(sums))
    assert abs(np.mean(sums) - n) < 4 * error


def test_missing_values_count_as_the_middle_where_they_are_filled_later(crowds):
    gaps = crowds.copy()
    gaps[7, 2] = np.nan
    n = len(gaps)
    with pytest.raises(ValueError, match="row 7"):
        sample_blocks(walked(gaps), n, 200)  # a tenth of the rows or more: all are looked at
    assert len(sample_blocks(walked(gaps), n, 200, nan_allowed=True)[0]) == 200
    gaps[1301, 0] = np.inf
    with pytest.raises(ValueError, match="row 1301"):
        sample_blocks(walked(gaps), n, 200, nan_allowed=True)


def test_unknown_methods_are_refused(crowds):
    with pytest.raises(ValueError, match="neither 'density' nor 'random'"):
        sample_blocks(walked(crowds), len(crowds), 5, method="diverse")


def test_the_plan_of_memory_reckons_with_what_is_drawn_with():
    assert sampled.LANDMARKS == blocks.LANDMARKS
    assert sampled.PRODUCTS == blocks.PRODUCTS
    assert sampled.POOL == blocks.POOL
    assert (sampled.ROW_BYTES, sampled.POOL_BYTES) == (blocks.ROW_BYTES, blocks.POOL_BYTES)


def test_of_many_rows_ten_times_as_many_as_are_wanted_are_counted(crowds):
    n, asked = len(crowds), []
    real = blocks._Count.of

    def of(self, block, here, first):
        found = real(self, block, here, first)
        asked.append(len(found))
        return found

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(blocks._Count, "of", of)
        rows, _ = sample_blocks(walked(crowds), n, 40, random_state=1)
    assert sum(asked) == 400
    assert len(np.unique(rows)) == 40
    sums = [sample_blocks(walked(crowds), n, 40, random_state=s)[1].sum() for s in range(25)]
    error = np.std(sums) / np.sqrt(len(sums))
    assert abs(np.mean(sums) - n) < 4 * error
