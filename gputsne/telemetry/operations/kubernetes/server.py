"""The server: Deployment, Service, PodDisruptionBudget, and a PodMonitor where one is wanted."""

from __future__ import annotations

from typing import Any, Final

from gputsne.telemetry.operations.cluster import Cluster
from gputsne.telemetry.operations.kubernetes.pods import (
    APP,
    DATA,
    SERVE_PORT,
    container,
    metadata,
    pod,
    selector,
)
from gputsne.telemetry.operations.kubernetes.sizes import SERVER_WORKERS, of_server

__all__ = ["SERVE", "TOKENS", "monitor", "server"]

SERVE: Final = "serve"
NAME: Final = f"{APP}-{SERVE}"
TOKENS: Final = "gputsne-tokens"  # a Secret of the site: keys tokens.txt and scrape
DRAIN, GRACE, MARGIN = 5, 30, 10  # seconds: leave the Service, answer, end
CACHE: Final = "12Gi"  # gputsne serve keeps 10 GB


def server(cluster: Cluster) -> list[dict[str, Any]]:
    """Return what serves the store: it reads the volume and writes to its own cache alone.

    Parameters
    ----------
    cluster : Cluster
        Settings.

    Returns
    -------
    list of dict
    """
    size = of_server(cluster)
    arguments = [
        "serve", f"{DATA}/store", "--host", "0.0.0.0", "--port", str(SERVE_PORT),
        "--tokens", "/etc/gputsne/tokens.txt", "--cache", "/cache",
        "--workers", str(SERVER_WORKERS), "--grace-seconds", str(GRACE),
    ]  # fmt: skip
    asked = {"httpGet": {"path": "/healthz", "port": "http"}, "timeoutSeconds": 5}
    main = container(
        cluster, arguments, size,
        mounts=[
            {"name": "data", "mountPath": DATA, "readOnly": True},
            {"name": "cache", "mountPath": "/cache"},
            {"name": "tokens", "mountPath": "/etc/gputsne", "readOnly": True},
        ],
        ports=[{"name": "http", "containerPort": SERVE_PORT}],
        startupProbe={**asked, "periodSeconds": 2, "failureThreshold": 60},
        readinessProbe={**asked, "periodSeconds": 5, "failureThreshold": 2},
        livenessProbe={**asked, "periodSeconds": 20, "failureThreshold": 3},
        # A pod that ends is still sent requests until all nodes know of it.
        lifecycle={"preStop": {"exec": {"command": ["sleep", str(DRAIN)]}}},
    )  # fmt: skip
    main["resources"]["requests"]["ephemeral-storage"] = "14Gi"
    main["resources"]["limits"]["ephemeral-storage"] = "14Gi"
    apart = {
        "maxSkew": 1, "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": selector(SERVE)},
    }  # fmt: skip
    template = pod(
        cluster, SERVE, [main], size,
        annotations={
            "prometheus.io/scrape": "true", "prometheus.io/port": str(SERVE_PORT),
            "prometheus.io/path": "/metrics",
        },
        volumes=[
            {"name": "cache", "emptyDir": {"sizeLimit": CACHE}},
            {"name": "tokens", "secret": {
                "secretName": TOKENS, "items": [{"key": "tokens.txt", "path": "tokens.txt"}],
            }},
        ],
        terminationGracePeriodSeconds=DRAIN + GRACE + MARGIN,
        topologySpreadConstraints=[apart],
    )  # fmt: skip
    chosen = {"matchLabels": selector(SERVE)}
    return [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata(cluster, NAME, SERVE),
            "spec": {
                "replicas": cluster.replicas,
                "selector": chosen,
                "strategy": {
                    "type": "RollingUpdate",
                    "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1},
                },
                "template": template,
            },
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata(cluster, NAME, SERVE),
            "spec": {
                "selector": selector(SERVE),
                "ports": [{"name": "http", "port": 80, "targetPort": "http"}],
            },
        },
        {
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": metadata(cluster, NAME, SERVE),
            # Of one replica none may be kept: no node could be drained any more.
            "spec": {"maxUnavailable": 1, "selector": chosen},
        },
    ]


def monitor(cluster: Cluster) -> list[dict[str, Any]]:
    """Return PodMonitors of the Prometheus operator, for the server and for maps under way.

    Parameters
    ----------
    cluster : Cluster
        Settings.

    Returns
    -------
    list of dict
    """
    token = {"credentials": {"name": TOKENS, "key": "scrape"}}
    return [
        {
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": "PodMonitor",
            "metadata": metadata(cluster, f"{APP}-{component}", component),
            "spec": {
                "selector": {"matchLabels": selector(component)},
                "podMetricsEndpoints": [{"port": port, "path": "/metrics", **more}],
            },
        }
        for component, port, more in (
            (SERVE, "http", {"authorization": token}),
            ("nightly", "metrics", {}),
        )
    ]
