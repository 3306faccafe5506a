"""The seed's data: three clusters and anomalies in 256 dimensions, as its own code draws them."""

from __future__ import annotations

import numpy as np
import pytest

RECORDS = [
    {"activity_id": 1, "user_id": 12345, "status": "success", "bytes": 1024},
    {"activity_id": 1, "user_id": 12345, "status": "success", "bytes": 1050},
    {"activity_id": 1, "user_id": 12345, "status": "success", "bytes": 980},
    {"activity_id": 1, "user_id": 67890, "status": "success", "bytes": 1020},
    {"activity_id": 1, "user_id": 12345, "status": "failure", "bytes": 512},
    {"activity_id": 2, "user_id": 12345, "status": "success", "bytes": 2048},
]


@pytest.fixture(scope="session")
def simulation() -> np.ndarray:
    """660 vectors: clusters of 200 in order, then 60 anomalies."""
    draw = np.random.RandomState(42).randn
    tail = [0] * 254
    parts = [draw(200, 256) * 0.5 + np.array(at + tail) for at in ([0, 0], [3, 3], [-3, 3])]
    return np.vstack([*parts, draw(60, 256) * 2.0 + np.array([5, -5, *tail])])


@pytest.fixture(scope="session")
def normal(simulation: np.ndarray) -> np.ndarray:
    """The 600 vectors without the anomalies."""
    return simulation[:600]


@pytest.fixture(scope="session")
def kinds() -> np.ndarray:
    return np.repeat([0, 1, 2], 200)


@pytest.fixture(scope="session")
def clusters_found(normal: np.ndarray) -> np.ndarray:
    """The clusters of k-means, numbered as the seed's run numbers them."""
    from sklearn.cluster import KMeans

    return KMeans(n_clusters=3, random_state=42, n_init=10).fit_predict(normal)


@pytest.fixture(scope="session")
def records() -> list[dict]:
    return RECORDS
