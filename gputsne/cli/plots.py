"""Options of the plots, and drawing with them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from gputsne.base.messages import warn_user
from gputsne.cli.options import ABOVE_0, PATH, Number, WholeNumber, option, split_commas
from gputsne.provenance.outcome import shown
from gputsne.runs.job import View
from gputsne.runs.reading import Points

if TYPE_CHECKING:
    from gputsne.runs.store import Store

STYLES: Final = ("default", "print", "thumbnail")  # as of gputsne.plot
DENSITIES: Final = ("shade", "contours", "glow")
STATIC_ONLY: Final = ("dpi", "annotate", "style", "density")
BY_LABELS: Final = ("palette", "colours", "vmin", "vmax")  # colours of labels
MOST_KEPT: Final = 1_000  # labels whose colours a store keeps; more are hardly colours

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
    option(
        "--colours",
        type=PATH,
        metavar="FILE",
        help="Colours of labels: json of label to colour, or csv of label,colour. With --store "
        "they are fixed there.",
    ),
    option("--vmin", type=Number(), metavar="V", help="Value of the first colour. [the least]"),
    option("--vmax", type=Number(), metavar="V", help="Value of the last colour. [the greatest]"),
    option(
        "--point-size",
        type=Number(min=0, max=500, min_open=True),
        metavar="PT",
        help="Of points. [by their number]",
    ),
    option("--opacity", type=ABOVE_0, metavar="SHARE", help="Of points, to 1. [by their number]"),
    option(
        "--style",
        type=click.Choice(STYLES),
        help="What png, svg and pdf are for: print has names with lines to their clusters. "
        "[default]",
    ),
    option(
        "--density",
        type=click.Choice([*DENSITIES, "none"]),
        help="Points counted into pixels, outlines, or light under them. [shade above 200,000 "
        "points]",
    ),
    option(
        "--highlight",
        multiple=True,
        metavar="NAMES",
        callback=split_commas,
        help="Ids (with --id) or labels that stand out, after commas; all else is grey.",
    ),
    option("--max-points", type=WholeNumber(1), metavar="N", help="Draw a sample. [all]"),
    option("--dpi", type=Number(min=10, max=2400), metavar="N", help="Dots per inch of png. [200]"),
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
option_theme: Final = option(
    "--theme", type=click.Choice(["light", "dark"]), help="Colours of paper and text. [light]"
)
_NAMES: Final = (
    "palette",
    "colours",
    "vmin",
    "vmax",
    "point_size",
    "opacity",
    "max_points",
    "dpi",
    "annotate",
    "style",
    "density",
    "highlight",
)


@dataclass(frozen=True)
class Style:
    """What the options say of plots: keyword arguments of ``gputsne.plot``, but for hover.

    With a store, labels have the colours that it keeps. ``fixed``: those of --colours.
    """

    title: str | None
    settings: Mapping[str, Any]
    hover: tuple[str, ...]
    store: Store | None = None
    fixed: bool = False

    def draw(self, path: Path, model: Any, points: Points) -> None:
        """Draw the map, coloured by labels; ids and hover columns show in html."""
        from gputsne.plotting import plot

        interactive = is_interactive(path)
        settings = {
            k: v for k, v in self.settings.items() if not (interactive and k in STATIC_ONLY)
        }
        if (interactive or "highlight" in settings) and points.table.ids is not None:
            settings["ids"] = points.table.ids
        if self.store is not None:
            settings["palette"] = self._kept(self.store, points, settings.get("palette"))
        plot(
            model,
            points.table.labels,
            path=path,
            title=self.title,
            hover=(dict(points.hover) or None) if interactive else None,
            **settings,
        )

    def _kept(self, store: Store, points: Points, palette: Any) -> Any:
        """Return the colours that a store keeps of the labels, as far as none were asked for."""
        from gputsne.plotting.labels import read_labels

        if palette is not None and not isinstance(palette, Mapping):
            return palette
        labels = points.table.labels
        read = read_labels(labels, points.table.X.shape[0])
        if read.kind != "categories" or len(read.names) > MOST_KEPT:
            return palette
        try:
            return store.add_colours(read.names) | dict(palette or {})
        except OSError as error:  # the picture is worth more
            warn_user(f"{store.uri} kept no colours of labels: {error}")
            return palette

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
    if given.get("theme") is not None:
        settings["theme"] = given["theme"]
    if settings.get("highlight") == ():
        del settings["highlight"]
    if "highlight" in settings:
        settings["highlight"] = list(settings["highlight"])
    if settings.get("density") == "none":
        settings["density"] = False
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
    if "colours" in settings:
        if "palette" in settings:
            raise click.BadParameter("both choose colours; give one", param_hint="--colours")
        settings["palette"] = colours_of(settings.pop("colours"))
    title = given["title"] if given["title"] is not None else shown(source.stem)
    return Style(title, settings, given["hover"], fixed=given["colours"] is not None)


def views(paths: tuple[Path, ...], style: Style) -> tuple[View, ...]:
    """Return the pictures of a job."""
    return tuple(View(path, style.draw, style.check) for path in paths)


def is_interactive(path: Path) -> bool:
    """Tell whether a plot is an html page."""
    return path.suffix.lower() == ".html"


def colours_of(path: Path) -> dict[str, str]:
    """Return the colours of labels that a file has; UsageError where it has none."""
    from gputsne.plotting.choice import read_colours

    try:
        return read_colours(path)
    except (OSError, ValueError) as error:
        raise click.BadParameter(str(error), param_hint="--colours") from error


def fixed_in(store: Store, style: Style) -> Style:
    """Return a style with the colours of a store, in which those of --colours are fixed.

    Parameters
    ----------
    store : Store
        Of the runs.
    style : Style
        As the options have it.

    Raises
    ------
    UsageError
        A label of --colours has another colour there.
    """
    chosen = style.settings.get("palette")
    if isinstance(chosen, Mapping) and style.fixed:
        try:
            store.add_colours(chosen)
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="--colours") from error
    return replace(style, store=store)


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
