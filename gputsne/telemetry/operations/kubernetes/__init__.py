"""Manifests for Kubernetes made of the settings, and what is unsafe in any manifest.

``manifests_of`` makes them by file: ``kubernetes/`` is applied as a folder, ``kubernetes/jobs/``
one by one, when rows are to be placed. ``faults_of`` reads what anybody wrote.
"""

from __future__ import annotations

from typing import Any

from gputsne.accounts.prices import Prices
from gputsne.telemetry.operations.cluster import Cluster
from gputsne.telemetry.operations.kubernetes.exits import DECISIONS
from gputsne.telemetry.operations.kubernetes.ground import ground
from gputsne.telemetry.operations.kubernetes.hardening import faults_of
from gputsne.telemetry.operations.kubernetes.jobs import merge, nightly, shards
from gputsne.telemetry.operations.kubernetes.reading import SUFFIXES, documents_of, manifest_files
from gputsne.telemetry.operations.kubernetes.server import monitor, server

__all__ = [
    "DECISIONS", "SUFFIXES", "documents_of", "faults_of", "manifest_files", "manifests_of",
]  # fmt: skip


def manifests_of(cluster: Cluster, prices: Prices | None = None) -> dict[str, list[dict[str, Any]]]:
    """Return the manifests by file; files are applied in the order of their names.

    Parameters
    ----------
    cluster : Cluster
        Settings of the site.
    prices : Prices or None
        What it pays, for a nightly map with a machine.

    Returns
    -------
    dict of str to list of dict
    """
    found = {
        "kubernetes/00-ground.yaml": ground(cluster),
        "kubernetes/10-nightly.yaml": nightly(cluster, prices or Prices()),
        "kubernetes/20-serve.yaml": server(cluster),
    }
    if cluster.pod_monitor:
        found["kubernetes/30-monitor.yaml"] = monitor(cluster)
    return {
        **found,
        "kubernetes/jobs/shards.yaml": shards(cluster),
        "kubernetes/jobs/merge.yaml": merge(cluster),
    }
