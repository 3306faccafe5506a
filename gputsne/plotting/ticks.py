"""Ticks of a colour scale: where they stand and what they say, for values and for dates.

Texts have as many digits as it takes to tell the ticks apart; where that would be too many, as of
values in a narrow range far from 0, they count from the least one.
"""

from __future__ import annotations

import math
from decimal import Decimal, localcontext

import numpy as np

from gputsne.plotting.caption import number

__all__ = ["date_ticks", "ends", "value_ticks"]

MOST = 6  # ticks of values
DIGITS = 7  # of a tick; with more, ticks count from the least value
PLAIN = (-4, 6)  # powers of ten between which numbers are written without an exponent
PRECISION = 800  # digits that hold the difference of any two floats of like size
BEYOND = 2  # digits of the ends of a range beyond the first in which they differ


def value_ticks(low: float, high: float) -> tuple[str, list[float], list[str]]:
    """Return what ticks count from, their places on a scale, and their texts.

    Parameters
    ----------
    low, high : float
        Ends of the scale, finite, ``low <= high``.

    Returns
    -------
    base : str
        What the ticks are added to, or "" for 0.
    places : list of float
        Shares of the scale in [0, 1], ascending.
    texts : list of str
        As many.
    """
    if low == high:
        return "", [0.5], [number(low, 17)]
    with localcontext() as exact:
        exact.prec = PRECISION
        first, span = Decimal(low), Decimal(high) - Decimal(low)
        raw = span / MOST
        step = Decimal(1).scaleb(raw.adjusted())
        step *= next(m for m in (1, 2, 5, 10) if step * m >= raw)
        top = max(abs(low), abs(high))
        far = Decimal(top).adjusted() - step.adjusted() >= DIGITS
        start = Decimal(0) if far else first
        count = math.ceil(start / step)
        ticks = []
        while (tick := count * step) - start <= span:
            ticks.append(tick)
            count += 1
        places = [float((tick - start) / span) for tick in ticks]
        largest = max(abs(tick) for tick in ticks).adjusted() if any(ticks) else 0
        texts = [_text(tick, step, largest) for tick in ticks]
    return f"{number(low, 17)} +" if far else "", places, texts


def _text(tick: Decimal, step: Decimal, largest: int) -> str:
    """Return a tick with the digits of the step; with an exponent where it is large or small."""
    decimals = max(0, -step.adjusted())
    if PLAIN[0] <= largest <= PLAIN[1] and decimals <= DIGITS:
        said = f"{tick:.{decimals}f}"
    else:
        said = f"{float(tick):.{max(0, largest - step.adjusted())}e}" if tick else "0"
        head, _, power = said.partition("e")
        said = f"{head}e{int(power)}" if power else said
    return said.replace("-", "\N{MINUS SIGN}") if float(tick) else said.lstrip("-")


def ends(low: float, high: float) -> tuple[str, str]:
    """Return both ends of a range as text, with the digits that tell them apart.

    Parameters
    ----------
    low, high : float
        Finite.

    Returns
    -------
    tuple of str
        Three significant digits or more: what is left out is below a hundredth of the range.
    """
    span, top = high - low, max(abs(low), abs(high))
    digits = 3
    if span > 0.0:
        digits = 1 + BEYOND + math.floor(math.log10(top)) - math.floor(math.log10(span))
    digits = min(17, max(3, digits))  # 17 tell any two floats apart
    return number(low, digits), number(high, digits)


def date_ticks(first: float, last: float) -> tuple[list[float], list[str]]:
    """Return at most seven places between two dates, and what to write there.

    Parameters
    ----------
    first, last : float
        Days since 1970-01-01.

    Returns
    -------
    days : list of float
        Ascending, whole years, months, days or times of day.
    texts : list of str
        ``2021``, ``2021-03``, ``2021-03-04`` or ``2021-03-04 12:00``.
    """
    span = max(last - first, 1e-9)
    ends = (np.array([first, last]) * 86_400e6).astype("M8[us]")
    for unit, days in (("Y", 365.2425), ("M", 30.44), ("D", 1.0), ("h", 1 / 24), ("m", 1 / 1440)):
        if span >= 2 * days or unit == "m":
            break
    low, high = ends.astype(f"M8[{unit}]").astype(np.int64)
    low += int(np.array(low, dtype=f"M8[{unit}]").astype("M8[us]") < ends[0])
    step = max(1, int(np.ceil((high - low + 1) / 7)))
    at = np.arange(low, high + 1, step).astype(f"M8[{unit}]")
    at = at if len(at) else ends[:1].astype(f"M8[{unit}]")
    texts = [str(tick).replace("T", " ") for tick in at]
    texts = [f"{text}:00" if unit == "h" else text for text in texts]
    return list(at.astype("M8[us]").astype(np.int64) / 86_400e6), texts
