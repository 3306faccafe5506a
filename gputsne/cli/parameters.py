"""TSNE's parameters as options of `embed`; each option's destination is the parameter's own name.

The defaults in the help are TSNE's; tests/unit/cli/test_help.py holds the two together.
"""

from __future__ import annotations

from contextlib import suppress
from math import isfinite
from pathlib import Path
from typing import Any, Final

import click

from gputsne.cli.options import (
    ABOVE_0,
    AFFINITY_DTYPES,
    DEVICES,
    Number,
    bytes_of,
    option,
    options,
    rate,
)
from gputsne.runs.outcome import shown

COUNT: Final = click.IntRange(min=0)

SPECS: Final = (
    option(
        "--perplexity",
        type=ABOVE_0,
        multiple=True,
        metavar="P",
        help="Effective number of neighbours; repeat for several at once. [30]",
    ),
    option(
        "--components", "n_components", type=click.IntRange(1, 3), metavar="C", help="Map axes. [2]"
    ),
    option("--max-iter", type=COUNT, metavar="N", help="Iterations in all. [750]"),
    option(
        "--seed",
        "random_state",
        type=click.IntRange(0, 2**32 - 1),
        default=0,
        metavar="N",
        help="The same seed gives the same bytes. [0]",
    ),
    option("--scale", is_flag=True, default=None, help="Scale columns to unit variance first."),
    option("--pca", type=click.IntRange(1), metavar="D", help="Reduce to D dimensions first."),
    option(
        "--impute", metavar="HOW", help="Fill missing values: mean, median or a number. [refuse]"
    ),
    option("--metric", metavar="NAME", help="Distance between rows. [euclidean]"),
    option(
        "--n-neighbors",
        type=click.IntRange(1),
        metavar="K",
        help="Neighbours of each row. [3 x perplexity]",
    ),
    option(
        "--min-recall",
        type=Number(0, 1, min_open=True),
        metavar="R",
        help="Least share of true neighbours in an approximate search. [0.98]",
    ),
    option(
        "--affinity",
        type=click.Choice(["perplexity", "uniform", "fixed_sigma"]),
        help="How distances become similarities. [perplexity]",
    ),
    option("--sigma", type=ABOVE_0, metavar="S", help="Width for --affinity fixed_sigma."),
    option("--init", metavar="HOW", help="First map: pca, spectral, random or an .npy file. [pca]"),
    option(
        "--learning-rate",
        type=rate,
        metavar="auto|RATE",
        help="In scikit-learn's convention. [auto]",
    ),
    option("--early-exaggeration", type=ABOVE_0, metavar="F", help="Attraction at first. [12]"),
    option("--early-exaggeration-iter", type=COUNT, metavar="N", help="For how long. [250]"),
    option("--exaggeration", type=ABOVE_0, metavar="F", help="Attraction afterwards. [1]"),
    option("--dof", type=ABOVE_0, metavar="A", help="Tails of the map kernel. [1: t-SNE]"),
    option("--stop", type=click.Choice(["auto"]), help="Stop once the KL no longer falls."),
    option(
        "--method", type=click.Choice(["auto", "exact", "mesh"]), help="Repulsive forces. [auto]"
    ),
    option("--device", type=click.Choice(DEVICES), help="Where to run; see gputsne info. [auto]"),
    option(
        "--affinity-dtype",
        type=click.Choice(AFFINITY_DTYPES),
        help="How a GPU keeps P: float16 takes less time and memory. [float32]",
    ),
    option("--n-jobs", type=int, metavar="N", help="Threads. [all this process may use]"),
    option(
        "--memory-limit",
        type=bytes_of,
        metavar="SIZE",
        help="Refuse to start if more is needed, for instance 8G.",
    ),
)


def _parameter(flags: tuple[str, ...]) -> str:
    """Return the parameter that an option gives: its own name, unless another is spelt out."""
    *_, last = flags
    return last.lstrip("-").replace("-", "_")


FLAGS: Final = {_parameter(flags): flags[0] for flags, _ in SPECS}
NAMES: Final = frozenset(FLAGS)
parameter_options = options("t-SNE", *SPECS)


def tsne_parameters(given: dict[str, Any]) -> dict[str, Any]:
    """Return the keyword arguments of TSNE among a command's options: only those that were set."""
    chosen = {k: v for k, v in given.items() if k in NAMES and v is not None and v != ()}
    if "perplexity" in chosen:
        values = chosen["perplexity"]
        chosen["perplexity"] = values[0] if len(values) == 1 else list(values)
    if str(chosen.get("init", "")).endswith(".npy"):
        chosen["init"] = _first_map(Path(chosen["init"]))
    if "impute" in chosen:
        chosen["impute"] = _fill(chosen["impute"])
    return chosen


def _fill(text: str) -> str | float:
    """Return what fills missing values: mean, median or a finite number."""
    if text in ("mean", "median"):
        return text
    with suppress(ValueError):
        if isfinite(value := float(text)):
            return value
    said = f"{text!r} is neither mean nor median nor a finite number"
    raise click.BadParameter(said, param_hint="--impute")


def _first_map(path: Path) -> Any:
    """Return the initial map of an .npy file, shape (n, c)."""
    from gputsne.data import read_map

    try:
        return read_map(path)
    except ValueError as error:
        raise click.BadParameter(shown(error), param_hint="--init") from error
