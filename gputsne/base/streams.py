"""Standard streams that can't be written any more."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import IO, Any

__all__ = ["silence"]


def silence(stream: IO[Any]) -> None:
    """Let what is still to be written to a stream go nowhere.

    Where its reader has gone or there is no room, Python would try once more at its end, and exit
    with 120.

    Parameters
    ----------
    stream : file
        Standard output or standard error; nothing happens to one without a descriptor.
    """
    with suppress(OSError, ValueError):  # io.UnsupportedOperation is both
        nothing = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nothing, stream.fileno())
        finally:
            os.close(nothing)
