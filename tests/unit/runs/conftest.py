"""Stores to test with: in a folder, on one of pyarrow's filesystems, and in an S3 bucket."""

from __future__ import annotations

import itertools

import pytest
from buckets import BUCKET, Server
from pyarrow import fs

import gputsne
from gputsne.runs.storage import Retry

NUMBERS = itertools.count()
AT_ONCE = Retry(first=0.0)  # five attempts without waiting


@pytest.fixture(scope="session")
def s3():
    server = Server()
    yield server
    server.stop()


def make_store(kind: str, request: pytest.FixtureRequest) -> gputsne.Store:
    if kind == "s3":
        server = request.getfixturevalue("s3")
        where = f"{BUCKET}/store{next(NUMBERS)}"
        return gputsne.Store(where, filesystem=server.filesystem(), retry=AT_ONCE)
    folder = request.getfixturevalue("tmp_path") / "store"
    filesystem = fs.LocalFileSystem() if kind == "arrow" else None
    return gputsne.Store(folder, filesystem=filesystem, retry=AT_ONCE)


@pytest.fixture(params=["local", "arrow", "s3"])
def store(request):
    return make_store(request.param, request)


@pytest.fixture
def local(request):
    return make_store("local", request)
