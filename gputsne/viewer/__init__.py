"""The viewer of maps in a browser: its assets, the pages that hold a map, and their container.

src/ has the viewer's own modules, assets/ the one script that tools/build_viewer.py builds of them.
contents.py makes a map's columns and container (container.py), page.py the pages; the script's
``mount`` shows either in any element. docs/viewer.md tells all of it.
"""

from __future__ import annotations

from gputsne.viewer.container import pack, unpack
from gputsne.viewer.contents import Column, contents
from gputsne.viewer.files import asset, bundle
from gputsne.viewer.map_page import MapPage
from gputsne.viewer.page import folder, page

__all__ = ["Column", "MapPage", "asset", "bundle", "contents", "folder", "pack", "page", "unpack"]
