"""Loading the compiled module, with OpenMP told not to spin for long.

GNU OpenMP's idle threads spin, for milliseconds by default. Where other processes want the same
cores that stalls every parallel region, of which an iteration has several. A spin of some 20 us
keeps the speed of an idle machine and most of it on a busy one. The runtime reads its environment
once, when it is loaded; the environment is put back right after.
"""

from __future__ import annotations

import os
from functools import lru_cache
from types import ModuleType

__all__ = ["native"]

SPIN = "10000"  # loop turns


@lru_cache(maxsize=1)  # a failure is not remembered
def native() -> ModuleType:
    """Return ``gputsne._native``.

    Raises
    ------
    ImportError
        It was not built.
    """
    chosen = {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} & set(os.environ)
    if not chosen:
        os.environ["GOMP_SPINCOUNT"] = SPIN
    try:
        from gputsne import _native
    finally:
        if not chosen:
            del os.environ["GOMP_SPINCOUNT"]
    return _native
