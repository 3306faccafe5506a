"""Maps and labels come back from every format as they went in."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gputsne.data import Selection, read, write

maps = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 12), st.integers(1, 3)),
    elements=st.floats(width=32, allow_nan=False, allow_infinity=False),
)
# Any text that a csv cell can hold; "\r" alone is a line end to Python's csv reader, but quoted.
texts = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=12)


@pytest.mark.parametrize("suffix", ["csv", "parquet", "npy"])
@settings(max_examples=30, deadline=None)
@given(Y=maps)
def test_coordinates(suffix, Y):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"map.{suffix}"
        write(path, Y)
        back = read(path, Selection(header=True) if suffix == "csv" else None).X
    np.testing.assert_array_equal(back.astype(np.float32), Y)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@settings(max_examples=30, deadline=None)
@given(data=st.data(), n=st.integers(1, 8))
def test_labels_and_ids(suffix, data, n):
    labels = data.draw(st.lists(texts.map("L{}".format), min_size=n, max_size=n))
    ids = data.draw(st.lists(st.integers(-(2**62), 2**62), min_size=n, max_size=n))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"map.{suffix}"
        made = np.array(labels, dtype=object)
        write(path, np.zeros((n, 2), np.float32), labels=made, ids=np.array(ids))
        table = read(path, Selection(labels="label", ids="id"))
    assert list(table.labels) == labels
    assert list(table.ids) == ids
    assert table.names == ("x", "y")
