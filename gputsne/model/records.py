"""What a fit leaves, in frozen records by lifetime: prepared data, P, the map, and the report.

Arrays of P and of the state are read-only: what reads them later must find them as the fit left
them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gputsne.base.types import Affinities, FloatArray
from gputsne.engine.optimize import Result
from gputsne.model.parameters import Parameters
from gputsne.preparation import Preparation

__all__ = ["Fit", "Prepared", "read_only"]


@dataclass(frozen=True, eq=False)
class Prepared:
    """What was made of X before P: rows, how they were made, and facts of the graph.

    Attributes
    ----------
    rows : array, shape (n, d'), float32, or None
        What neighbours were found in; the model's own. None for X of distances or P.
    preparation : Preparation or None
        What turns new rows into the like of ``rows``.
    recall : float
        Measured share of true neighbours found; NaN where there was no search.
    graph_source : str
        What found them; "" where P was given.
    perplexity : float or list of float
        As used: lowered where n is too small.
    """

    rows: FloatArray | None = None
    preparation: Preparation | None = None
    recall: float = float("nan")
    graph_source: str = ""
    perplexity: float | list[float] = 30.0


@dataclass(frozen=True, eq=False)
class Fit:
    """A fit as far as it came; stages that were not reached leave None.

    Attributes
    ----------
    params : Parameters
        As they were when it was made; later changes of the estimator's don't reach it.
    device, device_reason : str
        Where it ran, and why there.
    timings : mapping of str to float
        Seconds by stage.
    prepared : Prepared
        Of X.
    P : Affinities or None
        Joint probabilities.
    result : Result or None
        The map and the optimiser's state.
    about : mapping of str to object
        Entries of the fit's record that are not in the others: id, times, input, machine, and how
        it ended; see ``gputsne.Run``.
    """

    params: Parameters
    device: str
    device_reason: str
    timings: Mapping[str, float] = field(default_factory=dict)
    prepared: Prepared = field(default_factory=Prepared)
    P: Affinities | None = None
    result: Result | None = None
    about: Mapping[str, Any] = field(default_factory=dict)


def read_only(P: Affinities) -> Affinities:
    """Return P with arrays that can't be written to."""
    for name in ("indptr", "indices", "data"):
        if name in vars(P):  # what a device still holds is nobody's to write to
            vars(P)[name].flags.writeable = False
    return P
