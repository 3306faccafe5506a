"""What drills share: commands in forks that may be killed, values of metrics, a small table."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
ROWS = 150
FIT = ("--max-iter", "150", "--perplexity", "10", "--seed", "7", "--quiet")


@dataclass(frozen=True)
class Ended:
    """How a command ended: exit code (minus the signal that killed it), and what it said."""

    code: int
    stdout: str
    stderr: str
    peak_bytes: int


class Forks:
    """Runs commands of gputsne in forks of a process that has imported it already."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def __call__(self, folder: Path, *line: object, **how: Any) -> Ended:
        """Run a command in a folder to its end; ``how`` as tests/forked.py reads it."""
        return self.together(folder, {"line": [str(part) for part in line], **how})[0]

    def together(self, folder: Path, *asked: dict[str, Any]) -> list[Ended]:
        """Run several at once, each to its end."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        lines = []
        for i, one in enumerate(asked):
            said = folder.parent / f".{folder.name}-{i}"
            names = {name: f"{said}.{name}" for name in ("stdout", "stderr")}
            lines.append({"folder": str(folder), **names, **one})
        self.process.stdin.write(f"{json.dumps(lines)}\n")
        self.process.stdin.flush()
        found = []
        for one, told in zip(lines, json.loads(self.process.stdout.readline()), strict=True):
            out, err = (Path(one[name]).read_text() for name in ("stdout", "stderr"))
            found.append(Ended(told["code"], out, err, told["peak_bytes"]))
        return found


@contextmanager
def forks() -> Iterator[Forks]:
    """Give forks for a while."""
    command = [sys.executable, str(HERE / "forked.py")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        try:
            yield Forks(process)
        finally:
            process.stdin.close()


def metrics_of(text: str | Path) -> dict[str, float]:
    """Return values by name and the labels that are not of the service: ``name{a=b}``."""
    from prometheus_client.parser import text_string_to_metric_families

    told = text if isinstance(text, str) else text.read_text(encoding="utf-8")
    found = {}
    for family in text_string_to_metric_families(told):
        for s in family.samples:
            more = {k: v for k, v in s.labels.items() if k not in ("model", "pipeline", "owner")}
            labels = ",".join(f"{k}={v}" for k, v in sorted(more.items()))
            found[f"{s.name}{{{labels}}}" if labels else s.name] = s.value
    return found


def table(path: Path, rows: int = ROWS, seed: int = 0) -> Path:
    """Write a small table of clusters."""
    rng = np.random.default_rng(seed)
    centres = 8 * rng.normal(size=(3, 6))
    np.save(path, (centres[rng.integers(3, size=rows)] + rng.normal(size=(rows, 6))).astype("f4"))
    return path
