"""What every test can count on: the installed package, no display, skips that give a reason."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal

# Before anything is imported: child processes must not find the checkout's uncompiled gputsne/
# in their working directory, and nothing may ask for a display.
os.environ["PYTHONSAFEPATH"] = "1"
os.environ["MPLBACKEND"] = "Agg"
if "PYTEST_XDIST_WORKER" in os.environ:  # threads of several workers must not spin for one another
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import pytest
from hypothesis import settings

settings.register_profile("gputsne", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("gputsne")


_HANGUP = getattr(signal, "SIGHUP", None)  # Windows has none


def _missing(marker: str) -> str:
    """Return why tests with this marker can't run here, or an empty string."""
    if marker == "nvcc":
        return "" if shutil.which("nvcc") else "no nvcc"
    if marker == "browser":
        names = ("chromium", "chromium-browser", "google-chrome")
        if not any(map(shutil.which, names)):
            return "no Chromium"
        return "" if importlib.util.find_spec("playwright") else "no playwright"
    from gputsne.backends import explain

    for name, available, reason in explain():
        if name == "cuda":
            return "" if available else reason
    return "this build has no cuda backend"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs what is not there; GPUTSNE_REQUIRE_GPU=1 forbids that for GPUs."""
    for marker in ("gpu", "nvcc", "browser"):
        marked = [item for item in items if item.get_closest_marker(marker)]
        reason = _missing(marker) if marked else ""
        if reason and not (marker == "gpu" and os.environ.get("GPUTSNE_REQUIRE_GPU") == "1"):
            for item in marked:
                item.add_marker(pytest.mark.skip(reason=reason))


def pytest_configure() -> None:
    """Let Ctrl-C and hangups be heard: a shell's background or nohup has them ignored.

    Processes that tests start would inherit that, and wait for ever where they are interrupted.
    """
    for number, heard in ((signal.SIGINT, signal.default_int_handler), (_HANGUP, signal.SIG_DFL)):
        if number is not None and signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, heard)


@pytest.fixture
def few_trees(monkeypatch: pytest.MonkeyPatch) -> int:
    """Judge drift by a fifth of the trees, which take most of its time; return how many there are.

    For tests that prove something else than how well the trees tell rows apart.
    """
    from gputsne.change import distributions

    trees = distributions.TREES
    monkeypatch.setattr(distributions, "TREES", trees // 5)
    return trees


@pytest.fixture
def all_trees(few_trees: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Judge drift by all trees, in a file of tests that have few else."""
    monkeypatch.setattr("gputsne.change.distributions.TREES", few_trees)
