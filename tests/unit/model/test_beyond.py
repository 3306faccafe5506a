"""Fits of rows that stay on disk, and fits that keep parts of themselves there: the same bytes."""

from __future__ import annotations

import logging
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import shards

from gputsne import TSNE, open_source, plan
from gputsne.base.errors import BadInput, OverMemory
from gputsne.planning.ways import Way

RNG = np.random.default_rng(0)
X = (RNG.normal(size=(shards.N, shards.D)) * [1, 2, 3, 40, 1, 1, 1] + 5).astype(np.float32)
SHORT = {"max_iter": 12, "early_exaggeration_iter": 4, "perplexity": 10, "random_state": 0}
FORMS = ("memmap", "npy shards", "fortran", "big-endian", "parquet shards", "zarr", "list", "h5py")


def gaps() -> np.ndarray:
    holed = X.copy()
    holed[700:720, 4] = np.nan
    holed[5, :3] = np.nan
    return holed


@pytest.mark.parametrize("form", FORMS)
def test_a_fit_has_the_same_bytes_whatever_form_its_rows_lie_in(tmp_path, form):
    expected = TSNE(**SHORT, pca=4).fit(X)
    source = shards.form_of(form, X, tmp_path)
    source = open_source(source) if isinstance(source, str | Path | list) else source
    model = TSNE(**SHORT, pca=4, n_jobs=1).fit(source)
    np.testing.assert_array_equal(model.embedding_, expected.embedding_)
    assert model.run_.input["data_sha256"] == expected.run_.input["data_sha256"]
    assert model.n_features_in_ == shards.D
    np.testing.assert_array_equal(model.transform(open_source(source)), expected.transform(X))


@pytest.mark.parametrize(
    "options",
    [{}, {"scale": True}, {"scale": True, "pca": 3}, {"impute": "mean"}, {"impute": "median"},
     {"impute": 1.0, "pca": 2}, {"metric": "cosine"}, {"metric": "manhattan"}],
    ids=str,
)  # fmt: skip
def test_every_preparation_has_the_same_bytes_by_blocks(tmp_path, options, monkeypatch):
    given = gaps() if "impute" in options else X
    expected = TSNE(**SHORT, **options).fit(given)
    monkeypatch.setattr("gputsne.preparation.fitting.MEDIAN_NUMBERS", 3 * shards.N)
    source = open_source(shards.npy_shards(tmp_path / "x", given))
    model = TSNE(**SHORT, **options).fit(source)
    np.testing.assert_array_equal(model.embedding_, expected.embedding_)
    np.testing.assert_array_equal(model.transform(source), expected.transform(given))


def test_names_of_columns_come_from_parquet(tmp_path):
    model = TSNE(**SHORT).fit(open_source(shards.parquet_shards(tmp_path / "x", X)))
    assert model.feature_names_in_.tolist() == [f"c{j}" for j in range(shards.D)]


def test_what_is_wrong_is_told_by_shard_and_row(tmp_path):
    holed = X.copy()
    holed[800, 2] = np.nan
    source = open_source(shards.npy_shards(tmp_path / "x", holed))
    with pytest.raises(ValueError, match=r"1 NaN .* row 800, which is row 200 of .*part-12.npy"):
        TSNE(**SHORT).fit(source)
    holed[900, 1] = np.inf
    with pytest.raises(ValueError, match=r"1 infinity .* row 900, which is row 300 of .*part-12"):
        TSNE(**SHORT, impute=0.0).fit(open_source(shards.npy_shards(tmp_path / "y", holed)))
    with pytest.raises(TypeError, match=r"gputsne.open_source\(path\)"):
        TSNE().fit(str(tmp_path / "x"))


def test_a_shard_that_changes_during_the_fit_ends_it(tmp_path):
    folder = shards.npy_shards(tmp_path / "x", X)
    source = open_source(folder)
    np.save(folder / "part-12.npy", X[:300])
    with pytest.raises(BadInput, match=r"part-12.npy has changed since the source was opened"):
        TSNE(**SHORT).fit(source)


