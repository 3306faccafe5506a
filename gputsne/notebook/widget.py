"""The widget of a map: its points go to the browser, its selection comes back and can be set."""

from __future__ import annotations

import difflib
from functools import cache
from importlib.resources import files
from typing import Any, NoReturn

import anywidget
import numpy as np
import numpy.typing as npt
import traitlets

from gputsne.base.types import Array
from gputsne.notebook.reading import Viewed
from gputsne.viewer.files import SCRIPT, STYLE, asset

# No __all__: what checks its docstrings reads every attribute of a class, and ipywidgets warns of
# some of its own.

LOWEST = 300
"""Pixels below which the viewer has no room for its buttons."""

SET = ("colour", "color", "height", "selection", "theme")
"""What users set, for a name that is none of them."""

READ_ONLY = {
    "rows": "set selection to ids or to a mask of the rows",
    "columns": "view the map again with other columns",
}
"""What users read only, and what to do instead."""


@cache
def _front_end() -> tuple[str, str]:
    """Return the script and the style of the widget: the viewer's, and what joins it to traits."""
    ours = files("gputsne.notebook").joinpath("assets")
    script = ours.joinpath("widget.js").read_text(encoding="utf-8")
    style = ours.joinpath("widget.css").read_text(encoding="utf-8")
    return f"{asset(SCRIPT)}\n{script}", f"{asset(STYLE)}\n{style}"


class _Selection(traitlets.TraitType[Array, Any]):
    """Ids of selected rows, as an array that can't be written to; set from ids or a mask."""

    info_text = "ids of rows, or a mask of them"

    def validate(self, obj: Any, value: Any) -> Array:
        rows = obj._ids.rows_of(value)
        ids: Array = obj._ids.values[rows]
        ids.flags.writeable = False
        return ids

    def set(self, obj: Any, value: Any) -> None:
        """Compare by content: arrays have no one truth that traitlets could ask."""
        new = self.validate(obj, value)
        old = obj._trait_values.get(self.name)
        obj._trait_values[self.name] = new
        if old is None or not np.array_equal(old, new):
            obj._notify_trait(self.name, old, new)


