"""The template of AWS SAM: valid for CloudFormation's linter, and what the function is given."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import gputsne
from gputsne.base.errors import BadInput
from gputsne.serve import EmbedService
from gputsne.telemetry.operations import Settings, files_of
from gputsne.telemetry.operations.cluster import Cluster
from gputsne.telemetry.operations.serverless import AXES, COLUMNS, ROWS, Serverless

NAME = "serverless/template.yaml"
ROOT = Path(__file__).resolve().parents[3]


def linted(path: Path) -> subprocess.CompletedProcess[str]:
    code = "import sys; from cfnlint.runner import main; sys.exit(main())"
    line = [sys.executable, "-W", "ignore", "-c", code, "--regions", "us-east-1", "--", str(path)]
    return subprocess.run(line, capture_output=True, text=True)


def test_cloudformation_takes_the_template(tmp_path: Path):
    settings = Settings(
        cluster=Cluster(team="search"), serverless=Serverless(concurrency=3, log_days=7)
    )
    text = files_of(settings)[NAME]
    path = tmp_path / "template.yaml"
    path.write_text(text)
    done = linted(path)
    assert (done.returncode, done.stdout) == (0, "")
    path.write_text(text.replace("MemorySize", "MemorySizes"))
    assert "'MemorySizes' was unexpected" in linted(path).stdout

    maps = yaml.safe_load(text)["Resources"]["Maps"]["Properties"]
    assert maps["ReservedConcurrentExecutions"] == 3
    assert maps["Tags"] == {
        "model": "map", "pipeline": "nightly", "owner": "default", "team": "search",
        "cost-center": "none",
    }  # fmt: skip
    given = maps["Environment"]["Variables"]
    assert float(given["GPUTSNE_SECONDS"]) < maps["Timeout"]
    assert re.fullmatch(r"\{\{resolve:ssm:/[\w/]+\}\}", given["GPUTSNE_TOKENS"])  # no token here
    handler = (ROOT / "docker" / "handler.py").read_text(encoding="utf-8")
    read = set(re.findall(r'"(GPUTSNE_[A-Z]+)"', handler))
    assert given.keys() == read | {"GPUTSNE_TOKENS"}


def test_its_memory_holds_the_largest_table():
    told = {n: p.default for n, p in inspect.signature(EmbedService).parameters.items()}
    assert (told["max_rows"], told["max_columns"], told["pca"]) == (ROWS, COLUMNS, AXES)
    needed = gputsne.plan(ROWS, COLUMNS, pca=AXES, device="cpu").host_bytes
    assert Serverless().memory_mb * 2**20 >= 2 * needed
    with pytest.raises(BadInput, match=r"serverless.memory_mb = 256 must be at least \d+"):
        Serverless(memory_mb=256)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("timeout_seconds = 5", "serverless.timeout_seconds = 5 must be a whole number from 20"),
        ("calls = true", "serverless.calls = True must"),
        ("log_days = 31", "one of CloudWatch's"),
        ("memory = 3", "did you mean 'memory_mb'"),
    ],
)
def test_settings_that_make_no_sense(text: str, said: str):
    with pytest.raises(BadInput, match=re.escape(said)):
        Settings.read_text(f"[serverless]\n{text}\n")


def test_serverless_must_be_a_table():
    with pytest.raises(BadInput, match=r"serverless = 3 must be a \[table\]"):
        Settings.read_text("serverless = 3")
