"""What a chart holds, whichever library drew it: curves, outlines, upright lines and texts."""

from __future__ import annotations

import numpy as np

RENDERERS = ("matplotlib", "plotly")


def lines(figure):
    """Return the curves of a chart, whichever library drew it: name to x and y."""
    if hasattr(figure, "axes"):
        (ax, *_) = figure.axes
        legend = ax.get_legend()
        named = [] if legend is None else [text.get_text() for text in legend.get_texts()]
        curves = [line for line in ax.lines if len(line.get_xdata()) > 2]
        names = named or [""] * len(curves)
        return {n: np.array(line.get_data()) for n, line in zip(names, curves, strict=True)}
    return {
        t.name: np.array([t.x, t.y], dtype=float)
        for t in figure.data
        if t.type == "scatter" and t.mode.startswith("lines") and t.fill is None
    }


def outlines(figure):
    """Return the outlines of regions, in the order they were drawn."""
    if hasattr(figure, "axes"):
        return [patch.get_xy()[:-1] for patch in figure.axes[0].patches]
    return [np.array([t.x, t.y], dtype=float).T[:-1] for t in figure.data if t.fill == "toself"]


def rules(figure, at=0):
    """Return names and places of the upright lines of a chart."""
    if hasattr(figure, "axes"):
        ax = figure.axes[at]
        upright = [line for line in ax.lines if list(line.get_ydata()) == [0, 1]]
        return dict(
            zip(
                [t.get_text() for t in ax.texts if t.xycoords == ("data", "axes fraction")],
                [float(line.get_xdata()[0]) for line in upright],
                strict=True,
            )
        )
    axis = f"x{at + 1}" if at else "x"
    return {a.text: float(a.x) for a in figure.layout.annotations if a.xref == axis}


def texts(figure):
    """Return everything that is written in a figure."""
    if hasattr(figure, "axes"):
        from matplotlib.text import Text

        return " | ".join(t.get_text().replace(r"\$", "$") for t in figure.findobj(Text))
    return str(figure.to_dict())
