"""What every text on a static picture needs: the paper's theme, and dollars kept as dollars."""

from __future__ import annotations

import textwrap
from typing import Any

from gputsne.plotting.theme import DARK, LIGHT, Theme

__all__ = ["OURS", "fitted", "literal", "theme_on"]

OURS = "gputsne"
"""Group id of what an earlier call drew into the same axes."""

TRIES = 12  # widths that are measured until a text fits


def theme_on(ax: Any) -> Theme:
    """Return the theme whose text can be read on the paper of an axes' figure."""
    from matplotlib import colors

    red, green, blue, alpha = colors.to_rgba(ax.figure.get_facecolor())
    dark = alpha > 0.5 and 0.2126 * red + 0.7152 * green + 0.0722 * blue < 0.4  # Rec. 709 luma
    return DARK if dark else LIGHT


def literal(text: str) -> str:
    """Keep matplotlib from reading dollars as mathematics, and from drawing tabs as boxes."""
    return text.replace("\t", " ").replace("$", r"\$")


def fitted(put: Any, text: str, width: float, lines: int) -> str:
    """Return a text in lines that are no wider than a width.

    Parameters
    ----------
    put : matplotlib.text.Text
        Says font and size; its text is replaced.
    text : str
        Line breaks in it stay.
    width : float
        In pixels of the figure.
    lines : int
        Most lines; what does not fit ends in "…".

    Returns
    -------
    str
        At least one letter per line.
    """
    longest = max(map(len, text.split("\n")), default=0)
    fit = max(1, longest)
    found = text.split("\n")
    for _ in range(TRIES):
        put.set_text(literal("\n".join(found[:lines])))
        wide = _width(put)
        if wide <= width or fit == 1:
            break
        most = max(map(len, found[:lines]))
        fit = max(1, min(fit - 1, int(most * width / wide)))
        found = [line for part in text.split("\n") for line in textwrap.wrap(part, fit) or [""]]
    if len(found) > lines:
        found = [*found[: lines - 1], found[lines - 1][: max(1, fit - 1)].rstrip() + "…"]
    return "\n".join(found)


def _width(put: Any) -> float:
    from matplotlib.backends.backend_agg import RendererAgg

    renderer = RendererAgg(8, 8, put.figure.dpi)  # type: ignore[no-untyped-call]
    return float(put.get_window_extent(renderer).width)
