"""Provenance: the record of a run, as one frozen value that JSON can hold, and what it is made of.

What is asked of a run and what came of it, hashes of the values it read, the machine it ran on,
how it ended.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gputsne.provenance.run import Run

__all__ = ["Run"]


def __getattr__(name: str) -> Any:
    """Import Run when it is asked for: how a run ended, outcome, is asked without numpy."""
    if name != "Run":
        raise AttributeError(f"module 'gputsne.provenance' has no attribute {name!r}")
    from gputsne.provenance.run import Run

    globals()[name] = Run
    return Run
