"""Warnings that point at the user's own line, however deep in the package they arise."""

from __future__ import annotations

import sys
import warnings

__all__ = ["warn_user"]

# Packages whose frames are no user's: ours, scikit-learn's wrappers of transform, context managers.
_PASSED_THROUGH = ("gputsne", "sklearn", "contextlib")


def warn_user(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn, and attribute it to the first frame outside this package.

    Parameters
    ----------
    message : str
        What happened, and what to do about it.
    category : type of Warning
        ``UserWarning`` unless something more special is meant.
    """
    level, frame = 2, sys._getframe(1)
    while _is_passed_through(frame.f_globals.get("__name__", "")) and frame.f_back is not None:
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)


def _is_passed_through(module: str) -> bool:
    return module.split(".")[0] in _PASSED_THROUGH
