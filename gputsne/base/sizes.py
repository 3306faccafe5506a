"""Amounts of memory: ``8G`` to bytes, and bytes to what a message says.

Imports nothing but the standard library.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["LARGEST", "bytes_of", "size_text"]

_POWERS: Final = ("", "K", "M", "G", "T")
_BYTES: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(i?B)?", re.IGNORECASE | re.ASCII)
LARGEST: Final = 2**63  # beyond it nothing can be counted or addressed


def bytes_of(text: str) -> int:
    """Return an amount of memory in bytes: ``8G`` and ``8GiB`` are 8 x 1024^3, ``8GB`` is 8e9.

    Parameters
    ----------
    text : str
        A number and a unit, B where there is none.

    Returns
    -------
    int
        From 1 to 2**63 - 1.

    Raises
    ------
    ValueError
        It is no such amount.

    Examples
    --------
    >>> bytes_of("1.5 kB"), bytes_of("2M")
    (1500, 2097152)
    """
    match = _BYTES.fullmatch(text.strip())
    base = 1000 if match and match[3] and match[3].upper() == "B" else 1024
    amount = 0.0 if match is None else float(match[1]) * base ** _POWERS.index(match[2].upper())
    if not 1 <= amount < LARGEST:
        raise ValueError(f"{text!r} isn't an amount of memory such as 8G or 500M")
    return int(amount)


def size_text(amount: float) -> str:
    """Return an amount of memory as a message says it, in the unit that shows its digits.

    Parameters
    ----------
    amount : float
        Bytes.

    Returns
    -------
    str
        In bytes, kB, MB or GB of 1000, 1000^2 and 1000^3 bytes; GB from 10 MB on.

    Examples
    --------
    >>> size_text(10), size_text(2_500_000), size_text(260_000_000)
    ('10 bytes', '2.5 MB', '0.26 GB')
    """
    for unit, size, least in (("GB", 1e9, 1e7), ("MB", 1e6, 1e6), ("kB", 1e3, 1e3)):
        if abs(amount) >= least:
            return f"{amount / size:.2f} GB" if unit == "GB" else f"{amount / size:.1f} {unit}"
    return f"{amount:.0f} bytes" if amount != 1 else "1 byte"
