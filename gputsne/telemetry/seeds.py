"""Disparities of maps by their seeds: runs of a store that differ in nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any, Final

from gputsne.base.messages import warn_user
from gputsne.provenance import Run

if TYPE_CHECKING:
    from gputsne.runs.store import Store

__all__ = ["MOST_SEEDS", "seed_disparities"]

MOST_SEEDS: Final = 6  # of one service: 15 pairs
# What a run says of the place where it was made, or of its seed; no other run is another for it.
FREE: Final = ("random_state", "verbose", "n_jobs", "memory_limit", "callbacks", "callbacks_every")


def seed_disparities(store: Store, runs: Sequence[Run], id: str) -> dict[tuple[str, str], float]:
    """Return the Procrustes disparities of maps that a run and its like with other seeds have.

    Parameters
    ----------
    store : Store
        That has the maps.
    runs : sequence of Run
        Its records, oldest first.
    id : str
        Of the run.

    Returns
    -------
    dict of (str, str) to float
        By two seeds, both ways, and 0 for a seed with itself; of the latest six seeds. Empty where
        there are no two, or where maps can't be read, with a warning.
    """
    (run,) = (held for held in runs if held.id == id)
    found = {str(held.seed): held for held in runs if _like(run, held)}
    latest = dict(sorted(found.items(), key=lambda pair: pair[1].id)[-MOST_SEEDS:])
    if len(latest) < 2:
        return {}
    from gputsne.change import reproducibility

    try:
        told = reproducibility({seed: store.get(held.id) for seed, held in latest.items()})
    except (ImportError, OSError, ValueError) as error:
        warn_user(f"maps of {', '.join(latest)} as seeds can't be compared: {error}")
        return {}
    pairs: dict[tuple[str, str], float] = {(seed, seed): 0.0 for seed in told.names}
    for i, j in combinations(range(len(told.names)), 2):
        value = float(told.matrix[i, j])
        pairs[told.names[i], told.names[j]] = pairs[told.names[j], told.names[i]] = value
    return pairs


def _like(run: Run, other: Run) -> bool:
    """Tell whether another run differs from a run in its seed at most."""
    same = run.input.get("data_sha256")
    return (
        other.status == "done"
        and same is not None
        and other.input.get("data_sha256") == same
        and _rest(other.parameters) == _rest(run.parameters)
    )


def _rest(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in parameters.items() if name not in FREE}
