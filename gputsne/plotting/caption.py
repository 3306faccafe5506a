"""The caption of a map: what it takes to make it again, and whatever was left out.

That is n, perplexity and other parameters that are not as by default, the seed, the hash of the
data, and the version; KL tells whether the same map came out.
"""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any

from gputsne.base.parameter_table import TABLE

__all__ = ["DISTANCES", "caption_of", "number", "recipe_of"]

DISTANCES = "distances between clusters, and their sizes, mean little"
"""What a reader of a map should know; after Wattenberg et al. (2016), "How to use t-SNE"."""

DIGITS = 8  # of a hash: enough to tell the tables of one project apart
# Said in words of their own, or without effect on the map.
SAID = ("affinity", "perplexity", "exaggeration", "dof", "random_state", "n_components")
OF_THE_PLACE = ("verbose", "n_jobs", "memory_limit", "callbacks", "callbacks_every", "device")


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
        Read for what it has: perplexity, random_state, ``kl_divergence_``; other parameters where
        they are not as by default; the hash of its data, where a record has one.
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
    parts += _changed(asked)
    seed = asked.get("random_state")
    if isinstance(seed, Integral):
        parts.append(f"seed {int(seed)}")
    else:
        parts.append("no seed" if seed is None else "seed from a generator")
    kl = getattr(model, "kl_divergence_", None)
    if isinstance(kl, Real):
        parts.append(f"KL {float(kl):.3f}")
    if data := _data_hash(model):
        parts.append(f"data {data[:DIGITS]}")
    return parts


def _changed(asked: dict[str, Any]) -> list[str]:
    """Return the parameters that are not as by default, named as they are called."""
    parts = []
    for name, value in _given(asked).items():
        if name not in SAID:
            plain = isinstance(value, str | Real | None)
            parts.append(f"{name} {_said(value)}" if plain else f"{name} given")
    return parts


def _given(asked: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters that make this map another one than the defaults would."""
    usual = {row.name: row.default for row in TABLE if row.name not in OF_THE_PLACE}
    return {
        name: asked[name]
        for name, default in usual.items()
        if name in asked and asked[name] is not default and not _same(asked[name], default)
    }


def _said(value: Any) -> str:
    if isinstance(value, Real) and not isinstance(value, bool):
        return number(float(value))
    return str(value)


def _data_hash(model: Any) -> str:
    """Return the SHA-256 of the values that a map was made of; "" where nobody took it."""
    run = getattr(model, "run_", None)
    return str((getattr(run, "input", None) or {}).get("data_sha256") or "")


def recipe_of(model: Any) -> str:
    """Return how to make a map again, for the file's own notes.

    Parameters
    ----------
    model : fitted TSNE, or None
        As for ``caption_of``.

    Returns
    -------
    str
        The call and the hashes of the data and of the map; "" for a map of unknown origin.
    """
    from gputsne._version import __version__

    asked = getattr(model, "parameters_", None)
    if not isinstance(asked, dict):
        return ""
    given = ", ".join(f"{name}={_code(value)}" for name, value in _given(asked).items())
    parts = [f"gputsne {__version__}: TSNE({given}).fit(X)"]
    if data := _data_hash(model):
        parts.append(f"X has sha256 {data}")
    if made := getattr(getattr(model, "run_", None), "map_sha256", None):
        parts.append(f"the map has sha256 {made}")
    return "; ".join(parts)


def _same(value: Any, default: Any) -> bool:
    return isinstance(value, str | Real) and bool(value == default)


def _code(value: Any) -> str:
    """Return a parameter as code writes it; of what is long, its kind."""
    plain = isinstance(value, str | Real) or (
        isinstance(value, list | tuple) and all(isinstance(v, str | Real) for v in value)
    )
    return repr(value) if plain and len(repr(value)) <= 80 else f"<{type(value).__name__}>"
