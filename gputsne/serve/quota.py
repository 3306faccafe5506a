"""Token buckets: so many requests at once and so many per second, per key."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from gputsne.base.forks import Lock

__all__ = ["Buckets"]

MOST_KEYS: Final = 10_000  # that are remembered; of more, those asked longest ago are forgotten


class Buckets:
    """A bucket per key, each of which begins full.

    Parameters
    ----------
    capacity : float
        Requests that a full bucket grants at once.
    per_second : float
        Requests by which it fills again.
    clock : callable
        Seconds that only go up.

    Examples
    --------
    >>> now = [0.0]
    >>> calls = Buckets(2, 0.5, clock=lambda: now[0])
    >>> [calls.take("a"), calls.take("a"), calls.take("a"), calls.take("b")]
    [0.0, 0.0, 2.0, 0.0]
    """

    def __init__(
        self, capacity: float, per_second: float, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.capacity, self.per_second, self.clock = max(1.0, capacity), per_second, clock
        self._held: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = Lock()

    def take(self, key: str) -> float:
        """Take one request out.

        Parameters
        ----------
        key : str
            Whose.

        Returns
        -------
        float
            0 where it was granted, else the seconds until one would be.
        """
        with self._lock.held():
            level = self._level(key)
            granted = level >= 1.0
            self._held[key] = (level - granted, self.clock())
            self._held.move_to_end(key)
            if len(self._held) > MOST_KEYS:
                self._held.popitem(last=False)
        return 0.0 if granted else (1.0 - level) / self.per_second

    def _level(self, key: str) -> float:
        level, at = self._held.get(key, (self.capacity, 0.0))
        return min(self.capacity, level + (self.clock() - at) * self.per_second)
