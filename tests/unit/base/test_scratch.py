"""Files without a name: what they hold, that nothing is left, and where there is no room."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest

from gputsne.base import scratch
from gputsne.base.errors import OverMemory


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_an_array_on_disk_is_an_array_and_leaves_no_file(folder):
    made = scratch.scratch_array((1000, 3), np.float32)
    assert type(made) is np.ndarray
    assert not made.any()
    made[:] = np.arange(3000).reshape(1000, 3)
    np.testing.assert_array_equal(made[999], [2997, 2998, 2999])
    assert list(folder.iterdir()) == []
    assert scratch.scratch_array((0, 3), np.float32).shape == (0, 3)


def test_a_full_disk_is_refused_before_anything_is_written(folder, monkeypatch):
    usage = shutil._ntuple_diskusage
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(2**30, 0, 2**27))
    scratch.check_room(2**26)
    with pytest.raises(OverMemory, match=f"this fit needs 0.10 GB on disk, and {folder}, .* has "
                                         "0.13 GB free: set TMPDIR"):  # fmt: skip
        scratch.scratch_array((10**8,), np.uint8)


def test_a_folder_that_lies_in_memory_is_refused(folder, monkeypatch):
    mounts = (
        f"/dev/a / ext4 rw 0 0\ntmpfs {folder} tmpfs rw 0 0\n/dev/b {folder}/deeper xfs rw 0 0\n"
    )
    real = Path.read_text
    monkeypatch.setattr(
        Path, "read_text",
        lambda self, *a, **k: mounts if str(self) == "/proc/mounts" else real(self, *a, **k),
    )  # fmt: skip
    with pytest.raises(OverMemory, match="is a tmpfs, which takes memory itself: set TMPDIR"):
        scratch.check_room(1)
    monkeypatch.setattr(tempfile, "tempdir", str(folder / "deeper"))
    (folder / "deeper").mkdir()
    scratch.check_room(1)
