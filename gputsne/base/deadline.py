"""A deadline that long work asks about as it goes: per iteration, block of rows and stage.

Cooperative, so it needs no signal and works in any thread. It holds for what runs inside the
``with`` block in the same thread or task; two threads may have different ones.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

from gputsne.base.errors import DeadlineExceeded

__all__ = ["check", "limit", "passed"]


@dataclass(frozen=True)
class _Deadline:
    seconds: float  # as it was asked for
    end: float  # of time.monotonic()


_NONE: Final = _Deadline(float("inf"), float("inf"))
_current: ContextVar[_Deadline] = ContextVar("gputsne_deadline", default=_NONE)


@contextmanager
def limit(seconds: float | None) -> Iterator[None]:
    """Let what runs inside stop after so many seconds, with DeadlineExceeded.

    Parameters
    ----------
    seconds : float or None
        From now; None sets no deadline. An earlier one around it goes on to hold.

    Examples
    --------
    >>> with limit(0.0):
    ...     passed()
    True
    """
    old = _current.get()
    new = old if seconds is None else _Deadline(seconds, time.monotonic() + seconds)
    token = _current.set(min(old, new, key=lambda deadline: deadline.end))
    try:
        yield
    finally:
        _current.reset(token)


def passed() -> bool:
    """Tell whether the deadline that holds here has passed; False where none was set."""
    return time.monotonic() >= _current.get().end


def check(where: str = "") -> None:
    """Raise DeadlineExceeded if the deadline that holds here has passed.

    Parameters
    ----------
    where : str
        Ends the message, as in ``"at iteration 200 of 750"``.

    Raises
    ------
    DeadlineExceeded
        With the seconds that were allowed.
    """
    if passed():
        raise DeadlineExceeded(
            f"the deadline of {_current.get().seconds:g} s passed{where and ' ' + where}"
        )
