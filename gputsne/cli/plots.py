"""Options of the plots, and drawing with them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

from gputsne.cli.options import ABOVE_0, PATH, Number, WholeNumber, option, split_commas
from gputsne.provenance.outcome import shown
from gputsne.runs.job import View
from gputsne.runs.reading import Points

STATIC_ONLY: Final = ("dpi", "annotate")
BY_LABELS: Final = ("palette", "vmin", "vmax")  # colours of labels

plot_options: Final = (
    option(
        "--plot",
        "plots",
        type=PATH,
        multiple=True,
        metavar="FILE",
        help="Draw it: html (hover, zoom), png, svg or pdf; repeatable.",
    ),
    option("--title", metavar="TEXT", help="Above the plots. [IN's name]"),
    option(
        "--palette",
        metavar="HOW",
        help="Colours: distinct, stable, a colormap (viridis), some (red,#00f), or label=colour "
        "pairs after commas. [distinct]",
    ),
    option("--vmin", type=Number(), metavar="V", help="Value of the first colour. [the least]"),
    option("--vmax", type=Number(), metavar="V", help="Value of the last colour. [the greatest]"),
    option("--point-size", type=ABOVE_0, metavar="PT", help="Of points. [by their number]"),
    option("--opacity", type=ABOVE_0, metavar="SHARE", help="Of points, to 1. [by their number]"),
    option("--max-points", type=WholeNumber(1), metavar="N", help="Draw a sample. [all]"),
    option("--dpi", type=ABOVE_0, metavar="N", help="Dots per inch of png. [200]"),
    option(
        "--annotate/--no-annotate",
        default=None,
        help="Names of labels on png, svg and pdf. [where they are few and short]",
    ),
    option(
        "--hover",
        multiple=True,
        metavar="NAMES",
        callback=split_commas,
        help="Further columns to show in html under the pointer; as --columns.",
    ),
)
_NAMES: Final = (
    "palette",
    "vmin",
    "vmax",
    "point_size",
    "opacity",
    "max_points",
    "dpi",
    "annotate",
)


@dataclass(frozen=True)
class Style:
    """What the options say of plots: keyword arguments of ``gputsne.plot``, but for hover."""

    title: str | None
    settings: Mapping[str, Any]
    hover: tuple[str, ...]

    def draw(self, path: Path, model: Any, points: Points) -> None:
        """Draw the map, coloured by labels; ids and hover columns show in html."""
        from gputsne.plotting import plot

        interactive = is_interactive(path)
        shown_there = dict(points.hover)
        if points.table.ids is not None:
            shown_there = {"id": points.table.ids, **shown_there}
        settings = {
            k: v for k, v in self.settings.items() if not (interactive and k in STATIC_ONLY)
        }
        plot(
            model,
            points.table.labels,
            path=path,
            title=self.title,
            hover=(shown_there or None) if interactive else None,
            **settings,
        )

    def check(self, points: Points) -> None:
        """Raise ValueError if the palette doesn't fit the labels, before the fit."""
        from gputsne.plotting.labels import read_labels

        settings, n = self.settings, points.table.X.shape[0]
        limits = (settings.get("vmin"), settings.get("vmax"))
        if settings.get("palette") is None and limits == (None, None):
            return
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # drawing will say it
                read_labels(points.table.labels, n, palette=settings.get("palette"), limits=limits)
        except (ValueError, TypeError) as error:
            raise ValueError(f"--plot: {error}") from error


def style_of(given: Mapping[str, Any], source: Path) -> Style:
    """Return the style that a command's options ask for; UsageError for those without effect."""
    settings = {name: given[name] for name in _NAMES if given[name] is not None}
    if "palette" in settings:
        settings["palette"] = palette_of(settings["palette"])
    if settings.get("opacity", 0.0) > 1.0:
        raise click.BadParameter("at most 1", param_hint="--opacity")
    flags = {"title": "--title", "hover": "--hover"}
    flags |= {name: f"--{name.replace('_', '-')}" for name in _NAMES}
    asked = [flag for name, flag in flags.items() if given[name] not in (None, ())]
    paths = given["plots"]
    if asked and not paths:
        raise click.BadParameter("has no effect without --plot", param_hint=asked[0])
    coloured = [name for name in BY_LABELS if name in settings]
    if coloured and given["labels"] is None:
        raise click.BadParameter("has no effect without --labels", param_hint=flags[coloured[0]])
    static = [name for name in STATIC_ONLY if name in settings]
    if static and all(map(is_interactive, paths)):
        raise click.BadParameter("has no effect on html", param_hint=flags[static[0]])
    if given["hover"] and not any(map(is_interactive, paths)):
        raise click.BadParameter("has an effect on html alone", param_hint="--hover")
    title = given["title"] if given["title"] is not None else shown(source.stem)
    return Style(title, settings, given["hover"])


def views(paths: tuple[Path, ...], style: Style) -> tuple[View, ...]:
    """Return the pictures of a job."""
    return tuple(View(path, style.draw, style.check) for path in paths)


def is_interactive(path: Path) -> bool:
    """Tell whether a plot is an html page."""
    return path.suffix.lower() == ".html"


def palette_of(text: str) -> str | list[str] | dict[str, str]:
    """Return a name, a list of colours, or a mapping from label to colour."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if parts and all("=" in part for part in parts):
        pairs = (part.rpartition("=") for part in parts)
        return {label.strip(): colour.strip() for label, _, colour in pairs}
    if any("=" in part for part in parts) or not parts:
        said = f"{text!r} is neither a name nor colours nor label=colour pairs"
        raise click.BadParameter(said, param_hint="--palette")
    return parts if len(parts) > 1 else parts[0]
