"""The process whose forks drills run commands in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from drilled import Forks, forks


@pytest.fixture(scope="session")
def fork() -> Iterator[Forks]:
    with forks() as held:
        yield held
