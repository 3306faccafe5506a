"""Manifests of several sites, for tests of them: their pods, and their settings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from click.testing import CliRunner, Result

from gputsne.cli import main
from gputsne.telemetry.operations import Settings
from gputsne.telemetry.operations.cluster import Cluster
from gputsne.telemetry.operations.kubernetes import manifests_of

SITES = {
    "default": Cluster(),
    "everything": Cluster(
        namespace="maps", gpu=True, cpus=8, rows=2_000_000, features=300, pca=50, perplexity=50.5,
        pushgateway="http://pushgateway.monitoring:9091", pod_monitor=True,
        egress=("10.1.0.0/16:443",), storage_class="fast", access="ReadWriteOnce", replicas=1,
        image=f"registry.example:5000/maps/gputsne@sha256:{'0' * 64}", shards=3, parallel=8,
        arguments=("--labels", "kind"), cost_center="4711", team="search", model="events",
        machine="large", max_cost=7.5,
    ),
    "small": Cluster(rows=2000, features=5, perplexity=15, new_rows=100, shards=2, cpus=1),
}  # fmt: skip


TABLES = {
    "currency": "EUR",
    "machines": {"large": 3.25, 'small "quoted"': 1},
    "budgets": [{"tag": "team=search", "per_month": 200.5}, {"tag": "owner=Zoë", "per_month": 1}],
}


def settings_of(cluster: Cluster) -> Settings:
    return Settings(cluster=cluster, **TABLES)


def of_all(cluster: Cluster) -> Iterator[dict[str, Any]]:
    for made in manifests_of(cluster, settings_of(cluster).prices).values():
        yield from made


def kinds(cluster: Cluster, kind: str) -> dict[str, dict[str, Any]]:
    return {m["metadata"]["name"]: m for m in of_all(cluster) if m["kind"] == kind}


def pods(cluster: Cluster) -> dict[str, dict[str, Any]]:
    """Return the specs of all pods, by their component."""
    found = {}
    for manifest in of_all(cluster):
        spec = manifest.get("spec", {})
        spec = spec.get("jobTemplate", {}).get("spec", spec)
        if "template" in spec:
            label = manifest["metadata"]["labels"]["app.kubernetes.io/component"]
            found[label] = spec["template"]["spec"]
    return found


def main_of(cluster: Cluster, component: str) -> dict[str, Any]:
    (found,) = pods(cluster)[component]["containers"]
    return found


def mib(quantity: str) -> int:
    assert quantity.endswith("Mi")
    return int(quantity.removesuffix("Mi"))


def option(arguments: list[str], name: str) -> str:
    return arguments[arguments.index(name) + 1]


def invoke(*line: object) -> Result:
    return CliRunner().invoke(main, ["ops", *map(str, line)])
