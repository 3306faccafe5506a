"""``gputsne sweep``: maps of a table at several perplexities, seeds or settings, and the best."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import click

from gputsne.base.files import replacing
from gputsne.cli.checks import check_device, check_parameters
from gputsne.cli.config import config_option
from gputsne.cli.errors import Exit
from gputsne.cli.maps import (
    best_help,
    check_best,
    failed_gates,
    gate_option,
    gate_outcome,
    gates_of,
    in_columns,
    k_option,
    sample_option,
    told,
)
from gputsne.cli.options import (
    ABOVE_0,
    MAP_FORMATS,
    PATH,
    Command,
    WholeNumber,
    input_options,
    option,
    options,
    print_options,
    selection_of,
)
from gputsne.cli.output import output_of, seconds
from gputsne.cli.parameters import FLAGS, elsewhere, options_of, tsne_parameters
from gputsne.cli.spending import checked, price_options, terms_of
from gputsne.cli.targets import (
    check_inputs,
    check_map,
    check_model,
    check_plots,
    check_targets,
    label_file,
    no_dash,
)
from gputsne.data.named import with_names
from gputsne.planning.memory import available_memory
from gputsne.provenance.outcome import shown
from gputsne.runs.nonfinite import nonfinite_as_bad_input
from gputsne.runs.reading import read_points
from gputsne.runs.streams import STANDARD, is_standard_output, named, opened
from gputsne.runs.writing import write_points

# Columns of the printed table besides settings, KL and seconds; --json has every metric.
SHOWN: Final = ("knn_preservation", "trustworthiness", "distance_correlation", "knn_accuracy")
BEST: Final = f"{best_help} [knn_preservation]"
SWITCH: Final = {"true": True, "false": False}

EXAMPLES = """\
Examples:
  gputsne sweep points.csv --labels kind --plot triptych.png
  gputsne sweep points.npy --perplexity 30 --seed 0 --seed 1 --seed 2 --json
  gputsne sweep points.npy --perplexity 30 --perplexity 100 --grid early-exaggeration=4,12 \\
      --best trustworthiness -o best.csv --model best.npz --gate "knn_preservation > 0.3"

