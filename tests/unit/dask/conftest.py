"""One small model and one cluster of two processes for the tests of the Dask room."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import gputsne


@pytest.fixture(scope="session")
def rows() -> np.ndarray:
    """Rows of 5 columns in three groups."""
    rng = np.random.default_rng(0)
    return (rng.normal(size=(900, 5)) + 6.0 * rng.integers(0, 3, (900, 1))).astype(np.float32)


@pytest.fixture(scope="session")
def model(rows: np.ndarray) -> gputsne.TSNE:
    return gputsne.TSNE(max_iter=60, random_state=0).fit(rows[:300])


@pytest.fixture(scope="session")
def placed(model: gputsne.TSNE, rows: np.ndarray) -> np.ndarray:
    """What one process makes of all rows."""
    return model.transform(rows)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Any]:
    import dask
    from distributed import LocalCluster

    # a task is given up once it has ended two workers: each takes a second or two to come back;
    # on a machine that is busy longer, and a cluster closes one for good that it has not after 15
    settings = {
        "distributed.scheduler.allowed-failures": 1,
        "distributed.deploy.lost-worker-timeout": "180s",
    }
    with (
        dask.config.set(settings),
        LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0",
            memory_limit="2GiB", silence_logs=50, death_timeout=180,  # on a machine that is busy
        ) as made,
    ):  # fmt: skip
        yield made


ENVIRONMENT = dict(os.environ)


@pytest.fixture
def client(cluster: Any) -> Iterator[Any]:
    import dask
    from distributed import Client

    with Client(cluster) as made:
        yield made
        # what a killed worker left: the next test finds two
        made.wait_for_workers(2, timeout=60)
    # Dask sets threads and memory of its workers in this process too, each time that one starts.
    for name in dask.config.get("distributed.nanny.pre-spawn-environ"):
        if name in ENVIRONMENT:
            os.environ[name] = ENVIRONMENT[name]
        else:
            os.environ.pop(name, None)


@pytest.fixture
def alone() -> Iterator[None]:
    """Dask's scheduler in this thread, whatever clients there are."""
    import dask

    with dask.config.set(scheduler="synchronous"):
        yield
