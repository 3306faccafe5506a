"""``gputsne embed``: a table in, its map out, with plots, the model and a record of the run.

What can fail early fails early: targets and columns are looked at before anything is computed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from gputsne.cli import errors
from gputsne.cli.checks import check_device, check_parameters
from gputsne.cli.clock import Deadline
from gputsne.cli.finite import explained
from gputsne.cli.names import remember
from gputsne.cli.options import PATH, Command, input_options, option, options, speech_options
from gputsne.cli.output import Speech, summary
from gputsne.cli.parameters import parameter_options, tsne_parameters
from gputsne.cli.targets import (
    check_input,
    check_map,
    check_plots,
    check_targets,
    draw,
    save,
    write_map,
)
from gputsne.data import Data, Selection, read
from gputsne.planning.memory import available_memory
from gputsne.runs import record

EXAMPLES = """\
Examples:
  gputsne embed points.csv -o map.parquet
  gputsne embed points.csv -o map.csv --labels kind --id name --plot map.html --plot map.png
  gputsne embed vectors.parquet --vector embedding -o map.parquet --metric cosine
  gputsne embed cells.h5ad --key obsm/X_pca --labels cell_type -o map.csv
  gputsne embed pixels.npy --labels digits.npy --pca 50 -o map.npy --model model.npz
  gputsne embed big.npy -o map.npy --perplexity 30 --perplexity 300 --deadline 600 \\
      --memory-limit 8G --run-record run.json

IN may be npy, npz, csv, tsv, csv.gz, parquet or h5ad; OUT parquet, csv or npy. Columns of OUT: id
(with --id), x, y, z, label (with --labels). Files appear whole or not at all.

If the deadline passes or you press Ctrl-C once the map has begun to form, OUT gets the map so far,
the exit code is 5 or 130 and a line on standard error says so. A deadline keeps plots and model
too; Ctrl-C leaves them out.
"""


@dataclass(frozen=True)
class Targets:
    """The files that a run writes."""

    output: Path
    plots: tuple[Path, ...]
    model: Path | None
    run_record: Path | None

    def check(self, source: Path) -> None:
        """Raise UsageError if one of them can't be written."""
        check_input(source)
        check_map(self.output)
        check_plots(self.plots)
        check_targets([self.output, *self.plots, self.model, self.run_record], [source])


@click.command(cls=Command, examples=EXAMPLES)
@click.argument("source", metavar="IN", type=PATH)
@options(
    "Output",
    option("-o", "--output", type=PATH, required=True, metavar="OUT", help="The map. Required."),
    option(
        "--plot",
        "plots",
        type=PATH,
        multiple=True,
        metavar="FILE",
        help="Draw it: html (hover, zoom), png, svg or pdf; repeatable.",
    ),
    option("--model", type=PATH, metavar="FILE", help="Keep the fitted model, for transform."),
    option(
        "--run-record",
        type=PATH,
        metavar="FILE",
        help="JSON: parameters, seed, versions, input hash, times, KL curve, peak memory.",
    ),
    option(
        "--deadline",
        type=click.FloatRange(0, min_open=True),
        metavar="SECONDS",
        help="Stop after so long, reading included; OUT gets the map so far.",
    ),
)
@input_options("kept beside the map, colours plots")
@parameter_options
@speech_options
@click.pass_context
def embed(ctx: click.Context, /, source: Path, **given: Any) -> None:
    """Map the rows of the table IN, write the map to OUT."""
    speech = Speech(given["as_json"], given["quiet"], given["verbose"])
    ctx.meta["gputsne.verbose"] = speech.verbose
    targets = Targets(given["output"], given["plots"], given["model"], given["run_record"])
    targets.check(source)
    parameters = tsne_parameters(given)
    check_parameters(parameters)
    wanted = Selection(
        columns=given["columns"],
        vector=given["vector"],
        key=given["key"],
        labels=given["labels"],
        ids=given["ids"],
        header=given["header"],
        decimal=given["decimal"],
        encoding=given["encoding"],
        flatten=given["flatten"],
    )
    run = Run(source, wanted, targets, parameters, speech)
    run.go(Deadline(given["deadline"]))


