"""Shards: a stretch of the rows of a table placed on a map, and written as one part of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from gputsne._version import __version__
from gputsne.base.files import check_writable
from gputsne.base.types import Array
from gputsne.data import BadInput
from gputsne.data.named import with_names
from gputsne.data.table import Data, counted, listed
from gputsne.data.writing import write
from gputsne.large.inputs import Inputs, changed
from gputsne.large.parts import Manifest, Shard, stem
from gputsne.model.fitted import frozen_of
from gputsne.provenance.plain import plain, sha256_file
from gputsne.runs.nonfinite import nonfinite_as_bad_input

__all__ = ["Placed", "place_shard"]

REMEDY = "fit the model anew by embed with --impute mean"


@dataclass(frozen=True)
class Placed:
    """What became of a shard.

    Attributes
    ----------
    path : Path
        Its part.
    manifest : Manifest
        Of the part.
    again : bool
        Whether it was there already, of the same model and input, and was left as it is.
    """

    path: Path
    manifest: Manifest
    again: bool


def place_shard(
    model: Any,
    model_sha256: str,
    inputs: Inputs,
    folder: Path,
    shard: Shard,
    *,
    suffix: str = ".parquet",
    report: Callable[[int, int], None] = lambda done, of: None,
) -> Placed:
    """Place the rows of one shard and write its part, then the manifest.

    Memory holds one block of rows and, of the shard's own rows, their places and the columns kept
    beside them. A part that is there already, of the same model and input, stays as it is.

    Parameters
    ----------
    model : TSNE
        Fitted.
    model_sha256 : str
        Of its file.
    inputs : Inputs
        The table.
    folder : Path
        Where parts go; must exist.
    shard : Shard
        Which rows.
    suffix : {".parquet", ".csv", ".npy"}
        Of the part; an npy holds the places alone.
    report : callable
        Called with the rows that are done, and those of the shard.

    Returns
    -------
    Placed

    Raises
    ------
    BadInput
        Other features than those of the fit, or rows that can't be placed.
    OSError
        The part can't be written.
    """
    start, stop = shard.rows(inputs.n)
    frozen = frozen_of(model)
    device = frozen.backend(model.n_jobs).device
    chosen = inputs.chosen
    made = Manifest(
        shard.index, shard.of, (start, stop), inputs.n, frozen.Y.shape[1], suffix, model_sha256,
        tuple(inputs.told()), _selection(inputs), __version__, device, {}, tuple(changed(inputs)),
    )  # fmt: skip
    path, told = folder / made.part, folder / f"{stem(shard)}.json"
    if before := _finished(folder, told, made):
        return Placed(path, before, again=True)
    check_writable(path)
    check_features(chosen.d, frozen.preparation, inputs.ranges[0].table.path.name)
    places = _places(model, inputs, start, stop, report)
    ids, labels, kept = inputs.beside(start, stop) if suffix != ".npy" else (None, None, {})
    if tuple(changed(inputs)) != made.changed:
        name = listed([own.table.path.name for own in inputs.ranges])
        raise BadInput(
            f"{name} was changed while shard {shard.index}/{shard.of} read it: run the "
            "shard again once nothing writes there"
        )
    told.unlink(missing_ok=True)  # a new part with an old manifest would be none of both
    write(path, places, ids=ids, labels=labels, label_name=chosen.label_name, kept=kept)
    beside = {"id": ids, chosen.label_name: labels, **kept}
    kinds = {name: v.dtype.str for name, v in beside.items() if v is not None}
    made = replace(made, kinds=kinds, bytes=path.stat().st_size, sha256=sha256_file(path))
    made.write(folder)
    return Placed(path, made, again=False)


def _places(
    model: Any, inputs: Inputs, start: int, stop: int, report: Callable[[int, int], None]
) -> Array:
    """Return the places of some rows, shape (stop - start, c)."""
    frozen, chosen = frozen_of(model), inputs.chosen
    names = frozen.preparation.feature_names
    name = " and ".join(own.table.path.name for own in inputs.ranges)
    places = np.empty((stop - start, frozen.Y.shape[1]), np.float32)
    imputed, done = frozen.preparation.fill is not None, 0
    for X in inputs.blocks(start, stop):
        table = Data(X, names=chosen.names, positions=chosen.head.positions)
        where = f"{name}, rows {start + done} to {start + done + len(X) - 1},"
        with nonfinite_as_bad_input(where, table, imputed=imputed, remedy=REMEDY):
            named = X if names is None else with_names(X, list(names))
            places[done : done + len(X)] = frozen.transform(named, n_jobs=model.n_jobs)
        done += len(X)
        report(done, stop - start)
    if done != stop - start:
        raise BadInput(f"{name} has changed since it was opened: it has fewer rows now")
    return places


def _finished(folder: Path, told: Path, made: Manifest) -> Manifest | None:
    """Return the manifest of a part that need not be made again; None where it must."""
    if not told.is_file():
        return None
    try:
        before = Manifest.read(told)
        if not made.same_work(before):
            return None
        before.check(folder)
    except BadInput:
        return None
    return before


def _selection(inputs: Inputs) -> dict[str, Any]:
    """Return which columns are read, as JSON has it."""
    chosen = inputs.chosen
    found = {"ids": chosen.ids, "labels": chosen.labels, "keep": [name for name, _ in chosen.kept]}
    found |= replace(chosen.want, memory_limit=None).given()
    told: dict[str, Any] = plain({name: value for name, value in found.items() if value})
    return told


def check_features(d: int, preparation: Any, name: str) -> None:
    """Raise BadInput unless there are as many features as a model was fitted to.

    Parameters
    ----------
    d : int
        Features of the rows.
    preparation : Preparation
        Of the model.
    name : str
        What messages call the rows.
    """
    if d != preparation.n_features_in:
        want, names = counted(preparation.n_features_in, "feature"), preparation.feature_names
        which = "" if names is None else f" ({listed(list(map(str, names)))})"
        raise BadInput(
            f"{name} has {counted(d, 'feature')}, the model was fitted to {want}{which}; "
            "choose with --columns, or give rows of the same table"
        )
