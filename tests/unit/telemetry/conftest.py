"""Programs of Prometheus for tests of telemetry, which say why they are skipped without one."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import pytest

PACKAGES = {
    "promtool": "prometheus",
    "prometheus": "prometheus",
    "amtool": "prometheus-alertmanager",
    "prometheus-alertmanager": "prometheus-alertmanager",
    "prometheus-pushgateway": "prometheus-pushgateway",
}


@pytest.fixture(scope="session")
def program() -> Callable[[str], str]:
    """Return what finds a program; it skips the test where there is none."""

    def find(name: str) -> str:
        found = shutil.which(name)
        if found is None:
            pytest.skip(f"no {name}: apt-get install {PACKAGES[name]}")
        return found

    return find


@pytest.fixture(scope="session")
def promtool(program: Callable[[str], str]) -> str:
    return program("promtool")