def test_wide_rows_are_reduced_by_their_covariance_or_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("gputsne.preparation.fitting.EXACT_COLUMNS", 5)
    np.save(tmp_path / "x.npy", X)
    source = open_source(tmp_path / "x.npy")
    model = TSNE(**SHORT, pca=2).fit(source)  # the randomised decomposition would need all rows
    axes = np.linalg.svd(X - X.mean(axis=0, dtype=np.float64))[2][:2]
    found = model.fitted_map_.preparation.components
    np.testing.assert_allclose(np.abs(np.sum(found * axes, axis=1)), 1.0, rtol=1e-9)
    monkeypatch.setattr("gputsne.preparation.fitting.BLOCKED_COLUMNS", 6)
    with pytest.raises(ValueError, match="pca=2 of X with 7 columns on disk"):
        TSNE(**SHORT, pca=2).fit(source)


def test_a_fit_that_keeps_its_parts_on_disk_has_the_same_bytes(monkeypatch, caplog, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr("gputsne.planning.memory.PACKED_FROM", 500)
    monkeypatch.setattr("gputsne.backends.native.ops.NativeOps.relabel_from", 500)
    monkeypatch.setattr("gputsne.neighbors.choose.EXACT_WORK", 0.0)
    rows = RNG.normal(size=(3000, 6)).astype(np.float32)
    given = {**SHORT, "max_iter": 60, "method": "mesh"}
    expected = TSNE(**given).fit(rows)
    leanest = Way(rows_on_disk=True, parts=64, P_on_disk=True)
    monkeypatch.setattr("gputsne.planning.memory.ways", lambda *_: iter([leanest]))
    # Nothing fits, and nothing is refused: a limit of the user's would make the mesh coarser, too.
    monkeypatch.setattr("gputsne.model.similarities._limit", lambda params: 1)
    with caplog.at_level(logging.INFO, "gputsne"):
        model = TSNE(**given).fit(rows)
    assert "rows on disk, P on disk, lists in 64 parts" in caplog.text
    np.testing.assert_array_equal(model.embedding_, expected.embedding_)
    assert model.kl_divergence_ == expected.kl_divergence_
    new = rows[:50] + 0.01
    np.testing.assert_array_equal(model.transform(new), expected.transform(new))
    more, as_before = model.optimize(20), expected.optimize(20)
    np.testing.assert_array_equal(more.embedding_, as_before.embedding_)
    assert list(tmp_path.iterdir()) == []


def test_without_room_on_disk_the_fit_is_refused_with_both_numbers(monkeypatch):
    import shutil

    need = plan(*X.shape, perplexity=SHORT["perplexity"])
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 10, 0))
    with pytest.raises(OverMemory, match=r"needs .* on disk, and .* has 0 bytes free: set TMPDIR"):
        TSNE(**SHORT, memory_limit=need.host_bytes - 1).fit(X)


LIMITED = """
import resource, sys
import numpy as np
from gputsne import TSNE, open_source
from gputsne.preparation import prepare
def status(field):
    for line in open("/proc/self/status"):
        if line.startswith(field):
            return 1024 * int(line.split()[1])
X = np.load(sys.argv[1], mmap_mode="r")
TSNE(max_iter=1, perplexity=3).fit(np.random.default_rng(0).normal(size=(99, 9)))
source = open_source(X)
room = X.nbytes // 2
most = status("VmData") + room
resource.setrlimit(resource.RLIMIT_DATA, (most, most))
before = status("VmRSS")
rows, learned = prepare(source, pca=2, scale=True)
assert rows.shape == (len(X), 2), rows.shape
assert status("VmHWM") - before < room, (status("VmHWM"), before, room)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_rows_are_never_in_memory_as_a_whole(tmp_path):
    # 240 MB, mostly holes of a sparse file, in a process that may take half of that.
    n, d = 150_000, 400
    mapped = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", np.float32, (n, d))
    mapped[:: n // 7] = RNG.normal(size=(len(mapped[:: n // 7]), d))
    mapped.flush()
    assert 10 * 512 * (tmp_path / "x.npy").stat().st_blocks < mapped.nbytes
    run = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path / "x.npy")], capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr[-2000:]
