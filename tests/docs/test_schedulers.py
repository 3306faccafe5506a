"""What docs/schedulers.md gives to cron, Argo and Airflow is run, or held against their schemas.

Airflow itself is half a gigabyte: its two decorators are stood in for by ones that note what they
were given, and the function that the task runs is run.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shlex
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from click.testing import CliRunner
from croniter import croniter

import gputsne
from gputsne.cli import main
from gputsne.telemetry.operations.cluster import Cluster
from gputsne.telemetry.operations.kubernetes import DECISIONS, faults_of, sizes

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "schedulers.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r"^```(sh|crontab|yaml|py)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
FOR_GOOD = {code for code, (does, _) in DECISIONS.items() if does == "FailJob"}
FAKE = """#!/bin/sh
echo "$@" >> calls
exit "$(cat code)"
"""


def test_the_table_is_that_of_the_manifests():
    rows = dict(re.findall(r"^\| (\d.*?) \| (\w+)", PAGE, re.MULTILINE))
    (never,) = [cell for cell, again in rows.items() if again == "no"]
    (again,) = [cell for cell, does in rows.items() if does == "yes"]
    assert {int(n) for n in re.findall(r"\d+", never)} == FOR_GOOD
    assert {int(n) for n in re.findall(r"\d+", again)} == DECISIONS.keys() - FOR_GOOD


# cron


@pytest.fixture
def maps(tmp_path: Path) -> Path:
    """Return the folder that stands for /srv/maps, with the script and the table in it."""
    rows = np.random.default_rng(0).normal(size=(250, 4))
    pd.DataFrame(rows).add_prefix("p").to_parquet(tmp_path / "points.parquet")
    script = tmp_path / "nightly.sh"
    script.write_text(BLOCKS["sh"].replace("/srv/maps", str(tmp_path)))
    script.chmod(0o755)
    return tmp_path


def as_cron(maps: Path, *programs: Path) -> int:
    """Run the crontab's line as cron does: what follows the fields, by sh, at home."""
    line = BLOCKS["crontab"].strip().replace("/srv/maps", str(maps))
    *fields, command = line.split(maxsplit=5)
    assert croniter.is_valid(" ".join(fields))
    assert "%" not in command  # which cron reads as a line's end
    found = os.pathsep.join(map(str, (*programs, Path(sys.executable).parent)))
    env = {"PATH": f"{found}{os.pathsep}/usr/bin{os.pathsep}/bin", "HOME": str(maps)}
    env |= {name: value for name, value in os.environ.items() if name == "PYTHONPATH"}
    return subprocess.run(["sh", "-c", command], env=env, cwd=maps).returncode


def test_crons_line_makes_a_map(maps: Path):
    (maps / "checkpoint-2020-01-01").touch()
    os.utime(maps / "checkpoint-2020-01-01", (0, 0))
    assert as_cron(maps) == 0, (maps / "nightly.log").read_text()
    assert gputsne.data.read(maps / "map.parquet").X.shape == (250, 2)
    assert "gputsne_run_success" in (maps / "maps.prom").read_text()
    (run,) = gputsne.Store(maps / "store").list()
    assert run.tags == {"model": "events", "pipeline": "nightly", "owner": "maps"}
    log = (maps / "nightly.log").read_text().splitlines()
    assert any(json.loads(line) for line in log if line.startswith("{"))
    assert list(maps.glob("checkpoint-*")) == []


