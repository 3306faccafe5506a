"""What setup.py recorded of the compiled modules: which were built, and why another was not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypedDict

__all__ = ["Build", "build"]


class Build(TypedDict):
    """The record: which module was compiled, the first with OpenMP, and if not, why (one line)."""

    native: bool
    openmp: bool
    reason: str
    machine: str
    cuda: bool
    cuda_reason: str


def build() -> Build:
    """Return the record of the installation.

    Returns
    -------
    dict
        ``native`` and ``openmp`` (bool), ``reason`` (one line, empty when the module was
        compiled), ``machine`` (for instance ``"x86_64"``), and for the CUDA module ``cuda`` (bool)
        and ``cuda_reason``.
    """
    path = Path(__file__).with_name("_build.json")
    if not path.exists():
        reason = "gputsne runs from its sources and was never built: pip install ."
        return Build(
            native=False, openmp=False, reason=reason, machine="", cuda=False, cuda_reason=reason
        )
    record: Build = json.loads(path.read_text(encoding="utf-8"))
    return record
