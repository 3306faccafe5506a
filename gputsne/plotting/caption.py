"""The caption of a map: its n, perplexity, seed, KL and version, and whatever was left out."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any

__all__ = ["caption_of", "number"]


def number(value: float, digits: int = 3) -> str:
    """Return a number with ``digits`` significant digits, whole ones in full with commas."""
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:,.{digits}g}"


def caption_of(model: Any, n: int) -> str:
    """Return the facts of a map in one line.

    Parameters
    ----------
    model : fitted TSNE, or None
        Read for what it has: perplexity, random_state, ``kl_divergence_``; dof and exaggeration
        where they are not 1.
    n : int
        Points of the map.

    Returns
    -------
    str
        For instance ``"n = 1,797 · perplexity 30 · seed 0 · KL 0.721 · gputsne 0.1.0"``.
    """
    from gputsne._version import __version__

    parts = [f"n = {n:,}"]
    if model is not None:
        parts += _of_model(model)
    return " · ".join([*parts, f"gputsne {__version__}"])


def _of_model(model: Any) -> list[str]:
    parts = []
    asked = getattr(model, "parameters_", None)  # of the fit, whatever set_params changed later
    if not isinstance(asked, dict):
        names = ("affinity", "perplexity", "exaggeration", "dof", "random_state")
        asked = {name: getattr(model, name) for name in names if hasattr(model, name)}
    affinity = asked.get("affinity", "perplexity")
    perplexity = asked.get("perplexity")
    if affinity == "given":
        parts.append("P given")
    elif affinity != "perplexity":
        parts.append(f"affinity {affinity}".replace("_", " "))
    elif isinstance(perplexity, Real):
        parts.append(f"perplexity {number(float(perplexity))}")
    elif isinstance(perplexity, Iterable):
        parts.append("perplexity " + ", ".join(number(float(p)) for p in perplexity))
    for name in ("exaggeration", "dof"):
        value = asked.get(name, 1.0)
        if isinstance(value, Real) and value != 1:
            parts.append(f"{name} {number(float(value))}")
    seed = asked.get("random_state")
    if isinstance(seed, Integral):
        parts.append(f"seed {int(seed)}")
    else:
        parts.append("no seed" if seed is None else "seed from a generator")
    kl = getattr(model, "kl_divergence_", None)
    if isinstance(kl, Real):
        parts.append(f"KL {float(kl):.3f}")
    return parts
