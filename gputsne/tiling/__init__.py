"""Tiles: a map of any size as static files that a browser loads as it zooms, and maps of streams.

building.py joins the others: columns.py reads what tiles carry, counting.py counts where no single
point may show, pyramid.py and fairness.py choose what lies in which tile, folder.py writes. A tile
is a container of the viewer. online.py refreshes tiles while a stream flows. docs/tiles.md has the
format.
"""

from __future__ import annotations

from gputsne.tiling.building import Tiles, tiles
from gputsne.tiling.online import OnlineMap

__all__ = ["OnlineMap", "Tiles", "tiles"]
