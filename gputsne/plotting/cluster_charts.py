"""Figures of clusters: silhouettes point by point, and what metrics say of each number of them."""

from __future__ import annotations

import math
from os import PathLike
from typing import Any

import numpy as np
import numpy.typing as npt

from gputsne.plotting.asked import ALL_PAIRS, points_asked
from gputsne.plotting.chart import Axis, Chart, Line, Region, Rule, thinned
from gputsne.plotting.labels import LEGEND, distinguishable, read_labels
from gputsne.plotting.scene import on_paper
from gputsne.plotting.sheet import output_of, show

__all__ = ["cluster_numbers", "silhouettes"]

F64 = npt.NDArray[np.float64]
VERTICES = 500  # of a band that are drawn: more than a screen shows
NAME = 28  # most characters of a cluster's name beside its silhouettes
NAMED = 0.02  # least share of the points whose band has room for a name


def silhouettes(
    points: Any,
    clusters: Any,
    *,
    sample: int | str | None = "auto",
    random_state: int | None = 0,
    palette: Any = None,
    path: str | PathLike[str] | None = None,
    title: str | None = None,
    caption: str | None = None,
    renderer: str | None = None,
    dpi: float | None = None,
    theme: str = "light",
) -> Any:
    """Draw the silhouette of every point, sorted within its cluster, and their mean as a line.

    Parameters
    ----------
    points : fitted TSNE, array_like or DataFrame, shape (n, d)
        A map, or vectors of a model.
    clusters : array-like, shape (n,)
        The cluster of each; missing ones, and -1 among numbers, are in none.
    sample : int, "auto" or None, default "auto"
        Points asked, each against all. "auto" asks as many as 5 10^8 distances allow: all of
        22,000, some 7,000 of 70,000. None asks all.
    random_state : int or None, default 0
        Seed of the sample.
    palette : object, optional
        As in ``plot``: the clusters have the colours that they have there.
    path : path-like, optional
        Where to write: ``.png``, ``.svg``, ``.pdf`` or ``.html``.
    title, caption : str, optional
        Texts above and below; "" for none. By default the mean, and the share of points below 0.
    renderer : {"matplotlib", "plotly"}, optional
        Follows from the suffix of ``path``; matplotlib without one.
    dpi : float, optional
        Of png files; default 200.
    theme : {"light", "dark"}, default "light"
        Colours of paper and text.

    Returns
    -------
    matplotlib.figure.Figure or plotly.graph_objects.Figure
        Also when it was written.

    Raises
    ------
    TypeError, ValueError
        If lengths differ, for a parameter of another kind, and for fewer than two clusters.
    DependencyMissing
        If matplotlib or plotly is not installed.

    Notes
    -----
    Look for bands that don't reach the line of the mean, that lie below 0, or that are far thinner
    or thicker than others. A band is drawn by 500 points at most.

    Examples
    --------
    >>> import numpy as np
    >>> Y = np.random.default_rng(0).normal(size=(100, 2))
    >>> figure = silhouettes(Y, Y[:, 0] > 0)
    """
    from gputsne.inspection.groups import read_groups

    output = output_of(path, renderer, dpi, theme, title, caption)
    groups = read_groups(getattr(points, "embedding_", points), clusters)
    n = len(groups.codes)
    told: list[Any] = [None if c < 0 else groups.names[c] for c in groups.codes]
    labels = read_labels(told, n, kind="categories", palette=palette, limits=(None, None))
    asked = points_asked(sample, n, ALL_PAIRS, n)
    scores = groups.silhouettes(asked, random_state)
    seen = np.isfinite(scores)
    mean = float(scores[seen].mean())
    total, gap = int(seen.sum()), max(1.0, 0.01 * seen.sum())
    sizes = np.array(
        [np.count_nonzero(seen & (labels.codes == c)) for c in range(len(labels.names))]
    )
    named = [c for c in np.argsort(-sizes, kind="stable")[:LEGEND] if sizes[c] >= NAMED * total]
    short = distinguishable([labels.names[c] for c in named], NAME)
    marks: list[Any] = []
    ticks = []
    top = 0.0
    colours = on_paper(labels, output.theme, palette).colours
    for code, name in enumerate(labels.names):
        own = np.sort(scores[seen & (labels.codes == code)])[::-1]
        if not len(own):
            continue
        drawn = thinned(own, VERTICES)
        # the middle of each point's strip, and the outer edges of the first and the last
        height = top + np.concatenate([[0.0], drawn + 0.5, [len(own)]])
        width = own[np.concatenate([drawn[:1], drawn, drawn[-1:]])]
        x, y = np.append(width, [0.0, 0.0]), np.append(height, [height[-1], height[0]])
        said = f"{name}: {len(own):,} points, mean {own.mean():.3f}"
        marks.append(Region(x, y, colours[code], said))
        if code in named:
            ticks.append((top + len(own) / 2, f"{short[named.index(code)]} ({len(own):,})"))
        top += len(own) + gap
    marks.append(Rule(mean, f"mean {mean:.3f}", output.theme.accent))
    below = float((scores[seen] < 0).mean())
    facts = f"n = {n:,} · {below:.1%} of the points below 0"
    outside = int((groups.codes < 0).sum())
    facts += f" · {outside:,} in no cluster" if outside else ""
    if total < n - outside:
        facts += f" · {total:,} points asked"
    if len(ticks) < len(marks) - 1:
        facts += f" · {len(marks) - 1 - len(ticks)} smaller clusters are not named"
    least = min(0.0, float(scores[seen].min()))
    chart = Chart(
        tuple(marks),
        Axis("silhouette", limits=(math.floor(10 * least) / 10, 1.0)),
        Axis("", limits=(top - gap / 2, -gap / 2), ticks=tuple(ticks)),
        size=(6.0, float(np.clip(0.5 * len(marks), 3.2, 6.0))),
        theme=output.theme,
        **output.texts(f"Silhouettes, {len(marks) - 1} clusters", facts),
    )
    return show([chart], output)


