"""The palette: twenty colours that all eyes tell apart, and one that follows from a label.

:func:`palette` gives a known set of labels distinct colours. Numbered labels (digits, cluster ids,
single letters, "type 7") take their places in it by number, so that they keep them in any subset.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache

import numpy as np
import numpy.typing as npt

__all__ = [
    "MISSING",
    "OURS",
    "PALETTE",
    "colour_of",
    "look_alikes",
    "mixable",
    "natural_order",
    "oklab",
    "palette",
    "unmixed",
    "with_lightness",
]

# Tuned by hand, then moved by at most 0.11 in OKLab so that colour-blind readers can tell them
# apart too. Least distance of two colours in OKLab, to normal eyes and to eyes without green or red
# cones: 0.15 and 0.099 among the first ten, 0.10 and 0.066 among all (test_colours.py).
PALETTE = (
    "#316aac", "#fe8328", "#0b865a", "#ce3f06", "#8864eb",
    "#18a9c9", "#7b3e3b", "#f8639e", "#b6d77b", "#302d89",
    "#f2ba0b", "#6d93f4", "#7d1f5f", "#6accca", "#c9761c",
    "#b1a6f8", "#3f4003", "#b53392", "#226c71", "#c8a171",
)  # fmt: skip
MISSING = "#cbcbcb"
"""Colour of points whose label is missing."""

# Lightness added to a palette colour on its second and third round (labels 20-39 and 40-59).
_ROUNDS = (0.0, -0.13, 0.11)
_ALL = len(PALETTE) * len(_ROUNDS)

# Ottosson (2020), "A perceptual color space for image processing": OKLab from linear sRGB.
_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def mixable(colours: Sequence[str]) -> npt.NDArray[np.float64]:
    """Return linear light, shape (len(colours), 3), of colours written ``#rrggbb``."""
    srgb = np.array([[int(c[i : i + 2], 16) / 255 for i in (1, 3, 5)] for c in colours])
    srgb = srgb.reshape(-1, 3)
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def unmixed(light: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return sRGB values in [0, 1] of linear light: the inverse of :func:`mixable`."""
    linear = np.clip(light, 0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def oklab(colours: Sequence[str]) -> npt.NDArray[np.float64]:
    """Return OKLab coordinates, shape (len(colours), 3), of colours written ``#rrggbb``."""
    lab: npt.NDArray[np.float64] = np.cbrt(mixable(colours) @ _LMS.T) @ _LAB.T
    return lab


def _hex(lightness: float, chroma: float, hue: float) -> str:
    """Return the sRGB colour of an OKLCH triple; chroma shrinks until the screen can show it."""
    while True:
        lab = np.array([lightness, chroma * math.cos(hue), chroma * math.sin(hue)])
        linear = np.linalg.inv(_LMS) @ (np.linalg.inv(_LAB) @ lab) ** 3
        if chroma <= 0.01 or (linear.min() >= -1e-3 and linear.max() <= 1 + 1e-3):
            break
        chroma -= 0.005
    return "#" + "".join(f"{round(255 * float(v)):02x}" for v in unmixed(linear))


def _numbered(name: str) -> tuple[int, int] | None:
    """Return the number a label carries and where its text starts counting; None for a word."""
    if name in ("False", "True"):
        return int(name == "True"), 0
    if len(name) == 1 and name.isascii() and name.isalpha():
        return ord(name) - ord("a" if name.islower() else "A"), 0
    whole = re.fullmatch(r"[+-]?\d+", name, re.ASCII)
    if whole:
        return int(name), 0
    tail = re.fullmatch(r"(.*\D)(\d+)", name, re.ASCII | re.DOTALL)
    if tail:  # "type 7" and "type 8" differ; so, as a rule, do "type 7" and "batch 7"
        return int(tail[2]), _digest(tail[1])[0] % len(PALETTE)
    return None


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=8).digest()


def _in_palette(number: int, first: int = 0) -> str:
    """Return palette colour ``number``, wrapping after twenty into darker and lighter rounds."""
    rounds, place = divmod(number, len(PALETTE))
    return _of_round(rounds % len(_ROUNDS), (place + first) % len(PALETTE))


@cache
def _of_round(rounds: int, place: int) -> str:
    shift = _ROUNDS[rounds]
    if shift == 0:
        return PALETTE[place]
    lightness = float(oklab([PALETTE[place]])[0, 0])
    return with_lightness(PALETTE[place], min(max(lightness + shift, 0.3), 0.86))


def with_lightness(colour: str, lightness: float) -> str:
    """Return a colour of the same hue, and of the same chroma as far as a screen can show it.

    Parameters
    ----------
    colour : str
        As ``#rrggbb``.
    lightness : float
        In OKLab, from 0 (black) to 1 (white).

    Returns
    -------
    str
        As ``#rrggbb``.
    """
    _, a, b = (float(v) for v in oklab([colour])[0])
    return _hex(lightness, math.hypot(a, b), math.atan2(b, a))


