"""The examples of README.md and docs/: a document's blocks run from the first to the last.

Python blocks of one document share their names, console blocks their files. What installs or
tests gputsne itself (pip, git, cd, pytest) is .ci/run's part and left out here.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
# Of runs that are stored, judged and watched, of services and clusters; the others are of maps.
RUNS = (
    "beyond-memory.md", "change.md", "ci.md", "cluster.md", "dask.md", "first-week.md", "gates.md",
    "gpu.md", "large.md", "operate.md", "performance.md", "release.md", "runs.md", "sampling.md",
    "schedulers.md", "serve.md", "tiles.md", "tracking.md",
)  # fmt: skip
OPERATING = [ROOT / "docs" / name for name in RUNS]
BLOCK = re.compile(r"^```(python|console|bash)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INSTALLS = re.compile(r"(python3? -m venv|pip|git|cd|\.|source|pytest)(\s|$)")

# Tests may fit for less than the early phase; what a reader repeats shows a finished map.
finished = pytest.mark.filterwarnings("error:all .* iterations were in the early phase:UserWarning")


def commands(block: str) -> list[str]:
    """Return a console block's commands, prompts and installation steps removed."""
    lines = [line.removeprefix("$ ") for line in block.replace("\\\n", " ").splitlines()]
    steps = [" && ".join(s for s in line.split(" && ") if not INSTALLS.match(s)) for line in lines]
    return [step for step in steps if step.strip() and not step.startswith("#")]


def run(document: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a document's blocks in a folder, with this Python's commands on PATH."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    text = document.read_text(encoding="utf-8")
    names: dict[str, object] = {"__name__": "__main__"}
    for found in BLOCK.finditer(text):
        line = text[: found.start()].count("\n") + 2
        if found[1] == "python":
            exec(compile("\n" * (line - 1) + found[2], str(document), "exec"), names)
        for command in commands(found[2]) if found[1] != "python" else []:
            done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
            assert done.returncode == 0, f"line {line}: {command}\n{done.stdout}{done.stderr}"
            assert "were in the early phase" not in done.stderr, f"line {line}: {command}"
