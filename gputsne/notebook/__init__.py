"""Maps in a notebook: a widget whose selection Python reads and sets, and a map that grows live.

``view`` makes the widget of widget.py, whose contents reading.py takes from a map and whose front
end is assets/widget.js on the viewer's script; ``link`` joins the selections of several. ``Live``
is a callback of a fit. The widget needs anywidget, which the extra ``notebook`` brings; nothing of
it is imported before it is asked for. docs/notebook.md shows all of it.
"""

from __future__ import annotations

from gputsne.notebook.linking import Link, link
from gputsne.notebook.live import Live
from gputsne.notebook.views import view

__all__ = ["Link", "Live", "link", "view"]
