"""The test command is the same whatever plugins of pytest happen to be installed.

Some of those around warn, which is an error here, shuffle tests or bring hooks of their own.
"""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SELECTION = "tests/unit/base/test_sizes.py"  # any file that is quick
HARMFUL = """
import warnings

warnings.warn("a plugin was loaded", UserWarning)


def pytest_configure(config):
    warnings.warn("a plugin was configured", UserWarning)


def pytest_collection_modifyitems(items):
    items.clear()
"""


def run_tests(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run a few tests with what is installed here, and in ``folder``."""
    path = os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH", "")]))
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, SELECTION],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def harmful(tmp_path: Path) -> Path:
    """Return a folder with an installed plugin that spoils every run that loads it."""
    (tmp_path / "pytest_harmful.py").write_text(HARMFUL, encoding="utf-8")
    info = tmp_path / "pytest_harmful-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: pytest-harmful\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[pytest11]\nharmful = pytest_harmful\n")
    return tmp_path


def test_a_plugin_that_is_merely_installed_changes_nothing(harmful: Path):
    done = run_tests(harmful)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
    # The same plugin, asked for, is there: it does spoil a run.
    assert run_tests(harmful, "-p", "pytest_harmful").returncode != 0


def test_plugins_of_this_machine_change_nothing(tmp_path: Path):
    done = run_tests(tmp_path, "-v")
    assert done.returncode == 0, done.stdout + done.stderr
    for plugin in entry_points(group="pytest11"):
        assert (
            f"{plugin.dist.name.removeprefix('pytest-')}-{plugin.dist.version}" not in done.stdout
        )
