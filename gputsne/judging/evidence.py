"""Evidence from what JSON files hold: metrics, findings, and records of runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gputsne.provenance.evidence import derived, flat

__all__ = ["evidence_of"]


def evidence_of(record: Mapping[str, Any]) -> dict[str, float | str]:
    """Return the evidence of a record as one flat dict.

    Parameters
    ----------
    record : mapping
        What ``gputsne metrics --json`` or ``gputsne embed --run-record`` writes, a ``to_dict()`` of
        ``Findings``, or any nested dict of numbers and texts.

    Returns
    -------
    dict of str to float or str
        Entries of ``evidence``, ``scores`` and ``metrics`` by their own names, other nested ones
        with the names above them, ``input.bytes``; lists are left out. From the record of a run,
        of any schema, also what ``Run.evidence`` has: what ``inspect.convergence`` says of its KL
        curve, ``latency_s``, ``peak_memory_gb``, ``null_rate``, ``perplexity_share``.

    Examples
    --------
    >>> evidence_of({"scores": {"silhouette": 0.6}, "map": [100, 2]})
    {'silhouette': 0.6}
    """
    return flat(record) | derived(record)