Every combination of perplexities, seeds and grids is fitted and measured; neighbours are searched
once unless a grid changes them. OUT, the model and gates are of the best map alone. In the plot
maps lie side by side.
"""


@click.command(cls=Command, examples=EXAMPLES, elsewhere=elsewhere)
@click.argument("source", metavar="IN", type=PATH)
@options(
    "What is tried",
    option(
        "--perplexity",
        type=ABOVE_0,
        multiple=True,
        metavar="P",
        help="One map for each; repeatable. [5, 30 and 50]",
    ),
    option(
        "--seed",
        "seeds",
        type=WholeNumber(0, 2**32 - 1),
        multiple=True,
        metavar="N",
        help="One map for each; repeatable. [0]",
    ),
    option(
        "--grid",
        multiple=True,
        metavar="OPTION=VALUES",
        help="Values of another option after commas, as learning-rate=auto,200; repeatable.",
    ),
)
@options(
    "What is measured",
    k_option,
    sample_option,
    option("--best", metavar="METRIC", default="knn_preservation", help=BEST),
    gate_option,
)
@options(
    "Output",
    option("-o", "--output", type=PATH, metavar="OUT", help="Write the best map."),
    option(
        "--output-format",
        type=click.Choice(MAP_FORMATS),
        help="Format of OUT where it is -, a pipe or a device. [by its name, else csv]",
    ),
    option("--model", type=PATH, metavar="FILE", help="Keep the model of the best map."),
    option("--plot", type=PATH, metavar="FILE", help="All maps side by side: png, svg or pdf."),
)
@options("Cost", *price_options)
@input_options("colours the plot, metrics of labels compare them")
@options_of(lambda name: name not in ("perplexity", "random_state"))
@config_option
@print_options
@click.pass_context
def sweep(ctx: click.Context, /, source: Path, **given: Any) -> None:
    """Map the table IN at several settings and measure each map."""
    source, output = named(source), given["output"] and named(given["output"])
    plot, model = given["plot"], given["model"]
    aside = output is not None and is_standard_output(output)
    shell = output_of(ctx, given, aside=aside, needed=not (output or plot or model))
    no_dash([("--plot", plot), ("--model", model)])
    check_inputs([source], given["input_format"])
    if output is not None:
        check_map(output, given["output_format"], [source], given["input_format"])
    elif given["output_format"] is not None:
        raise click.BadParameter("has no effect without -o", param_hint="--output-format")
    check_plots([plot] if plot else [])
    if plot is not None and plot.suffix.lower() == ".html":
        raise click.BadParameter("maps side by side are png, svg or pdf", param_hint="--plot")
    also_read = [label_file(given["labels"]), given["join"], ctx.meta.get("gputsne.config")]
    check_targets([output, plot, model], [source, *also_read])
    check_model(model)
    check_best(given["best"], given["labels"] is not None)
    gates = gates_of(given["gates"], ())
    parameters = tsne_parameters({k: v for k, v in given.items() if k in FLAGS})
    parameters.pop("perplexity", None)
    perplexity, seeds = given["perplexity"] or (5.0, 30.0, 50.0), given["seeds"] or (0,)
    grid = dict(_axis(text, ctx) for text in given["grid"])
    _check(parameters, grid, perplexity)
    terms = terms_of(given)

    import gputsne

    with ExitStack() as stack:
        opened_source = stack.enter_context(opened(source, given["input_format"]))
        limit = parameters.get("memory_limit") or available_memory()
        want = replace(selection_of(given), memory_limit=limit)
        points = read_points([opened_source], want, keep=given["keep"])
        for said in points.notes:
            shell.note(said)
        table = points.table
        tried = list(_combinations(parameters, grid, perplexity)) * len(seeds)
        checked(terms, table.X.shape, *tried)
        with nonfinite_as_bad_input(
            opened_source.name,
            table,
            imputed="impute" in {**parameters, **grid},
            remedy="fill them: --impute mean",
        ):
            found = gputsne.sweep(
                with_names(table.X, table.names), table.labels, perplexity=perplexity,
                seeds=seeds, grid=grid, k=given["k"], sample=given["sample"] or "auto",
                verbose=int(shell.progress), **parameters,
            )  # fmt: skip
        best = found.best(given["best"])
        written = []
        if output is not None:
            Y = best.model.embedding_
            for said in write_points(
                output, Y, points, given["output_format"], source=opened_source
            ):
                shell.note(said)
            written.append("standard output" if output == STANDARD else shown(output))
    if model is not None:
        with replacing(model) as part:
            best.model.save(part)
        written.append(shown(model))
    if plot is not None:
        found.plot(table.labels, path=plot)
        written.append(shown(plot))
    failed = failed_gates(gates, {best.name: best.scores}, [best.name])
    shell.result(_as_text(found, best, given["best"], written), {
        "data": shown(source),
        "points": table.X.shape[0],
        "searches": found.searches,
        "trials": [{"name": trial.name, **row}
                   for trial, row in zip(found, found.table(), strict=True)],
        "best": {"metric": given["best"], "trial": best.name},
        "failed": failed,
        "written": written,
    })  # fmt: skip
    if failed:
        raise Exit(gate_outcome(failed))


def _axis(text: str, ctx: click.Context) -> tuple[str, list[Any]]:
    """Return parameter and values of ``--grid OPTION=VALUES``, each read as the option reads it."""
    flag, equals, values = text.partition("=")
    flag = f"--{flag.strip().lstrip('-').replace('_', '-')}"
    name = {own: python for python, own in FLAGS.items()}.get(flag)
    if name in ("perplexity", "random_state"):
        raise click.BadParameter(f"{text!r}: repeat {flag} instead", param_hint="--grid")
    if name is None or not equals:
        hint = elsewhere(flag)
        said = f"{text!r} is no OPTION=VALUES" if not equals else f"no option is called {flag!r}"
        raise click.BadParameter(f"{said}{hint and '; '}{hint}", param_hint="--grid")
    (known,) = (o for o in ctx.command.params if o.name == name)
    found = []
    for value in filter(None, (part.strip() for part in values.split(","))):
        if getattr(known, "is_flag", False):
            if value not in SWITCH:
                said = f"{flag} is true or false, not {value!r}"
                raise click.BadParameter(said, param_hint="--grid")
            found.append(SWITCH[value])
            continue
        found.append(tsne_parameters({name: known.type.convert(value, known, ctx)})[name])
    if not found:
        raise click.BadParameter(f"{text!r} has no values", param_hint="--grid")
    return name, found


def _check(
    parameters: Mapping[str, Any], grid: Mapping[str, list[Any]], perplexity: tuple[float, ...]
) -> None:
    """Raise UsageError for a combination that needs no data to be seen as wrong."""
    for name in grid:
        if name in parameters:
            said = f"{FLAGS[name]} is given twice: in --grid and alone"
            raise click.BadParameter(said, param_hint="--grid")
    for chosen in _combinations(parameters, grid, perplexity):
        check_parameters(chosen)
        check_device(chosen)


def _combinations(
    parameters: Mapping[str, Any], grid: Mapping[str, list[Any]], perplexity: tuple[float, ...]
) -> Iterator[dict[str, Any]]:
    """Yield the parameters of each map for one seed."""
    for p, *values in itertools.product(perplexity, *grid.values()):
        yield {**parameters, **dict(zip(grid, values, strict=True)), "perplexity": p}


def _as_text(found: Any, best: Any, metric: str, written: list[str]) -> str:
    """Return the trials as lines of a table, the best marked."""
    names = [name for name in dict.fromkeys([metric, *SHOWN]) if name in best.scores]
    rows = [["", "KL", "time", *names]]
    for trial in found:
        kl = trial.model.kl_divergence_
        row = [f"{'*' if trial is best else ' '} {trial.name}", f"{kl:.4f}", seconds(trial.seconds)]
        rows.append([*row, *(told(trial.scores, name) for name in names)])
    lines = [in_columns(rows), f"\n* best by {metric}"]
    if written:
        lines.append(f"written       {', '.join(written)}")
    return "\n".join(lines)
