"""Every error that is the package's own, as one tree.

    Exception
    └── GputsneError
        ├── BackendUnavailable   (RuntimeError)  a device asked for by name can't run here
        ├── BadInput             (ValueError)    a file has not what was asked of it
        ├── Damaged              (ValueError)    a store holds other bytes than were written
        ├── DeadlineExceeded     (RuntimeError)  the time that was set for a run is over
        ├── DependencyMissing    (ImportError)   an optional package is not installed
        ├── OverMemory           (MemoryError)   the plan needs more memory than is allowed
        ├── PromotionRefused     (RuntimeError)  a run did not pass what promoting it asks for
        └── UndefinedMetric      (ValueError)    a metric has no value for these points or labels
    KeyboardInterrupt
    └── FitInterrupted                           Ctrl-C during a fit

Each is the built-in error in brackets as well, so code that knows nothing of this package catches
it. What scikit-learn and numpy have a name for is raised as that: ValueError, TypeError,
``sklearn.exceptions.NotFittedError``.
"""

from __future__ import annotations

from typing import Any

__all__ = [
    "BackendUnavailable",
    "BadInput",
    "Damaged",
    "DeadlineExceeded",
    "DependencyMissing",
    "FitInterrupted",
    "GputsneError",
    "OverMemory",
    "PromotionRefused",
    "UndefinedMetric",
]


class GputsneError(Exception):
    """Any error of this package's own; the message names argument, value and remedy."""


class BackendUnavailable(GputsneError, RuntimeError):
    """A backend was asked for by name and can't run here; the message says why."""


class BadInput(GputsneError, ValueError):
    """A file has not what was asked of it; the message names file, place and remedy."""


class Damaged(GputsneError, ValueError):
    """A store holds other bytes than were written there: one was altered, or half are missing."""


class DeadlineExceeded(GputsneError, RuntimeError):
    """The run passed the deadline that was set for it; the map so far is kept."""


class DependencyMissing(GputsneError, ImportError):
    """An optional package is missing; the message names the extra that brings it."""


class OverMemory(GputsneError, MemoryError):
    """The plan needs more memory than is allowed; raised before anything large is allocated."""


class PromotionRefused(GputsneError, RuntimeError):
    """A run did not end well or did not pass a check, or is being pruned: its ref stays."""


class UndefinedMetric(GputsneError, ValueError):
    """A quality metric has no value for these points or labels: a silhouette of one class.

    Called alone the metric raises it; ``metrics.evaluate`` writes NaN beside those that have one.
    """


class FitInterrupted(KeyboardInterrupt):
    """Ctrl-C during a fit; the estimator's ``embedding_`` holds the map so far, if there is one.

    As a KeyboardInterrupt it passes by ``except Exception``, and so by ``except GputsneError``.

    Attributes
    ----------
    result : object
        The optimiser's result so far (``gputsne.engine.optimize.Result``), or None.
    """

    result: Any = None
