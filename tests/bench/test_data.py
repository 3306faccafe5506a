"""The benchmarks' data: found by name in $GPUTSNE_DATA, downloaded otherwise, prepared alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(
    not (ROOT / "bench").is_dir(), reason="bench/ is in the repository only"
)
RNG = np.random.default_rng(0)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GPUTSNE_DATA", str(tmp_path))
    return tmp_path


def test_images_are_scaled_and_reduced(folder: Path):
    from bench.data import load

    pixels = RNG.integers(0, 256, size=(80, 60), dtype=np.uint8)
    np.savez(folder / "mnist70k.npz", X=pixels, y=np.array(["b", "a"] * 40))
    X, y, told = load("mnist")
    assert told == "MNIST, 80 x 60, PCA to 50"
    assert (X.dtype, X.shape, X.flags.c_contiguous) == (np.float32, (80, 50), True)
    assert y.tolist() == [1, 0] * 40
    centred = pixels / 255 - (pixels / 255).mean(axis=0)
    variance = np.sort(np.linalg.eigvalsh(centred.T @ centred))[::-1][:50]
    assert (X**2).sum(axis=0) == pytest.approx(variance, rel=1e-4)  # float32 through a covariance


def test_texts_are_unit_rows_and_stay_wide(folder: Path):
    from bench.data import load

    rows = RNG.normal(size=(20, 70)).astype(np.float16)
    rows[3] = 0
    np.savez(folder / "text.npz", X=rows, section=np.arange(20))
    X, y, _ = load("text")
    assert X.shape == (20, 70)
    lengths = np.linalg.norm(X, axis=1)
    assert np.delete(lengths, 3) == pytest.approx(np.ones(19), rel=1e-6)
    assert lengths[3] == 0
    assert y.tolist() == list(range(20))


def test_a_set_that_is_in_no_folder_is_downloaded_by_scikit_learn(folder: Path, monkeypatch: Any):
    import sklearn.datasets

    from bench.data import load

    asked: list[Any] = []

    def fetch(name: str, **more: Any) -> Any:
        asked.append((name, more["version"]))
        return RNG.integers(0, 256, size=(60, 55)).astype(float), np.array(["7", "3"] * 30)

    monkeypatch.setattr(sklearn.datasets, "fetch_openml", fetch)
    X, y, told = load("fashion")
    assert asked == [("Fashion-MNIST", 1)]
    assert (X.shape, told) == ((60, 50), "Fashion-MNIST, 60 x 55, PCA to 50")
    assert set(y) == {0, 1}
    assert np.abs(X).max() < 8  # of pixels from 0 to 1: half the diagonal of 55 columns is 3.7


def test_a_file_takes_the_place_of_a_set_and_rows_can_be_fewer_or_more(tmp_path: Path):
    from bench.data import load, sized

    rows = RNG.normal(size=(30, 4)).astype(np.float32)
    np.savez(tmp_path / "own.npz", X=rows)
    X, y, told = load("digits", tmp_path / "own.npz")
    assert told == "own, 30 x 4"
    assert np.array_equal(X, rows)
    assert not y.any()  # a file without labels
    few, some, name = sized(X, y, told, 10)
    assert (len(few), len(some), name) == (10, 10, "own, 30 x 4, the first 10")
    more, labels, name = sized(X, y, told, 70)
    assert (len(more), len(labels), name) == (70, 70, "own, 30 x 4, grown to 70")
    assert len(np.unique(more, axis=0)) == 70
