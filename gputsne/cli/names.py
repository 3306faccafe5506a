"""Which columns was a model fitted to? It remembers their names, as after a fit to a DataFrame.

So `transform` finds them in a table whose columns are in another order or more.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from gputsne.data import Selection
from gputsne.data.table import format_of

NAMED = (".csv", ".tsv", ".parquet", ".h5ad")


def remember(model: Any, names: tuple[str, ...] | None) -> None:
    """Give a fitted model the names of its d features; without names, or with twins, nothing."""
    if names is None or len(set(names)) < len(names):
        return
    model._set_feature_names(names)


def recall(model: Any, source: Path, want: Selection) -> Selection:
    """Return what to read for `transform`: by default the columns of the fit, by name.

    The loaded model then forgets them, since what it will be given is a plain array.
    """
    if not hasattr(model, "feature_names_in_"):
        return want
    names = tuple(map(str, model.feature_names_in_))
    model._set_feature_names(None)
    chosen = want.columns or want.vector is not None or want.key is not None
    if chosen or format_of(source) not in NAMED:
        return want
    return replace(want, columns=names)
