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

from gputsne.base.errors import BadInput
from gputsne.telemetry import readiness
from gputsne.telemetry.operations import files_of, write
from gputsne.telemetry.operations.cluster import Cluster
from gputsne.telemetry.operations.kubernetes import documents_of, faults_of
from gputsne.telemetry.operations.kubernetes.amounts import quantity


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
    "a digest that is none": with_value("registry.example:5000/gputsne@sha256:abc", "image"),
    "limits.cpu '0' is below 1m": with_value("0", "resources", "limits", "cpu"),
    "limits.cpu 0 is below 1m": with_value(0, "resources", "limits", "cpu"),
    "limits.cpu '1m' is below requests.cpu": with_value("1m", "resources", "limits", "cpu"),
    "limits.memory '0' is below 6Mi": with_value("0", "resources", "limits", "memory"),
    "limits.memory -1 is below 6Mi": with_value(-1, "resources", "limits", "memory"),
    "limits.memory '512m' is below 6Mi": with_value("512m", "resources", "limits", "memory"),
    "limits.memory '10M' is below requests.memory": with_value(
        "10M", "resources", "limits", "memory"
    ),
    "limits.memory 'lots' is no quantity": with_value("lots", "resources", "limits", "memory"),
    "requests.cpu True is no quantity": with_value(True, "resources", "requests", "cpu"),
    "runAsGroup is 0": with_value(0, OWN, "runAsGroup"),
    "procMount is not Default": with_value("Unmasked", OWN, "procMount"),
    "a port of the node": with_value([{"containerPort": 80, "hostPort": 80}], "ports"),
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
        "",
        "# kind: Pod\n---\n---\n",
        "kind: List\nitems: []",
    ],
)
def test_whatever_is_no_manifest_is_told_and_breaks_nothing(text: str):
    assert faults_of(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("&a\nkind: List\napiVersion: v1\nitems: [*a]", "an alias stands within"),
        ("&a\nkind: Pod\nmetadata: {name: x, of: {more: *a}}", "an alias stands within"),
        ("[" * 5000, "recursion"),
        ("{'a':" * 5000, "recursion"),
        ('{"a":' * 100_000, "recursion"),
        ("kind: Pod\nspec: {hostPID: false, hostPID: true}", "key 'hostPID' stands twice"),
        ('{"kind": "Pod", "spec": {"a": false, "a": true}}', "key 'a' stands twice"),
    ],
)
def test_what_readers_would_not_agree_on_is_told(tmp_path: Path, text: str, said: str):
    (told,) = faults_of(text)
    assert told.startswith("no YAML: ")
    assert said in told
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(BadInput, match=said):
        readiness(manifests=[tmp_path])


def test_an_alias_that_ends_is_read():
    assert documents_of("a: &a {b: [1]}\nc: {d: *a}\ne: {<<: *a, f: 1}") == [
        {"a": {"b": [1]}, "c": {"d": {"b": [1]}}, "e": {"b": [1], "f": 1}}
    ]


@pytest.mark.parametrize("name", ["a.json", "a.YAML", "a.Yml", "within/a.JSON"])
def test_whatever_a_folder_has_of_manifests_is_read(tmp_path: Path, name: str):
    site, own = tmp_path / "site", tmp_path / "own"
    write(site)
    path = own / name
    path.parent.mkdir(parents=True)
    pod = {"kind": "Pod", "spec": {"containers": [{"name": "a", "image": "a:1"}]}}
    path.write_text(json.dumps(pod, indent="\t" if name.lower().endswith("json") else None))
    done = invoke("check", site, "--manifest", own)
    assert done.exit_code == 1
    assert f"unsafe   {path}: Pod/?: container a: no resources.limits.cpu" in done.stdout
    assert "a (requests.cpu" in str(readiness(manifests=[own])["limits_missing_names"])


def test_limits_that_are_none_are_missing_before_production(tmp_path: Path):
    amounts = {"cpu": "2", "memory": "1Gi"}
    limited = {"requests": amounts, "limits": {**amounts, "cpu": "0"}}
    pod = {"kind": "Pod", "spec": {"containers": [{"name": "a", "resources": limited}]}}
    (tmp_path / "a.yaml").write_text(yaml.safe_dump(pod))
    told = readiness(manifests=[tmp_path])
    assert told["limits_missing"] == 1
    assert "limits.cpu '0' is below 1m" in str(told["limits_missing_names"])


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("1", 1), (2, 2), (0.5, 0.5), ("250m", 0.25), ("1e3", 1000), ("1E3", 1000), ("1E", 1e18),
        ("1Ei", 2**60), ("1.5Gi", 1.5 * 2**30), (".5k", 500), ("5.", 5), ("-1", -1), ("3u", 3e-6),
        ("7n", 7e-9), ("1K", None), ("1 Gi", None), ("1gb", None), ("", None), ("inf", None),
        (True, None), ([1], None),
    ],
)  # fmt: skip
def test_quantities_are_read_as_kubernetes_reads_them(text: object, amount: float | None):
    found = quantity(text)
    assert (None if found is None else float(found)) == amount


def test_a_manifest_that_was_emptied_is_told(tmp_path: Path):
    write(tmp_path / "site")
    own = tmp_path / "own"
    own.mkdir()
    (own / "10-nightly.yaml").touch()
    done = invoke("check", tmp_path / "site", "--manifest", own)
    assert done.exit_code == 1
    assert f"unsafe   {own / '10-nightly.yaml'}: no manifest in it" in done.stdout


def test_a_folder_without_manifests_is_refused(tmp_path: Path):
    write(tmp_path / "site")
    (tmp_path / "own").mkdir()
    done = invoke("check", tmp_path / "site", "--manifest", tmp_path / "own")
    assert done.exit_code == 3
    assert f"{tmp_path / 'own'} is a folder without a manifest: name a file" in done.stderr


def test_a_folder_that_is_called_like_a_manifest_is_a_folder(tmp_path: Path):
    write(tmp_path)
    (tmp_path / "kubernetes" / "more.yaml").mkdir()
    assert invoke("check", tmp_path).exit_code == 0
