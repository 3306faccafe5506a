"""Pictures of maps and of what is measured of them: png, svg, pdf by matplotlib, html by plotly.

maps.py, cluster_charts.py and map_charts.py have the figures. A map becomes a ``Scene`` (scene.py;
labels.py reads the labels, choice.py and colours.py give them colours), a curve or a silhouette a
``Chart`` (chart.py), and several of either a ``Sheet`` (sheet.py). static.py and static_sheet.py
draw these by matplotlib, interactive.py and interactive_sheet.py by plotly; theme.py has the
colours of paper and text. docs/gallery.md shows every figure.
"""

from gputsne.plotting.cluster_charts import cluster_numbers, silhouettes
from gputsne.plotting.colours import colour_of, palette
from gputsne.plotting.map_charts import kl_curves, rnx_curves, shepard
from gputsne.plotting.maps import beside, by_norm, by_quality, panels, plot

__all__ = [
    "beside",
    "by_norm",
    "by_quality",
    "cluster_numbers",
    "colour_of",
    "kl_curves",
    "palette",
    "panels",
    "plot",
    "rnx_curves",
    "shepard",
    "silhouettes",
]
