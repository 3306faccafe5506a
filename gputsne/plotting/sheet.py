"""A sheet: one figure of maps and charts in rows, drawn by either library and written to a file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from gputsne.base.files import check_writable, path_of
from gputsne.base.labels import printable
from gputsne.plotting.chart import Chart
from gputsne.plotting.scene import Scene, Style, check_dpi
from gputsne.plotting.theme import Theme, theme_named

__all__ = ["INTERACTIVE", "STATIC", "Output", "Sheet", "output_of", "show"]

STATIC = (".png", ".svg", ".pdf")
INTERACTIVE = (".html",)


@dataclass(frozen=True, eq=False)
class Sheet:
    """Panels of one figure.

    Attributes
    ----------
    panels : tuple of Scene or Chart
        At least one, row by row.
    columns : int
        Panels side by side.
    theme : Theme
        Colours of paper and text.
    title, caption : str
        Texts above and below all panels, "" for none.
    one_key : bool
        Whether all panels colour by the same labels, so that one legend is enough.
    shared : bool
        Whether all panels are one map, and move together where they can be moved.
    """

    panels: tuple[Scene | Chart, ...]
    columns: int
    theme: Theme
    title: str = ""
    caption: str = ""
    one_key: bool = False
    shared: bool = False

    @property
    def rows(self) -> int:
        """Return the number of rows."""
        return math.ceil(len(self.panels) / self.columns)


@dataclass(frozen=True)
class Output:
    """Who draws, how, and where to.

    Attributes
    ----------
    renderer : str
        "matplotlib", "plotly" or "viewer".
    path : Path or None
        The file to write.
    dpi : float or None
        Dots per inch of a png.
    theme : Theme
        Colours of paper and text.
    title, caption : str or None
        The caller's own texts; None leaves them to the figure.
    """

    renderer: str
    path: Path | None
    dpi: float | None
    theme: Theme
    title: str | None = None
    caption: str | None = None

    def texts(self, title: str, caption: str) -> dict[str, str]:
        """Return the texts above and below: the caller's own, or else what the figure says."""
        return {
            "title": printable(title if self.title is None else self.title),
            "caption": printable(caption if self.caption is None else self.caption),
        }


def output_of(
    path: str | PathLike[str] | None, renderer: str | None, dpi: float | None, theme: str,
    title: str | None = None, caption: str | None = None, *, viewer: bool = False,
) -> Output:  # fmt: skip
    """Settle who draws, by the suffix of ``path`` or as asked, before anything is computed.

    ``viewer`` is whether the project's own viewer can draw it, and does unless plotly is asked for.

    Raises
    ------
    TypeError
        For a title or caption that is no text.
    ValueError
        For another suffix, renderer or theme, and where ``dpi`` has no effect.
    OSError
        If ``path`` can't be written.
    """
    target = None if path is None else path_of(path)
    chosen = _renderer(target, renderer, viewer)
    colours = theme_named(theme)
    Style(title, caption)
    if target is not None:
        check_writable(target)
    if dpi is not None:
        check_dpi(dpi)
        if chosen != "matplotlib":
            raise ValueError("dpi has no effect on an interactive map; leave it out")
        if target is None:
            raise ValueError("dpi has no effect without path; pass path, or leave dpi out")
    return Output(chosen, target, dpi, colours, title, caption)


def _renderer(path: Path | None, renderer: str | None, viewer: bool) -> str:
    """Return who draws: by suffix, or as asked."""
    pages = ("viewer", "plotly") if viewer else ("plotly",)
    if renderer not in (None, "matplotlib", *pages):
        others = "' or '".join(pages)
        raise ValueError(f"renderer={renderer!r} is neither 'matplotlib' nor '{others}'")
    if path is None:
        return renderer or "matplotlib"
    suffix = path.suffix.lower()
    if suffix not in STATIC + INTERACTIVE:
        allowed = ", ".join(STATIC + INTERACTIVE)
        raise ValueError(f"path={str(path)!r} ends in {suffix!r}; plot writes {allowed}")
    own = pages if suffix in INTERACTIVE else ("matplotlib",)
    if renderer not in (None, *own):
        raise ValueError(f"renderer={renderer!r} can't write {suffix} files; leave it out")
    return renderer or own[0]


def show(
    panels: Sequence[Scene | Chart], output: Output, *, columns: int | None = None,
    title: str = "", caption: str = "", one_key: bool = False, shared: bool = False,
    annotate: bool | None = None,
) -> Any:  # fmt: skip
    """Draw panels in one figure, write it if there is a path, return it.

    Parameters
    ----------
    panels : sequence of Scene or Chart
        At least one.
    output : Output
        Who draws and where to.
    columns : int or None
        Panels side by side; None for all in one row.
    title, caption : str
        Texts above and below all panels.
    one_key : bool
        Whether one legend is enough for all.
    shared : bool
        Whether all panels are one map.
    annotate : bool or None
        Whether category names stand on maps; None where they have room.

    Returns
    -------
    matplotlib.figure.Figure or plotly.graph_objects.Figure
        Also when it was written.
    """
    if len(panels) == 1 and isinstance(panels[0], Scene) and not (title or caption):
        return _map(panels[0], output, annotate)
    across = min(len(panels), columns or len(panels))
    sheet = Sheet(
        tuple(panels), across, output.theme, printable(title), printable(caption), one_key, shared
    )
    if output.renderer == "plotly":
        from gputsne.plotting import interactive_sheet

        return interactive_sheet.draw_sheet(sheet, output.path)
    from gputsne.plotting import static_sheet

    return static_sheet.draw_sheet(sheet, output.path, output.dpi, annotate)


def _map(scene: Scene, output: Output, annotate: bool | None) -> Any:
    """Draw a map alone: as large as that of ``plot``."""
    if output.renderer == "plotly":
        from gputsne.plotting import interactive

        return interactive.draw(scene, output.path)
    from gputsne.plotting import static

    style = Style(annotate=annotate, dpi=output.dpi, theme=output.theme)
    return static.draw(scene, style, output.path)
