"""Warnings that point at the user's own line, however deep in the package they arise."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from gputsne.base import events

__all__ = ["heard", "warn_user"]

_LISTENERS: ContextVar[tuple[list[str], ...]] = ContextVar("listeners", default=())

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
    for said in _LISTENERS.get():
        said.append(message)
    if events.listened():
        where = events.places_of(sys._getframe(1))[-1:]
        events.tell("warning", logging.WARNING, category=category.__name__, where=where)
    level, frame = 2, sys._getframe(1)
    while _is_passed_through(frame.f_globals.get("__name__", "")) and frame.f_back is not None:
        level, frame = level + 1, frame.f_back
    warned = category(message)
    vars(warned)["told_by_gputsne"] = True  # the log has it
    warnings.warn(warned, stacklevel=level)


@contextmanager
def heard() -> Iterator[list[str]]:
    """Gather what ``warn_user`` says inside the block, in this thread, besides warning of it.

    Yields
    ------
    list of str
        Grows as warnings come, whatever filters let the user see.

    Examples
    --------
    >>> with warnings.catch_warnings(), heard() as said:
    ...     warnings.simplefilter("ignore")
    ...     warn_user("too few rows")
    >>> said
    ['too few rows']
    """
    said: list[str] = []
    token = _LISTENERS.set((*_LISTENERS.get(), said))
    try:
        yield said
    finally:
        _LISTENERS.reset(token)


def _is_passed_through(module: str) -> bool:
    return module.split(".")[0] in _PASSED_THROUGH
