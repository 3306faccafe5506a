"""Manifests that are unsafe: each thing that is missing or too much is told, in anybody's YAML."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from manifests import SITES, invoke, kinds, settings_of

from gputsne.telemetry.operations import files_of, write
from gputsne.telemetry.operations.cluster import Cluster
from gputsne.telemetry.operations.kubernetes import faults_of


def nightly_pod(manifest: dict[str, Any]) -> dict[str, Any]:
    return manifest["spec"]["jobTemplate"]["spec"]["template"]["spec"]


def without(*path: str) -> Callable[[dict[str, Any]], None]:
    def edit(container: dict[str, Any]) -> None:
        for name in path[:-1]:
            container = container[name]
        del container[path[-1]]

    return edit


def with_value(value: object, *path: str) -> Callable[[dict[str, Any]], None]:
    def edit(container: dict[str, Any]) -> None:
        for name in path[:-1]:
            container = container.setdefault(name, {})
        container[path[-1]] = value

    return edit


OWN = "securityContext"
CONTAINER_EDITS = {
    "resources.limits.cpu": without("resources", "limits"),
    "resources.limits.memory": without("resources", "limits", "memory"),
    "resources.requests.memory": without("resources", "requests"),
    "readOnlyRootFilesystem": without(OWN, "readOnlyRootFilesystem"),
    "readOnlyRootFilesystem is": with_value(False, OWN, "readOnlyRootFilesystem"),
    "runAsNonRoot": with_value(False, OWN, "runAsNonRoot"),
    "runAsUser is 0": with_value(0, OWN, "runAsUser"),
    "gain privileges": without(OWN, "allowPrivilegeEscalation"),
    "it is privileged": with_value(True, OWN, "privileged"),
    "drop ALL": without(OWN, "capabilities"),
    "keeps capabilities": with_value(["SYS_ADMIN"], OWN, "capabilities", "add"),
    "seccompProfile": with_value({"type": "Unconfined"}, OWN, "seccompProfile"),
    "neither a tag": with_value("registry.example:5000/gputsne:latest", "image"),
    "nor a digest": with_value("registry.example:5000/gputsne", "image"),
}
POD_EDITS = {
    "automountServiceAccountToken": without("automountServiceAccountToken"),
    "hostNetwork": with_value(True, "hostNetwork"),
    "path of the node": with_value([{"name": "x", "hostPath": {"path": "/"}}], "volumes"),
    "no containers": without("containers"),
    "runAsNonRoot": lambda pod: (
        pod.pop(OWN), [c.pop(OWN) for c in pod["containers"]],
    ),
}  # fmt: skip


@pytest.mark.parametrize("said", CONTAINER_EDITS)
def test_a_container_that_lacks_something_is_unsafe(said: str):
    (job,) = kinds(Cluster(), "CronJob").values()
    for kind in ("containers", "initContainers"):
        edited = copy.deepcopy(job)
        CONTAINER_EDITS[said](nightly_pod(edited)[kind][0])
        faults = faults_of(yaml.safe_dump(edited))
        assert any(said in fault for fault in faults)
        assert all(fault.startswith("CronJob/gputsne-nightly: container ") for fault in faults)


@pytest.mark.parametrize("said", POD_EDITS)
def test_a_pod_that_has_too_much_is_unsafe(said: str):
    (job,) = kinds(Cluster(), "CronJob").values()
    POD_EDITS[said](nightly_pod(job))
    assert any(said in fault for fault in faults_of(yaml.safe_dump(job)))


def test_unsafe_manifests_fail_the_check(tmp_path: Path):
    write(tmp_path)
    path = tmp_path / "kubernetes" / "10-nightly.yaml"
    (job,) = yaml.safe_load_all(path.read_text())
    del nightly_pod(job)["containers"][0]["resources"]["limits"]
    path.write_text(yaml.safe_dump(job))
    done = invoke("check", tmp_path)
    assert done.exit_code == 1
    assert f"stale    {path}" in done.stdout
    assert f"unsafe   {path}: CronJob/gputsne-nightly: container gputsne: no resources.limits" in (
        done.stdout
    )


def test_manifests_of_ones_own_are_read_too(tmp_path: Path):
    site, own = tmp_path / "site", tmp_path / "own"
    write(site)
    own.mkdir()
    listed = {"kind": "List", "items": list(kinds(Cluster(), "Deployment").values())}
    (own / "fine.yml").write_text(yaml.safe_dump(listed))
    assert invoke("check", site, "--manifest", own).exit_code == 0
    pod = {"containers": [{"name": "a", "image": "a:1"}]}
    labelled = {"name": "b", "labels": dict.fromkeys(("model", "team", "owner"), "x")}
    (own / "bad.yaml").write_text(
        yaml.safe_dump({"kind": "Pod", "metadata": labelled, "spec": pod})
    )
    for given in (own, own / "bad.yaml"):
        done = invoke("check", site, "--manifest", given, "--json")
        assert done.exit_code == 1
        told = json.loads(done.stdout)
        assert told["files"] == {}
        (faults,) = told["manifests"].values()
        assert faults[0] == "Pod/b: no label cost-center"
        assert len(faults) == 11
    (site / "kubernetes" / "more.yaml").write_text("kind: [")
    assert "no YAML" in invoke("check", site).stdout
    assert faults_of("- 3\n--- 4") == ["an entry without a kind is no manifest"] * 2
    assert invoke("check", site, "--manifest", tmp_path / "none.yaml").exit_code == 2


@pytest.mark.parametrize("site", SITES)
def test_what_is_written_is_safe(site: str):
    texts = files_of(settings_of(SITES[site]))
    assert [f for n, t in texts.items() if n.startswith("kubernetes/") for f in faults_of(t)] == []


@pytest.mark.parametrize(
    "text",
    [
        "kind: Pod\nmetadata: [3]\nspec: {containers: 3}",
        "kind: Pod\nspec: {containers: [{securityContext: {capabilities: {drop: ALL, add: 3}}}]}",
        "kind: Pod\nspec: {containers: [{resources: [], image: [1]}], volumes: {a: 1}}",
        "kind: List\nitems: 3\n---\n3",
        "&a\nkind: List\nitems: [*a]",
        "when: 2026-13-45",
        "[" * 5000,
        "kind: CronWorkflow\nspec: {workflowSpec: {templates: [{container: 3}, 4]}}",
        "a: 1\n\x00",
    ],
)
def test_whatever_is_no_manifest_is_told_and_breaks_nothing(text: str):
    assert faults_of(text)


def test_a_folder_that_is_called_like_a_manifest_is_a_folder(tmp_path: Path):
    write(tmp_path)
    (tmp_path / "kubernetes" / "more.yaml").mkdir()
    assert invoke("check", tmp_path).exit_code == 0
