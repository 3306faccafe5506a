"""Pods: containers that may do nothing but what they are for, with memory as planned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from gputsne.telemetry.operations.cluster import Cluster
from gputsne.telemetry.operations.kubernetes.sizes import Size

__all__ = [
    "APP", "DATA", "METRICS_PORT", "PART", "SERVE_PORT", "USER", "VOLUME", "container", "labels",
    "metadata", "pod", "selector",
]  # fmt: skip

APP: Final = "gputsne"
PART: Final = "app.kubernetes.io/component"
USER: Final = 10001  # the user of docker/*.Dockerfile
VOLUME: Final = "gputsne-data"  # the claim
DATA: Final = "/data"
SERVE_PORT, METRICS_PORT = 8000, 9464  # 9464 is OpenTelemetry's for exporters of Prometheus
# All that is written beside the volume goes to /tmp: the root of the container is read-only.
ENVIRONMENT: Final = {
    "HOME": "/tmp",
    "TMPDIR": "/tmp",
    "MPLCONFIGDIR": "/tmp/.matplotlib",
    "XDG_CACHE_HOME": "/tmp/.cache",
    "CUPY_CACHE_DIR": "/tmp/.cupy",
    "PYTHONDONTWRITEBYTECODE": "1",
}


def selector(component: str) -> dict[str, str]:
    """Return the labels that pods of a component are chosen by; they never change.

    Parameters
    ----------
    component : str
        "nightly", "shards", "merge" or "serve".

    Returns
    -------
    dict of str to str
    """
    return {"app.kubernetes.io/name": APP, PART: component}


def labels(cluster: Cluster, component: str) -> dict[str, str]:
    """Return the labels of a manifest: what it is, and who pays for it.

    Parameters
    ----------
    cluster : Cluster
        With the tags.
    component : str
        Of which it is.

    Returns
    -------
    dict of str to str
    """
    made = {"app.kubernetes.io/part-of": APP, "app.kubernetes.io/managed-by": "gputsne-ops"}
    return {**selector(component), **made, **cluster.tags}


def metadata(cluster: Cluster, name: str, component: str) -> dict[str, Any]:
    """Return a manifest's metadata.

    Parameters
    ----------
    cluster : Cluster
        With namespace and tags.
    name : str
        Of the manifest.
    component : str
        Of which it is.

    Returns
    -------
    dict
    """
    return {"name": name, "namespace": cluster.namespace, "labels": labels(cluster, component)}


def container(
    cluster: Cluster,
    arguments: Sequence[str],
    size: Size,
    *,
    name: str = APP,
    command: Sequence[str] = (),
    environment: Sequence[Mapping[str, Any]] = (),
    mounts: Sequence[Mapping[str, Any]] = (),
    **more: Any,
) -> dict[str, Any]:
    """Return a container.

    Parameters
    ----------
    cluster : Cluster
        With the image.
    arguments : sequence of str
        Of the image's entry point, gputsne, or of ``command``.
    size : Size
        What it is given.
    name : str
        Alerts of memory look for containers named gputsne.
    command : sequence of str
        In place of the entry point.
    environment, mounts : sequence of mapping
        Beside those that every container has.
    **more
        Further fields: ports, probes.

    Returns
    -------
    dict
    """
    told = [{"name": key, "value": value} for key, value in ENVIRONMENT.items()]
    return {
        "name": name,
        "image": cluster.image,
        "imagePullPolicy": "IfNotPresent",
        **({"command": list(command)} if command else {}),
        "args": list(arguments),
        "env": [*environment, *told],
        "resources": size.resources,
        "securityContext": {
            "runAsNonRoot": True,
            "readOnlyRootFilesystem": True,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [*mounts, {"name": "tmp", "mountPath": "/tmp"}],
        **more,
    }


def pod(
    cluster: Cluster,
    component: str,
    containers: Sequence[Mapping[str, Any]],
    size: Size,
    *,
    annotations: Mapping[str, str] | None = None,
    volumes: Sequence[Mapping[str, Any]] = (),
    **more: Any,
) -> dict[str, Any]:
    """Return a pod's template.

    Parameters
    ----------
    cluster : Cluster
        With claim and tags.
    component : str
        Of which it is.
    containers : sequence of mapping
        As ``container`` returns them.
    size : Size
        Of the first, which the template says in words.
    annotations : mapping of str to str or None
        More of them.
    volumes : sequence of mapping
        Beside the claim and /tmp.
    **more
        Further fields of the pod.

    Returns
    -------
    dict
    """
    return {
        "metadata": {
            "labels": labels(cluster, component),
            "annotations": {"gputsne/memory": size.said, **(annotations or {})},
        },
        "spec": {
            "serviceAccountName": APP,
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": USER,
                "runAsGroup": USER,
                "fsGroup": USER,
                "fsGroupChangePolicy": "OnRootMismatch",
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            **more,
            "containers": list(containers),
            "volumes": [
                {"name": "data", "persistentVolumeClaim": {"claimName": VOLUME}},
                {"name": "tmp", "emptyDir": {"sizeLimit": "1Gi"}},
                *volumes,
            ],
        },
    }
