"""What a person is told: a summary on standard output, remarks on standard error.

Numbers are rounded for reading; the run record and ``--json`` hold them in full.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import click

from gputsne.data.table import counted
from gputsne.runs import record


@dataclass(frozen=True)
class Speech:
    """How much is said."""

    as_json: bool = False
    quiet: bool = False
    verbose: bool = False

    def __post_init__(self) -> None:
        if self.quiet and self.verbose:
            raise click.UsageError("--quiet and --verbose exclude each other")

    @property
    def progress(self) -> bool:
        """Whether progress bars are wanted: on a terminal, or when asked."""
        return self.verbose or (not self.quiet and sys.stderr.isatty())

    def remark(self, text: str) -> None:
        """Say something on standard error."""
        if not self.quiet:
            click.echo(f"gputsne: {text}", err=True)

    def result(self, text: str, facts: Mapping[str, Any]) -> None:
        """Print a command's result on standard output."""
        if self.as_json:
            click.echo(json.dumps(record.plain(facts), allow_nan=False))
        elif not self.quiet:
            click.echo(text)


def seconds(value: float) -> str:
    """Return a duration for reading: ``0.04 s``, ``12.3 s``, ``3 min 20 s``."""
    if value >= 120:
        return f"{int(value) // 60} min {int(value) % 60} s"
    return f"{value:.2f} s" if value < 10 else f"{value:.1f} s"


def summary(facts: Mapping[str, Any]) -> str:
    """Return the story of a fit in a few lines, from what `record.describe` tells."""
    lines = []
    if facts.get("map"):
        n, c = facts["map"]
        lines.append(f"map           {counted(n, 'point')}, {c} {'axis' if c == 1 else 'axes'}")
    if facts.get("kl_divergence") is not None:
        after = (
            f" after {counted(facts['n_iter'], 'iteration')}"
            if facts.get("n_iter") is not None
            else ""
        )
        lines.append(f"KL            {facts['kl_divergence']:.4f}{after}")
    if facts.get("neighbors_recall") is not None:
        lines.append(f"recall        {facts['neighbors_recall']:.3f} of the neighbours")
    if facts.get("device") is not None:
        why = f" ({facts['device_reason']})" if facts.get("device_reason") else ""
        lines.append(f"device        {facts['device']}{why}")
    if facts.get("timings"):
        parts = [f"{k} {seconds(v)}" for k, v in facts["timings"].items() if v is not None]
        lines.append(f"time          {', '.join(parts)}")
    return "\n".join(lines)
