"""Numbers go between numpy and arrow as by pyarrow's own conversions, and without pandas."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest

from gputsne.data.arrow import floats_of, to_arrow


@pytest.mark.parametrize("kind", [pa.float32(), pa.float64(), pa.float16(), pa.int32(), pa.int64()])
@pytest.mark.parametrize("null", [False, True])
@pytest.mark.parametrize("part", [slice(0, 20), slice(3, 17), slice(9, 9), slice(0, 0)])
def test_columns_become_arrays_as_by_pyarrow(kind, null: bool, part: slice):
    numbers = [None if null and i % 3 == 0 else np.float16(i) for i in range(20)]
    column = pa.array(numbers, pa.float16()).cast(pa.float64()).cast(kind)[part.start : part.stop]
    want = column.to_numpy(zero_copy_only=False)
    found = floats_of(column)
    assert found.dtype == want.dtype
    np.testing.assert_array_equal(found, want)


def test_nothing_but_nulls_and_an_empty_column():
    for column in (pa.nulls(9, pa.float32()), pa.array([], pa.float64())):
        np.testing.assert_array_equal(floats_of(column), np.full(len(column), np.nan))


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i4", "u8", "bool", "U3"])
@pytest.mark.parametrize("step", [1, 2])
def test_arrays_become_columns_as_by_pyarrow(dtype: str, step: int):
    values = np.arange(12.0).astype(dtype)[::step]
    column, want = to_arrow(values), pa.array(np.ascontiguousarray(values))
    assert column.type == want.type
    assert column.equals(want)


def test_nan_stays_nan():
    column = to_arrow(np.array([np.nan, 1.0, -0.0, np.inf], np.float32))
    assert column.null_count == 0
    np.testing.assert_array_equal(floats_of(column), [np.nan, 1.0, -0.0, np.inf])


def test_pandas_is_not_loaded():
    code = """
import sys, numpy as np
from gputsne.data.arrow import floats_of, to_arrow
assert floats_of(to_arrow(np.ones(3))).sum() == 3
print("pandas" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
