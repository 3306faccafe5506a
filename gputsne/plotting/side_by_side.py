"""Several maps of the same rows side by side, in one figure with one legend."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from gputsne.base.files import replacing
from gputsne.data import require
from gputsne.plotting.scene import Style, read_map, scene_of
from gputsne.plotting.static import DPI, draw, encoded

__all__ = ["draw_panels"]

SIDE = 4.0  # inches per panel
ACROSS = 4  # panels, where the caller leaves it open


def draw_panels(
    maps: Mapping[str, Any],
    labels: Any,
    style: Style,
    path: Path | None,
    columns: int | None,
    max_points: int | None,
    reading: dict[str, Any],
) -> Any:
    """Draw every map under its name, write the figure if there is a path, return it."""
    require("matplotlib", "maps side by side")
    from matplotlib.figure import Figure

    across = min(len(maps), columns or ACROSS)
    down = math.ceil(len(maps) / across)
    figure = Figure(figsize=(SIDE * across, SIDE * down), facecolor="white")
    figure._repr_png_ = functools.partial(encoded, figure, "png", DPI)  # type: ignore[attr-defined]
    axes = []
    for at, (name, Y) in enumerate(maps.items()):
        # As an array: a model's own colours would differ from panel to panel.
        scene = scene_of(
            read_map(Y)[0],
            labels,
            replace(style, title=name),
            hover=None,
            max_points=max_points,
            **reading,
        )
        volume = {"projection": "3d"} if scene.Y.shape[1] == 3 else {}
        ax = figure.add_subplot(down, across, at + 1, **volume)
        draw(scene, style, None, ax)
        axes.append(ax)
    for ax in axes:
        legend = ax.get_legend()
        if legend is not None and ax is not axes[across - 1]:
            legend.remove()  # one is enough: the same labels have the same colours in all panels
    if path is not None:
        content = encoded(figure, path.suffix.lower()[1:], style.dpi or DPI)
        with replacing(path) as part:
            part.write_bytes(content)
    return figure
