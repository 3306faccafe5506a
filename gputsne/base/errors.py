"""Every error that is the package's own, as one tree.

    Exception
    └── GputsneError
        ├── BackendUnavailable   (RuntimeError)  a device asked for by name can't run here
        ├── BadInput             (ValueError)    a file has not what was asked of it
        ├── Damaged              (ValueError)    a store holds other bytes than were written
        ├── DeadlineExceeded     (RuntimeError)  the time that was set for a run is over
        ├── DependencyMissing    (ImportError)   an optional package is not installed
        ├── OverBudget           (RuntimeError)  a run would cost more than it may
        ├── OverMemory           (MemoryError)   the plan needs more memory than is allowed
        ├── PromotionRefused     (RuntimeError)  a run did not pass what promoting it asks for
        ├── Refused              (RuntimeError)  a request that isn't answered, with its HTTP status
        └── UndefinedMetric      (ValueError)    a metric has no value for these points or labels
    KeyboardInterrupt
    └── FitInterrupted                           Ctrl-C during a fit

Each is the built-in error in brackets as well, so code that knows nothing of this package catches
it. What scikit-learn and numpy have a name for is raised as that: ValueError, TypeError,
``sklearn.exceptions.NotFittedError``.
"""

from __future__ import annotations

import math
from typing import Any, Final

__all__ = [
    "BackendUnavailable",
    "BadInput",
    "Damaged",
    "DeadlineExceeded",
    "DependencyMissing",
    "FitInterrupted",
    "GputsneError",
    "OverBudget",
    "OverMemory",
    "PromotionRefused",
    "Refused",
    "UndefinedMetric",
]


# Statuses of HTTP as words, for metrics.
REASONS: Final = {
    400: "bad_request", 401: "no_token", 403: "forbidden", 404: "not_found", 405: "method",
    408: "slow_body", 411: "no_length", 413: "too_large", 415: "media_type", 416: "range",
    421: "host", 422: "damaged", 429: "quota", 500: "fault", 501: "not_installed", 503: "busy",
    504: "deadline",
}  # fmt: skip


IN_CALLBACK: Final = "raised by a callback of the fit"
"""A note on whatever a callback raises: its ValueError is no fault of the data."""


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


class OverBudget(GputsneError, RuntimeError):
    """A run would cost more than it may; the message says how much, and what would fit.

    Attributes
    ----------
    spending : dict
        What was expected, as ``Run.spending``.
    """

    def __init__(self, message: str, spending: Any = None) -> None:
        self.spending = dict(spending or {})
        super().__init__(message)


class OverMemory(GputsneError, MemoryError):
    """The plan needs more memory than is allowed; raised before anything large is allocated."""


class PromotionRefused(GputsneError, RuntimeError):
    """A run did not end well or did not pass a check, or is being pruned: its ref stays."""


class Refused(GputsneError, RuntimeError):
    """A request that a server or a function does not answer.

    The message is one sentence for the caller: what was wrong, and what would be right.

    Attributes
    ----------
    status : int
        HTTP status, 400 to 599.
    headers : dict of str to str
        Of the answer, with ``Retry-After`` in seconds where the same request may succeed later.

    Examples
    --------
    >>> Refused(429, "10 calls per hour are allowed", retry_after=1.5).headers
    {'Retry-After': '2'}
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        retry_after: float | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = dict(headers or {})
        if retry_after is not None:
            self.headers["Retry-After"] = str(max(1, math.ceil(retry_after)))

    @property
    def reason(self) -> str:
        """The status as one word, for a metric."""
        return REASONS.get(self.status, "other")


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
