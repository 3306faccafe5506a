"""Affinities, usable alone: from a neighbour graph to the joint matrix P.

``gputsne.affinities.perplexity(gputsne.knn(X, 90), 30)`` is the P of a fit; ``TSNE`` takes it with
``affinity="precomputed"``. ``AFFINITIES`` is the table of all of them.
"""

from gputsne.affinities.calibration import (
    clip_perplexity,
    n_neighbors_for,
    perplexities_of,
    perplexity,
)
from gputsne.affinities.equal_weights import uniform
from gputsne.affinities.fixed_width import fixed_sigma
from gputsne.affinities.given import precomputed
from gputsne.affinities.table import AFFINITIES, Affinity, conditional, joint
from gputsne.affinities.weights import SetupOps

__all__ = [
    "AFFINITIES",
    "Affinity",
    "SetupOps",
    "clip_perplexity",
    "conditional",
    "fixed_sigma",
    "joint",
    "n_neighbors_for",
    "perplexities_of",
    "perplexity",
    "precomputed",
    "uniform",
]
