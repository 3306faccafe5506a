"""X of main memory that is sent to a GPU for its principal components: as the CPU prepares it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from gpu_free.brute_force import rows
from gpu_free.test_device_rows import EPS, SHORT, N, faults, wide
from gpu_free.test_engine import X as DIGITS
from gpu_free.test_engine import cuda  # noqa: F401  a fixture

import gputsne
from gputsne import backends, preparation
from gputsne.backends.cuda.held import HeldRows


@pytest.fixture
def ops(cuda):  # noqa: F811
    return backends.choose("cuda").ops


SENT = {
    "float32": DIGITS[:N],
    "bytes": DIGITS[:N].astype(np.uint8),
    "truth values": DIGITS[:N] > 8,
    "64-bit integers": (DIGITS[:N] * 1000).astype(np.int64),
    "columns first": np.asfortranarray(DIGITS[:N]),
    "every other row": rows(2 * N, 6)[::2],
    "wide": wide(),
    "read only": np.frombuffer(DIGITS[:N].tobytes(), np.float32).reshape(N, -1),
}


@pytest.mark.parametrize("scale", [False, True])
@pytest.mark.parametrize("name", SENT)
def test_principal_components_of_main_memory_are_made_on_the_device(ops, downloads, name, scale):
    X = SENT[name]
    how = {"pca": 3, "scale": scale, "units_matter": False}
    want, learned = preparation.prepare(X, **how)
    got, here = preparation.prepare(X, ops=ops, **how)
    assert isinstance(got, HeldRows)
    assert max(downloads) <= 8 * max(X.shape[1] ** 2, 1024 * X.shape[1])
    np.testing.assert_allclose(here.components, learned.components, rtol=1e-9, atol=1e-9)
    # float32 rounds what float64 has summed in another order
    np.testing.assert_allclose(got.values, want, rtol=1e-5, atol=4 * EPS * np.abs(want).max())


def test_a_sent_row_is_the_same_in_every_batch(ops, monkeypatch):
    X = wide()
    rows_, learned = preparation.prepare(X, pca=3, ops=ops)
    np.testing.assert_array_equal(learned.apply(X[5:8], ops), rows_.values[5:8])
    monkeypatch.setattr(preparation.preparation, "SENT_NUMBERS", 6 * 70)  # 70 rows at a time
    np.testing.assert_array_equal(learned.apply(X, ops), rows_.values)
    X[130, 1] = 1e300
    with pytest.raises(ValueError, match="in row 130: it is infinity beside"):
        learned.apply(X, ops)


def test_a_sent_row_is_the_same_whatever_room_there_is(ops, monkeypatch):
    """In main memory one number in 1e8 would have other bits than in a batch that is sent."""
    X = rows(300, 30) * np.float32(1.7) + np.float32(0.3)
    _, learned = preparation.prepare(X, pca=7, ops=ops)
    want = np.asarray(learned.apply(X, ops))
    there = ops.sent_values
    monkeypatch.setattr(
        preparation.Preparation, "transform_table", lambda *_: pytest.fail("in main memory")
    )
    for free in (10, 1):  # rows that a quarter of the memory holds
        ops.xp.pool.free = 4 * free * X[0].nbytes
        assert there(X) is None
        np.testing.assert_array_equal(learned.apply(X, ops), want)
        np.testing.assert_array_equal(learned.apply(X[5:6], ops), want[5:6])


def test_what_is_not_sent_is_prepared_in_main_memory(ops, monkeypatch):
    def plain(X, **how):
        how = {"pca": 5, "random_state": 0, **how}
        got, learned = preparation.prepare(X, ops=ops, **how)
        assert type(got) is np.ndarray
        assert not learned.sent
        return got, preparation.prepare(X, **how)[0]

    holes = DIGITS[:N].copy()
    holes[3, 4] = np.nan
    np.testing.assert_array_equal(*plain(holes, impute="mean"))
    np.testing.assert_array_equal(*plain(scipy.sparse.csr_array(DIGITS[:N])))
    np.testing.assert_array_equal(*plain(DIGITS[:N], pca=None))
    if np.dtype(np.longdouble).itemsize > 8:
        plain(DIGITS[:N].astype(np.longdouble))
    _, sent = preparation.prepare(DIGITS[:N], pca=5, ops=ops)
    monkeypatch.setattr(type(ops), "memory", lambda _: (4 * DIGITS[:N].size * 4 - 1, 1 << 30))
    plain(DIGITS[:N])  # needs more than a quarter of what is free
    assert type(sent.apply(DIGITS[:N], ops)) is np.ndarray


@pytest.mark.parametrize("name", ["NaN", "infinity", "both", "far", "flat", "no row", "no column"])
def test_what_is_wrong_with_sent_rows_is_said_in_the_words_of_main_memory(ops, name):
    X, told = faults()[name], []
    for machine in (None, ops):
        with pytest.raises(ValueError, match=r".") as error:
            preparation.prepare(X, pca=5, ops=machine)
        told.append(str(error.value))
    assert told[0] == told[1]


def test_names_of_columns_stay_with_rows_that_are_sent(ops):
    frame = pd.DataFrame(DIGITS[:N, :6], columns=list("abcdef"))
    _, learned = preparation.prepare(frame, pca=2, ops=ops)
    assert learned.feature_names == tuple("abcdef")
    with pytest.raises(ValueError, match="Feature names must be in the same order"):
        learned.apply(frame[list("bacdef")], ops)


def test_new_rows_of_a_fit_with_principal_components_are_placed_alike(cuda, tmp_path):  # noqa: F811
    model = gputsne.TSNE(pca=9, **SHORT).fit(DIGITS[:N])
    placed = model.transform(DIGITS[:40])
    np.testing.assert_array_equal(model.transform(DIGITS[3:9]), placed[3:9])
    model.save(tmp_path / "m.npz")
    other = gputsne.load(tmp_path / "m.npz")  # prepares in main memory
    np.testing.assert_allclose(other.transform(DIGITS[:40]), placed, atol=1e-2)
