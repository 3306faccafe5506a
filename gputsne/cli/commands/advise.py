"""``gputsne advise``: t-SNE, UMAP or PCA for a goal, by quoted rules beside this machine's plan."""

from __future__ import annotations

from typing import Any

import click

from gputsne.cli.commands.info import MODELS, json_option
from gputsne.cli.options import (
    DEVICES,
    Command,
    Number,
    WholeNumber,
    bytes_of,
    count_of,
    option,
    options,
)
from gputsne.cli.output import Output
from gputsne.cli.wording import in_shell
from gputsne.judging.advice import GOALS

EXAMPLES = """\
Examples:
  gputsne advise 1e6 50
  gputsne advise 20000 784 --goal global --json

Nothing is computed. The rules are sentences of two texts, quoted with their section; the sizes they
name are older than this engine, so that the plan of this machine stands beside them.
"""


@click.command(cls=Command, examples=EXAMPLES)
@click.argument("n", metavar="N", type=count_of)
@click.argument("d", metavar="D", type=count_of)
@options(
    "Options",
    option(
        "--goal",
        type=click.Choice(list(GOALS)),
        default="explore",
        help="; ".join(f"{name}: {words[0]}" for name, words in GOALS.items()) + ". [explore]",
    ),
    option("--perplexity", type=Number(1), metavar="P", help="As in embed. [30]"),
    option("--pca", type=WholeNumber(1), metavar="D", help="Features kept. [all]"),
    option(
        "--device",
        type=click.Choice([*DEVICES, *MODELS]),
        help="Where to run; h100 and h200 take the time of a model. [auto]",
    ),
    option(
        "--memory-limit", type=bytes_of, metavar="SIZE", help="Bytes that a fit may take. [free]"
    ),
    json_option,
)
def advise(n: int, d: int, as_json: bool, **given: Any) -> None:
    """Say which of t-SNE, UMAP and PCA serves N rows x D features, and why."""
    import gputsne

    try:
        found = gputsne.advise(n, d, **{k: v for k, v in given.items() if v is not None})
    except ValueError as error:  # all it was given is the command line's
        raise click.UsageError(in_shell(str(error))) from error
    Output(as_json, needed=True).result(in_shell(str(found)), found.to_dict())
