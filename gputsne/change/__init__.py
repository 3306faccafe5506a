"""Maps over time: laid onto each other by ids, and how far maps and their data have drifted.

Works on any vectors and any map; no fit is needed. docs/change.md shows it.
"""

from gputsne.change.alignment import Alignment, align
from gputsne.change.clusters_kept import clusters_kept
from gputsne.change.drifting import drift
from gputsne.change.identity import shared_rows
from gputsne.change.repetition import Reproducibility, reproducibility

__all__ = [
    "Alignment",
    "Reproducibility",
    "align",
    "clusters_kept",
    "drift",
    "reproducibility",
    "shared_rows",
]