def cluster_numbers(
    found: Any,
    *,
    columns: int = 2,
    path: str | PathLike[str] | None = None,
    title: str | None = None,
    caption: str | None = None,
    renderer: str | None = None,
    dpi: float | None = None,
    theme: str = "light",
) -> Any:
    """Draw what each quality metric says of each number of clusters, its best marked.

    Parameters
    ----------
    found : Findings, or array_like or DataFrame of shape (n, d)
        What ``gputsne.inspect.choose_k`` returned, or the vectors to call it with.
    columns : int, default 2
        Charts side by side.
    path : path-like, optional
        Where to write: ``.png``, ``.svg``, ``.pdf`` or ``.html``.
    title, caption : str, optional
        Texts above and below; "" for none.
    renderer : {"matplotlib", "plotly"}, optional
        Follows from the suffix of ``path``; matplotlib without one.
    dpi : float, optional
        Of png files; default 200.
    theme : {"light", "dark"}, default "light"
        Colours of paper and text.

    Returns
    -------
    matplotlib.figure.Figure or plotly.graph_objects.Figure
        Also when it was written.

    Raises
    ------
    TypeError, ValueError
        For findings without numbers of clusters, and what ``choose_k`` refuses.
    DependencyMissing
        If matplotlib or plotly is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(60, 2)) + 9 * (np.arange(60) % 3)[:, None]
    >>> figure = cluster_numbers(X)
    """
    from gputsne.base.parameter_table import Whole
    from gputsne.inspection import Findings, choose_k

    output = output_of(path, renderer, dpi, theme, title, caption)
    Whole(1).check("columns", columns)
    held = found if isinstance(found, Findings) else choose_k(found)
    rows = sorted(held, key=lambda row: float(row.get("k", math.nan)))
    if not rows or any("k" not in row or "inertia" not in row for row in rows):
        raise ValueError(
            "found has no numbers of clusters: pass what gputsne.inspect.choose_k gives"
        )
    charts = []
    for name, said, best, mark in (
        ("silhouette", "silhouette (more is better)", "best_k", "best: "),
        ("davies_bouldin", "Davies-Bouldin (less is better)", "best_k_davies_bouldin", "best: "),
        ("calinski_harabasz", "Calinski-Harabasz (more is better)",
         "best_k_calinski_harabasz", "best: "),
        ("inertia", "inertia (look for a bend)", "elbow_k", "bend: "),
    ):  # fmt: skip
        told = [row for row in rows if name in row]
        if not told:
            continue
        k = np.array([row["k"] for row in told], dtype=np.float64)
        values = np.array([row[name] for row in told], dtype=np.float64)
        marks: list[Any] = [Line(k, values, output.theme.plain, dots=True)]
        if best in held.evidence:
            at = int(held.evidence[best])
            marks.append(Rule(at, f"{mark}{at}", output.theme.accent))
        step = max(1, len(k) // 10)
        charts.append(
            Chart(
                tuple(marks),
                Axis("number of clusters", ticks=tuple((v, f"{v:g}") for v in k[::step].tolist())),
                Axis(said),
                theme=output.theme,
                size=(3.6, 2.3),
            )
        )
    return show(
        charts, output, columns=columns, caption=caption or "",
        title="How many clusters" if title is None else title,
    )  # fmt: skip
