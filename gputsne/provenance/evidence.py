"""Evidence of a run: its numbers and texts as one flat dict, named as the rules name them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gputsne.provenance.run import Run

__all__ = ["evidence"]


def evidence(run: Run) -> dict[str, float | str]:
    """Return what rules can judge of a run.

    Parameters
    ----------
    run : Run
        As it is.

    Returns
    -------
    dict of str to float or str
        Metrics by their own names, other tables with their name before the entry
        (``timings.optimize``, ``input.data_sha256``); ``latency_s``, the seconds that the run took.
    """
    told = run.to_dict()
    found = _flat({k: v for k, v in told.items() if k != "metrics"}, "") | _flat(
        told["metrics"], ""
    )
    if run.seconds is not None:
        found["latency_s"] = run.seconds
    return found


def _flat(table: Mapping[str, Any], prefix: str) -> dict[str, float | str]:
    found: dict[str, float | str] = {}
    for key, value in table.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{prefix}{key}.")
        elif isinstance(value, bool | int | float | str):
            found[f"{prefix}{key}"] = value
    return found
