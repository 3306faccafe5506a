"""Themes: the colours of paper, text and lines of a picture, light or dark."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gputsne.base.colours import MISSING, oklab, with_lightness

__all__ = ["DARK", "LIGHT", "THEMES", "Theme", "theme_named"]

# Lightness in OKLab of the palette's darkest colour and its brightest, and what the darkest gets on
# dark paper, which has 0.18 itself. Those between are moved in proportion: to lift the dark ones
# alone would put them on others. The least distance of two colours stays 0.13 among the first ten
# and 0.07 among all twenty (test_maps.py).
DARKEST, BRIGHTEST, LIFTED = 0.36, 0.83, 0.48
DARK_START = 0.22  # share of a colour scale that is left out on dark paper: it would vanish there


@dataclass(frozen=True)
class Theme:
    """Colours of all but the data, as ``#rrggbb``.

    Attributes
    ----------
    name : str
        What the caller writes.
    paper, ink, faint, grid : str
        Of the background, text, text that matters less, and lines beneath data.
    missing : str
        Of points without a label.
    plain : str
        Of points and curves where nothing is coloured.
    accent : str
        Of a line that the eye should find.
    """

    name: str
    paper: str
    ink: str
    faint: str
    grid: str
    missing: str
    plain: str
    accent: str

    @property
    def dark(self) -> bool:
        """Tell whether text is paler than the paper."""
        return self.name == "dark"

    def visible(self, colours: tuple[str, ...]) -> tuple[str, ...]:
        """Return colours of categories, lifted on dark paper so that none is dim."""
        if not self.dark or not colours:
            return colours
        lightness = oklab(colours)[:, 0]
        lifted = np.interp(lightness, [DARKEST, BRIGHTEST, 1.0], [LIFTED, BRIGHTEST, 1.0])
        return tuple(
            with_lightness(colour, float(to)) for colour, to in zip(colours, lifted, strict=True)
        )

    def scale(self, colours: tuple[str, ...]) -> tuple[str, ...]:
        """Return a colour scale without the end that dark paper would swallow."""
        if not self.dark or len(colours) < 3 or oklab([colours[0]])[0, 0] > LIFTED:
            return colours
        return colours[int(np.ceil(DARK_START * len(colours))) :]


LIGHT = Theme("light", "#ffffff", "#222222", "#6b6b6b", "#e4e4e4", MISSING, "#316aac", "#ce3f06")
DARK = Theme("dark", "#0d1117", "#e8e8e8", "#a8a8a8", "#2b313a", "#4a515c", "#6d93f4", "#fe8328")
THEMES = {theme.name: theme for theme in (LIGHT, DARK)}


def theme_named(theme: str) -> Theme:
    """Return the theme of a name.

    Raises
    ------
    ValueError
        There is none.
    """
    if not isinstance(theme, str) or theme not in THEMES:
        raise ValueError(f"theme={theme!r} is neither 'light' nor 'dark'")
    return THEMES[theme]
