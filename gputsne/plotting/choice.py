"""Colours of categories and values, chosen from what ``palette`` may be; all end as ``#rrggbb``.

What matplotlib calls a colour or a colormap is one here too; the project's own palette, and colours
written as ``#rrggbb``, need no matplotlib.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from typing import Any

import numpy as np

from gputsne.base.colours import PALETTE, colour_of
from gputsne.base.colours import palette as distinct
from gputsne.base.files import path_of
from gputsne.base.labels import printable, text_of
from gputsne.data import require

__all__ = ["FILES", "OWN", "SCALES", "choose_colours", "choose_scale", "colour", "read_colours"]

SCALES = ("viridis", "cividis", "inferno", "magma", "plasma")
"""Perceptually even colour scales that both matplotlib and plotly have."""

OWN = ("distinct", "stable")
"""Names of the project's own ways to give categories their colours."""

FILES = (".json", ".csv")
"""Suffixes of files of label and colour."""

HEAD, HEAD_US = ["label", "colour"], ["label", "color"]
_STEPS = 64  # colours that a scale is written down with; between them, renderers interpolate


def choose_colours(
    names: Sequence[str], shown: Sequence[str], palette: Any, known: Mapping[str, str]
) -> dict[str, str]:
    """Return each category's colour.

    Parameters
    ----------
    names : sequence of str
        The categories in natural order.
    shown : sequence of str
        Those that the legend names: they get the colours that differ most.
    palette : None, "distinct", "stable", mapping, path, sequence, or colormap or its name
        None and "distinct": different colours, ``known`` ones kept. "stable": what follows from
        each name alone. A mapping, or a file of one: its colours, "distinct" for names it leaves
        out. A sequence: one colour after the other. A colormap: its colours, spread evenly
        if it is continuous.
    known : mapping of str to str
        Colours from an earlier picture.

    Returns
    -------
    dict of str to str
        Name to ``#rrggbb``.

    Raises
    ------
    ValueError
        A colour, colormap or number of colours that doesn't do.
    """
    if isinstance(palette, str) and palette == "stable":
        return {name: colour_of(name) for name in names}
    if isinstance(palette, PathLike) or (isinstance(palette, str) and palette.endswith(FILES)):
        palette = read_colours(palette)
    if isinstance(palette, Mapping):
        own = {printable(text_of(k)): colour(v, f"palette[{k!r}]") for k, v in palette.items()}
        return _distinct(names, shown, {**known, **own})
    if palette is None or (isinstance(palette, str) and palette == "distinct"):
        return _distinct(names, shown, known)
    if isinstance(palette, str) or hasattr(palette, "resampled"):
        colours = _of_colormap(palette, len(names))
    elif isinstance(palette, Iterable):
        colours = [colour(c, f"palette[{i}]") for i, c in enumerate(palette)]
    else:
        raise ValueError(f"palette={palette!r} must be a mapping, a list of colours or a colormap")
    if len(colours) < len(names):
        raise ValueError(
            f"palette has {len(colours)} colours for {len(names)} categories; give one each, or "
            "leave palette out for distinct ones"
        )
    return dict(zip(names, colours, strict=False))


def choose_scale(palette: Any) -> tuple[str, ...]:
    """Return the colours of a scale from its lowest to its highest value.

    Raises
    ------
    ValueError
        ``palette`` is no colormap, nor the name of one.
    """
    if isinstance(palette, Mapping) or (isinstance(palette, str) and palette in OWN):
        raise ValueError(
            f"palette={palette!r}: labels are values; give a colormap such as {', '.join(SCALES)}, "
            "or kind='categories'"
        )
    if isinstance(palette, str) or hasattr(palette, "resampled"):
        shades = _colormap(palette)(np.linspace(0, 1, _STEPS))
        return tuple(colour(shade[:3], "palette") for shade in shades)
    if isinstance(palette, Iterable):
        colours = tuple(colour(c, f"palette[{i}]") for i, c in enumerate(palette))
        if len(colours) > 1:
            return colours
    raise ValueError(f"palette={palette!r} must be a colormap, or two or more colours to blend")


def read_colours(path: str | PathLike[str]) -> dict[str, str]:
    """Return colours of labels from a file.

    Parameters
    ----------
    path : path-like
        ``.json``: an object of label to colour; ``.csv``: two columns, label and colour, with or
        without a first line that says so.

    Returns
    -------
    dict of str to str
        Label as text to ``#rrggbb``.

    Raises
    ------
    OSError
        It can't be read.
    ValueError
        It holds something else.
    """
    file = path_of(path, "palette")
    text = file.read_text(encoding="utf-8-sig")
    try:
        if file.suffix.lower() == ".csv":
            rows = [row for row in csv.reader(io.StringIO(text), strict=True) if row]
            if rows and [cell.strip().lower() for cell in rows[0]] in (HEAD, HEAD_US):
                del rows[0]
            found = {label: given.strip() for label, given in rows}
        else:
            found = json.loads(text)
    except (ValueError, csv.Error) as error:
        raise ValueError(f"{str(file)!r} has no colours of labels: {error}") from error
    if not isinstance(found, Mapping):
        raise ValueError(f"{str(file)!r} must hold one object of label to colour")
    return {text_of(k): colour(v, f"{file.name}: {k!r}") for k, v in found.items()}


def colour(given: Any, what: str) -> str:
    """Return a colour as ``#rrggbb``.

    Raises
    ------
    ValueError
        It is none; ``what`` names it.
    """
    if isinstance(given, str) and re.fullmatch(r"#[0-9a-fA-F]{6}", given):
        return given.lower()
    require("matplotlib", f"the colour {given!r}")
    from matplotlib import colors

    single = tuple(given) if isinstance(given, np.ndarray | list) else given
    try:
        return str(colors.to_hex(single))
    except (ValueError, TypeError):
        raise ValueError(
            f"{what}={given!r} is no colour; write '#rrggbb', a name such as 'teal' or 'tab:blue', "
            "or a tuple of three numbers from 0 to 1"
        ) from None


def _distinct(
    names: Sequence[str], shown: Sequence[str], known: Mapping[str, str]
) -> dict[str, str]:
    """Return distinct colours; of more names than the palette has, the shown ones come first."""
    if len(names) <= len(PALETTE):
        return distinct(names, keep=known)
    first = distinct(shown, keep=known)
    return distinct(names, keep={**first, **{n: known[n] for n in names if n in known}})


def _colormap(given: Any) -> Any:
    """Return a colormap of matplotlib's by name, or as it is."""
    if not isinstance(given, str):
        return given
    require("matplotlib", f"the colour scale {given!r}")
    import matplotlib as mpl
    from matplotlib import colors

    if given in mpl.colormaps:
        return mpl.colormaps[given]
    if colors.is_color_like(given):
        raise ValueError(
            f"palette={given!r} is one colour: pass a list of colours, a mapping of label to "
            "colour, or a colormap"
        )
    raise ValueError(
        f"palette={given!r} is no colormap; choose 'distinct', 'stable', {', '.join(SCALES)}, or "
        "another name of matplotlib.colormaps such as 'tab10'"
    )


def _of_colormap(given: Any, count: int) -> list[str]:
    """Return a colormap's own colours if it is a list of few, else ``count`` evenly spread ones."""
    scale = _colormap(given)
    own = getattr(scale, "colors", ())
    shades = own if 0 < len(own) < _STEPS else scale(np.linspace(0, 1, max(count, 1)))
    return [colour(tuple(shade[:3]), "palette") for shade in shades]
