"""The table of affinities: from a neighbour graph, or the user's own P, to the joint matrix P.

A new affinity is one function that returns the weights of directed neighbours, and one line here.
The name is the value of ``TSNE(affinity=...)``; the options are parameters of ``TSNE`` that the
function takes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any

from gputsne.affinities.calibration import calibrated, n_neighbors_for
from gputsne.affinities.equal_weights import N_NEIGHBORS as UNIFORM_NEIGHBORS
from gputsne.affinities.equal_weights import equal
from gputsne.affinities.fixed_width import N_NEIGHBORS as SIGMA_NEIGHBORS
from gputsne.affinities.fixed_width import of_width
from gputsne.affinities.weights import SetupOps, symmetric
from gputsne.base.types import Affinities, FloatArray, KNNGraph

__all__ = ["AFFINITIES", "Affinity", "conditional", "joint"]


@dataclass(frozen=True)
class Affinity:
    """One line of the table.

    Attributes
    ----------
    weigh : callable or None
        ``weigh(graph, ops, **options)`` returns p_j|i, shape (n, k), and how many rows missed what
        was asked for. None where X is P itself.
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

    weigh: Callable[..., tuple[FloatArray, int]] | None
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
            calibrated,
            "Gaussians whose widths give every point the same number of neighbours",
            _for_perplexity,
            options=("perplexity",),
        ),
        "uniform": Affinity(
            equal,
            "the same weight for every neighbour",
            _at_most(UNIFORM_NEIGHBORS),
        ),
        "fixed_sigma": Affinity(
            of_width,
            "Gaussians of one width",
            _at_most(SIGMA_NEIGHBORS),
            options=("sigma",),
            needs=("sigma",),
        ),
        "precomputed": Affinity(None, "X is P itself"),
    }
)


def conditional(
    graph: KNNGraph, ops: SetupOps, *, kind: str = "perplexity", **options: Any
) -> tuple[FloatArray, int]:
    """Return the weights of directed neighbours; ``ops.joint`` makes P of them.

    Parameters
    ----------
    graph : KNNGraph
        Neighbour lists, shape (n, k). Its distances are read here for the last time.
    ops : object
        A backend.
    kind : str
        A name of ``AFFINITIES`` that reads a graph.
    **options : dict
        Keywords of that affinity; another's may be given as None.

    Returns
    -------
    p : array, shape (n, k), float32
        p_j|i, rows summing to 1.
    unreached : int
        Rows that missed what was asked for.

    Raises
    ------
    ValueError
        For an unknown kind, and for options that are missing or without effect.
    """
    known = {name: affinity for name, affinity in AFFINITIES.items() if affinity.weigh}
    if kind not in known:
        raise ValueError(f"affinity={kind!r}: must be one of {', '.join(map(repr, known))}")
    affinity = known[kind]
    for name in affinity.needs:
        if options.get(name) is None:
            raise ValueError(f"affinity={kind!r} needs a {name}")
    for name, value in options.items():
        if name not in affinity.options and value is not None:
            raise ValueError(f"affinity={kind!r} does not use {name}={value!r}; leave it out")
    used = {name: value for name, value in options.items() if name in affinity.options}
    assert affinity.weigh is not None
    return affinity.weigh(graph, ops, **used)


def joint(
    graph: KNNGraph, ops: SetupOps | None = None, *, kind: str = "perplexity", **options: Any
) -> Affinities:
    """Return the symmetric joint probabilities P of a neighbour graph.

    Parameters
    ----------
    graph : KNNGraph
        As of ``conditional``.
    ops : object or None
        A backend; None takes the best there is here.
    kind : str
        As of ``conditional``.
    **options : object
        As of ``conditional``.

    Returns
    -------
    Affinities
        Symmetric to the bit.

    Raises
    ------
    ValueError
        As ``conditional``.
    """
    return symmetric(graph, partial(conditional, graph, kind=kind, **options), ops)
