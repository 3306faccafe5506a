"""Seeds and generators from what scikit-learn's and numpy's users call a random_state."""

from __future__ import annotations

import numbers
from typing import Any, NamedTuple

import numpy as np

__all__ = ["Seeds", "draw_seed", "generator"]


def draw_seed(random_state: Any) -> int:
    """Draw one seed.

    Parameters
    ----------
    random_state : int, RandomState, Generator or None
        An integer is the seed itself; None draws a new one each time.

    Returns
    -------
    int
        Below 2**31.

    Raises
    ------
    ValueError
        For what can't seed anything.
    """
    if isinstance(random_state, numbers.Integral):
        return int(random_state)
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(2**31 - 1))
    try:
        return int(_state(random_state).randint(2**31 - 1))
    except ValueError as error:
        raise ValueError(f"random_state={random_state!r} can't seed anything: {error}") from None


def generator(random_state: Any) -> np.random.Generator:
    """Return a numpy Generator; one that is given comes back as it is.

    Parameters
    ----------
    random_state : int, RandomState, Generator or None
        As scikit-learn takes it, and numpy's Generators.

    Returns
    -------
    Generator
        The same draws for the same integer.
    """
    if isinstance(random_state, np.random.Generator):
        return random_state
    return np.random.default_rng(_state(random_state).randint(2**31 - 1))


def _state(random_state: Any) -> Any:
    """Return a RandomState, as scikit-learn's ``check_random_state``, whose import takes seconds.

    None, as the module ``numpy.random`` itself, is numpy's global one.
    """
    if random_state is None or random_state is np.random:
        return np.random.mtrand._rand
    if isinstance(random_state, numbers.Integral):
        return np.random.RandomState(int(random_state))
    if isinstance(random_state, np.random.RandomState):
        return random_state
    raise ValueError(f"{random_state!r} cannot be used to seed a numpy.random.RandomState instance")


class Seeds(NamedTuple):
    """One seed for each stage of a fit that draws random numbers."""

    prepare: int
    neighbors: int
    initial: int

    @classmethod
    def of(cls, random_state: Any) -> Seeds:
        """Draw the seeds of one fit.

        Parameters
        ----------
        random_state : int, RandomState, Generator or None
            The same integer draws the same seeds; None draws new ones each time.

        Returns
        -------
        Seeds
            Below 2**31 each.

        Raises
        ------
        ValueError
            For what can't seed anything.
        """
        if random_state is not None and not isinstance(random_state, int | np.integer):
            random_state = draw_seed(random_state)
        try:
            drawn = np.random.RandomState(random_state).randint(0, 2**31 - 1, size=4)
        except ValueError as error:
            raise ValueError(
                f"random_state={random_state!r} can't seed anything: {error}"
            ) from None
        prepare, neighbors, _, initial = map(int, drawn)  # the third keeps the maps of old seeds
        return cls(prepare, neighbors, initial)
