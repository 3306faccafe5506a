"""A map as a page of the viewer that is not written yet, or was."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from os import PathLike
from pathlib import Path
from typing import Any

from gputsne.base.files import path_of, replacing
from gputsne.viewer.page import page

__all__ = ["MapPage"]

HEIGHT = 560  # pixels in a notebook


@dataclass(frozen=True, eq=False)
class MapPage:
    """A map in the browser; ``gputsne.plot`` returns it for ``.html``.

    Attributes
    ----------
    tileset : dict
        Title, caption, alt and columns.
    container : bytes
        The points.
    theme : {"auto", "light", "dark"}
        What the page begins with.
    """

    tileset: dict[str, Any]
    container: bytes
    theme: str = "auto"

    @property
    def html(self) -> str:
        """Return the whole page, which works without a network."""
        return page(self.tileset, self.container, theme=self.theme)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the page; the file is replaced in one step.

        Parameters
        ----------
        path : path-like
            The file.

        Raises
        ------
        OSError
            It can't be written.
        """
        with replacing(Path(path_of(path))) as part:
            part.write_text(self.html, encoding="utf-8")

    def __repr__(self) -> str:
        """Name the map and the number of its points."""
        return f"<MapPage {self.tileset['title']!r}: {self.tileset['rows']:,} points>"

    def _repr_html_(self) -> str:
        """Return the page in a frame that can reach neither the notebook nor the network."""
        title = escape(self.tileset["title"] or "Map")
        return (
            f'<iframe srcdoc="{escape(self.html)}" title="{title}" '
            f'sandbox="allow-scripts allow-downloads" width="100%" height="{HEIGHT}"></iframe>'
        )
