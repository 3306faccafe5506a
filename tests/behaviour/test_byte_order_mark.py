"""Text files that a person edits are read with the byte order mark that some editors put first."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from served import VIEWER_LINE

from gputsne.cli import main
from gputsne.judging import read_rules
from gputsne.provenance import Run
from gputsne.serve import Tokens
from gputsne.telemetry.operations.settings import TEMPLATE, Settings

RULE = """[mine]
title = "Mine"
metric = "mine"
fault = "> 1"
severity = "warning"
profiles = ["own"]
symptom = "{mine}"
action = "Do."
source = "own"
"""


def printed(path) -> str:
    result = CliRunner().invoke(main, ["embed", "none.npy", "-o", "o.npy", "--config", str(path)])
    assert result.exit_code == 3  # the input is missing; the options were read
    return result.output


RECORD = json.dumps({"schema": "gputsne.run/2", "status": "done", "seed": 3})
READERS = {
    "rules.toml": (RULE, read_rules),
    "ops.toml": (TEMPLATE, Settings.read),
    "tokens": (VIEWER_LINE, lambda path: repr(vars(Tokens.read(path, {})))),
    "run.json": (RECORD, lambda path: Run.read(path).seed),
    "embed.toml": ("perplexity = 5.0\n", printed),
}


@pytest.mark.parametrize("name", READERS)
def test_a_mark_at_the_start_changes_nothing(name, tmp_path):
    text, read = READERS[name]
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    plain = read(path)
    path.write_text(text, encoding="utf-8-sig")
    assert path.read_bytes()[:3] == b"\xef\xbb\xbf"
    assert read(path) == plain
