"""Manifests for Kubernetes: valid for its schemas, sized by the plan, and safe to run."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import kubernetes_validate
import numpy as np
import pandas as pd
import pytest
import yaml
from click.testing import CliRunner
from manifests import SITES, kinds, main_of, mib, of_all, option, pods, settings_of

import gputsne
from gputsne.accounts.prices import Prices
from gputsne.base.sizes import bytes_of
from gputsne.cli import main
from gputsne.cli.errors import EXIT_CODES
from gputsne.provenance.outcome import STATUS
from gputsne.serve import Settings as ServerSettings
from gputsne.serve.asgi import ROUTES
from gputsne.serve.transforming import LOADED
from gputsne.telemetry.operations import files_of
from gputsne.telemetry.operations.cluster import Cluster
from gputsne.telemetry.operations.kubernetes import DECISIONS, sizes

ROOT = Path(__file__).resolve().parents[3]
# From the first that has backoffLimitPerIndex on by default to the newest with schemas here.
VERSIONS = ["1.29", "1.33", kubernetes_validate.utils.latest_version()]
CUSTOM = "monitoring.coreos.com/v1"  # of the operator's own kinds there are no schemas


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("site", SITES)
def test_kubernetes_takes_every_manifest(site: str, version: str):
    checked = 0
    for name, text in files_of(settings_of(SITES[site])).items():
        for manifest in yaml.safe_load_all(text) if name.startswith("kubernetes/") else ():
            if manifest["apiVersion"] != CUSTOM:
                kubernetes_validate.validate(manifest, version, strict=True)
                checked += 1
    assert checked == len([m for m in of_all(SITES[site]) if m["apiVersion"] != CUSTOM]) >= 12


def test_the_schemas_refuse_what_is_spelt_wrongly():
    (job,) = kinds(Cluster(), "CronJob").values()
    job["spec"]["jobTemplate"]["spec"]["backofLimit"] = 3
    with pytest.raises(kubernetes_validate.ValidationError, match="backofLimit"):
        kubernetes_validate.validate(job, VERSIONS[-1], strict=True)


def test_a_pod_monitor_asks_ports_that_pods_name():
    monitors = kinds(SITES["everything"], "PodMonitor")
    assert kinds(Cluster(), "PodMonitor") == {}
    assert len(monitors) == 2
    for monitor in monitors.values():
        # https://prometheus-operator.dev/docs/api-reference/api: PodMonitorSpec
        assert set(monitor["spec"]) == {"selector", "podMetricsEndpoints"}
        component = monitor["spec"]["selector"]["matchLabels"]["app.kubernetes.io/component"]
        (asked,) = monitor["spec"]["podMetricsEndpoints"]
        assert set(asked) <= {"port", "path", "authorization"}
        ports = main_of(SITES["everything"], component)["ports"]
        assert asked["port"] in {port["name"] for port in ports}


# Every exit code.


def test_every_exit_code_is_decided_on():
    said = {int(code) for code in re.findall(r"\b(\d+)\b(?! x)", EXIT_CODES)}
    assert set(STATUS) <= said
    assert set(DECISIONS) == said - {0} | {128 + 9}
    for name in ("CronJob", "Job"):
        for manifest in kinds(Cluster(), name).values():
            spec = manifest["spec"].get("jobTemplate", manifest)["spec"]
            first, *rules = spec["podFailurePolicy"]["rules"]
            assert first["action"] == "Ignore"
            assert first["onPodConditions"] == [{"type": "DisruptionTarget", "status": "True"}]
            values = [code for rule in rules for code in rule["onExitCodes"]["values"]]
            assert sorted(values) == sorted(DECISIONS)
            never, again = rules
            assert (never["action"], again["action"]) == ("FailJob", "Count")
            assert never["onExitCodes"]["values"] == [2, 3, 4, 5]
            assert {rule["onExitCodes"]["containerName"] for rule in rules} == {"gputsne"}
            assert spec["template"]["spec"]["restartPolicy"] == "Never"  # which the policy needs


def test_the_page_has_the_decisions():
    text = (ROOT / "docs" / "cluster.md").read_text(encoding="utf-8")
    told = {}
    for code, does, why in re.findall(r"^\| (\d+) \| (\w+) \| (.*) \|$", text, re.MULTILINE):
        told[int(code)] = (does, why)
    assert told == DECISIONS


# Memory and processors.


@pytest.mark.parametrize("site", SITES)
def test_a_pod_is_given_what_the_plan_predicts(site: str):
    cluster = SITES[site]
    line = ["plan", str(cluster.rows), str(cluster.features), "--json"]
    line += ["--perplexity", str(cluster.perplexity)]
    line += ["--pca", str(cluster.pca)] if cluster.pca else []
    line += ["--device", "cuda" if cluster.gpu else "cpu"]
    planned = json.loads(CliRunner().invoke(main, line).stdout)
    found = main_of(cluster, "nightly")
    given = found["resources"]
    request, limit = (mib(given[what]["memory"]) for what in ("requests", "limits"))
    allowed = bytes_of(option(found["args"], "--memory-limit"))
    assert planned["host_bytes"] <= allowed <= planned["host_bytes"] + 2**20
    assert request * 2**20 >= 1.25 * planned["host_bytes"]
    assert request == limit
    assert request * 2**20 >= allowed + 512 * 2**20
    assert given["limits"]["cpu"] == str(cluster.cpus)
    assert (given["limits"].get("nvidia.com/gpu") == "1") is cluster.gpu
    assert (option(found["args"], "--device") == "cuda") is cluster.gpu


def test_more_rows_need_more_memory_everywhere():
    few, many = Cluster(rows=10**5, new_rows=10**6), Cluster(rows=10**6, new_rows=10**8)
    for component in ("nightly", "shards", "serve"):  # merge holds a million rows at most
        sizes_of = [
            mib(main_of(c, component)["resources"]["requests"]["memory"]) for c in (few, many)
        ]
        assert sizes_of[0] < sizes_of[1]
    more_shards = replace(many, shards=64)
    assert sizes.of_shard(more_shards).predicted < sizes.of_shard(many).predicted


def test_the_server_is_planned_for_what_it_does_by_default():
    told = ServerSettings()
    assert told.workers == sizes.SERVER_WORKERS
    assert (told.max_rows, told.max_columns) == (sizes.DEMAND_ROWS, sizes.DEMAND_COLUMNS)
    assert (told.max_new_rows, LOADED) == (sizes.NEW_ROWS, sizes.MODELS)
    arguments = main_of(Cluster(), "serve")["args"]
    assert option(arguments, "--workers") == str(told.workers)


def test_three_models_and_their_transforms_fit_the_server(tmp_path: Path):
    """Loaded and asked as the server does it, in a process of its own; its peak is measured."""
    n, d = 6000, 20
    code = f"""
