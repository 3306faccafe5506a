"""Callbacks as the loop calls them: a tuple of functions of one ``Progress``.

openTSNE's functions of three arguments are wrapped.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from gputsne.base.types import Progress

__all__ = ["Callback", "as_callbacks"]

Callback = Callable[[Progress], Any]


def as_callbacks(given: Any) -> tuple[Callback, ...]:
    """Check what the user gave as ``callbacks`` and return it as a tuple.

    Parameters
    ----------
    given : callable, iterable of callable or None
        A function takes one ``Progress``, or openTSNE's (iteration, error, embedding).

    Returns
    -------
    tuple of callable
        Empty for None.

    Raises
    ------
    TypeError
        For what can't be called, takes other arguments, or can be gone through only once.
    """
    if given is None:
        return ()
    if callable(given):
        return (_of_one_argument(given),)
    if not isinstance(given, Iterable):
        raise TypeError(f"callbacks={given!r} must be callable or a list of those")
    if isinstance(given, Iterator):
        raise TypeError(
            f"callbacks={given!r} can be gone through only once, and a second fit would call "
            "nothing; pass list(...)"
        )
    for one in given:
        if not callable(one):
            raise TypeError(f"callbacks holds {one!r}, which can't be called")
    return tuple(_of_one_argument(one) for one in given)


def _of_one_argument(callback: Callable[..., Any]) -> Callback:
    try:
        signature = inspect.signature(callback)
    except (TypeError, ValueError):  # written in C: it can't be asked
        return callback
    if _takes(signature, 1):
        return callback
    if _takes(signature, 3):
        return lambda p: callback(p.iteration, p.kl_divergence, p.embedding)
    raise TypeError(
        f"callbacks holds {callback!r} with the arguments {signature}: it must take one "
        "gputsne.types.Progress, or openTSNE's (iteration, error, embedding)"
    )


def _takes(signature: inspect.Signature, count: int) -> bool:
    try:
        signature.bind(*range(count))
    except TypeError:
        return False
    return True
