"""Provenance: the record of a run, as one frozen value that JSON can hold, and what it is made of.

What is asked of a run and what came of it, hashes of the values it read, the machine it ran on,
how it ended.
"""

from __future__ import annotations

from gputsne.provenance.run import Run

__all__ = ["Run"]
