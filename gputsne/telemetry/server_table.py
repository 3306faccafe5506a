"""The table of the server's metrics, from which gputsne.serve makes them and operating files read.

It stands apart from that of runs, since a server counts what it does itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["TABLE", "Measure"]

# Bounds in seconds: of an answer around the 100 ms that tiles are to keep, of a page's load around
# the 2 s that it is to keep, of work up to its deadline.
ANSWER: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)
LOAD: Final = (0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 2.5, 5.0, 10.0, 30.0)
WORK: Final = (0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)


@dataclass(frozen=True)
class Measure:
    """A line of the table.

    Attributes
    ----------
    key : str
        What the code calls it.
    kind : str
        "Counter", "Gauge" or "Histogram".
    name : str
        What Prometheus calls it; a counter's gets ``_total``.
    told : str
        Its help.
    labels : tuple of str
        Names of its labels, all of few values.
    buckets : tuple of float
        Of a histogram, in its unit.
    """

    key: str
    kind: str
    name: str
    told: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


TABLE: Final = (
    Measure("requests", "Counter", "gputsne_http_requests", "Requests answered.",
            ("route", "method", "status")),
    Measure("seconds", "Histogram", "gputsne_http_request_duration_seconds",
            "Seconds from a request to the end of its answer.", ("route",), ANSWER),
    Measure("in_flight", "Gauge", "gputsne_http_requests_in_flight", "Requests being answered."),
    Measure("refused", "Counter", "gputsne_http_refused", "Requests refused, by why.", ("reason",)),
    Measure("sent", "Counter", "gputsne_http_sent_bytes", "Bytes of bodies sent.", ("route",)),
    Measure("work", "Histogram", "gputsne_work_duration_seconds",
            "Seconds of a computation, waiting included.", ("work",), WORK),
    Measure("waiting", "Gauge", "gputsne_work_waiting", "Computations under way or waiting."),
    Measure("concurrency", "Gauge", "gputsne_max_concurrency", "Threads that compute."),
    Measure("embedded", "Counter", "gputsne_embed", "On-demand maps, by outcome.", ("outcome",)),
    Measure("coldstart", "Histogram", "gputsne_coldstart_seconds",
            "Seconds that loading libraries took, once per process.",
            (), WORK),
    Measure("rum", "Histogram", "gputsne_rum_seconds",
            "Seconds that a page took in a browser, as it told.", ("event",), LOAD),
    Measure("cache_bytes", "Gauge", "gputsne_cache_bytes", "Bytes in the cache folder."),
)  # fmt: skip
