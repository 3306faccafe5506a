"""The table of first maps: X' or P to Y0, by name, or an array as it is.

A new one is a function ``start(source, n_components, *, random_state)`` that returns the map, and
one line here; the name is the value of ``TSNE(init=...)``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy.typing as npt

from gputsne.base.types import Affinities, Array, FloatArray
from gputsne.initial.given import from_array
from gputsne.initial.laplacian import spectral
from gputsne.initial.noise import random
from gputsne.initial.principal import pca

__all__ = ["STARTS", "Start", "initial"]


@dataclass(frozen=True)
class Start:
    """One line of the table.

    Attributes
    ----------
    make : callable
        ``make(source, n_components, random_state=...)``.
    source : str
        What it starts from: ``"X"``, ``"P"``, or ``"n"``, the number of points.
    meaning : str
        One line for help texts.
    by_device : bool
        Whether ``make`` takes ``ops``, the backend that may do part of it.
    """

    make: Callable[..., FloatArray]
    source: str
    meaning: str
    by_device: bool = False


STARTS: MappingProxyType[str, Start] = MappingProxyType(
    {
        "pca": Start(pca, "X", "the leading principal components", by_device=True),
        "spectral": Start(spectral, "P", "the leading eigenvectors of the graph's Laplacian"),
        "random": Start(random, "n", "normal noise"),
    }
)


def initial(
    X: Array | None,
    P: Affinities | None,
    *,
    init: str | npt.ArrayLike = "pca",
    n_components: int = 2,
    random_state: Any = None,
    ops: Any = None,
) -> FloatArray:
    """Return the map that the optimisation starts from.

    Parameters
    ----------
    X : array, shape (n, d), float32, or None
        Prepared data; only methods whose source is X read its values.
    P : Affinities or None
        Joint probabilities; only methods whose source is P read their values.
    init : str or array of shape (n, n_components)
        A name of ``STARTS``, scaled to a first axis of sd 1e-4. An array is taken as it is, never
        rescaled.
    n_components : int, default 2
        Map axes ``c``.
    random_state : int, RandomState, Generator or None
        Seeds the noise; one seed gives the same bytes for any number of threads.
    ops : Ops or None
        The backend; its device does what it can.

    Returns
    -------
    array, shape (n, c), float32, C order
        A new array.

    Raises
    ------
    ValueError
        For an unknown name, an array of another shape or with values that are not finite in
        float32, or a method whose source is missing.
    TypeError
        If the array does not hold real numbers.
    """
    if X is None and P is None:
        raise ValueError("initial needs X or P, got neither")
    n = int(X.shape[0]) if X is not None else P.n if P is not None else 0
    if not isinstance(init, str):
        return from_array(init, n, n_components, tuple(STARTS))
    if init not in STARTS:
        names = ", ".join(map(repr, STARTS))
        raise ValueError(f"init={init!r}: must be one of {names}, or an array of shape (n, c)")
    start = STARTS[init]
    source = {"X": X, "P": P, "n": n}[start.source]
    if source is None:
        what = {"X": "data, not distances or P", "P": "P"}[start.source]
        others = [repr(name) for name, other in STARTS.items() if other.source != start.source]
        raise ValueError(f"init={init!r} needs {what}: use {' or '.join(others)}")
    machine = {"ops": ops} if start.by_device else {}
    return start.make(source, n_components, random_state=random_state, **machine)
