"""Gates: a run held against its baseline and the rules of a profile, and the evidence for it.

Profiles: ci, preprod, prod, incident. docs/gates.md says what is on them.
"""

from __future__ import annotations

from gputsne.gates.checking import check, run_evidence

__all__ = ["check", "run_evidence"]
