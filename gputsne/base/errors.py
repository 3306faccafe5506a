"""What can go wrong that scikit-learn and numpy have no name for; imports nothing of ours."""

from __future__ import annotations

from typing import Any

__all__ = [
    "BackendUnavailable",
    "DeadlineExceeded",
    "DependencyMissing",
    "FitInterrupted",
    "OverMemory",
]


class BackendUnavailable(RuntimeError):
    """A backend was asked for by name and can't run here; the message says why."""


class DependencyMissing(ImportError):
    """An optional package is missing; the message names the extra that brings it."""


class OverMemory(MemoryError):
    """The plan needs more memory than is allowed; raised before anything large is allocated."""


class DeadlineExceeded(RuntimeError):
    """The run passed the deadline that was set for it; the map so far is kept."""


class FitInterrupted(KeyboardInterrupt):
    """Ctrl-C during a fit; the estimator's ``embedding_`` holds the map so far, if there is one.

    Attributes
    ----------
    result : object
        The optimiser's result so far (``gputsne.engine.optimize.Result``), or None.
    """

    result: Any = None
