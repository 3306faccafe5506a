"""Evidence from what JSON files hold: metrics, findings, and records of runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["evidence_of"]

INNER = ("evidence", "scores", "metrics")  # whose entries stand for themselves, without a prefix


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
        with the names above them, ``input.bytes``; lists are left out. From the record of a run
        also what ``inspect.convergence`` says of its KL curve, and ``perplexity_share``.

    Examples
    --------
    >>> evidence_of({"scores": {"silhouette": 0.6}, "map": [100, 2]})
    {'silhouette': 0.6}
    """
    found = _flat(record, "")
    history = record.get("kl_history")
    parameters = record.get("parameters")
    settings: Mapping[str, Any] = parameters if isinstance(parameters, Mapping) else {}
    if isinstance(history, list) and history:
        from gputsne.inspection import convergence

        early = settings.get("early_exaggeration_iter", 250)
        after = early if isinstance(early, int) and not isinstance(early, bool) else 250
        found |= convergence(history, after=after).evidence
    shape, perplexity = record.get("map"), settings.get("perplexity")
    if isinstance(shape, list) and shape and isinstance(perplexity, int | float) and shape[0]:
        found["perplexity_share"] = float(perplexity) / float(shape[0])
    return found


def _flat(record: Mapping[str, Any], prefix: str) -> dict[str, float | str]:
    found: dict[str, float | str] = {}
    for key, value in record.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            found |= _flat(value, "" if key in INNER else f"{name}.")
        elif isinstance(value, bool | int | float | str):
            found[name] = value
    return found
