"""`compare` of two runs, of a store or in files: which words mean that, and what is printed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import click
from click.core import ParameterSource

from gputsne.cli.options import selection_of
from gputsne.cli.output import output_of
from gputsne.cli.stores import VARIABLE, found_store
from gputsne.cli.targets import check_inputs, no_dash
from gputsne.runs.streams import named

# What measures maps of one table, by the names of their flags.
OF_ONE_TABLE: Final = {
    "labels": "--labels", "best": "--best", "gates": "--gate", "names": "--names",
    "metric": "--metric", "map_key": "--map-key",
}  # fmt: skip
# What tells how a file is read; of stored runs their records do.
OF_FILES: Final = {
    "columns": "--columns", "vector": "--vector", "key": "--key", "ids": "--id",
    "header": "--header", "decimal": "--decimal", "encoding": "--encoding",
    "flatten": "--flatten", "keep": "--keep", "input_format": "--input-format",
}  # fmt: skip


def is_of_runs(ctx: click.Context, words: Sequence[Path], given: Mapping[str, Any]) -> bool:
    """Tell whether two runs are compared: a store or two tables are named, or no word is a file.

    A file has a suffix, or is a pipe that exists; ids and refs have neither.
    """
    if given["sides"] or _is_given(ctx, "store"):
        return True
    return all(not word.suffix and "/" not in str(word) and _is_no_file(word) for word in words)


def _is_no_file(word: Path) -> bool:
    return str(word) != "-" and not word.exists()


def _is_given(ctx: click.Context, name: str) -> bool:
    return ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE


def compare_two(ctx: click.Context, words: Sequence[Path], given: Mapping[str, Any]) -> None:
    """Compare the second of two runs with the first, and print how they differ."""
    shell = output_of(ctx, given, needed=True)
    of_files = not _is_given(ctx, "store") and bool(given["sides"])
    if len(words) != 2:
        raise click.UsageError(f"two runs are compared, an older and a newer: got {len(words)}")
    for name, flag in OF_ONE_TABLE.items():
        if _is_given(ctx, name):
            said = "has an effect on maps of one table alone; gputsne check judges runs"
            raise click.BadParameter(said, param_hint=flag)
    if not of_files:
        for name, flag in OF_FILES.items():
            if _is_given(ctx, name):
                said = "has no effect on runs of a store: they are read as their records say"
                raise click.BadParameter(said, param_hint=flag)
    tables = tuple(map(named, given["sides"]))
    if tables and len(tables) != 2:
        raise click.BadParameter("give the data of both runs, or of neither", param_hint="--data")
    no_dash([("--data", path) for path in tables])
    check_inputs(tables, given["input_format"])
    from gputsne.runs.comparing import compare_sides, side_of_files, side_of_run

    if of_files:
        no_dash([("Y", path) for path in words])
        check_inputs(words, None)
        want = selection_of(given)
        sides = [
            side_of_files(map, data, want, given["keep"])
            for map, data in zip(words, tables, strict=True)
        ]
    else:
        if not given["store"]:
            shown = " and ".join(map(str, words))
            raise click.UsageError(
                f"{shown}: no such files; if they are runs, name the store: --store URI, or the "
                f"variable {VARIABLE}"
            )
        store = found_store(given)
        runs = [store.get(str(word)) for word in words]
        sides = [
            side_of_run(run, data) for run, data in zip(runs, tables or (None,) * 2, strict=True)
        ]
    found = compare_sides(
        *sides, k=given["k"], sample=given["sample"] or 2000, random_state=given["seed"]
    )
    for said in found.remarks:
        shell.note(said)
    shell.result(str(found), found.to_dict())
