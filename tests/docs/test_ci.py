"""The files of docs/ci.md: they parse, their commands have options that exist, the gate runs."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import click
import numpy as np
import pytest
import yaml
from click.testing import CliRunner

import gputsne
from gputsne.cli import main

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "ci.md").read_text(encoding="utf-8")
ACTION, WORKFLOW, GITLAB = map(yaml.safe_load, re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL))
STEPS = {step.get("id", "promote"): step for step in ACTION["runs"]["steps"]}
SCRIPTS = [step["run"] for step in STEPS.values()] + GITLAB["map"]["script"]
INDENTED = re.findall(r"^    (gputsne .*)$", TEXT, re.MULTILINE)


def commands() -> list[str]:
    """Return every command of gputsne that the page has, without redirection."""
    lines = "\n".join([*SCRIPTS, *INDENTED]).replace("\\\n", " ").splitlines()
    told = [part for line in lines for part in re.findall(r"\bgputsne (?:[^;|>&]|\\.)*", line)]
    quoted = re.findall(r"`(gputsne [^`]*)`", TEXT)
    return [c for c in (*told, *quoted) if not c.startswith(("gputsne.", "gputsne check`"))]


@pytest.mark.parametrize("command", commands())
def test_every_command_has_options_that_there_are(command):
    words = shlex.split(command)
    group: click.Command = main
    context, rest = click.Context(main), words[1:]
    while isinstance(group, click.Group):
        _, found, rest = group.resolve_command(context, rest)
        assert found is not None
        group, context = found, click.Context(found, parent=context)
    options, arguments, _ = group.make_parser(context).parse_args(rest)
    if len(words) > 4:  # else it is only named
        assert all(p.name in options or arguments for p in group.params if p.required)


def test_the_action_has_the_parts_that_github_asks_for():
    assert ACTION["runs"]["using"] == "composite"
    assert all(step["shell"] == "bash" for step in STEPS.values())
    assert {"table", "store"} == {k for k, v in ACTION["inputs"].items() if v.get("required")}
    used = set(re.findall(r"inputs\.(\w+)", str(ACTION["runs"])))
    assert used == set(ACTION["inputs"])
    asked = [s for s in WORKFLOW["jobs"]["map"]["steps"] if s.get("uses", "").startswith("./")]
    assert set(asked[0]["with"]) <= set(ACTION["inputs"])
    for step in STEPS.values():
        assert "${{" not in step["run"]  # what is put into a script is run as one


def step(name: str, folder: Path, **given: str) -> subprocess.CompletedProcess[str]:
    """Run the script of a step as GitHub does: bash -e, its inputs in the environment."""
    for file in ("output", "summary"):
        (folder / file).touch()
    env = {
        **os.environ, **given, "GITHUB_OUTPUT": "output", "GITHUB_STEP_SUMMARY": "summary",
        "GITHUB_SHA": "0a1b2c", "PATH": f"{folder}:{os.environ['PATH']}",
        "GPUTSNE_STORE": str(folder / "store"),
    }  # fmt: skip
    how = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", STEPS[name]["run"]]
    return subprocess.run(how, cwd=folder, env=env, capture_output=True, text=True)


def embedded(folder: Path, points: np.ndarray) -> str:
    """Store a run of a table by the action's first step; return its id."""
    rows = [",".join(map(str, [f"r{i}", *row])) for i, row in enumerate(points.tolist())]
    head = ",".join(["id", *(f"p{j}" for j in range(64))])
    (folder / "t.csv").write_text("\n".join([head, *rows]))
    done = step("embed", folder, TABLE="t.csv")
    assert done.returncode == 0, done.stderr
    return (folder / "output").read_text().split("run=")[-1].strip()


def checked(folder: Path, run: str) -> subprocess.CompletedProcess[str]:
    return step("check", folder, RUN=run, PROFILE="ci", BASELINE="production")


def test_the_gate_runs_from_a_table_to_a_promoted_run(tmp_path):
    command = f'#!/usr/bin/env bash\nexec "{sys.executable}" -m gputsne "$@"\n'
    (tmp_path / "gputsne").write_text(command)
    (tmp_path / "gputsne").chmod(0o755)
    store = gputsne.Store(tmp_path / "store")
    points = gputsne.datasets.load_digits().X[:250]
    first = embedded(tmp_path, points)
    assert store.get(first).run.tags == {"commit": "0a1b2c"}
    assert checked(tmp_path, first).returncode == 3  # no baseline yet
    assert step("promote", tmp_path, RUN=first).returncode == 0
    again = embedded(tmp_path, points)
    done = checked(tmp_path, again)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [c["profile"] for c in store.checks(again)] == ["ci"]
    assert step("promote", tmp_path, RUN=again).returncode == 0
    assert store.resolve("production") == again
    rng = np.random.default_rng(0)
    broken = embedded(tmp_path, np.stack([row[rng.permutation(64)] for row in points]))
    done = checked(tmp_path, broken)
    assert done.returncode == 1
    assert "cohort" in done.stdout  # of compare
    assert step("promote", tmp_path, RUN=broken).returncode == 1
    assert store.resolve("production") == again
    assert "ci" in (tmp_path / "summary").read_text()
    assert ET.parse(tmp_path / "check.xml").getroot().get("failures") != "0"


def test_help_of_every_command_that_the_page_uses():
    for words in (["embed"], ["check"], ["compare"], ["runs", "promote"], ["runs", "show"]):
        assert CliRunner().invoke(main, [*words, "--help"]).exit_code == 0
