"""What lies under and over the points of a map: densities, edges of a graph, highlighted points."""

from __future__ import annotations

import difflib
import re
import reprlib
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from gputsne.base.arrays import host
from gputsne.base.labels import read_column, text_of
from gputsne.base.types import Array, FloatArray
from gputsne.plotting.labels import Labels
from gputsne.plotting.theme import Theme

__all__ = ["DENSITIES", "SHADED_FROM", "Asked", "highlighted", "marked", "segments"]

DENSITIES = ("shade", "contours", "glow")
SHADED_FROM = 200_000
"""With more points than this they are counted into pixels instead of drawn one by one."""

MOST_EDGES = 50_000
"""More edges are a sample: lines beyond this number are one grey area."""

OTHERS = "others"
UNNAMED = "no label"


@dataclass(frozen=True)
class Asked:
    """Layers that the caller asks for; None for none.

    Attributes
    ----------
    density : {"shade", "contours", "glow"}, False or None
        None leaves it to the number of points.
    edges : True, sparse matrix (n, n), array (m, 2), or None
        True for the graph of the model.
    highlight : array-like or None
        A mask, rows, ids, or labels.
    ids : array-like, shape (n,), or None
        What ``highlight`` names rows by.
    """

    density: Any = None
    edges: Any = None
    highlight: Any = None
    ids: Any = None

    def __post_init__(self) -> None:
        """Raise ValueError for a density that there is none of, and ids without effect."""
        named = isinstance(self.density, str) and self.density in DENSITIES
        if self.density is not None and self.density is not False and not named:
            raise ValueError(
                f"density={self.density!r} is none of {', '.join(map(repr, DENSITIES))}, or False"
            )
        if self.ids is not None and self.highlight is None:
            raise ValueError("ids have no effect without highlight; pass highlight")

    def given(self) -> list[str]:
        """Return the names of what was asked for."""
        return [name for name, value in vars(self).items() if value is not None]


def marked(asked: Asked, n: int, labels: Labels, model: Any) -> npt.NDArray[np.bool_] | None:
    """Return which points are highlighted, shape (n,); None where nobody asked.

    Parameters
    ----------
    asked : Asked
        ``highlight``: a mask of shape (n,); ids, where there are ``ids`` or the model has
        ``ids_``; otherwise numbers of rows, or texts that are labels.
    n : int
        Points of the map.
    labels : Labels
        Theirs.
    model : fitted TSNE or None
        Its ids.

    Raises
    ------
    TypeError, ValueError
        It is none of these, or names what isn't there.
    """
    if asked.highlight is None:
        return None
    given = asked.highlight
    if isinstance(given, str | bytes | int) or np.ndim(host(given)) == 0:
        given = [given]
    wanted = np.asarray(host(given))
    if wanted.ndim != 1:
        raise ValueError(f"highlight has shape {wanted.shape}; pass a mask, rows, ids or labels")
    mask = np.zeros(n, dtype=bool)
    if wanted.dtype.kind == "b":
        if wanted.shape != (n,):
            raise ValueError(f"highlight has {len(wanted)} values, but the map has {n} points")
        return np.asarray(wanted)
    ids = asked.ids if asked.ids is not None else getattr(model, "ids_", None)
    if ids is not None:
        return _by_name(wanted, read_column(ids, n, name="ids", whose="the map").values, "id")
    if wanted.dtype.kind in "iu":
        outside = wanted[(wanted < 0) | (wanted >= n)]
        if len(outside):
            raise ValueError(
                f"highlight has row {outside[0]}, but the map has {n} points, from 0 to {n - 1}"
            )
        _not_labels(wanted, labels)
        mask[wanted] = True
        return mask
    if labels.kind != "categories":
        raise ValueError(
            "highlight names rows by text: pass ids=, or labels that are categories, or a mask"
        )
    names = np.array([*labels.names, ""], dtype=object)
    return _by_name(wanted, names[labels.codes], "label")


def _not_labels(rows: Array, labels: Labels) -> None:
    """Raise ValueError where numbers of rows could be meant as labels, which are numbers, too."""
    names = set(labels.names) if labels.kind == "categories" else set()
    texts = [str(row) for row in rows.tolist()]
    if texts and names.issuperset(texts) and all(re.fullmatch(r"-?\d+", name) for name in names):
        said = reprlib.repr(rows.tolist())
        raise ValueError(
            f"highlight={said} may mean rows or labels: write labels as texts, "
            f"highlight={reprlib.repr(texts)}, and rows as a mask, "
            f"highlight=np.isin(np.arange({len(labels.codes)}), {said})"
        )


