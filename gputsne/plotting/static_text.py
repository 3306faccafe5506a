"""What every text on a static picture needs: the paper's theme, and dollars kept as dollars."""

from __future__ import annotations

from typing import Any

from gputsne.plotting.theme import DARK, LIGHT, Theme

__all__ = ["OURS", "literal", "theme_on"]

OURS = "gputsne"
"""Group id of what an earlier call drew into the same axes."""


def theme_on(ax: Any) -> Theme:
    """Return the theme whose text can be read on the paper of an axes' figure."""
    from matplotlib import colors

    red, green, blue, alpha = colors.to_rgba(ax.figure.get_facecolor())
    dark = alpha > 0.5 and 0.2126 * red + 0.7152 * green + 0.0722 * blue < 0.4  # Rec. 709 luma
    return DARK if dark else LIGHT


def literal(text: str) -> str:
    """Keep matplotlib from reading dollars as mathematics."""
    return text.replace("$", r"\$")
