"""The files of the viewer that lie beside a tile set, so that its folder is a page."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from typing import Any

__all__ = ["viewer_files"]


def viewer_files(tileset: Mapping[str, Any]) -> dict[str, bytes]:
    """Return index.html and what it loads, by name; what the viewer's room has of them.

    Parameters
    ----------
    tileset : mapping
        What tileset.json says.

    Returns
    -------
    dict of str to bytes
    """
    folder = files("gputsne.viewer").joinpath("assets")
    return {f.name: f.read_bytes() for f in folder.iterdir()} if folder.is_dir() else {}