class MapWidget(anywidget.AnyWidget):
    """A map in a notebook; `gputsne.view` makes it.

    Parameters
    ----------
    viewed : Viewed
        The map and what is known of its points.
    height : int
        Of the widget, in pixels.
    theme : {"auto", "light", "dark"}
        "auto": as the notebook, or else the system.

    Attributes
    ----------
    selection : array
        Ids of the selected points, or row numbers where the map has no ids, in the order of rows.
        Set it to ids, to a mask of the rows or to None; ``observe(f, "selection")`` calls ``f``
        when it changes, whoever changed it.
    rows : array of int
        Where the selected points lie in the table that was fitted.
    colour, color : str or None
        Name of the column that colours the points, one of ``columns``; None for one colour.
    columns : tuple of str
        Names of the columns that can.
    height : int
        Pixels.
    theme : str
        As above.

    Raises
    ------
    AttributeError
        When another attribute is set, or observed.
    TypeError
        When it is pickled or copied: it is one end of a link to a page.
    """

    _esm, _css = _front_end()
    _tileset = traitlets.Dict().tag(sync=True)
    _container = traitlets.Bytes().tag(sync=True)
    _selected: Any = traitlets.List().tag(sync=True)  # keys of the selected points
    _column = traitlets.Unicode(None, allow_none=True).tag(sync=True)  # that colours them
    _places = traitlets.Bytes().tag(sync=True)  # of the points, while a fit moves them
    _square: Any = traitlets.List().tag(sync=True)  # in which those are
    _fit = traitlets.Dict().tag(sync=True)  # how far a fit is: nothing where none is watched
    selection = _Selection()
    colour = traitlets.Unicode(None, allow_none=True)
    height = traitlets.Int(520, min=LOWEST).tag(sync=True)
    theme = traitlets.Enum(("auto", "light", "dark"), "auto").tag(sync=True)

    def __init__(self, viewed: Viewed, *, height: int = 520, theme: str = "auto") -> None:
        self._ids, self._named = viewed.ids, dict(viewed.columns)
        first = viewed.columns.get(viewed.first or "")
        super().__init__(
            _tileset=viewed.tileset, _container=viewed.container, _column=first, height=height,
            theme=theme,
        )  # fmt: skip
        self.selection = None
        self.colour = viewed.first

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns that can colour the points."""
        return tuple(self._named)

    @property
    def rows(self) -> npt.NDArray[np.int64]:
        """Where the selected points lie in the table that was fitted, ascending."""
        return self._ids.numbers(self._ids.known(self._selected))

    @property
    def color(self) -> str | None:
        """The same as ``colour``."""
        named: str | None = self.colour
        return named

    @color.setter
    def color(self, name: str | None) -> None:
        self.colour = name

    def __setattr__(self, name: str, value: Any) -> None:
        """Set what there is; refuse what would be kept and have no effect."""
        if name in READ_ONLY:
            raise AttributeError(f"{name} can't be set: {READ_ONLY[name]}")
        if not name.startswith("_") and not hasattr(type(self), name):
            raise AttributeError(_unknown(name, SET, "set"))
        super().__setattr__(name, value)

    def observe(self, handler: Any, names: Any = traitlets.All, type: Any = "change") -> None:
        """Call a function when an attribute changes; see ``traitlets.HasTraits.observe``.

        Parameters
        ----------
        handler : callable
            Gets a mapping with ``new``, ``old``, ``name`` and ``owner``.
        names : str or list of str
            Of attributes; by default of all.
        type : str
            Of the news; "change" by default.

        Raises
        ------
        AttributeError
            For what never tells of changes.
        """
        super().observe(handler, self._observed(names), type)

    def unobserve(self, handler: Any, names: Any = traitlets.All, type: Any = "change") -> None:
        """Call a function no more; see ``observe``.

        Parameters
        ----------
        handler : callable
            As it was given.
        names, type : object
            As they were given.

        Raises
        ------
        AttributeError
            For what never tells of changes.
        """
        super().unobserve(handler, self._observed(names), type)

    def _observed(self, names: Any) -> Any:
        if names is traitlets.All or not names:  # as traitlets takes it: all of them
            return names
        found = []
        for name in [names] if isinstance(names, str) else list(names):
            if name is traitlets.All:
                return traitlets.All
            if name in READ_ONLY:
                raise AttributeError(f"{name} can't be observed: observe selection or colour")
            if name != "color" and not self.has_trait(name):
                raise AttributeError(_unknown(name, SET, "observed"))
            found.append("colour" if name == "color" else name)
        return found

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("a widget lives in its kernel: keep the model and widget.selection instead")

    def __copy__(self) -> NoReturn:
        self.__reduce_ex__(None)

    def __deepcopy__(self, memo: Any) -> NoReturn:
        self.__reduce_ex__(None)

    def __repr__(self) -> str:
        n = len(self._ids.values)
        return f"<MapWidget: {n:,} points, {len(self._selected):,} of them selected>"

    @traitlets.observe("selection")
    def _told(self, change: Any) -> None:
        self._selected = self._ids.keys_of(self._ids.rows_of(change["new"]))

    @traitlets.observe("_selected")
    def _heard(self, change: Any) -> None:
        rows = self._ids.known(change["new"])  # a browser may name what there is not
        self.selection = self._ids.values[rows]

    @traitlets.validate("colour")
    def _check_colour(self, proposal: Any) -> Any:
        asked = proposal["value"]
        if asked is not None and asked not in self._named:
            there = ", ".join(map(repr, self._named)) or "no column"
            raise ValueError(f"colour={asked!r} is none of the map's columns: {there}")
        return asked

    @traitlets.observe("colour")
    def _recoloured(self, change: Any) -> None:
        self._column = None if change["new"] is None else self._named[change["new"]]

    @traitlets.observe("_column")
    def _picked(self, change: Any) -> None:
        titles = {name: title for title, name in self._named.items()}
        if change["new"] is None or change["new"] in titles:  # a browser may name what is not there
            self.colour = titles.get(change["new"])


def _unknown(name: Any, known: tuple[str, ...], done: str) -> str:
    """Return what is said of an attribute that a widget has not."""
    near = difflib.get_close_matches(str(name), known, 1)
    hint = f"did you mean {near[0]}?" if near else f"{', '.join(known)} can be {done}"
    return f"a map's widget has no attribute {name!r}: {hint}"