class Run:
    """One run of embed: what was asked, and step by step what came of it."""

    def __init__(
        self,
        source: Path,
        wanted: Selection,
        targets: Targets,
        parameters: dict[str, Any],
        speech: Speech,
    ) -> None:
        self.source, self.wanted, self.targets = source, wanted, targets
        self.parameters, self.speech = parameters, speech
        self.started = datetime.now(UTC)
        self.table = Data(None)
        self.model: Any = None
        self.written: list[Path] = []

    def go(self, deadline: Deadline) -> None:
        """Read, fit, write; the record is written however it ends."""
        code, message = errors.FAILED, ""
        try:
            stop = self._fit_and_write(deadline)
            code, message = (stop.exit_code, stop.message) if stop else (errors.DONE, "")
            if stop is None or self.map is not None:
                facts = self.facts(code, message)
                files = ", ".join(map(str, self.written))
                self.speech.result(f"written       {files}\n{summary(facts)}", facts)
            if stop is not None:
                raise stop
        except BaseException as error:
            message = f"{type(error).__name__}: {error}"
            if (ended := errors.judged(error)) is not None:
                code, message = ended.exit_code, ended.message
            raise
        finally:
            if self.targets.run_record is not None:
                record.write(self.targets.run_record, self.facts(code, message, hashed=True))

    @property
    def map(self) -> Any:
        """The map, if there is one yet; shape (n, c)."""
        return getattr(self.model, "embedding_", None)

    def _fit_and_write(self, deadline: Deadline) -> errors.Stop | None:
        """Return None when all went as asked, else how it ended."""
        check_device(self.parameters)
        try:
            with deadline:
                limit = self.parameters.get("memory_limit") or available_memory()
                self.table = read(self.source, self.wanted, memory_limit=limit)
                for said in self.table.remarks:
                    self.speech.remark(f"{self.source}: {said}")
                self._fit(self.table, deadline)
        except KeyboardInterrupt:
            if self.map is None:
                return self._nothing(deadline)
            if not deadline.passed:
                self._write_map()
                said = f"interrupted; {self.targets.output} holds the map so far"
                return errors.Stop(errors.INTERRUPTED, said)
        self._write_map()
        for path in self.targets.plots:
            draw(path, self.model, self.table, self.source.stem)
            self.written.append(path)
        if self.targets.model is not None:
            remember(self.model, self.table.names)
            save(self.targets.model, self.model)
            self.written.append(self.targets.model)
        return self._late(deadline) if deadline.passed else None

    def _fit(self, table: Data, deadline: Deadline) -> None:
        import gputsne

        settings = dict(self.parameters)
        if deadline.seconds is not None:
            settings["callbacks"] = [deadline]
        self.model = gputsne.TSNE(verbose=int(self.speech.progress), **settings)
        if settings.get("metric") == "precomputed":
            self.model.fit(table.X)
            return
        imputed = settings.get("impute") is not None
        with explained(self.source, table, imputed=imputed, remedy="fill them: --impute mean"):
            self.model.fit(table.X)

    def _nothing(self, deadline: Deadline) -> errors.Stop:
        if deadline.passed:
            said = f"the deadline of {deadline.seconds:g} s passed before there was a map"
            return errors.Stop(errors.DEADLINE, f"{said}; nothing was written")
        return errors.Stop(errors.INTERRUPTED, "interrupted; nothing was written")

    def _late(self, deadline: Deadline) -> errors.Stop:
        done = getattr(self.model, "n_iter_", None)
        where = "" if done is None else f" at iteration {done}"
        return errors.Stop(
            errors.DEADLINE,
            f"the deadline of {deadline.seconds:g} s passed{where}; "
            f"{self.targets.output} holds the map so far",
        )

    def _write_map(self) -> None:
        for said in write_map(self.targets.output, self.map, self.table):
            self.speech.remark(said)
        self.written.append(self.targets.output)

    def facts(self, code: int, message: str, *, hashed: bool = False) -> dict[str, Any]:
        """Return the run as a record; with the input's SHA-256 when asked: that reads it anew."""
        ended = datetime.now(UTC)
        asked = self.parameters
        told = record.describe(self.model)
        return {
            "schema": record.SCHEMA,
            "status": errors.STATUS[code],
            "exit_code": code,
            "error": message or None,
            "started": record.stamp(self.started),
            "ended": record.stamp(ended),
            "seconds": (ended - self.started).total_seconds(),
            "input": self._input(hashed),
            "output": {
                "map": str(self.targets.output),
                "plots": [str(p) for p in self.targets.plots],
                "model": self.targets.model,
                "written": [str(p) for p in self.written],
            },
            **told,
            "parameters": told["parameters"] or asked,
            "seed": asked.get("random_state"),
            "versions": record.versions(),
            "machine": record.machine(),
            "peak_memory_bytes": record.peak_memory(),
        }

    def _input(self, hashed: bool) -> dict[str, Any]:
        there = self.source.is_file()
        return {
            "path": str(self.source),
            "selection": self.wanted.given(),
            "bytes": self.source.stat().st_size if there else None,
            "sha256": record.sha256_file(self.source) if there and hashed else None,
            "shape": None if self.table.X is None else list(self.table.X.shape),
            "dtype": None if self.table.X is None else str(self.table.X.dtype),
        }
