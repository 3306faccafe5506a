"""A pytest plugin in place of pytest-benchmark: its fixture, which calls once and times nothing.

So the timings of bench/micro run in the tests with pytest-benchmark and without. What each would
save is written to the file in GPUTSNE_TEST_SAVED.
"""

import json
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

saved = {}


class Benchmark:
    def __init__(self):
        self.extra_info = {}
        self.stats = SimpleNamespace(stats=SimpleNamespace(min=0.5))  # seconds

    def __call__(self, call):
        return call()


@pytest.fixture
def benchmark(request):
    found = Benchmark()
    yield found
    saved[request.node.name] = found.extra_info


def pytest_sessionfinish():
    Path(os.environ["GPUTSNE_TEST_SAVED"]).write_text(json.dumps(saved), encoding="utf-8")
