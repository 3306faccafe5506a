"""TSNE's parameters as options of `embed`, made from the rows of gputsne/base/parameter_table.py.

Only what a shell says otherwise is written here; an option's destination is the parameter's name.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import click

from gputsne.base.parameter_table import TABLE, Param, Real, Whole, Word
from gputsne.cli.options import (
    ABOVE_0,
    Decorator,
    Number,
    WholeNumber,
    bytes_of,
    option,
    options,
    rate,
    words_of,
)
from gputsne.model.foreign import PARAMETERS
from gputsne.provenance.outcome import shown

# Parameters without an option, and why.
PYTHON_ONLY: Final = {
    "metric_params": "a dictionary",
    "neighbors": "arrays",
    "callbacks": "functions",
    "callbacks_every": "callbacks are functions",
    "initial_momentum": "for studies of the optimiser itself",
    "final_momentum": "for studies of the optimiser itself",
    "max_step": "for studies of the optimiser itself",
    "verbose": "--verbose and --quiet, which every command has",
}


@dataclass(frozen=True)
class InShell:
    """What a shell says otherwise than the table's row.

    Attributes
    ----------
    flag : str
        The option's name, where it isn't the parameter's.
    type : click.ParamType or callable
        What reads the value, where the row's kind doesn't tell.
    metavar : str
        What stands for the value in the help.
    more : str
        Added to the row's line of help.
    shown : str
        The default in the help, where None is the parameter's.
    settings : mapping
        Further arguments of click's option.
    """

    flag: str = ""
    type: click.ParamType[Any] | Callable[[str], Any] | None = None
    metavar: str | None = None
    more: str = ""
    shown: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)


AS_TABLE: Final = InShell()
IN_SHELL: Final = {
    "n_components": InShell(flag="--components"),
    "perplexity": InShell(
        type=ABOVE_0, metavar="P", more=": repeat the option", settings={"multiple": True}
    ),
    "early_exaggeration_iter": InShell(shown="as the schedule"),
    "max_iter": InShell(shown="750; short: 430"),
    "metric": InShell(type=click.STRING, metavar="NAME"),
    "n_neighbors": InShell(shown="3 x perplexity"),
    # A P of one's own needs Python.
    "affinity": InShell(type=click.Choice([w for w in words_of("affinity") if w != "precomputed"])),
    "init": InShell(
        type=click.STRING, metavar="HOW", more=f": {', '.join(words_of('init'))} or an .npy file"
    ),
    "pca": InShell(type=WholeNumber(1), metavar="D"),
    "impute": InShell(type=click.STRING, metavar="HOW", shown="refuse"),
    # A batch job is repeatable unless told not to be.
    "random_state": InShell(
        flag="--seed", type=WholeNumber(0, 2**32 - 1), metavar="N", settings={"default": 0}
    ),
    "n_jobs": InShell(type=click.INT, metavar="N", shown="all this process may use"),
    "device": InShell(type=click.Choice(words_of("device")), more="; see gputsne info"),
    "memory_limit": InShell(type=bytes_of, metavar="SIZE", more=", for instance 8G"),
}


def _flag(row: Param) -> str:
    return IN_SHELL.get(row.name, AS_TABLE).flag or f"--{row.name.replace('_', '-')}"


def _type(row: Param) -> dict[str, Any]:
    """Return how click reads a value of the row's kind, and what stands for it in the help."""
    kind = row.kind
    if isinstance(kind, Word):
        return {"type": click.Choice([w for w in kind.words if w is not None])}
    if isinstance(kind, Whole):
        most = None if math.isinf(kind.most) else int(kind.most)
        return {"type": WholeNumber(kind.least, most), "metavar": "N"}
    if isinstance(kind, Real) and "auto" in kind.other:
        return {"type": rate, "metavar": "auto|X"}
    if isinstance(kind, Real):
        high = None if math.isinf(kind.high) else kind.high
        open_ends = {"min_open": kind.open_low, "max_open": kind.open_high and high is not None}
        return {"type": Number(min=kind.low, max=high, **open_ends), "metavar": "X"}
    if row.type == "bool":
        return {"is_flag": True, "default": None}
    raise TypeError(f"{row.name}: the table doesn't say how a shell writes it; add it to IN_SHELL")


def _default(row: Param, differs: InShell) -> str:
    """Return the default as the help shows it; empty where the option is merely off."""
    value = differs.settings.get("default", row.default)
    if differs.shown:
        return f" [{differs.shown}]"
    if value is None or isinstance(value, bool):
        return ""
    return f" [{value}]" if isinstance(value, str) else f" [{value:g}]"


def _option(row: Param) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Return a row's option: flags and settings."""
    differs = IN_SHELL.get(row.name, AS_TABLE)
    read = (
        _type(row) if differs.type is None else {"type": differs.type, "metavar": differs.metavar}
    )
    text = f"{row.help}{differs.more}.{_default(row, differs)}"
    return option(_flag(row), row.name, help=text, **{**read, **differs.settings})


ROWS: Final = tuple(row for row in TABLE if row.name not in PYTHON_ONLY)
FLAGS: Final = {row.name: _flag(row) for row in ROWS}


def elsewhere(name: str) -> str:
    """Return what to write for a parameter of TSNE's, or another library's, that is no option.

    Parameters
    ----------
    name : str
        With or without dashes, as ``--random-state``.

    Returns
    -------
    str
        Empty for what is no such parameter.

    Examples
    --------
    >>> elsewhere("--random-state"), elsewhere("n_iter"), elsewhere("--max-step")
    ('write --seed', 'write --max-iter', 'max_step is for Python alone')
    """
    python = name.lstrip("-").replace("-", "_")
    foreign = PARAMETERS.get(python, "")
    theirs = re.match(r"write (\w+)", foreign)
    if theirs:
        python = theirs[1]
    if python in PYTHON_ONLY:
        return f"{python} is for Python alone"
    if python in FLAGS:
        return f"write {FLAGS[python]}"
    return foreign.split(";")[0].split(",")[0] if foreign.startswith("leave it out") else ""


def options_of(wanted: Callable[[str], bool] = lambda name: True) -> Decorator:
    """Return a decorator that adds the options of those parameters whose names are wanted."""
    return options("t-SNE", *(_option(row) for row in ROWS if wanted(row.name)))


parameter_options = options_of()


def tsne_parameters(given: dict[str, Any]) -> dict[str, Any]:
    """Return the keyword arguments of TSNE among a command's options: only those that were set."""
    chosen = {k: v for k, v in given.items() if k in FLAGS and v is not None and v != ()}
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
        if math.isfinite(value := float(text)):
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