import resource, sys
import numpy as np
import gputsne
rng = np.random.default_rng(0)
X = rng.normal(size=({n}, {d})).astype("float32")
gputsne.TSNE(max_iter=20, early_exaggeration_iter=10).fit(X).save("model.npz")
kept = [gputsne.load("model.npz") for _ in range({LOADED})]
for model in kept:
    model.transform(rng.normal(size=({sizes.NEW_ROWS}, {d})).astype("float32"))
with open("/proc/self/status") as status:  # getrusage has the peak of whoever started this, too
    print(*(line.split()[1] for line in status if line.startswith("VmHWM")))
"""
    line = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, check=True)
    cluster = Cluster(rows=n, features=d)
    assert int(done.stdout) * 1024 <= sizes.of_server(cluster).predicted


# What pods are told to do.


def parsed(arguments: list[str]) -> dict[str, Any]:
    command = main.commands[arguments[0]]
    with command.make_context(command.name, list(arguments[1:])) as context:
        return context.params


@pytest.mark.parametrize("site", SITES)
def test_the_commands_of_pods_exist_with_these_options(site: str):
    cluster = SITES[site]
    told = parsed(main_of(cluster, "nightly")["args"])
    assert told["tags"] == {
        "model": cluster.model, "pipeline": cluster.pipeline, "owner": cluster.owner,
        "team": cluster.team, "cost-center": cluster.cost_center,
    }  # fmt: skip
    assert told["deadline"] == 60 * cluster.deadline_minutes
    assert told["resume"]
    told = parsed(main_of(cluster, "serve")["args"])
    assert told["host"] == "0.0.0.0"  # needs tokens, so they are mounted
    mounts = {m["name"]: m for m in main_of(cluster, "serve")["volumeMounts"]}
    assert str(told["tokens"]).startswith(mounts["tokens"]["mountPath"])
    assert mounts["data"]["readOnly"]
    shard = main_of(cluster, "shards")["args"]
    assert option(shard, "--shard") == f"$(JOB_COMPLETION_INDEX)/{cluster.shards}"
    assert option(shard, "--output") == main_of(cluster, "merge")["args"][1]
    assert parsed([part.replace("$(JOB_COMPLETION_INDEX)", "0") for part in shard])
    assert parsed(main_of(cluster, "merge")["args"])


@pytest.fixture(scope="module")
def volume(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder that stands for the volume, with tables in it."""
    path = tmp_path_factory.mktemp("volume")
    rng, small = np.random.default_rng(0), SITES["small"]
    for name, rows in ((small.input, small.rows), (small.new_input, small.new_rows)):
        frame = pd.DataFrame(rng.normal(size=(rows, small.features)))
        frame.add_prefix("p").to_parquet(path / name)
    return path