def _by_name(wanted: Array, held: Array, what: str) -> npt.NDArray[np.bool_]:
    """Return where a name is wanted; ValueError for one that is nowhere."""
    texts = {text_of(name) for name in wanted.tolist()}
    names = [text_of(name) for name in held.tolist()]
    missing = sorted(texts.difference(names))
    if missing:
        near = difflib.get_close_matches(missing[0], sorted(set(names))[:10_000], n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        said = f"{reprlib.repr(missing[0])}{more}"
        raise ValueError(f"highlight has {said}, which no point has as its {what}{hint}")
    return np.array([name in texts for name in names], dtype=bool)


def highlighted(labels: Labels, mask: npt.NDArray[np.bool_], theme: Theme) -> Labels:
    """Return labels of the marked points alone: all others are grey, and the legend says so."""
    if labels.kind == "values":
        return replace(labels, values=np.where(mask, labels.values, np.nan), missing_name=OTHERS)
    codes = np.where(mask, labels.codes, -1).astype(np.int32)
    names, colours = labels.names, labels.colours
    bare = mask & (labels.codes < 0)
    if bare.any():
        codes[bare] = len(names)
        names = (*names, UNNAMED if labels.kind == "categories" else "highlighted")
        colours = (*colours, theme.accent if labels.kind == "none" else theme.plain)
    return replace(
        labels, kind="categories", codes=codes, names=names, colours=colours, missing_name=OTHERS
    )


def segments(edges: Any, Y: FloatArray, model: Any) -> tuple[FloatArray | None, str]:
    """Return the lines of a graph on the map, and what the caption says of them.

    Parameters
    ----------
    edges : True, sparse matrix (n, n), array (m, 2) of rows, or None
        Each pair is one line, whichever way round it is given.
    Y : array, shape (n, 2), float32
        The map.
    model : fitted TSNE or None
        Whose ``affinities_`` are meant by True.

    Returns
    -------
    lines : array, shape (e, 2, 2), float32, or None
        Both ends of each; of more than 50,000 a sample, in which each line has the same chance.
    said : str
        What was left out, or "".

    Raises
    ------
    TypeError, ValueError
        It is no graph of this map.
    """
    if edges is None or edges is False:
        return None, ""
    pairs = _pairs(edges, len(Y), model)
    total, said = len(pairs), ""
    if total > MOST_EDGES:
        chosen = np.random.default_rng(0).choice(total, MOST_EDGES, replace=False)
        pairs = pairs[np.sort(chosen)]
        said = f"{MOST_EDGES:,} of {total:,} edges drawn, at random"
    return Y[pairs], said


def _pairs(edges: Any, n: int, model: Any) -> npt.NDArray[np.int64]:
    if edges is True:
        affinities = getattr(model, "affinities_", None)
        if affinities is None:
            raise ValueError("edges=True needs a fitted model that has affinities_; pass a graph")
        edges = affinities.to_csr()
    if hasattr(edges, "tocoo"):
        if edges.shape != (n, n):
            raise ValueError(f"edges has shape {edges.shape}, but the map has {n} points")
        graph = edges.tocoo()
        kept = graph.data != 0
        pairs = np.stack([graph.row[kept], graph.col[kept]], axis=1).astype(np.int64)
    else:
        pairs = np.asarray(host(edges))
        if pairs.ndim != 2 or pairs.shape[1] != 2 or pairs.dtype.kind not in "iu":
            raise TypeError(
                "edges must be True, a sparse matrix of shape (n, n), or whole numbers of shape "
                f"(m, 2), got {type(edges).__name__}"
            )
        if len(pairs) and not (pairs.min() >= 0 and pairs.max() < n):
            raise ValueError(f"edges name rows beyond the {n} points of the map")
    ends = np.sort(pairs.astype(np.int64), axis=1)
    ends = ends[ends[:, 0] < ends[:, 1]]
    whole = np.unique(ends[:, 0] * n + ends[:, 1])
    return np.stack(np.divmod(whole, n), axis=1)
