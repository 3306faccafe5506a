"""Every example in README.md, docs/ and the docstrings works. Each document runs in a temp dir.

Python blocks of one document share their names, console blocks their files. What installs or
tests gputsne itself (pip, git, cd, pytest) is .ci/run's part and left out here.
"""

from __future__ import annotations

import doctest
import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(python|console|bash)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INSTALLS = re.compile(r"(python3? -m venv|pip|git|cd|\.|source|pytest)(\s|$)")
MODULES = sorted(
    ".".join(p.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for p in (ROOT / "gputsne").rglob("*.py")
    if p.stem != "__main__"
)


def commands(block: str) -> list[str]:
    """Return a console block's commands, prompts and installation steps removed."""
    lines = [line.removeprefix("$ ") for line in block.replace("\\\n", " ").splitlines()]
    steps = [" && ".join(s for s in line.split(" && ") if not INSTALLS.match(s)) for line in lines]
    return [step for step in steps if step.strip() and not step.startswith("#")]


# Tests may fit for less than the early phase; what a reader repeats shows a finished map.
finished = pytest.mark.filterwarnings("error:all .* iterations were in the early phase:UserWarning")


@finished
@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_examples_run(document: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
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


@finished
@pytest.mark.parametrize("module", MODULES)
def test_docstring_examples_run(module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    result = doctest.testmod(importlib.import_module(module), optionflags=doctest.ELLIPSIS)
    assert not result.failed