# A small process between: a program begins with the peak of the process that it takes the place of.
MEASURED = """
import os, subprocess, sys
process = subprocess.Popen(sys.argv[1:])
_, status, used = os.wait4(process.pid, 0)
print(used.ru_maxrss)
raise SystemExit(os.waitstatus_to_exitcode(status))
"""


def done_by(container: dict[str, Any], volume: Path, *more: str, index: int = 0) -> int:
    """Run a container's command, the volume in a folder; return the KiB that it took at most."""
    names = {
        "/data": str(volume), "0.0.0.0:9464": "0",
        "$(JOB_NAME)": "gputsne-nightly-1", "$(JOB_COMPLETION_INDEX)": str(index),
    }  # fmt: skip
    line = [*container.get("command", [sys.executable, "-m", "gputsne"]), *container["args"], *more]
    for before, after in names.items():
        line = [part.replace(before, after) for part in line]
    told = {e["name"]: e["value"] for e in container["env"] if "value" in e}
    env = os.environ | told | {"TMPDIR": str(volume), "HOME": str(volume)}
    line = [sys.executable, "-c", MEASURED, *line]
    done = subprocess.run(line, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return int(done.stdout.splitlines()[-1])


def test_the_nightly_pods_work_within_their_limits(volume: Path):
    """What the CronJob runs, first container and second; then the shards and what joins them."""
    small = SITES["small"]
    (tidy,) = pods(small)["nightly"]["initContainers"]
    (volume / "checkpoints").mkdir()
    for name, days in (("old", 8), ("young", 6)):
        path = volume / "checkpoints" / name
        path.touch()
        before = (datetime.now(UTC) - timedelta(days=days)).timestamp()
        os.utime(path, (before, before))
    done_by(tidy, volume)
    assert [path.name for path in (volume / "checkpoints").iterdir()] == ["young"]
    nightly = main_of(small, "nightly")
    most = done_by(nightly, volume, "--max-iter", "260")
    assert most <= 1024 * mib(nightly["resources"]["limits"]["memory"])
    (run,) = gputsne.Store(volume / "store").list()
    assert run.tags["cost-center"] == "none"
    assert [path.name for path in (volume / "checkpoints").iterdir()] == ["young"]

    shard, merge = main_of(small, "shards"), main_of(small, "merge")
    for index in (0, 1, 0):  # a part is written again where its pod is tried again
        most = done_by(shard, volume, index=index)
        assert most <= 1024 * mib(shard["resources"]["limits"]["memory"])
    most = done_by(merge, volume)
    assert most <= 1024 * mib(merge["resources"]["limits"]["memory"])
    model = gputsne.load(volume / small.model_file)
    new = pd.read_parquet(volume / small.new_input)
    placed = pd.read_parquet(volume / "new-map.parquet")[["x", "y"]].to_numpy()
    np.testing.assert_array_equal(placed, model.transform(new))


@pytest.mark.parametrize("site", SITES)
def test_deadlines_hold_one_another(site: str):
    (cron,) = kinds(SITES[site], "CronJob").values()
    job = cron["spec"]["jobTemplate"]["spec"]
    pod = job["template"]["spec"]
    seconds = int(option(pod["containers"][0]["args"], "--deadline"))
    grace = pod["terminationGracePeriodSeconds"]
    assert cron["spec"]["concurrencyPolicy"] == "Forbid"
    assert cron["spec"]["startingDeadlineSeconds"] > 0
    assert job["backoffLimit"] == 3
    assert seconds < pod["activeDeadlineSeconds"]
    # Kubernetes waits 10, 20 and 40 s before the second, third and fourth try.
    assert job["activeDeadlineSeconds"] >= 4 * (pod["activeDeadlineSeconds"] + grace) + 70
    serving = pods(SITES[site])["serve"]
    told = int(option(serving["containers"][0]["args"], "--grace-seconds"))
    assert serving["terminationGracePeriodSeconds"] > told


def test_the_nightly_map_is_held_against_the_sites_prices_and_budgets():
    cluster = SITES["everything"]
    (config,) = kinds(cluster, "ConfigMap").values()
    ((name, text),) = config["data"].items()
    assert Prices.from_tables(name, **tomllib.loads(text)) == settings_of(cluster).prices
    found = main_of(cluster, "nightly")
    told = parsed(found["args"])
    assert (told["machine"], told["max_cost"]) == ("large", 7.5)
    (mount,) = [m for m in found["volumeMounts"] if m["name"] == "prices"]
    assert told["prices"] == Path(mount["mountPath"], name)
    (volume,) = [v for v in pods(cluster)["nightly"]["volumes"] if v["name"] == "prices"]
    assert volume["configMap"]["name"] == config["metadata"]["name"]
    assert kinds(Cluster(), "ConfigMap") == {}
    assert "--machine" not in main_of(Cluster(), "nightly")["args"]


def test_a_checkpoint_is_one_jobs_own():
    found = main_of(Cluster(), "nightly")
    assert option(found["args"], "--checkpoint") == "/data/checkpoints/$(JOB_NAME)"
    (name,) = [e["valueFrom"]["fieldRef"] for e in found["env"] if e["name"] == "JOB_NAME"]
    assert name["fieldPath"] == "metadata.labels['batch.kubernetes.io/job-name']"


def test_probes_ask_what_the_server_answers_to_anybody():
    open_to_all = {row.path for row in ROUTES if row.role is None}
    found = main_of(Cluster(), "serve")
    ports = {port["name"]: port["containerPort"] for port in found["ports"]}
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        asked = found[probe]["httpGet"]
        assert asked["path"] in open_to_all
        assert str(ports[asked["port"]]) == option(found["args"], "--port")


def test_shards_are_an_indexed_job():
    found = kinds(SITES["everything"], "Job")["gputsne-shards"]["spec"]
    assert (found["completionMode"], found["completions"]) == ("Indexed", 3)
    assert found["parallelism"] == 3  # no more than there are shards
    assert found["backoffLimitPerIndex"] == 3


def test_the_network_is_shut_but_for_what_maps_need():
    policies = {n: m["spec"] for n, m in kinds(SITES["everything"], "NetworkPolicy").items()}
    deny = policies.pop("gputsne-deny")
    assert deny == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    ingress = {}
    for spec in policies.values():
        for rule in spec.get("ingress", []):
            component = spec["podSelector"]["matchLabels"]["app.kubernetes.io/component"]
            ingress[component] = [port["port"] for port in rule["ports"]]
            assert all(place["namespaceSelector"]["matchLabels"] for place in rule["from"])
    assert ingress == {"nightly": [9464], "serve": [8000]}
    egress = [rule for spec in policies.values() for rule in spec.get("egress", [])]
    assert [[p["port"] for p in rule["ports"]] for rule in egress] == [[53, 53], [9091], [443]]
    assert all(rule["to"] for rule in egress)
    assert egress[-1]["to"] == [{"ipBlock": {"cidr": "10.1.0.0/16"}}]


@pytest.mark.parametrize("site", SITES)
def test_every_manifest_is_labelled_for_the_bill(site: str):
    for manifest in of_all(SITES[site]):
        labels = manifest["metadata"]["labels"]
        assert SITES[site].tags.items() <= labels.items()
        spec = manifest.get("spec", {})
        for nested in (spec, spec.get("jobTemplate", {}), spec.get("jobTemplate", {}).get("spec")):
            template = (nested or {}).get("template")
            if template:
                assert SITES[site].tags.items() <= template["metadata"]["labels"].items()
        if manifest["kind"] != "Namespace":
            assert manifest["metadata"]["namespace"] == SITES[site].namespace
