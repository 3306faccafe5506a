"""The card of a map or of a run for notebooks: its facts, its warnings and a small picture.

Every text is escaped, colours follow the notebook's own (so that the card suits light and dark
paper), and nothing is fetched.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gputsne.base.arrays import host
from gputsne.base.errors import DependencyMissing
from gputsne.base.pages import rendered

__all__ = ["card", "card_of_model", "facts_of_model"]

POINTS: Final = 1500  # drawn of a map: some 15 kB, and a picture of this size shows no more
SIDE: Final = 360  # units of the picture's longer side, two per pixel
SEED: Final = 0  # of the points that are drawn: the same at every look


def card(
    facts: Iterable[tuple[str, str]], warnings: Iterable[str] = (), points: Any = None
) -> str | None:
    """Return a card as HTML, a part of a page or of a notebook.

    Parameters
    ----------
    facts : iterable of (str, str)
        Names and values, in their order.
    warnings : iterable of str
        What the card is to warn of.
    points : array_like, shape (n, c), or None
        The map to draw: its first two axes, at most 1,500 points.

    Returns
    -------
    str or None
        None without jinja2, which the extra ``report`` brings: notebooks then show the text.

    Examples
    --------
    >>> "<td>&lt;b&gt;</td>" in card([("name", "<b>")])
    True
    """
    try:
        return rendered(
            "card.html.j2",
            ["gputsne.provenance"],
            facts=list(facts),
            warnings=list(warnings),
            picture=None if points is None else _picture(points),
        )
    except DependencyMissing:
        return None


def card_of_model(model: Any) -> str | None:
    """Return the card of a fitted model.

    Parameters
    ----------
    model : TSNE
        Fitted, stopped half-way, or refused.

    Returns
    -------
    str or None
        None where no fit was tried, or no jinja2. Of a fit that left no map, how it ended.
    """
    Y, run = getattr(model, "embedding_", None), getattr(model, "run_", None)
    if Y is None:
        return None if run is None else card([_status(run)], run.warnings)
    return card(facts_of_model(model), () if run is None else run.warnings, Y)


def facts_of_model(model: Any) -> list[tuple[str, str]]:
    """Return what is said first of a fitted model, names and values.

    Parameters
    ----------
    model : TSNE
        Fitted; what it has no attribute for is left out.

    Returns
    -------
    list of (str, str)
    """
    n, c = np.shape(model.embedding_)
    columns = getattr(model, "n_features_in_", None)
    of = "" if columns is None else f", of {columns:,} columns"
    found = [("map", f"{n:,} points on {c} {'axis' if c == 1 else 'axes'}{of}")]
    run = getattr(model, "run_", None)
    if run is not None and run.status != "done":
        found.append(_status(run))
    kl = getattr(model, "kl_divergence_", None)
    if kl is not None:
        found.append(("KL", f"{kl:.4f} after {model.n_iter_:,} iterations"))
    timings = getattr(model, "timings_", {})
    if "total" in timings:
        stages = ", ".join(f"{k} {v:.2f}" for k, v in timings.items() if k != "total")
        found.append(("seconds", f"{timings['total']:.2f}" + (f" ({stages})" if stages else "")))
    recall = getattr(model, "neighbors_recall_", float("nan"))
    if recall == recall:  # NaN: there was no search
        found.append(("recall", f"{recall:.4f} of the true neighbours"))
    device = getattr(model, "device_", None)
    if device is not None:
        reason = getattr(model, "device_reason_", "")
        found.append(("device", f"{device} ({reason})" if reason else device))
    return found


def _status(run: Any) -> tuple[str, str]:
    """Return how a fit ended, as a name and a value."""
    return "status", run.status if run.error is None else f"{run.status}: {run.error}"


def _picture(points: Any) -> dict[str, Any] | None:
    """Return size, dots and their diameter for a map; None where none of them is finite."""
    Y = np.asarray(host(points), dtype=np.float64)
    Y = Y[np.isfinite(Y).all(axis=1), :2]
    if len(Y) == 0:
        return None
    n, rng = len(Y), np.random.default_rng(SEED)
    if n > POINTS:
        Y = Y[np.sort(rng.choice(n, POINTS, replace=False))]
    if Y.shape[1] == 1:  # a strip, whose height is only there to tell points apart
        spread = (Y.max() - Y.min() or 1.0) / 6
        Y = np.column_stack([Y[:, 0], spread * rng.uniform(-1, 1, len(Y))])
    low, span = Y.min(axis=0), np.maximum(np.ptp(Y, axis=0), 1e-12)
    at = np.rint((Y - low) * ((SIDE - 1) / span.max())).astype(int)
    width, height = (at.max(axis=0) + 1).tolist()
    at[:, 1] = height - 1 - at[:, 1]  # a picture's second axis points down
    dot = round(float(np.clip(4 * (POINTS / n) ** 0.25, 4, 8)), 1)
    return {"width": width, "height": height, "path": _path(at), "points": n, "dot": dot}


def _path(at: npt.NDArray[np.int_]) -> str:
    """Return an SVG path of dots: lines without length, which round ends make visible."""
    return "".join(f"M{x} {y}h0" for x, y in at.tolist())
