"""``gputsne embed``: a table in, its map out, with plots, the model and a record of the run.

What can fail early fails early: targets and options are looked at before anything is computed. The
work itself is gputsne.runs.job's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import click

from gputsne.cli.checks import check_device, check_parameters
from gputsne.cli.config import config_option
from gputsne.cli.errors import Exit, exit_for
from gputsne.cli.monitoring import monitor_of, monitor_options, watched
from gputsne.cli.options import (
    ABOVE_0,
    PATH,
    Command,
    input_options,
    option,
    options,
    output_options,
    print_options,
    record_options,
    refinement_of,
    selection_of,
    size_of,
)
from gputsne.cli.output import output_of, summary
from gputsne.cli.parameters import elsewhere, parameter_options, tsne_parameters
from gputsne.cli.plots import fixed_in, plot_options, style_of, views
from gputsne.cli.spending import approval, embed_options, overspent, sooner, terms_of
from gputsne.cli.storing import keep_options, keeping_of, replay_of, with_store
from gputsne.cli.targets import (
    check_inputs,
    check_map,
    check_model,
    check_plots,
    check_targets,
    checkpoint_of,
    label_file,
    no_dash,
)
from gputsne.runs.job import Job, Request
from gputsne.runs.streams import is_standard_output, named

EXAMPLES = """\
Examples:
  gputsne embed points.csv -o map.parquet
  gputsne embed points.csv -o map.csv --labels kind --id name --plot map.html --plot map.png
  gputsne embed vectors.parquet --vector embedding -o map.parquet --metric cosine --keep title,year
  gputsne embed cells.h5ad --key X_pca --labels cell_type -o cells_tsne.h5ad --plot map.png
  gputsne embed pixels.npy --labels digits.npy --pca 50 -o map.npy --model model.npz
  gputsne embed monday.csv tuesday.csv -o map.csv --config run.toml
  zcat points.csv.gz | gputsne embed - -o - > map.csv
  gputsne embed big.npy -o map.npy --sample 0.1 --model model.npz
  gputsne embed shards/ -o map.parquet --pca 50 --labels kind --memory-limit 24GB
  gputsne embed big.npy -o map.npy --checkpoint run.ckpt --resume
  gputsne embed big.npy -o map.npy --perplexity 30 --perplexity 300 --deadline 600 \\
      --memory-limit 8G --run-record run.json
  gputsne embed points.csv -o map.csv --store nightly --keep-input
  gputsne embed --replay production --store nightly -o again.npy

IN may be npy, npz, csv, tsv, csv.gz, parquet or h5ad, or - for standard input; OUT parquet, csv or
npy, or - for standard output. Several IN are read as one table. A folder of npy or parquet shards,
or a zarr array, stays on disk and is read by blocks (docs/beyond-memory.md). Columns of OUT: id
(with --id), x, y, z, the labels under their column's name (with --labels), and those of --keep.
Where IN is one h5ad, OUT may be an h5ad too: a copy of IN with the map in obsm["X_tsne"]. Files
appear whole or not at all.

If the deadline passes or you press Ctrl-C once the map has begun to form, OUT gets the map so far,
the exit code is 5 or 130 and a line on standard error says so. A deadline keeps plots and model
too; Ctrl-C leaves them out. The deadline is looked at after each iteration, before them after each
stage and block of rows. SIGTERM and SIGHUP are treated as Ctrl-C. A plot or model that can't be
written takes nothing else along: the exit code is 1.

With --store the run is in the store with its status, however it ends, whole or not at all; one that
is killed outright leaves a note, which gputsne runs shows. docs/runs.md tells of stores. Metrics of
the run for Prometheus, and the variables that ask for them: docs/operate.md.

