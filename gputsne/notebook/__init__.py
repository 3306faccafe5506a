"""Maps in a notebook: a widget whose selection Python reads and sets, and a map that grows live.

``view`` makes the widget of widget.py, whose contents reading.py takes from a map and whose front
end is assets/widget.js on the viewer's script; ``link`` joins the selections of several. ``Live``
is a callback of a fit. ``MapWidget`` is the widget's class, for isinstance and type hints. The
widget needs anywidget, which the extra ``notebook`` brings; nothing of it is imported before it is
asked for. docs/notebook.md shows all of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gputsne.notebook.linking import Link, link
from gputsne.notebook.live import Live
from gputsne.notebook.views import view

if TYPE_CHECKING:
    from gputsne.notebook.widget import MapWidget as MapWidget

# MapWidget is left out: whoever imports all names need not have anywidget.
__all__ = ["Link", "Live", "link", "view"]


def __getattr__(name: str) -> Any:
    """Import the widget's class, and anywidget with it, when it is asked for."""
    if name != "MapWidget":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from gputsne.data import require

    require("anywidget", "gputsne.notebook.MapWidget")
    from gputsne.notebook.widget import MapWidget

    return MapWidget
