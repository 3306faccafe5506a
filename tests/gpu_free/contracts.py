"""A run of contract tests on the emulated GPU, in a process of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
ACCURACY = "test_force_accuracy.py"
"""Takes longer than all other contract tests together: processes share the files, and of this one
those tests for GROUPS and the others."""
GROUPS = "groups"

# Ten million points take the emulator a minute.
TOO_LONG = "test_ten_million_points_in_one_cell_lose_nothing"

# glibc gives large arrays back to the system at once, which clears each page of the next one.
KEEPS_MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(4 << 30)}


def check_contracts(files: list[Path], which: str = "cuda") -> int:
    """Run the contract tests of a CUDA backend on the emulated one, and return how many passed.

    ``which`` chooses among them, as pytest's -k does. Fails where one fails or is skipped.
    """
    command = [sys.executable, "-m", "pytest", "-p", "gpu_free.plugin", "-q"]
    command += ["-p", "no:cacheprovider", "-k", f"cuda and ({which}) and not {TOO_LONG}"]
    command += map(str, files)
    path = filter(None, [str(TESTS), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, **KEEPS_MEMORY, "PYTHONPATH": os.pathsep.join(path)}
    done = subprocess.run(
        command, cwd=TESTS.parent, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "skipped" not in done.stdout
    return int(re.search(r"(\d+) passed", done.stdout)[1])
