"""Data sets of bench/schedules.py with their P and first maps, and what is measured of a map."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

import gputsne
from gputsne.base.types import Affinities

SHARE = 0.9  # of the rows of a real data set that a seed takes
SAMPLE = 3000  # points whose neighbours are compared
PIECE = 0.05  # of a class: a smaller part torn off counts as strays, not as a piece


def rows_of(X: np.ndarray, y: np.ndarray, seed: int, most: int | None) -> Any:
    """Return a seed's share of the rows of a data set."""
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.permutation(len(X))[: min(int(SHARE * len(X)), most or len(X))])
    return X[rows], y[rows]


def file(name: str) -> Any:
    """Return the arrays of a file of $GPUTSNE_DATA."""
    return np.load(Path(os.environ["GPUTSNE_DATA"]) / name, allow_pickle=False)


def mnist(seed: int, most: int | None) -> Any:
    """Return MNIST's 50 principal components."""
    with file("mnist70k.npz") as archive:
        X, y = archive["X"], archive["y"]
    return rows_of(reduced(X.astype(np.float32) / 255), y, seed, most)


def reduced(X: np.ndarray) -> np.ndarray:
    """Return 50 principal components."""
    from sklearn.decomposition import PCA

    return PCA(50, svd_solver="covariance_eigh").fit_transform(X).astype(np.float32)


def text(seed: int, most: int | None) -> Any:
    """Return sentence embeddings of package descriptions, and their archive section."""
    with file("debian_descriptions.npz") as archive:
        X, y = archive["X"].astype(np.float32), archive["section"]
    return rows_of(X, np.unique(y, return_inverse=True)[1], seed, most)


def digits(seed: int, most: int | None) -> Any:
    """Return scikit-learn's digits."""
    data = gputsne.datasets.load_digits()
    return rows_of(data.X, data.labels, seed, most)


def toy(seed: int, most: int | None) -> Any:
    """Return 15 clusters in 3 groups."""
    data = gputsne.datasets.toy_clusters(most or 15_000, random_state=seed)
    return data.X, data.labels


def tabular(seed: int, most: int | None) -> Any:
    """Return heavy-tailed columns: log-normal and Student's t, in 12 groups of 1 to 30 %."""
    rng, n = np.random.default_rng(seed), most or 30_000
    share = 1.35 ** -np.arange(12.0)
    y = rng.choice(12, n, p=share / share.sum())
    centres = rng.normal(size=(12, 24)) * 1.5
    Z = centres[y] + rng.standard_t(3, size=(n, 24))
    Z[:, :12] = np.exp(0.7 * centres[y, :12] + 0.7 * rng.normal(size=(n, 12)))  # amounts
    Z = (Z - Z.mean(axis=0)) / Z.std(axis=0)
    return Z.astype(np.float32), y


