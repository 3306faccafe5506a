"""Fonts for the letters of a picture: installed ones that have what the default font lacks."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from gputsne.base.messages import warn_user

__all__ = ["families"]

# Tried first: fonts made for many scripts, and what common systems ship for Chinese, Japanese,
# Korean and symbols. After these, whatever is installed.
LIKELY = (
    "Noto Sans CJK JP", "Noto Sans CJK SC", "Noto Sans CJK KR", "Source Han Sans", "Hiragino Sans",
    "PingFang SC", "Microsoft YaHei", "WenQuanYi Zen Hei", "Noto Sans", "Noto Emoji", "Symbola",
    "Segoe UI Symbol", "Unifont",
)  # fmt: skip


def families(texts: Iterable[str]) -> tuple[list[str], dict[int, int]]:
    """Return the families to write these texts with, and what no font here can write.

    Parameters
    ----------
    texts : iterable of str
        Everything that will be written.

    Returns
    -------
    families : list of str
        For matplotlib's ``font.family``, the default one first.
    instead : dict of int to int
        For ``str.translate``: the sign for an unknown letter in place of each that is missing, so
        that matplotlib has nothing to warn about.

    Warns
    -----
    UserWarning
        Once, naming the letters that no font here has, and what would help.
    """
    import matplotlib as mpl
    from matplotlib import font_manager

    default = list(mpl.rcParams["font.family"])
    wanted = {ord(c) for text in texts for c in text if ord(c) > 0xFF and not c.isspace()}
    if not wanted:
        return default, {}
    missing = wanted - _letters(font_manager.findfont(font_manager.FontProperties()))
    found: list[str] = []
    for name, path in _installed(font_manager.fontManager):
        if not missing:
            break
        has = missing & _letters(path)
        if has:
            found.append(name)
            missing -= has
    if missing:
        sample = " ".join(map(chr, sorted(missing)[:5]))
        warn_user(
            f"no font here has {len(missing)} of the letters in this picture ({sample}): they are "
            "drawn as question marks. Install a font that has them (Debian: fonts-noto-cjk, "
            "fonts-symbola), or write .html, whose letters are the browser's"
        )
    return [*default, *found], dict.fromkeys(missing, 0xFFFD)


def _installed(manager: Any) -> Iterable[tuple[str, str]]:
    """Return (name, file) of the fonts here, the likely ones first."""
    # matplotlib's last resort has a box for every code point, and no letters
    fonts = {e.name: e.fname for e in manager.ttflist if not e.name.startswith("Last Resort")}
    first = [name for name in LIKELY if name in fonts]
    return [(name, fonts[name]) for name in [*first, *sorted(fonts.keys() - set(first))]]


@lru_cache(maxsize=64)
def _letters(path: str) -> frozenset[int]:
    """Return the code points that a font file has."""
    from matplotlib import font_manager

    try:
        return frozenset(font_manager.get_font(path).get_charmap())
    except (OSError, RuntimeError):  # a file that FreeType can't read
        return frozenset()
