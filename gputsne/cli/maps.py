"""Data and maps of the same rows from files, what commands measure of them, and gates on that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import click

from gputsne.cli.log import saw
from gputsne.cli.options import WholeNumber, option, selection_of, split_commas
from gputsne.cli.output import Output
from gputsne.data import BadInput, Selection, read
from gputsne.data.table import counted
from gputsne.data.writing import AXES
from gputsne.planning.memory import available_memory
from gputsne.provenance.outcome import FAILED, Outcome, shown
from gputsne.runs.reading import Points, read_points
from gputsne.runs.streams import Source, opened

Scores = Mapping[str, float]
H5AD_MAP: Final = "obsm/X_tsne"

k_option: Final = option(
    "-k", "k", type=WholeNumber(1), default=10, metavar="K", help="Neighbours per point. [10]"
)
sample_option: Final = option(
    "--sample",
    type=WholeNumber(1),
    metavar="N",
    help="Points asked, against all others. [2000, fewer of more than 250,000]",
)
measure_options: Final = (
    k_option,
    sample_option,
    option("--seed", type=WholeNumber(0), default=0, metavar="N", help="Of the sample. [0]"),
    option("--metric", metavar="NAME", help="How rows of X are compared. [euclidean]"),
    option("--map-key", metavar="NAME", help=f"Matrix of Y where it is h5ad. [{H5AD_MAP}]"),
)
gate_option: Final = option(
    "--gate",
    "gates",
    multiple=True,
    metavar="CONDITION",
    help='Exit with 1 unless it holds, as "knn_preservation > 0.3"; repeatable.',
)
best_help: Final = "Name the best by this metric; gates are then of it alone."


def read_data(data: Path, given: Mapping[str, Any], shell: Output) -> Points:
    """Return the data of a command, remarks said."""
    with ExitStack() as stack:
        source = stack.enter_context(opened(data, given["input_format"]))
        limited = replace(selection_of(given), memory_limit=available_memory())
        meta = given.get("meta", ())  # of commands that tell them from those that are kept
        points = read_points([source], limited, keep=given.get("keep", ()), hover=meta)
    saw(points.table.X)
    for said in points.notes:
        shell.note(said)
    return points


def read_map_of(path: Path, key: str | None, points: Points, data: Path) -> Any:
    """Return the map of a file, one row for each row of the data; else raise BadInput."""
    with opened(path, None) as source:
        Y = _map(source, key)
    n = points.table.X.shape[0]
    if len(Y) != n:
        raise BadInput(
            f"{shown(path)} has {counted(len(Y), 'row')}, {shown(data)} has {n}: a map has one "
            "row for each row of the data"
        )
    return Y


def _map(source: Source, key: str | None) -> Any:
    """Return the map of a file: the columns x, y, z, or all numbers."""
    want = Selection(memory_limit=available_memory())
    if source.path.suffix.lower() == ".h5ad":
        want = replace(want, key=key or H5AD_MAP)
    table = read(source.path, want, memory_limit=want.memory_limit)
    names = table.names or ()
    axes = [name for name in AXES if name in names]
    if len(axes) > 1:
        return table.X[:, [names.index(name) for name in axes]]
    return table.X


def check_map_key(paths: Sequence[Path], key: str | None) -> None:
    """Raise UsageError for a matrix that is named where no map is h5ad."""
    if key is not None and all(path.suffix.lower() != ".h5ad" for path in paths):
        raise click.BadParameter("has an effect on h5ad alone", param_hint="--map-key")


def names_of(paths: Sequence[Path], given: Sequence[str]) -> list[str]:
    """Return what maps are called: as the user says, else by their files, shortest first."""
    if given:
        if len(given) != len(paths):
            said = f"{counted(len(given), 'name')} for {counted(len(paths), 'map')}"
            raise click.BadParameter(said, param_hint="--names")
        names = list(given)
    else:
        ways = [[path.stem for path in paths], [path.name for path in paths], [*map(str, paths)]]
        unique = next((n for n in ways if len(set(n)) == len(n)), ways[-1])
        names = [*map(shown, unique)]
    twin, times = Counter(names).most_common(1)[0]
    if times > 1:
        raise click.BadParameter(
            f"{twin!r} is named {times} times", param_hint="--names" if given else "Y"
        )
    return names


def check_best(metric: str | None, labelled: bool) -> None:
    """Raise UsageError for a metric that there is none of, or that has no value here."""
    from gputsne.metrics import METRICS

    if metric is None:
        return
    if metric not in METRICS:
        said = f"{metric!r} is none of {', '.join(METRICS)}"
        raise click.BadParameter(said, param_hint="--best")
    if "labels" in METRICS[metric].needs and not labelled:
        raise click.BadParameter(f"{metric} needs --labels", param_hint="--best")


def gates_of(texts: Sequence[str], names: Sequence[str]) -> list[Any]:
    """Return conditions on metrics; UsageError for what is none, or names what is not measured."""
    from gputsne.judging.expressions import read_condition
    from gputsne.metrics import METRICS

    found = []
    for text in texts:
        try:
            condition = read_condition(text)
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="--gate") from error
        for name in condition.names:
            of = max((m for m in names if name.startswith(f"{m}.")), key=len, default="")
            metric = name[len(of) + 1 :] if of else name
            if metric.removesuffix("_se") not in METRICS:
                said = f"{metric!r} in {text!r} is none of {', '.join(METRICS)}"
                raise click.BadParameter(said, param_hint="--gate")
        found.append(condition)
    return found


def failed_gates(
    gates: Sequence[Any], scores: Mapping[str, Scores], judged: Sequence[str]
) -> list[dict[str, str]]:
    """Return which gates which maps fail; without a value no gate is passed.

    Parameters
    ----------
    gates : sequence of Condition
        From ``gates_of``.
    scores : mapping of str to mapping of str to float
        What was measured of every map, by its name.
    judged : sequence of str
        The maps that must pass.

    Returns
    -------
    list of dict
        ``gate``, ``map`` and ``status``: "fail", or "n/a" where a value is missing.
    """
    known = {name: {k: v for k, v in held.items() if v == v} for name, held in scores.items()}
    others = {f"{name}.{k}": v for name, held in known.items() for k, v in held.items()}
    found = []
    for gate in gates:
        for name in judged:
            holds = gate.holds({**others, **known[name]})
            if holds is not True:
                status = "n/a" if holds is None else "fail"
                found.append({"gate": gate.text, "map": name, "status": status})
    return found


def gate_outcome(failed: Sequence[Mapping[str, str]]) -> Outcome:
    """Return how a command ends whose gates were not all passed."""
    said = [
        f"{line['map']}: {line['gate']}{' (no value)' if line['status'] == 'n/a' else ''}"
        for line in failed
    ]
    return Outcome(FAILED, f"gate failed by {'; '.join(said)}")


def told(scores: Scores, name: str, mark: str = "") -> str:
    """Return a value for reading, with its standard error where there is one."""
    value = scores.get(name)
    if value is None:
        return "-"
    error = scores.get(f"{name}_se")
    number = f"{value:.4g}" if isinstance(value, float) else str(value)
    return f"{number}{mark}" + ("" if error is None else f" ± {error:.2g}")


def in_columns(rows: Sequence[Sequence[str]]) -> str:
    """Return a table for reading: columns as wide as their longest text, the first row a head."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(f"{text:<{w}}" for text, w in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def measured(scores: Scores) -> list[str]:
    """Return the names of values, without those of standard errors."""
    return [name for name in scores if not (name.endswith("_se") and name[:-3] in scores)]


names_option: Final = option(
    "--names",
    multiple=True,
    metavar="NAMES",
    callback=split_commas,
    help="What the maps are called, after commas, in their order. [by their files]",
)
