"""readiness: what lies around a job passes, and each thing that is taken away fails its row."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from prometheus_client import CollectorRegistry, Gauge, start_http_server

import gputsne
from gputsne.base.errors import BadInput
from gputsne.cli import main
from gputsne.provenance import Run
from gputsne.telemetry import operations
from gputsne.telemetry.readiness import NEEDED_ALERTS, published_by, readiness

AMOUNTS = {"cpu": "2", "memory": "4Gi"}
POD = {
    "containers": [{"name": "gputsne", "resources": {"requests": AMOUNTS, "limits": AMOUNTS}}],
    "restartPolicy": "Never",
}
JOB = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "maps"},
       "spec": {"template": {"spec": POD}}}  # fmt: skip


def written(path: Path, *documents) -> Path:
    path.write_text(yaml.safe_dump_all(documents))
    return path


def changed(change) -> dict:
    job = json.loads(json.dumps(JOB))
    change(job["spec"]["template"]["spec"]["containers"][0])
    return job


@pytest.fixture
def site(tmp_path) -> Path:
    operations.write(tmp_path / "site")
    return tmp_path / "site"


@pytest.fixture
def server():
    registry = CollectorRegistry()
    Gauge("gputsne_run_success", "Whether it did well.", registry=registry).set(1)
    held, thread = start_http_server(0, "127.0.0.1", registry)
    yield f"http://127.0.0.1:{held.server_port}/metrics"
    held.shutdown()
    held.server_close()
    thread.join()


def test_containers_with_requests_and_limits_pass(tmp_path):
    cron = {"kind": "CronJob", "metadata": {"name": "nightly"},
            "spec": {"jobTemplate": {"spec": JOB["spec"]}}}  # fmt: skip
    argo = {"kind": "Workflow", "metadata": {"name": "w"},
            "spec": {"templates": [{"container": POD["containers"][0]}]}}  # fmt: skip
    service = {"kind": "Service", "metadata": {"name": "s"}, "spec": {"ports": []}}
    written(tmp_path / "all.yaml", JOB, cron, argo, service, None)
    found = readiness(manifests=[tmp_path])
    assert found == {"limits_missing": 0.0, "limits_missing_names": "none"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: c.pop("resources"), "requests.cpu, requests.memory, limits.cpu, limits.memory"),
        (lambda c: c["resources"].pop("limits"), "limits.cpu, limits.memory"),
        (lambda c: c["resources"]["limits"].pop("memory"), "limits.memory"),
        (lambda c: c["resources"].update(requests=None), "requests.cpu, requests.memory"),
    ],
)
def test_a_container_without_fails(tmp_path, change, said):
    file = written(tmp_path / "job.yaml", JOB, changed(change))
    found = readiness(manifests=[file])
    assert found == {"limits_missing": 1.0, "limits_missing_names": f"maps/gputsne ({said})"}
    row = gputsne.check(found, "prod")["limits_set"]
    assert (row.status, row.says) == ("fail", f"Containers without requests or limits: "
                                      f"maps/gputsne ({said}).")  # fmt: skip


def test_an_init_container_counts_and_no_container_is_no_pass(tmp_path):
    pod = {**POD, "initContainers": [{"name": "fetch"}]}
    job = {**JOB, "spec": {"template": {"spec": pod}}}
    found = readiness(manifests=[written(tmp_path / "job.yaml", job)])
    assert "maps/fetch" in found["limits_missing_names"]
    found = readiness(manifests=[written(tmp_path / "none.yaml", {"kind": "Service"})])
    assert found["limits_missing"] == 1.0
    with pytest.raises(BadInput, match="No such file"):
        readiness(manifests=[tmp_path / "gone.yaml"])
    (tmp_path / "bad.yaml").write_text("a: [")
    with pytest.raises(BadInput, match="is no YAML"):
        readiness(manifests=[tmp_path / "bad.yaml"])


def test_alerts_of_a_fresh_folder_pass_and_each_that_is_removed_fails(site):
    assert readiness(operations=site)["alerts_missing"] == 0
    file = site / "prometheus" / "alerts.yml"
    told = yaml.safe_load(file.read_text())
    for name in NEEDED_ALERTS:
        groups = [
            {**group, "rules": [rule for rule in group["rules"] if rule["alert"] != name]}
            for group in told["groups"]
        ]
        written(file, {"groups": groups})
        found = readiness(operations=site)
        assert found["alerts_missing_names"].split(", ") == [name, "prometheus/alerts.yml is stale"]
        assert gputsne.check(found, "prod")["alerts_set"].status == "fail"
    file.unlink()
    assert readiness(operations=site)["alerts_missing"] == len(NEEDED_ALERTS)
    (site / "ops.toml").unlink()
    with pytest.raises(BadInput, match=r"ops\.toml"):
        readiness(operations=site)


def test_a_scrape_that_brings_metrics_passes_and_a_dead_port_fails(server):
    good = readiness(scrape=server)
    assert good == {"scrape_faults": 0.0, "scrape_fault": "none"}
    assert gputsne.check(good, "preprod")["endpoints_scraped"].status == "pass"
    row = gputsne.check(readiness(scrape="http://127.0.0.1:9/metrics"), "preprod")
    assert row["endpoints_scraped"].status == "fail"
    assert "refused" in row["endpoints_scraped"].says


def test_the_command_brings_all_of_it(site, server, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Run(tags={"owner": "maps"}, seed=0).write("run.json")
    written(tmp_path / "job.yaml", JOB)

    def rows(profile):
        words = ["check", "run.json", "--profile", profile, "--ops", str(site), "--scrape", server,
                 "--manifest", "job.yaml", "--json"]  # fmt: skip
        result = CliRunner().invoke(main, words)
        assert result.exit_code == 1, result.output  # other rows have no evidence
        return {row["id"]: row for row in json.loads(result.stdout)["rows"]}

    assert rows("preprod")["endpoints_scraped"]["status"] == "pass"
    found = rows("prod")
    assert {found[name]["status"] for name in ("limits_set", "alerts_set", "published")} == {"pass"}
    assert all(path.is_file() for path in published_by(site))
    for path in published_by(site):
        text = path.read_text()
        path.unlink()
        row = rows("prod")["published"]
        assert (row["status"], str(path) in row["says"]) == ("fail", True)
        path.write_text(text)


@pytest.mark.parametrize(
    "document",
    [["a", 1], "text", {"kind": "Job", "metadata": "maps", "spec": {"containers": ["a"]}},
     {"kind": "Pod", "spec": {"containers": [{"name": "a", "resources": ["cpu"]}]}}],
)  # fmt: skip
def test_whatever_yaml_holds_nothing_passes_by_being_odd(tmp_path, site, document):
    found = readiness(manifests=[written(tmp_path / "odd.yaml", document)])
    assert found["limits_missing"] == 1.0
    written(site / "prometheus" / "alerts.yml", document)
    assert readiness(operations=site)["alerts_missing"] == len(NEEDED_ALERTS) + 1
