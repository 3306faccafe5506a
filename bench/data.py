"""The benchmarks' data: loaders by name, from files in $GPUTSNE_DATA or from where they are public.

A file NAME.npz has ``X`` (n, d) and labels ``y`` (n,). Bytes are divided by 255, more than 50
columns are reduced to 50 principal components unless the set says otherwise.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

COMPONENTS = 50  # principal components, the usual preparation of images for t-SNE
QUICK_N = 600  # points of --quick: enough for the mesh and for three perplexities of neighbours
LABELS = ("y", "labels", "section")  # names of the labels in a file, in this order


@dataclass(frozen=True)
class Source:
    """Where a set comes from.

    ``files`` are looked for in $GPUTSNE_DATA, in this order; ``public`` downloads it, through
    scikit-learn and into its cache; ``unit`` scales rows to length 1, ``reduce`` to 50 axes.
    """

    title: str
    files: tuple[str, ...]
    public: Callable[[], tuple[Any, Any]]
    reduce: bool = True
    unit: bool = False


def openml(name: str) -> Callable[[], tuple[Any, Any]]:
    """Return a loader of a set of OpenML, by name and the version its figures are known for."""

    def load() -> tuple[Any, Any]:
        from sklearn.datasets import fetch_openml

        X, y = fetch_openml(name, version=1, return_X_y=True, as_frame=False, parser="liac-arff")
        return X.astype(np.uint8), y

    return load


def digits() -> tuple[Any, Any]:
    """Return scikit-learn's own 1,797 digits."""
    import gputsne

    found = gputsne.datasets.load_digits()
    return found.X, found.labels


def newsgroups() -> tuple[Any, Any]:
    """Return 18,846 posts as tf-idf reduced to 384 axes (latent semantic analysis)."""
    from sklearn.datasets import fetch_20newsgroups
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    posts = fetch_20newsgroups(subset="all", remove=("headers", "footers", "quotes"))
    words = TfidfVectorizer(max_features=50_000, sublinear_tf=True, stop_words="english")
    X = TruncatedSVD(384, random_state=0).fit_transform(words.fit_transform(posts.data))
    return X.astype(np.float32), posts.target


SOURCES = {
    "digits": Source("digits", ("digits.npz",), digits, reduce=False),
    "mnist": Source("MNIST", ("mnist70k.npz", "mnist.npz"), openml("mnist_784")),
    "raw": Source(
        "MNIST, unreduced", ("mnist70k.npz", "mnist.npz"), openml("mnist_784"), reduce=False
    ),
    "fashion": Source("Fashion-MNIST", ("fashion70k.npz", "fashion.npz"), openml("Fashion-MNIST")),
    "text": Source(
        "text embeddings, unit rows",
        ("text.npz", "debian_descriptions.npz"),
        newsgroups,
        reduce=False,
        unit=True,
    ),
}


def load(
    name: str, path: Path | None = None, *, quick: bool = False
) -> tuple[np.ndarray, np.ndarray, str]:
    """Return X (n, d) float32, labels (n,) as numbers from 0 up, and what they are.

    ``path`` is a file to take in place of the named set; with ``quick`` and no file, 600 digits.
    """
    source = SOURCES[name]
    if path is None and quick:
        X, y = digits()
        return X[:QUICK_N], codes(y[:QUICK_N]), f"digits, {QUICK_N} x 64"
    title = source.title
    if path is None:
        path = in_folder(source.files)
    else:
        title = path.stem
    X, y = source.public() if path is None else read(path)
    told = f"{title}, {len(X):,} x {X.shape[1]}"
    if X.dtype == np.uint8:
        X = X.astype(np.float32) / 255
    X = np.ascontiguousarray(X, dtype=np.float32)
    if source.unit:
        X /= np.maximum(np.linalg.norm(X, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    if source.reduce and X.shape[1] > COMPONENTS:
        X = components(X)
        told += f", PCA to {COMPONENTS}"
    return X, codes(y), told


def codes(y: np.ndarray) -> np.ndarray:
    """Return labels as numbers; those of OpenML are text."""
    return np.unique(y, return_inverse=True)[1].astype(np.int32)


def sized(X: np.ndarray, y: np.ndarray, told: str, n: int) -> tuple[np.ndarray, np.ndarray, str]:
    """Return n rows: the first ones, or copies that are shifted and jittered."""
    if n <= len(X):
        return X[:n], y[:n], f"{told}, the first {n:,}"
    import gputsne

    grown = gputsne.datasets.enlarge(X, y, n=n)
    return grown.X, grown.labels, f"{told}, grown to {n:,}"


def in_folder(files: tuple[str, ...]) -> Path | None:
    """Return the first of some files that lies in $GPUTSNE_DATA, None where none does."""
    folder = os.environ.get("GPUTSNE_DATA")
    places = [Path(folder) / file for file in files] if folder else []
    return next((place for place in places if place.is_file()), None)


def read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return X and the labels of an npz; without labels, zeros."""
    with np.load(path, allow_pickle=False) as archive:
        key = next((key for key in LABELS if key in archive), None)
        X = archive["X"]
        return X, np.zeros(len(X), np.int32) if key is None else archive[key]


def components(X: np.ndarray) -> np.ndarray:
    """Return the first 50 principal components."""
    from sklearn.decomposition import PCA

    X = PCA(COMPONENTS, svd_solver="covariance_eigh").fit_transform(X)
    return np.ascontiguousarray(X, dtype=np.float32)
