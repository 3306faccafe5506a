"""Files of static figures: the same bytes every time, with the alternative text in them."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from gputsne.base.files import replacing

__all__ = ["DPI", "described", "encoded", "written"]

DPI = 200.0

MOST_PIXELS = (65_536, 250_000_000)
"""Of a side, which is matplotlib's own limit, and of a picture: 1 GB while it is drawn."""

_SVG = re.compile(rb"<svg\b[^>]*>")


def described(
    figure: Any,
    alts: Sequence[str],
    title: str = "",
    recipe: str = "",
    *,
    tight: bool | None = None,
) -> None:
    """Add to what a figure's file says of itself; its ``alt`` is what all its panels say.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Any, also one of the user's.
    alts : sequence of str
        Alternative texts of what was drawn.
    title, recipe : str
        What stands above it, and how to make it again.
    tight : bool or None
        Whether the file is cut to what is drawn, or has the figure's own size.
    """
    before = getattr(figure, "alt", "")
    figure.alt = " ".join(filter(None, [before if isinstance(before, str) else "", *alts]))
    held = dict(getattr(figure, "_gputsne", {}))
    held |= {name: text for name, text in (("Title", title), ("Source", recipe)) if text}
    if tight is not None:
        held["tight"] = tight
    figure._gputsne = held


def written(figure: Any, path: Path, dpi: float | None) -> None:
    """Write a figure; the file is replaced in one step."""
    content = encoded(figure, path.suffix.lower()[1:], dpi or DPI)
    with replacing(path) as part:
        part.write_bytes(content)


def encoded(figure: Any, suffix: str, dpi: float) -> bytes:
    """Return the file's bytes: text stays text, and the same map gives the same bytes.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        What is written.
    suffix : {"png", "svg", "pdf"}
        The kind of file.
    dpi : float
        Dots per inch.

    Returns
    -------
    bytes
        The alternative text is a png's ``Description``, an svg's ``desc``, a pdf's ``Subject``; how
        to make the map again is ``Source``, in a pdf ``Keywords``.
    """
    import matplotlib as mpl

    if suffix == "png":
        wide, high = figure.get_size_inches() * dpi
        if max(wide, high) >= MOST_PIXELS[0] or wide * high > MOST_PIXELS[1]:
            raise ValueError(
                f"dpi={dpi:g} makes {wide:,.0f} x {high:,.0f} pixels of this figure; at most "
                f"{MOST_PIXELS[0]:,} on a side and {MOST_PIXELS[1]:,} in all can be drawn: pass "
                "less, or write .svg or .pdf"
            )
    held = dict(getattr(figure, "_gputsne", {}))
    alt, title, recipe = getattr(figure, "alt", ""), held.get("Title", ""), held.get("Source", "")
    about: dict[str, Any] = {"Title": title, "Description": alt, "Source": recipe}
    if suffix == "pdf":
        about = {"Title": title, "Subject": alt, "Keywords": recipe}
    about = {name: text for name, text in about.items() if text}
    about |= {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}[suffix]
    settings: Any = {"svg.fonttype": "none", "pdf.fonttype": 42, "svg.hashsalt": "gputsne"}
    if held.get("tight", True):
        settings |= {"savefig.bbox": "tight", "savefig.pad_inches": 0.12}
    sink = io.BytesIO()
    with mpl.rc_context(settings):
        figure.savefig(sink, format=suffix, dpi=dpi, metadata=about)
    content = sink.getvalue()
    if suffix == "svg":
        return _readable(content, alt)
    return _light(content) if suffix == "png" and not held.get("tight", True) else content


def _light(png: bytes) -> bytes:
    """Return a thumbnail in 128 colours, a third of its bytes, with the texts that it has."""
    from PIL import Image, PngImagePlugin

    sink, texts = io.BytesIO(), PngImagePlugin.PngInfo()
    with Image.open(io.BytesIO(png)) as image:
        for name, text in image.text.items():  # type: ignore[attr-defined]
            texts.add_text(name, str(text))
        few = image.convert("RGB").quantize(128, dither=Image.Dither.NONE)
        few.save(sink, "png", pnginfo=texts, optimize=True)
    return sink.getvalue()


def _readable(svg: bytes, alt: str) -> bytes:
    """Return an svg that screen readers tell as one image with its alternative text."""
    if not alt:
        return svg
    own = _SVG.search(svg)
    assert own is not None
    id = f"alt-{hashlib.sha256(alt.encode()).hexdigest()[:8]}"  # several may stand in one page
    head = own.group()[:-1] + f' role="img" aria-labelledby="{id}">'.encode()
    said = f'\n <desc id="{id}">{escape(alt)}</desc>'
    return svg[: own.start()] + head + said.encode() + svg[own.end() :]
