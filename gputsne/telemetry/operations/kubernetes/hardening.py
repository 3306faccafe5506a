"""Hardening: what a manifest lacks of limits, of being nobody special, of labels for the bill."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from gputsne.telemetry.operations.kubernetes.amounts import amounts_lacking, amounts_wrong
from gputsne.telemetry.operations.kubernetes.reading import documents_of

__all__ = ["LABELS", "faults_of"]

LABELS: Final = ("model", "team", "cost-center", "owner")
PODS: Final = {  # where each kind has the spec of its pods
    "Pod": ("spec",),
    "CronJob": ("spec", "jobTemplate", "spec", "template", "spec"),
    **dict.fromkeys(
        ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job"),
        ("spec", "template", "spec"),
    ),
}
# Argo's workflows: their templates have a container each, and the pod's part is the workflow's own.
WORKFLOWS: Final = {
    "CronWorkflow": ("spec", "workflowSpec"),
    **dict.fromkeys(("Workflow", "WorkflowTemplate", "ClusterWorkflowTemplate"), ("spec",)),
}
SHARED: Final = ("hostNetwork", "hostPID", "hostIPC")
DIGEST: Final = re.compile(r"@sha256:[0-9a-f]{64}", re.ASCII)
ALLOWED: Final = {"NET_BIND_SERVICE"}  # what Kubernetes' profile "restricted" allows


def faults_of(text: str) -> list[str]:
    r"""Return what is unsafe in the manifests of a text of YAML or JSON.

    Parameters
    ----------
    text : str
        Manifests, several after ``---``, or in a List.

    Returns
    -------
    list of str
        ``kind/name: what is wrong``; empty where nothing is.

    Raises
    ------
    DependencyMissing
        PyYAML isn't installed.

    Examples
    --------
    >>> faults_of("kind: Service\nmetadata: {name: maps}")[0]
    'Service/maps: no label model, team, cost-center, owner'
    """
    try:
        read = documents_of(text)
    except ValueError as error:
        return [f"no YAML: {error}"]
    if not (manifests := list(_unlisted(read))):
        return ["no manifest in it: a file that was cut short?"]
    found = []
    for manifest in manifests:
        if "kind" not in manifest:
            found.append("an entry without a kind is no manifest")
            continue
        name = f"{manifest['kind']}/{_at(manifest, 'metadata').get('name', '?')}"
        found += [f"{name}: {fault}" for fault in _faults(manifest)]
    return found


def _unlisted(read: list[Any]) -> Iterator[Mapping[str, Any]]:
    for one in read:
        if isinstance(one, Mapping) and one.get("kind") == "List":
            for item in _any(one, "items"):  # Kubernetes has no List in a List
                yield item if isinstance(item, Mapping) else {}
        elif isinstance(one, Mapping):
            yield one
        elif one is not None:
            yield {}


def _faults(manifest: Mapping[str, Any]) -> Iterator[str]:
    given = _at(manifest, "metadata", "labels")
    if missing := [name for name in LABELS if not given.get(name)]:
        yield f"no label {', '.join(missing)}"
    kind = str(manifest["kind"])
    if kind in WORKFLOWS:
        spec = _as_pod(_at(manifest, *WORKFLOWS[kind]))
    elif kind in PODS:
        spec = _at(manifest, *PODS[kind])
    else:
        return
    if not _listed(spec, "containers"):
        yield "no containers"
    yield from _pod_faults(spec)
    for kind in ("initContainers", "containers", "ephemeralContainers"):
        for container in _listed(spec, kind):
            name = f"container {container.get('name', '?')}"
            yield from (f"{name}: {fault}" for fault in _container_faults(container, spec))


def _as_pod(workflow: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a workflow as a pod that has the containers of all its templates."""
    found: list[Any] = []
    for template in _listed(workflow, "templates"):
        own = [_at(template, name) for name in ("container", "script") if name in template]
        for one in (*own, *_listed(_at(template, "containerSet"), "containers")):
            found.append({"name": template.get("name", "?"), **one})
    return {**workflow, "containers": found}


def _pod_faults(spec: Mapping[str, Any]) -> Iterator[str]:
    if spec.get("automountServiceAccountToken") is not False:
        yield "automountServiceAccountToken is not false"
    for name in SHARED:
        if spec.get(name):
            yield f"{name} shares the node's own"
    for volume in _listed(spec, "volumes"):
        if "hostPath" in volume:
            yield f"volume {volume.get('name', '?')} is a path of the node"


def _container_faults(container: Mapping[str, Any], spec: Mapping[str, Any]) -> Iterator[str]:
    own, of_pod = _at(container, "securityContext"), _at(spec, "securityContext")
    image = str(container.get("image", ""))
    name, at, digest = image.partition("@")
    tag = name.rpartition("/")[2].partition(":")[2]
    if at and not DIGEST.fullmatch(at + digest):
        yield f"image {image!r} has a digest that is none: sha256: and 64 digits are one"
    elif not at and tag in ("", "latest"):
        yield f"image {image!r} has neither a tag other than latest nor a digest"
    yield from (f"no resources.{name}" for name in amounts_lacking(container))
    yield from (f"resources.{fault}" for fault in amounts_wrong(container))
    if own.get("runAsNonRoot", of_pod.get("runAsNonRoot")) is not True:
        yield "runAsNonRoot is not true"
    if own.get("runAsUser", of_pod.get("runAsUser")) == 0:
        yield "runAsUser is 0, root"
    if own.get("runAsGroup", of_pod.get("runAsGroup")) == 0:
        yield "runAsGroup is 0, root's"
    if own.get("procMount", "Default") != "Default":
        yield "procMount is not Default: it sees what the kernel shows the node"
    if any(port.get("hostPort") for port in _listed(container, "ports")):
        yield "a hostPort is a port of the node"
    if own.get("readOnlyRootFilesystem") is not True:
        yield "readOnlyRootFilesystem is not true"
    if own.get("allowPrivilegeEscalation") is not False or own.get("privileged"):
        yield "it may gain privileges: allowPrivilegeEscalation is not false, or it is privileged"
    capabilities = _at(own, "capabilities")
    dropped, added = (set(map(str, _any(capabilities, name))) for name in ("drop", "add"))
    if "ALL" not in dropped or not added <= ALLOWED:
        yield "it keeps capabilities: drop ALL"
    profile = _at(own, "seccompProfile") or _at(of_pod, "seccompProfile")
    if profile.get("type") not in ("RuntimeDefault", "Localhost"):
        yield "seccompProfile is not RuntimeDefault"


def _at(value: Any, *path: str) -> Mapping[str, Any]:
    """Return the mapping at a path, an empty one where there is none."""
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def _listed(spec: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    return [x for x in _any(spec, name) if isinstance(x, Mapping)]


def _any(spec: Mapping[str, Any], name: str) -> list[Any]:
    value = spec.get(name)
    return value if isinstance(value, list) else []