def photos(seed: int, most: int | None) -> Any:
    """Return patches of 8 x 8 pixels of scikit-learn's two photographs; no groups, a continuum.

    Labels are the part of the photograph, of 4 x 4, that a patch comes from.
    """
    from sklearn.datasets import load_sample_images

    rng, n = np.random.default_rng(seed), most or 30_000
    X, y = [], []
    for k, image in enumerate(load_sample_images().images):
        height, width = image.shape[:2]
        up, left = rng.integers(height - 8, size=n // 2), rng.integers(width - 8, size=n // 2)
        grid = np.arange(8)
        patches = image[(up[:, None] + grid)[:, :, None], (left[:, None] + grid)[:, None, :]]
        X.append(patches.reshape(n // 2, -1))
        y.append(16 * k + 4 * (4 * up // height) + 4 * left // width)
    return reduced(np.concatenate(X).astype(np.float32) / 255), np.concatenate(y)


def million(seed: int, most: int | None) -> Any:
    """Return MNIST grown to a million rows, as bench/million.py has them."""
    X, y = mnist(0, None)
    data = gputsne.datasets.enlarge(X, y, n=most or 1_000_000, random_state=seed)
    return data.X, data.labels


# Other settings of TSNE than the defaults, each fitted by both schedules with the estimator.
SETTINGS: dict[str, dict[str, Any]] = {
    "as it comes": {},
    "30 points": {"rows": 30},
    "100 points": {"rows": 100},
    "500 points": {"rows": 500},
    "one axis": {"n_components": 1},
    "three axes": {"n_components": 3},
    "dof 0.5": {"dof": 0.5},
    "dof 3": {"dof": 3.0},
    "exaggeration 4": {"exaggeration": 4.0},
    "early exaggeration 4": {"early_exaggeration": 4.0},
    "no early phase": {"early_exaggeration_iter": 0},
    "random start": {"init": "random"},
    "spectral start": {"init": "spectral"},
    "perplexity 5": {"perplexity": 5.0},
    "perplexity 100": {"perplexity": 100.0},
    "uniform": {"affinity": "uniform"},
    "mesh": {"method": "mesh"},
}


DATA: dict[str, tuple[Callable[[int, int | None], Any], dict[str, Any]]] = {
    "digits": (digits, {}),
    "toy": (toy, {}),
    "mnist": (mnist, {}),
    "text": (text, {"metric": "cosine"}),
    "tabular": (tabular, {}),
    "photos": (photos, {}),
    "million": (million, {}),
}


def problem(name: str, seed: int, most: int | None, asked: argparse.Namespace) -> dict[str, Any]:
    """Return rows, labels, P and first map; kept in ``--cache`` where that is given."""
    make, more = DATA[name]
    X, y = make(seed, most)
    kept = asked.cache and asked.cache / f"{name}-{seed}-{most}.npz"
    if kept and kept.exists():
        with np.load(kept) as old:
            P = Affinities(*(old[k] for k in ("indptr", "indices", "data")))
            return {"X": X, "y": y, "P": P, "Y0": old["Y0"], **more}
    perplexity = min(30.0, (len(X) - 1) / 3)
    told = {"perplexity": perplexity, "random_state": seed, "n_jobs": asked.threads, **more}
    model = gputsne.TSNE(max_iter=0, device="cpu", **told).fit(X)
    P, Y0 = model.affinities_, model.embedding_
    if kept:
        np.savez(kept, indptr=P.indptr, indices=P.indices, data=P.data, Y0=Y0)
    return {"X": X, "y": y, "P": P, "Y0": Y0, **more}


def measured(given: dict[str, Any], Y: np.ndarray, near: dict[str, np.ndarray]) -> dict[str, float]:
    """Return what is compared; ``near`` keeps the neighbours in the data from map to map."""
    Y = Y.astype(np.float64)
    told = {"sample": SAMPLE, "metric": given.get("metric", "euclidean")}
    whole = gputsne.metrics.Context(given["X"], Y, given["y"], **told)
    if "X" not in near:
        near["X"] = whole.neighbors("X", min(50, whole.n // 3))
    mapped = whole.neighbors("Y", near["X"].shape[1])
    kept = {
        f"kept_{k}": float((near["X"][:, :k, None] == mapped[:, None, :k]).any(2).mean())
        for k in (10, 50)
    }
    table = gputsne.metrics.METRICS
    radius = np.linalg.norm(Y - np.median(Y, axis=0), axis=1)
    pieces = torn(Y, given["y"])
    return {
        **kept,
        "KNC": table["class_preservation"].compute(whole),
        "CPD": table["distance_correlation"].compute(whole),
        "accuracy": table["knn_accuracy"].compute(whole),
        "pieces": float(pieces),
        "farthest": float(radius.max() / np.median(radius)),
        "span": float(np.ptp(Y, axis=0).max()),
    }


def torn(Y: np.ndarray, y: np.ndarray) -> int:
    """Return how many pieces classes lie in beyond one each.

    A piece is a component of the graph of each point's 10 nearest of its class in the map that
    holds at least PIECE of the class.
    """
    more = 0
    for label in np.unique(y):
        own = Y[y == label]
        if len(own) < 200:
            continue
        near = cKDTree(own).query(own, 11, workers=-1)[1][:, 1:]
        rows = np.repeat(np.arange(len(own)), 10)
        graph = coo_matrix((np.ones(rows.size), (rows, near.ravel())), (len(own), len(own)))
        sizes = np.bincount(connected_components(graph, directed=False)[1])
        more += max(0, int((sizes >= PIECE * len(own)).sum()) - 1)
    return more
