"""The table of affinities: from a neighbour graph, or the user's own P, to the joint matrix P.

A new affinity is one function that returns ``Affinities``, and one line here. The name is the value
of ``TSNE(affinity=...)``; the options are parameters of ``TSNE`` that the function takes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from gputsne.affinities.calibration import n_neighbors_for, perplexity
from gputsne.affinities.equal_weights import N_NEIGHBORS as UNIFORM_NEIGHBORS
from gputsne.affinities.equal_weights import uniform
from gputsne.affinities.fixed_width import N_NEIGHBORS as SIGMA_NEIGHBORS
from gputsne.affinities.fixed_width import fixed_sigma
from gputsne.affinities.given import precomputed
from gputsne.affinities.weights import SetupOps
from gputsne.base.types import Affinities, KNNGraph

__all__ = ["AFFINITIES", "Affinity", "joint"]


@dataclass(frozen=True)
class Affinity:
    """One line of the table.

    Attributes
    ----------
    make : callable
        ``make(graph, ops=..., **options)``, or ``make(P)`` where no graph is read.
    meaning : str
        One line for help texts.
    n_neighbors : callable or None
        ``n_neighbors(n, **options)``: neighbours per point to search for among ``n`` points, at
        most ``n - 1``. None where X is P itself and no graph is read.
    options : tuple of str
        Keywords it takes beside the graph.
    needs : tuple of str
        Those of them that have no default.
    """

    make: Callable[..., Affinities]
    meaning: str
    n_neighbors: Callable[..., int] | None = None
    options: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()


def _for_perplexity(n: int, *, perplexity: Any = 30.0) -> int:
    return max(min(1, n - 1), n_neighbors_for(perplexity, n))


def _at_most(k: int) -> Callable[..., int]:
    return lambda n, **_: min(k, n - 1)


AFFINITIES: MappingProxyType[str, Affinity] = MappingProxyType(
    {
        "perplexity": Affinity(
            perplexity,
            "Gaussians whose widths give every point the same number of neighbours",
            _for_perplexity,
            options=("perplexity",),
        ),
        "uniform": Affinity(
            uniform,
            "the same weight for every neighbour",
            _at_most(UNIFORM_NEIGHBORS),
        ),
        "fixed_sigma": Affinity(
            fixed_sigma,
            "Gaussians of one width",
            _at_most(SIGMA_NEIGHBORS),
            options=("sigma",),
            needs=("sigma",),
        ),
        "precomputed": Affinity(precomputed, "X is P itself"),
    }
)


def joint(
    graph: KNNGraph, ops: SetupOps | None = None, *, kind: str = "perplexity", **options: Any
) -> Affinities:
    """Return the symmetric joint probabilities P of a neighbour graph.

    Parameters
    ----------
    graph : KNNGraph
        Neighbour lists, shape (n, k).
    ops : object or None
        A backend; None takes the best there is here.
    kind : str
        A name of ``AFFINITIES`` that reads a graph.
    **options : dict
        Keywords of that affinity; another's may be given as None.

    Returns
    -------
    Affinities
        What the affinity returns.

    Raises
    ------
    ValueError
        For an unknown kind, and for options that are missing or without effect.
    """
    names = [name for name, affinity in AFFINITIES.items() if affinity.n_neighbors is not None]
    if kind not in names:
        raise ValueError(f"affinity={kind!r}: must be one of {', '.join(map(repr, names))}")
    affinity = AFFINITIES[kind]
    for name in affinity.needs:
        if options.get(name) is None:
            raise ValueError(f"affinity={kind!r} needs a {name}")
    for name, value in options.items():
        if name not in affinity.options and value is not None:
            raise ValueError(f"affinity={kind!r} does not use {name}={value!r}; leave it out")
    used = {name: value for name, value in options.items() if name in affinity.options}
    return affinity.make(graph, ops=ops, **used)