With --checkpoint FILE the run can go on after any end, kill -9 and a power cut too: the same line
with --resume ends at the same bytes. FILE has neighbours and P, written once before the iterations;
FILE.state, small, has the map, every ten minutes and when a signal or deadline ends the run. Other
data, options, versions of gputsne, numpy or scipy, or another device are refused. Both files are
removed once all outputs are written; so a job may be called with --resume from the first time on.
"""


INPUT: Final = click.Path(path_type=Path, allow_dash=True)  # a file, or a folder of shards


def sampled(given: dict[str, Any]) -> Callable[[Mapping[str, Any]], Any] | None:
    """Return what makes an estimator that begins with a sample; None where none is asked for."""
    if given["sample"] is None:
        if given["refine"] is not None:
            raise click.BadParameter("has no effect without --sample", param_hint="--refine")
        return None
    if given["refine"] == 0 and given["checkpoint"] is not None:
        said = "has no effect without a refinement: give --refine a number, or leave it out"
        raise click.BadParameter(said, param_hint="--checkpoint")

    def make(parameters: Mapping[str, Any]) -> Any:
        from gputsne.large import SampledTSNE

        model = SampledTSNE(**parameters)
        model.sample = given["sample"]
        if given["refine"] is not None:
            model.refine = given["refine"]
        return model

    return make


@click.command(cls=Command, examples=EXAMPLES, elsewhere=elsewhere)
@click.argument("sources", metavar="IN...", type=INPUT, nargs=-1)
@options(
    "Output",
    *output_options,
    option("--model", type=PATH, metavar="FILE", help="Keep the fitted model, for transform."),
    option(
        "--sample",
        type=size_of,
        metavar="N",
        help="Begin with the map of so many rows, or of a share of them, chosen so that rare "
        "groups stay; place all others on it, then refine all.",
    ),
    option(
        "--refine",
        type=refinement_of,
        metavar="N",
        help="Iterations of all rows after --sample; 0 or none: rows stay where they were placed, "
        "and the model is the sample's. [300]",
    ),
    option(
        "--score",
        is_flag=True,
        help="Measure how many of each row's 10 nearest stay so, and trustworthiness.",
    ),
    option(
        "--deadline",
        type=ABOVE_0,
        metavar="SECONDS",
        help="Stop after so long, reading included; OUT gets the map so far.",
    ),
    option(
        "--checkpoint",
        type=PATH,
        metavar="FILE",
        help="Keep the run in FILE while it lasts, so that it can go on after an end too early.",
    ),
    option(
        "--checkpoint-every",
        type=ABOVE_0,
        metavar="MINUTES",
        help="Minutes between two writings of FILE. [10]",
    ),
    option(
        "--resume",
        is_flag=True,
        help="Go on from FILE where it is there, to the same map; else begin.",
    ),
)
@options("Record", *record_options)
@options("Cost", *embed_options)
@options("Store", *keep_options)
@options("Metrics", *monitor_options)
@options("Plots", *plot_options)
@input_options("kept beside the map, colours plots")
@parameter_options
@config_option
@print_options
@click.pass_context
def embed(ctx: click.Context, /, sources: tuple[Path, ...], output: Path, **given: Any) -> None:
    """Map the rows of the table IN, write the map to OUT."""
    sources, output = tuple(map(named, sources)), named(output)
    again = replay_of(ctx, given, sources, ctx.with_resource(ExitStack()))
    if again is not None:
        sources, given = again.sources, again.given
    plots, model, run_record = given["plots"], given["model"], given["run_record"]
    targets = [output, *plots, *filter(None, (model, run_record))]
    checkpoint = checkpoint_of(given)
    shell = output_of(ctx, given, aside=any(map(is_standard_output, targets)))
    metrics = given["metrics_textfile"]
    others = [("--model", model), ("--run-record", run_record), ("--metrics-textfile", metrics)]
    no_dash([*(("--plot", p) for p in plots), *others])
    check_inputs(sources, given["input_format"], folders=True)
    check_map(output, given["output_format"], sources, given["input_format"])
    check_plots(plots, given.get("n_components") or 2)
    init = Path(given["init"]) if str(given["init"]).endswith(".npy") else None
    also_read = [label_file(given["labels"]), given["join"], init, ctx.meta.get("gputsne.config")]
    check_targets([*targets, *checkpoint], [*sources, *also_read])
    check_model(model)
    style = style_of(given, sources[0])
    parameters = tsne_parameters(given)
    if again is not None:
        parameters = again.with_options(ctx, parameters)
    check_parameters(parameters)
    check_device(parameters)
    if given["score"] and parameters.get("metric") == "precomputed":
        raise click.BadParameter("distances have no features to score", param_hint="--score")
    in_folder = any(path.is_dir() for path in sources)
    for flag, asked in (("--score", given["score"]), ("--keep-input", given["keep_input"])):
        if in_folder and asked:
            said = "the rows of a folder stay on disk, and it needs all of them at once"
            raise click.BadParameter(said, param_hint=flag)
    keeping = keeping_of(given, style)
    if keeping is not None:
        style = fixed_in(keeping.store, style)
    terms = terms_of(given, None if keeping is None else keeping.store)
    monitor = monitor_of(given, shell.note, None if keeping is None else keeping.store)
    job = Job(
        Request(
            sources,
            output,
            selection_of(given),
            keep=given["keep"],
            hover=style.hover,
            input_format=given["input_format"],
            output_format=given["output_format"],
            parameters={"verbose": int(shell.progress), **parameters},
            make=sampled(given),
            views=views(plots, style),
            model=model,
            run_record=run_record,
            tags=given["tags"],
            price_per_hour=terms.price_per_hour,
            replicas=terms.replicas,
            spending=terms.known,
            approve=approval(terms),
            seconds=sooner(given["deadline"], terms),
            score=given["score"],
            keeping=keeping,
            checkpoint=given["checkpoint"],
            minutes=given["checkpoint_every"] or Request.minutes,
            resume=given["resume"],
            watching=() if monitor is None else (monitor,),
        ),
        shell.note,
    )
    with watched(monitor, job) as ended:
        report = job.run()
        ended(report.run)
    if (remark := overspent(terms, report.run.cost)) is not None:
        shell.note(remark)
    if report.written:
        said = f"written       {', '.join(report.written)}\n{summary(report.facts)}"
        shell.result(*with_store(said, report.facts, report.run, keeping, again))
    elif keeping is not None and keeping.stored is not None:
        shell.note(f"the run is stored as {keeping.stored}, without a map")
    if report.error is not None and exit_for(report.error) is None:
        raise report.error
    if report.outcome.exit_code:
        raise Exit(report.outcome, report.error)
