"""Pictures of maps and of what is measured of them: png, svg, pdf by matplotlib, html pages.

maps.py, columns.py, cluster_charts.py and map_charts.py have the figures. A map becomes a ``Scene``
(scene.py; labels.py reads the labels, choice.py gives them colours, layers.py reads what else is
drawn), a curve or a silhouette a ``Chart`` (chart.py), and several of either a ``Sheet``
(sheet.py). static.py and static_sheet.py draw these by matplotlib, viewing.py by the project's own
viewer, interactive.py and interactive_sheet.py by plotly; theme.py has the colours of paper and
text, alt.py says in words what is drawn. docs/gallery.md shows every figure.
"""

from gputsne.base.colours import colour_of, look_alikes, palette
from gputsne.plotting.cluster_charts import cluster_numbers, silhouettes
from gputsne.plotting.columns import by_columns, thumbnail
from gputsne.plotting.map_charts import kl_curves, rnx_curves, shepard
from gputsne.plotting.maps import beside, by_norm, by_quality, panels, plot

__all__ = [
    "beside",
    "by_columns",
    "by_norm",
    "by_quality",
    "cluster_numbers",
    "colour_of",
    "kl_curves",
    "look_alikes",
    "palette",
    "panels",
    "plot",
    "rnx_curves",
    "shepard",
    "silhouettes",
    "thumbnail",
]
