"""Names that other t-SNE and UMAP libraries use, and what to write instead: for error messages.

docs/migrating.md has the same in tables; tests/docs/test_migrating.py holds the two together.
"""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

__all__ = [
    "METRICS",
    "OPTIMIZE",
    "PARAMETERS",
    "TRANSFORM",
    "explain",
    "explains_names",
    "has_no_parameter",
]

F = TypeVar("F", bound=Callable[..., Any])

_MESH = "leave it out: the mesh takes the place of trees and interpolation"
_STOP = "write stop='auto', which watches the slope of the KL"
_NONE = "there is no counterpart; leave it out"
PARAMETERS: Mapping[str, str] = {
    # scikit-learn, and its older versions
    "n_iter": "write max_iter, which includes the early phase (750)",
    "angle": _MESH,
    "n_iter_without_progress": _STOP,
    "min_grad_norm": _STOP,
    "square_distances": "leave it out: P follows from squared distances",
    # openTSNE
    "initialization": "write init",
    "negative_gradient_method": "leave it out, or write method='exact'",
    "theta": _MESH,
    "n_interpolation_points": _MESH,
    "min_num_intervals": _MESH,
    "ints_in_interval": _MESH,
    "max_step_norm": "write max_step",
    "max_grad_norm": "leave it out; max_step bounds moves",
    "knn_kwargs": "leave it out; min_recall says how well to search",
    "callbacks_every_iters": "write callbacks_every",
    "momentum": "write initial_momentum and final_momentum",
    # cuML
    "late_exaggeration": "write exaggeration",
    "exaggeration_iter": "write early_exaggeration_iter",
    "pre_momentum": "write initial_momentum",
    "post_momentum": "write final_momentum",
    "learning_rate_method": "leave it out: learning_rate='auto' follows n and the exaggeration",
    "perplexity_max_iter": "leave it out: the bisection runs until it is exact",
    "precomputed_knn": "write neighbors=(indices, distances)",
    "output_type": "leave it out: arrays come back as they were given",
    # UMAP
    "min_dist": "there is no least distance in t-SNE; exaggeration=4 comes near UMAP's look",
    "spread": "there is no counterpart in t-SNE; exaggeration=4 comes near UMAP's look",
    "metric_kwds": "write metric_params",
    "n_epochs": "write max_iter",
    "unique": "leave it out: equal rows are no trouble",
    "densmap": _NONE,
    "output_metric": _NONE,
    "target_metric": _NONE,
    # FIt-SNE, Rtsne, MulticoreTSNE and older code
    "perplexity_list": "write perplexity=[...]",
    "no_dims": "write n_components",
    "dims": "write n_components",
    "early_exag_coeff": "write early_exaggeration",
    "stop_early_exag_iter": "write early_exaggeration_iter",
    "late_exag_coeff": "write exaggeration",
    "start_late_exag_iter": "leave it out: exaggeration holds from the end of the early phase on",
    "no_momentum_during_exag": "write initial_momentum=0.0",
    "df": "write dof",
    "K": "write n_neighbors",
    "map_dims": "write n_components",
    "nbody_algo": _MESH,
    "intervals_per_integer": _MESH,
    "knn_algo": "leave it out; min_recall says how well to search",
    "n_trees": "leave it out; min_recall says how well to search",
    "search_k": "leave it out; min_recall says how well to search",
    "return_loss": "leave it out: kl_history_ has it",
    "nthreads": "write n_jobs",
    "n_threads": "write n_jobs",
    "seed": "write random_state",
    "k": "write n_neighbors",
    "gpu": "write device='cuda'",
}
TRANSFORM: Mapping[str, str] = {
    "n_iter": "write max_iter",
    "k": "write n_neighbors",
    "initialization": "leave it out: a row starts at the best of its nearest neighbours' "
    "places and their mean, and max_iter=0 returns that",
    "learning_rate": "leave it out: the length of a step is found by line search",
    "momentum": "leave it out: the length of a step is found by line search",
    "early_exaggeration": "leave it out: there is no early phase; exaggeration holds throughout",
    "early_exaggeration_iter": "leave it out: there is no early phase",
    "max_step_norm": "leave it out: the length of a step is found by line search",
    "max_grad_norm": "leave it out: the length of a step is found by line search",
}
OPTIMIZE: Mapping[str, str] = {
    "max_iter": "write n_iter: the iterations to add",
    "final_momentum": "write momentum",
    "initial_momentum": "write momentum",
    "early_exaggeration": "write exaggeration",
    "inplace": "leave it out: the model goes on itself; copy.deepcopy(model) keeps the old one",
    "perplexity": "fit anew with the graph kept: TSNE(neighbors=graph, perplexity=..., "
    "init=model.embedding_, early_exaggeration_iter=0)",
}
METRICS: Mapping[str, str] = {
    "cos": "cosine",
    "angular": "cosine",
    "dot": "inner_product",
    "ip": "inner_product",
    "inner product": "inner_product",
    "innerproduct": "inner_product",
    "pearson": "correlation",
    "pearsonr": "correlation",
    "squared_euclidean": "sqeuclidean",
    "taxicab": "manhattan",
}


def explain(name: str, known: Iterable[str], foreign: Mapping[str, str]) -> str:
    """Return what to write instead of an unknown name; "" where nothing is near.

    Examples
    --------
    >>> explain("perplexty", ["perplexity"], {})
    'did you mean perplexity?'
    """
    if name in foreign:
        return foreign[name]
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.7)
    return f"did you mean {near[0]}?" if near else ""


def has_no_parameter(
    what: str, name: str, known: Iterable[str], foreign: Mapping[str, str]
) -> TypeError:
    """Return the error for a keyword that a method lacks, with the remedy."""
    remedy = explain(name, known, foreign) or f"it knows {', '.join(known)}"
    return TypeError(f"{what} has no parameter {name!r}: {remedy}")


def explains_names(what: str, foreign: Mapping[str, str]) -> Callable[[F], F]:
    """Return a decorator: a keyword that the method lacks raises a TypeError with the remedy.

    The signature that ``inspect`` and scikit-learn see stays that of the method.
    """

    def decorate(method: F) -> F:
        known = [name for name, p in inspect.signature(method).parameters.items() if name != "self"]

        @functools.wraps(method)
        def checked(self: Any, *args: Any, **given: Any) -> Any:
            for name in given:
                if name not in known:
                    raise has_no_parameter(what, name, known, foreign)
            return method(self, *args, **given)

        return checked  # type: ignore[return-value]

    return decorate
