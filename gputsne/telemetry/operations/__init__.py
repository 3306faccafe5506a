"""Operating files made of rules and tables of metrics: ``gputsne ops`` writes and checks them.

``Settings`` holds what is a site's own. ``files_of`` makes every file's text; ``write``, ``stale``
and ``unsafe`` are what the command calls.
"""

from gputsne.telemetry.operations.folder import differences, files_of, stale, unsafe, write
from gputsne.telemetry.operations.settings import Settings

__all__ = ["Settings", "differences", "files_of", "stale", "unsafe", "write"]
