"""The doctor: whether gputsne can work here, line by line, each with one remedy.

``examine`` returns findings; ``gputsne doctor`` prints them. What is broken raises nothing here.
"""

from __future__ import annotations

from functools import partial
from os import PathLike

from gputsne.telemetry.doctor import environment, gpu
from gputsne.telemetry.doctor.finding import FAILED, OK, STATES, WARNING, Finding, checked
from gputsne.telemetry.doctor.folders import place_findings
from gputsne.telemetry.doctor.network import pushgateway_findings, scrape_findings
from gputsne.telemetry.doctor.stores import store_findings

__all__ = ["FAILED", "OK", "STATES", "WARNING", "Finding", "examine"]


def examine(
    *, store: str | None = None, scrape: str | None = None, pushgateway: str | None = None,
    textfile: str | PathLike[str] | None = None, output: str | PathLike[str] | None = None,
    checkpoint: str | PathLike[str] | None = None,
) -> tuple[Finding, ...]:  # fmt: skip
    """Return what a look at the machine, and at the places that are named, finds.

    Parameters
    ----------
    store : str or None
        URI of a store: tried on notes of its own, which are removed.
    scrape : str or None
        Address of metrics.
    pushgateway : str or None
        Address of a Pushgateway; nothing is pushed.
    textfile, output, checkpoint : path-like or None
        Files that runs are to write, or their folders; none is left there.

    Returns
    -------
    tuple of Finding
        Environment, GPU, and what was named.
    """
    found = []
    for area, checks in ((environment.AREA, environment.CHECKS), (gpu.AREA, gpu.CHECKS)):
        for name, check in checks.items():
            found += checked(area, name, check)
    if store is not None:
        found += checked("store", "access", partial(store_findings, store))
    if scrape is not None:
        found += checked("scrape", "answer", partial(scrape_findings, scrape))
    if pushgateway is not None:
        found += checked("pushgateway", "answer", partial(pushgateway_findings, pushgateway))
    places = {"output": output, "checkpoint": checkpoint, "metrics textfile": textfile}
    for name, path in places.items():
        if path is not None:
            found += checked("permissions", name, partial(place_findings, name, path))
    return tuple(found)
