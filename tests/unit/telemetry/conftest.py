"""Programs of Prometheus for tests of telemetry, which say why they are skipped without one."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sites import program_of


@pytest.fixture(scope="session")
def program() -> Callable[[str], str]:
    """Return what finds a program; it skips the test where there is none."""
    return program_of


@pytest.fixture(scope="session")
def promtool() -> str:
    return program_of("promtool")
