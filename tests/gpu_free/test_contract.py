"""The contract tests on the emulated GPU: what a real one will run first, run here."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from gpu_free import emulator

TESTS = Path(__file__).resolve().parents[1]
# Ten million points take the emulator a minute.
TOO_LONG = "test_ten_million_points_in_one_cell_lose_nothing"


@pytest.mark.slow
def test_every_contract_of_a_backend_holds_on_the_emulated_one():
    if emulator.available():
        pytest.skip(emulator.available())
    command = [sys.executable, "-m", "pytest", "-p", "gpu_free.plugin", "-q"]
    command += ["-p", "no:cacheprovider", "-k", f"cuda and not {TOO_LONG}", "tests/contract"]
    path = filter(None, [str(TESTS), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path)}
    done = subprocess.run(
        command, cwd=TESTS.parent, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) > 150
    assert "skipped" not in done.stdout
