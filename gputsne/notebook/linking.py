"""Linking: one selection in several views of the same rows."""

from __future__ import annotations

from typing import Any

__all__ = ["Link", "link"]


class Link:
    """Views that share their selection until ``unlink`` is called; `link` makes it.

    Parameters
    ----------
    views : tuple of MapWidget
        Two or more.
    """

    def __init__(self, views: tuple[Any, ...]) -> None:
        self.views = views
        self._passing_on = False
        for one in views:
            one.observe(self._changed, "selection")

    def unlink(self) -> None:
        """Let every view have a selection of its own again; what is selected stays so."""
        for one in self.views:
            one.unobserve(self._changed, "selection")
        self.views = ()

    def __repr__(self) -> str:
        return f"<Link of {len(self.views)} views>"

    def _changed(self, change: Any) -> None:
        if self._passing_on:
            return
        self._passing_on = True
        try:
            source = change["owner"]
            for other in self.views:
                if other is not source:
                    # By id: the other may show fewer rows, or the same in another order.
                    other._selected = other._ids.keys_of(other._ids.known(source._selected))
        finally:
            self._passing_on = False


def link(*views: Any) -> Link:
    """Let views share one selection: what is selected in one is selected in all.

    Rows are matched by their ids (by their numbers where the maps have none), so that maps of
    fewer rows, or of rows in another order, can be linked where they have ids.

    Parameters
    ----------
    *views : MapWidget
        Two or more, as `gputsne.view` makes them.

    Returns
    -------
    Link
        Its ``unlink()`` ends it.

    Raises
    ------
    TypeError
        For what is no such widget, and for fewer than two.
    ValueError
        Some maps have ids and others have none, or they have no id in common.
    """
    for one in views:
        if not hasattr(one, "_ids") or not hasattr(one, "observe"):
            raise TypeError(f"link takes what gputsne.view returns, got {type(one).__name__}")
    if len(views) < 2:
        raise TypeError(f"link takes two views or more, got {len(views)}")
    first = views[0]._ids
    for other in views[1:]:
        if other._ids.given != first.given:
            raise ValueError("some of the views have ids, others none: make all with ids=...")
        if not first.given and other._ids.total != first.total:
            raise ValueError(
                f"the views have {first.total} and {other._ids.total} rows and no ids "
                "to match them by: make them with ids=..."
            )
        if first.given and not len(first.known(other._ids.keys_of_all())):
            raise ValueError("the views have no id in common")
    return Link(views)