OURS = frozenset(_in_palette(i) for i in range(_ALL))
"""All sixty colours that labels are given; a label of another colour has it from its user."""


def colour_of(name: str) -> str:
    """Return the colour ``#rrggbb`` that follows from a label's text alone.

    Parameters
    ----------
    name : str
        The label as text. Whole numbers, single letters, ``True`` / ``False`` and texts that end
        in a number take palette places by their number, so neighbours differ; other texts take
        lightness, chroma and hue in OKLCH from their BLAKE2b digest.

    Returns
    -------
    str
        The same for the same name in every run, whatever other labels there are.

    Examples
    --------
    >>> colour_of("0"), colour_of("1")
    ('#316aac', '#fe8328')
    """
    number = _numbered(name)
    if number is not None:
        return _in_palette(*number)
    word = int.from_bytes(_digest(name), "big")
    hue, lightness, chroma = ((word >> s & 0xFFFF) / 0xFFFF for s in (0, 16, 32))
    return _hex(0.42 + 0.36 * lightness, 0.10 + 0.08 * chroma, 2 * math.pi * hue)


def palette(labels: Iterable[object], keep: Mapping[str, str] | None = None) -> dict[str, str]:
    """Give a known set of labels distinct colours, to be handed to every plot of its subsets.

    Parameters
    ----------
    labels : iterable
        All labels there are; repeated ones count once, missing ones (None, NaN, "") not at all.
    keep : mapping of str to str, optional
        Colours that labels have already, as ``#rrggbb``. Where some of ``labels`` are among them,
        the others take colours that are still free.

    Returns
    -------
    dict of str to str
        Label as text to ``#rrggbb``, in natural order. Numbered labels keep the colours of
        :func:`colour_of` if those are all different; otherwise label ``i`` of the natural order
        takes palette place ``i``. The first twenty are distinct to colour-blind eyes as well.

    Examples
    --------
    >>> palette(["dog", "cat", "dog"])
    {'cat': '#316aac', 'dog': '#fe8328'}
    >>> palette(["dog", "ant", "cat"], keep=palette(["dog", "cat"]))
    {'ant': '#0b865a', 'cat': '#316aac', 'dog': '#fe8328'}
    """
    from gputsne.base.labels import text_of

    names = natural_order({text_of(label) for label in labels} - {""})
    known = {name: keep[name] for name in names if name in keep} if keep else {}
    rest = [name for name in names if name not in known]
    # labels of another kind may take the same colours; these have some in common with what is kept
    taken = set(keep.values()) if keep and known else set()
    if all(_numbered(name) is not None for name in rest):
        own = [colour_of(name) for name in rest]
        if len(set(own)) == len(own) and not taken.intersection(own):
            given = dict(zip(rest, own, strict=True)) | known
            return {name: given[name] for name in names}
    places = range(len(rest) + len(taken))
    free = [c for c in map(_in_palette, places) if c not in taken]
    beside = set(known.values()) | set(free)  # of labels that no others see, colours serve twice
    free += [c for c in map(_in_palette, range(_ALL)) if c not in beside]
    free += [_in_palette(i) for i in range(len(places), len(places) + len(rest) - len(free))]
    given = dict(zip(rest, free, strict=False)) | known
    return {name: given[name] for name in names}


# Machado, Oliveira & Fernandes (2009), severity 1.0: what eyes without green (deutan) or red
# (protan) cones see of linear light.
_EYES = (
    np.eye(3),
    np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
)
_ALIKE = (
    0.06  # in OKLab: nearer ones are hard to tell apart as dots; the palette has 0.066 at least
)


def look_alikes(colours: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the labels whose colours some eyes can hardly tell apart.

    Parameters
    ----------
    colours : mapping of str to str
        Label to ``#rrggbb``.

    Returns
    -------
    list of (str, str)
        Pairs of labels, in the order of the mapping: to normal eyes, or to eyes without green or
        without red cones, their colours are nearer than 0.06 in OKLab.

    Examples
    --------
    >>> look_alikes({"ok": "#5aa02c", "late": "#a08c2c", "off": "#302d89"})
    [('ok', 'late')]
    """
    from scipy.spatial import cKDTree

    names, light = list(colours), mixable(list(colours.values()))
    near: set[tuple[int, int]] = set()
    for eyes in _EYES:
        lab = np.cbrt(np.clip(light @ eyes.T, 0, 1) @ _LMS.T) @ _LAB.T
        near |= cKDTree(lab).query_pairs(_ALIKE)
    return [(names[i], names[j]) for i, j in sorted(near)]


def natural_order(names: Iterable[str]) -> list[str]:
    """Sort labels as people do: numbers by value, numbers inside of texts too."""

    def key(name: str) -> tuple[object, ...]:
        if re.fullmatch(r"[+-]?\d+(\.\d*)?(e[+-]?\d+)?", name, re.ASCII):
            return (0, float(name), name)
        parts = re.split(r"([0-9]+)", name)
        return (1, *((0, int(p), "") if p.isdecimal() else (1, 0, p) for p in parts))

    return sorted(names, key=key)
