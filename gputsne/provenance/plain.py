"""Any value as JSON can hold it, moments as text, and SHA-256 of files and of arrays' bytes."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np

from gputsne.provenance.outcome import shown

__all__ = ["plain", "sha256_file", "stamp"]

BLOCK: Final = 1 << 20  # bytes of a file hashed at a time
LONGEST_ARRAY: Final = 1000  # numbers that are written out; longer arrays are told by their hash

ADDRESS: Final = re.compile(r" at 0x[0-9a-fA-F]+")  # in the repr of functions and objects


def sha256_file(path: str | Path) -> str:
    """Return the SHA-256 of a file's bytes, as ``sha256sum`` prints it.

    Parameters
    ----------
    path : str or Path
        The file; read in blocks of 1 MiB.

    Returns
    -------
    str
        64 hexadecimal digits.

    Examples
    --------
    >>> sha256_file("/dev/null")[:8]
    'e3b0c442'
    """
    digest = hashlib.sha256()
    with Path(path).open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def plain(value: Any) -> Any:
    """Return a value as JSON can hold it.

    Parameters
    ----------
    value : object
        Numbers of numpy become Python's, NaN and infinity None, small arrays lists, large arrays
        their shape, dtype and SHA-256, anything unknown its ``repr`` without its address.

    Returns
    -------
    object
        Made of dict, list, str, int, float, bool and None.

    Examples
    --------
    >>> plain({"kl": np.float32(0.5), "seed": np.int64(3), "bad": float("nan")})
    {'kl': 0.5, 'seed': 3, 'bad': None}
    """
    try:
        return _plain(value)
    except RecursionError:  # it holds itself
        return _named(value)


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, str):
        return shown(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, np.generic) and not isinstance(value, np.void | np.longdouble):
        return _plain(value.item())
    if isinstance(value, np.longdouble):
        return _plain(float(value))
    if isinstance(value, np.ndarray):
        if value.size <= LONGEST_ARRAY and value.dtype.kind in "fiub":
            return _plain(value.tolist())
        told: dict[str, Any] = {"shape": list(value.shape), "dtype": str(value.dtype)}
        if not value.dtype.hasobject:  # whose bytes are addresses
            told["sha256"] = hashlib.sha256(np.ascontiguousarray(value)).hexdigest()
        return told
    if isinstance(value, Mapping):
        return {shown(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, set | frozenset):
        return sorted((_plain(v) for v in value), key=repr)
    if isinstance(value, Path):
        return shown(value)
    return _named(value)


def _named(value: Any) -> str:
    """Return what an object calls itself, the same in every process; its type where that fails."""
    try:
        return shown(ADDRESS.sub("", repr(value)))
    except Exception:  # of whatever kind the object's own code raises
        return f"<{type(value).__qualname__}>"


def stamp(when: datetime) -> str:
    """Return a moment as ISO 8601 in UTC, to the millisecond."""
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")
