"""The ground: namespace, account, volume, and a network that is shut but for what maps need."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlsplit

from gputsne.telemetry.operations.cluster import Cluster
from gputsne.telemetry.operations.kubernetes.jobs import NIGHTLY
from gputsne.telemetry.operations.kubernetes.pods import (
    APP,
    METRICS_PORT,
    SERVE_PORT,
    VOLUME,
    labels,
    metadata,
    selector,
)
from gputsne.telemetry.operations.kubernetes.server import SERVE

__all__ = ["CALLERS", "ground"]

GROUND: Final = "ground"
CALLERS: Final = {"gputsne/may-call": "true"}  # label of a namespace whose pods may ask the server
OF_NAMESPACE: Final = "kubernetes.io/metadata.name"  # a label that every namespace has


def ground(cluster: Cluster) -> list[dict[str, Any]]:
    """Return what everything else needs: it comes first.

    Parameters
    ----------
    cluster : Cluster
        Settings.

    Returns
    -------
    list of dict
    """
    named = labels(cluster, GROUND)
    restricted = {f"pod-security.kubernetes.io/{m}": "restricted" for m in ("enforce", "warn")}
    storage_class = {} if cluster.storage_class is None else {
        "storageClassName": cluster.storage_class
    }  # fmt: skip
    return [
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": cluster.namespace, "labels": {**named, **restricted}},
        },
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": metadata(cluster, APP, GROUND),
            "automountServiceAccountToken": False,
        },
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": metadata(cluster, VOLUME, GROUND),
            "spec": {
                "accessModes": [cluster.access],
                **storage_class,
                "resources": {"requests": {"storage": cluster.storage}},
            },
        },
        *_policies(cluster),
    ]


def _policies(cluster: Cluster) -> list[dict[str, Any]]:
    monitoring = _of(cluster.monitoring)
    scraped = {**_pods(NIGHTLY), "policyTypes": ["Ingress"],
               "ingress": [{"from": [monitoring], "ports": _tcp(METRICS_PORT)}]}  # fmt: skip
    callers = {"namespaceSelector": {"matchLabels": CALLERS}}
    asked = {**_pods(SERVE), "policyTypes": ["Ingress"],
             "ingress": [{"from": [callers, monitoring], "ports": _tcp(SERVE_PORT)}]}  # fmt: skip
    dns = {"to": [{**_of("kube-system"), "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}}}],
           "ports": [{"protocol": name, "port": 53} for name in ("UDP", "TCP")]}  # fmt: skip
    egress = [dns]
    if cluster.pushgateway is not None:
        port = urlsplit(cluster.pushgateway).port or 9091
        egress.append({"to": [monitoring], "ports": _tcp(port)})
    for reached in cluster.egress:
        block, _, port_text = reached.partition(":")
        egress.append({"to": [{"ipBlock": {"cidr": block}}], "ports": _tcp(int(port_text))})
    every: dict[str, Any] = {"podSelector": {}}
    return [
        _policy(cluster, "deny", {**every, "policyTypes": ["Ingress", "Egress"]}),
        _policy(cluster, "reached", {**every, "policyTypes": ["Egress"], "egress": egress}),
        _policy(cluster, "scraped", scraped),
        _policy(cluster, "asked", asked),
    ]


def _policy(cluster: Cluster, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata(cluster, f"{APP}-{name}", GROUND),
        "spec": spec,
    }


def _of(namespace: str) -> dict[str, Any]:
    return {"namespaceSelector": {"matchLabels": {OF_NAMESPACE: namespace}}}


def _pods(component: str) -> dict[str, Any]:
    return {"podSelector": {"matchLabels": selector(component)}}


def _tcp(port: int) -> list[dict[str, Any]]:
    return [{"protocol": "TCP", "port": port}]
