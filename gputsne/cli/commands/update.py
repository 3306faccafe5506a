"""``gputsne update``: tomorrow's map from the model of today's, old rows about where they were."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from gputsne.base import events
from gputsne.cli.checks import check_threads
from gputsne.cli.commands.transform import as_fitted, check_width, columns_of_fit, load_model
from gputsne.cli.config import config_option
from gputsne.cli.log import saw
from gputsne.cli.options import (
    PATH,
    Command,
    WholeNumber,
    input_options,
    option,
    options,
    output_options,
    print_options,
    selection_of,
)
from gputsne.cli.output import output_of, seconds
from gputsne.cli.spending import checked, cost_told, price_options, terms_of
from gputsne.cli.targets import (
    check_inputs,
    check_map,
    check_model,
    check_targets,
    label_file,
    no_dash,
)
from gputsne.data import BadInput
from gputsne.data.table import counted
from gputsne.planning.memory import available_memory
from gputsne.provenance.outcome import shown
from gputsne.runs.nonfinite import nonfinite_as_bad_input
from gputsne.runs.reading import read_points
from gputsne.runs.streams import is_standard_output, named, opened
from gputsne.runs.writing import write_points

REMEDY = "fit the model anew by embed with --impute mean"

EXAMPLES = """\
Examples:
  gputsne embed monday.csv -o monday-map.csv --id name --model monday.npz
  gputsne update monday.npz tuesday.csv -o tuesday-map.csv --id name --model tuesday.npz

Rows are matched by --id with the ids that MODEL keeps, since embed or update had --id, too; without
ids IN must have the same rows in the same order. Old rows start where they were, new ones where
transform would put them; then all are refined. OUT is turned and shifted onto the earlier map.
"""


@click.command(cls=Command, examples=EXAMPLES)
@click.argument("model", metavar="MODEL", type=PATH)
@click.argument("sources", metavar="IN...", type=PATH, nargs=-1, required=True)
@options(
    "Output",
    *output_options,
    option("--model", "kept_model", type=PATH, metavar="FILE", help="Keep the new model."),
)
@options("Cost", *price_options)
@input_options("kept beside the map")
@options(
    "Computation",
    option("--refine", type=WholeNumber(0), metavar="N", help="Iterations for all rows. [150]"),
    option("--n-jobs", type=int, metavar="N", help="Threads. [all this process may use]"),
)
@config_option
@print_options
@click.pass_context
def update(
    ctx: click.Context, /, model: Path, sources: tuple[Path, ...], output: Path, **given: Any
) -> None:
    """Map the table IN, starting from the map of MODEL."""
    sources, output, kept_model = tuple(map(named, sources)), named(output), given["kept_model"]
    shell = output_of(ctx, given, aside=is_standard_output(output))
    no_dash([("MODEL", model), ("--model", kept_model)])
    check_inputs(sources, given["input_format"])
    check_map(output, given["output_format"], sources, given["input_format"])
    check_model(kept_model)
    also_read = [model, label_file(given["labels"]), ctx.meta.get("gputsne.config")]
    check_targets([output, kept_model], [*sources, *also_read])
    check_threads(given["n_jobs"])
    terms = terms_of(given)
    began = time.perf_counter()
    earlier = load_model(model, None, given["n_jobs"])
    names = getattr(earlier, "feature_names_in_", None)
    with ExitStack() as stack:
        form = given["input_format"]
        inputs = [stack.enter_context(opened(path, form)) for path in sources]
        limited = replace(selection_of(given), memory_limit=available_memory())
        points = read_points(
            inputs, columns_of_fit(names, inputs[0].path, limited), keep=given["keep"]
        )
        for said in points.notes:
            shell.note(said)
        name = " and ".join(source.name for source in inputs)
        check_width(points.table.X.shape[1], earlier, name)
        refined = {**earlier.get_params(), "max_iter": max(1, _refine(given))}
        checked(terms, points.table.X.shape, refined)
        imputed = earlier.impute is not None
        saw(points.table.X, seed=earlier.random_state, device=earlier.device_)
        finite = nonfinite_as_bad_input(name, points.table, imputed=imputed, remedy=REMEDY)
        with events.stage("update"), finite:
            found = _updated(earlier, as_fitted(points.table.X, names), points.table.ids, given)
        for said in write_points(
            output, found.map, points, given["output_format"], source=inputs[0]
        ):
            shell.note(said)
    if kept_model is not None:
        found.model.save(kept_model)
    took = time.perf_counter() - began
    _tell(shell, found, output, took, cost_told(terms, took))


def _refine(given: dict[str, Any]) -> int:
    from gputsne.updating import REFINE

    return REFINE if given["refine"] is None else int(given["refine"])


def _updated(earlier: Any, X: Any, ids: Any, given: dict[str, Any]) -> Any:
    from gputsne.updating import update

    known = vars(earlier).get("ids_")
    if known is not None and ids is None:
        raise BadInput("MODEL keeps the ids of its rows: name their column in IN by --id")
    if known is None and ids is not None:
        raise BadInput(
            "MODEL keeps no ids, since it was made without --id: make it again with --id, or leave "
            "--id out where IN has the same rows in the same order"
        )
    # A batch job is repeatable: as embed's own seed.
    seed = 0 if earlier.random_state is None else earlier.random_state
    return update(earlier, X, ids=ids, previous_ids=known, refine=_refine(given), random_state=seed)


def _tell(
    shell: Any, found: Any, output: Path, took: float, paid: tuple[str, dict[str, Any]]
) -> None:
    import numpy as np

    moved = float(np.median(found.moved)) if len(found.moved) else None
    how_far = (
        "no row is an old one"
        if moved is None
        else f"{moved:.1%} of the map's median radius, in the median of the old rows"
    )
    where = "standard output" if is_standard_output(output) else shown(output)
    shell.result(
        f"written       {where}\n"
        f"map           {counted(len(found.map), 'point')}, {seconds(took)}\n"
        f"rows          {len(found.new_rows)} as before, {len(found.added)} new, "
        f"{len(found.removed)} gone\n"
        f"moved         {how_far}{paid[0]}",
        {
            "output": where, "map": list(found.map.shape), "seconds": took,
            "shared": len(found.new_rows), "added": len(found.added),
            "removed": len(found.removed), "moved": moved,
            "kl_divergence": found.model.kl_divergence_, "device": found.model.device_,
            **paid[1],
        },
    )  # fmt: skip