def test_a_map_that_is_still_being_made_keeps_the_next_from_starting(maps: Path):
    with (maps / "nightly.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert as_cron(maps) == 1
    assert "still being made" in (maps / "nightly.log").read_text()
    assert not (maps / "map.parquet").exists()


@pytest.mark.parametrize("code", DECISIONS)
def test_cron_tries_again_what_may_end_otherwise(maps: Path, code: int):
    programs = maps / "programs"
    programs.mkdir()
    for name, text in (("gputsne", FAKE), ("sleep", '#!/bin/sh\necho "$1" >> pauses\n')):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    (maps / "code").write_text(str(code))
    assert as_cron(maps, programs) == code
    calls = (maps / "calls").read_text().splitlines()
    assert len(calls) == (1 if code in FOR_GOOD else 4)
    assert len(set(calls)) == 1  # with the same checkpoint
    pauses = (maps / "pauses").read_text().split() if (maps / "pauses").exists() else []
    assert len(pauses) == len(calls) - 1


# Argo


def differences(a: Any, b: Any, place: str = "") -> Iterator[str]:
    """Return where one value is not as the other."""
    if isinstance(a, dict) and isinstance(b, dict):
        for name in a.keys() | b.keys():
            if name in a and name in b:
                yield from differences(a[name], b[name], f"{place}.{name}")
            else:
                yield f"{place}.{name}"
    elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        for i, (one, other) in enumerate(zip(a, b, strict=True)):
            yield from differences(one, other, f"{place}[{i}]")
    elif a != b:
        yield place


def as_argo_reads(told: dict[str, Any]) -> dict[str, Any]:
    """Return a workflow as Argo's own types hold it: fields that it doesn't know are gone."""
    from hera.workflows.models import CronWorkflow

    return CronWorkflow.model_validate(told).model_dump(by_alias=True, exclude_unset=True)


def test_argo_knows_every_field_of_the_workflow():
    told = yaml.safe_load(BLOCKS["yaml"])
    assert list(differences(told, as_argo_reads(told))) == []
    told["spec"]["workflowSpec"]["templates"][1]["container"]["imagePull"] = "Always"
    (found,) = differences(told, as_argo_reads(told))
    assert found.endswith(".imagePull")
    assert all(croniter.is_valid(schedule) for schedule in told["spec"]["schedules"])


def test_argos_tasks_are_commands_and_try_again_what_may_end_otherwise():
    spec = yaml.safe_load(BLOCKS["yaml"])["spec"]["workflowSpec"]
    dag, step = spec["templates"]
    names = [task["name"] for task in dag["dag"]["tasks"]]
    assert names == ["map", "shard", "merge"]
    for task in dag["dag"]["tasks"]:
        (given,) = task["arguments"]["parameters"]
        line = given["value"].replace("{{item}}", "0").replace("{{workflow.name}}", "night")
        name, *words = shlex.split(line)
        command = main.commands[name]
        with command.make_context(name, words):
            pass
    count = dag["dag"]["tasks"][1]["withSequence"]["count"]
    assert f"{{{{item}}}}/{count} " in dag["dag"]["tasks"][1]["arguments"]["parameters"][0]["value"]
    retry = step["retryStrategy"]["expression"]
    for code in DECISIONS:  # expr-lang and Python read this expression alike
        last = types.SimpleNamespace(status="Failed", exitCode=str(code))
        assert eval(retry, {"lastRetry": last, "asInt": int}) is (code not in FOR_GOOD)
    lost = types.SimpleNamespace(status="Error", exitCode="-1")
    assert eval(retry, {"lastRetry": lost, "asInt": int})


def test_argos_container_is_given_what_the_plan_says():
    spec = yaml.safe_load(BLOCKS["yaml"])["spec"]["workflowSpec"]
    size = sizes.of_nightly(Cluster())
    given = spec["templates"][1]["container"]["resources"]
    for what in ("requests", "limits"):
        assert given[what].items() <= size.resources[what].items()
    (line, *_) = [
        t["arguments"]["parameters"][0]["value"] for t in spec["templates"][0]["dag"]["tasks"]
    ]
    assert f"--memory-limit {size.planned_mib}MiB" in line
    assert faults_of(BLOCKS["yaml"]) == []
    without = BLOCKS["yaml"].replace("limits: {", "limit: {")
    said = "CronWorkflow/gputsne-nightly: container gputsne: no resources.limits."
    assert faults_of(without) == [f"{said}cpu", f"{said}memory"]


# Airflow


class FailsForGood(Exception):
    """In place of AirflowFailException."""


@pytest.fixture
def dag(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Run the DAG's file; return what its decorators were given, and the task's function."""
    noted: dict[str, Any] = {}

    def decorator(name: str) -> Any:
        def given(**options: Any) -> Any:
            def decorate(function: Any) -> Any:
                noted[name], noted[f"{name} function"] = options, function
                return function if name == "dag" else lambda *args: None

            return decorate

        return given

    sdk, exceptions = types.ModuleType("airflow.sdk"), types.ModuleType("airflow.sdk.exceptions")
    sdk.dag, sdk.task = decorator("dag"), decorator("task")
    exceptions.AirflowFailException = FailsForGood
    monkeypatch.setitem(sys.modules, "airflow", types.ModuleType("airflow"))
    monkeypatch.setitem(sys.modules, "airflow.sdk", sdk)
    monkeypatch.setitem(sys.modules, "airflow.sdk.exceptions", exceptions)
    exec(compile(BLOCKS["py"], "nightly_map.py", "exec"), {"__name__": "nightly_map"})
    return noted


def test_airflows_task_makes_a_map(
    maps: Path, dag: dict[str, Any], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    dag["task function"](str(maps), run_id="scheduled__2026-03-01T02:30:00+00:00")
    assert gputsne.data.read(maps / "map.parquet").X.shape == (250, 2)
    assert croniter.is_valid(dag["dag"]["schedule"])
    assert dag["dag"]["max_active_runs"] == 1
    assert dag["dag"]["catchup"] is False
    assert dag["task"]["retries"] == 3


@pytest.mark.parametrize("code", DECISIONS)
def test_airflow_tries_again_what_may_end_otherwise(
    maps: Path, dag: dict[str, Any], monkeypatch: pytest.MonkeyPatch, code: int
):
    (maps / "gputsne").write_text(FAKE)
    (maps / "gputsne").chmod(0o755)
    (maps / "code").write_text(str(code))
    monkeypatch.setenv("PATH", str(maps), prepend=os.pathsep)
    expected = FailsForGood if code in FOR_GOOD else subprocess.CalledProcessError
    with pytest.raises(expected):
        dag["task function"](str(maps), run_id="manual__1")


# AWS Lambda


def test_the_template_that_the_page_deploys_is_written(tmp_path: Path):
    CliRunner().invoke(main, ["ops", "init", str(tmp_path / "site")])
    assert "site/serverless/template.yaml" in PAGE
    template = yaml.safe_load((tmp_path / "site" / "serverless" / "template.yaml").read_text())
    for name, _ in re.findall(r"--parameter-overrides (\w+)=(\S+)", PAGE):
        assert name in template["Parameters"]
    assert "ssm:/gputsne/tokens" in str(template)
    assert "--name /gputsne/tokens" in PAGE
