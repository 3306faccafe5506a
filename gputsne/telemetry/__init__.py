"""Metrics of runs, and the operating files that are made from them: docs/operate.md tells of both.

``METRICS`` is the one table. ``Board`` holds values, ``begin`` and ``finish`` say what a run is to
say, ``board_of_store`` all runs of a store; ``write_textfile``, ``push`` and ``Port`` bring it to
Prometheus. ``Exporter`` is all of it as a callback of a fit. These need the extra ``ops``;
``JsonLines``, the log of stages, needs nothing.
"""

from gputsne.telemetry.board import Board
from gputsne.telemetry.lines import JsonLines
from gputsne.telemetry.monitor import Exporter, Monitor
from gputsne.telemetry.readiness import readiness
from gputsne.telemetry.sinks import Port, push, write_textfile
from gputsne.telemetry.table import METRICS, Metric
from gputsne.telemetry.telling import begin, board_of_store, finish

__all__ = [
    "METRICS", "Board", "Exporter", "JsonLines", "Metric", "Monitor", "Port", "begin",
    "board_of_store", "finish", "push", "readiness", "write_textfile",
]  # fmt: skip
