"""Whatever happens to a file, loading it either fails with ValueError or gives the model back.

The zip's checksums cover the contents; dates and attributes, which they don't cover, are not read.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gputsne.model import storage

META = {"params": {"perplexity": 30.0, "metric": "euclidean"}, "kl": [1.5, float("inf")]}
ARRAYS = {
    "embedding": np.arange(10, dtype=np.float32).reshape(5, 2),
    "names": np.array(["a", "b"]),
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("whole") / "m"
    storage.write(path, META, ARRAYS)
    return path.read_bytes()


def check(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    try:
        meta, arrays = storage.read(path)
    except ValueError:
        return
    assert meta == META
    assert list(arrays) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert arrays[name].dtype == array.dtype
        assert np.array_equal(arrays[name], array)


def test_the_whole_file_loads(tmp_path: Path, whole: bytes):
    check(tmp_path / "m", whole)
    assert storage.read(tmp_path / "m")[0] == META


def test_every_byte_changed(tmp_path: Path, whole: bytes):
    for at in range(len(whole)):
        data = bytearray(whole)
        data[at] ^= (0x01, 0x80, 0xFF)[at % 3]
        check(tmp_path / "m", bytes(data))


def test_a_shorter_file_is_refused(tmp_path: Path, whole: bytes):
    for length in [*range(0, len(whole), 3), *range(len(whole) - 60, len(whole))]:
        (tmp_path / "m").write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"no model of gputsne|damaged or cut short"):
            storage.read(tmp_path / "m")


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    edits=st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 40), st.binary(max_size=40)),
        min_size=1,
        max_size=5,
    )
)
@example(edits=[(0.0, 0, b"PK")])
def test_pieces_cut_out_and_put_in(tmp_path: Path, whole: bytes, edits):
    data = whole
    for where, cut, new in edits:
        at = int(where * len(data))
        data = data[:at] + new + data[at + cut :]
    check(tmp_path / "m", data)
