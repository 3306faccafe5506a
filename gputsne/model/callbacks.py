"""Callbacks as the loop calls them: a tuple of functions of one ``Progress``.

openTSNE's functions of three arguments are wrapped. Callbacks that have methods ``start(model)``
and ``finish(model)`` are told of the fit around the loop, too. A ``Checkpoint`` among them isn't
called: the fit itself asks it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from gputsne.base.messages import warn_user
from gputsne.base.types import Progress

__all__ = ["Callback", "Keeper", "as_callbacks", "keeper_of", "told_of_fit"]

Callback = Callable[[Progress], Any]


class Keeper:
    """What is given as a callback, and keeps a fit between any two iterations."""


def as_callbacks(given: Any) -> tuple[Callback, ...]:
    """Check what the user gave as ``callbacks`` and return it as a tuple.

    Parameters
    ----------
    given : callable, iterable of callable or None
        A function takes one ``Progress``, or openTSNE's (iteration, error, embedding).

    Returns
    -------
    tuple of callable
        Empty for None; without a ``Keeper``.

    Raises
    ------
    TypeError
        For what can't be called, takes other arguments, or can be gone through only once.
    """
    if given is None or isinstance(given, Keeper):
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
    return tuple(_of_one_argument(one) for one in given if not isinstance(one, Keeper))


def keeper_of(given: Any) -> Keeper | None:
    """Return the one ``Keeper`` among what the user gave as ``callbacks``.

    Raises
    ------
    ValueError
        There are several.
    """
    every = [] if given is None or callable(given) else given
    found = [one for one in ([given] if callable(given) else every) if isinstance(one, Keeper)]
    if len(found) > 1:
        raise ValueError(f"callbacks holds {len(found)} checkpoints: {found!r}; give one")
    return found[0] if found else None


@contextmanager
def told_of_fit(given: Any, model: Any) -> Iterator[None]:
    """Call ``start(model)`` of the callbacks that have it, and at the end ``finish(model)``.

    ``finish`` is called whatever ends the work inside, of every callback whose ``start`` was
    reached. What it raises becomes a warning: the map is there, and must not be lost to it.

    Parameters
    ----------
    given : callable, iterable of callable or None
        As the user gave them.
    model : TSNE
        Handed on.

    Warns
    -----
    UserWarning
        Where ``finish`` raises.
    """
    every = [] if given is None else [given] if callable(given) else list(given)
    begun: list[Any] = []
    try:
        for one in every:
            begun.append(one)
            _call(one, "start", model)
        yield
    finally:
        for one in reversed(begun):
            try:
                _call(one, "finish", model)
            except Exception as error:
                warn_user(
                    f"{type(one).__name__}.finish failed: {type(error).__name__}: {error}; the fit "
                    "is as it was before"
                )


def _call(callback: Any, name: str, model: Any) -> None:
    method = getattr(callback, name, None)
    if not callable(method) or isinstance(callback, type):
        return
    try:
        ours = _takes(inspect.signature(method), 1)  # a timer's start() is something else
    except (TypeError, ValueError):
        ours = False
    if ours:
        method(model)


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
