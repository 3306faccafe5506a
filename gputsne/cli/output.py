"""What a command prints: a summary on standard output, notes on standard error.

Numbers are rounded for reading; the run record and ``--json`` hold them in full.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import click

from gputsne.base.streams import silence
from gputsne.cli.log import LOG, tell_remark
from gputsne.provenance.outcome import shown

SCORES: Final = {"knn_preservation": "10 nearest", "trustworthiness": "trust"}  # in a summary


def open_standard_streams() -> None:
    """Open standard streams that were closed (``2>&-``) to nothing.

    Otherwise the next file that is opened would get the number of the closed one, and messages of
    libraries would land in it. Standard output is opened for reading, so that a result that can't
    be written is an error, as it was; messages on standard error are lost.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            # The lowest free number is taken: this one, as those below are open by now.
            os.open(os.devnull, os.O_WRONLY if name == "stderr" else os.O_RDONLY)
        if getattr(sys, name) is None:
            stream = open(number, "r" if number == 0 else "w", closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)


def standard_output_is_closed() -> bool:
    """Tell whether nothing can be written there, as after ``>&-``; see open_standard_streams."""
    try:
        import fcntl

        mode = fcntl.fcntl(sys.stdout.fileno(), fcntl.F_GETFL)
    except (ImportError, OSError, ValueError):  # Windows, or a stream of Python's own
        return False
    return mode & os.O_ACCMODE == os.O_RDONLY


def silence_standard_output() -> None:
    """Let what is still to be printed go nowhere: its reader has gone."""
    silence(sys.stdout)


def say(text: str, *, err: bool = False) -> None:
    """Print text, whatever characters a file's name has; on standard error, never fail.

    Raises
    ------
    OSError
        Standard output can't be written; BrokenPipeError where its reader has gone.
    """
    if err:
        if tell_remark(sys._getframe(1)):
            return
        try:
            click.echo(shown(text), err=True)
        except (OSError, ValueError):
            silence(sys.stderr)
        return
    with printing():
        click.echo(shown(text))


@contextmanager
def printing() -> Iterator[None]:
    """Let an error of what prints inside name standard output; BrokenPipeError passes as it is."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        if error.filename is not None or error.errno is None:
            raise
        silence_standard_output()  # or Python tries once more at its end
        raise OSError(error.errno, error.strerror, "standard output") from error


@dataclass(frozen=True)
class Output:
    """How much a command prints.

    Attributes
    ----------
    as_json, quiet, verbose : bool
        The options of these names.
    aside : bool
        Whether the summary goes to standard error, since standard output has the map.
    needed : bool
        Whether what is printed is all that comes of the command, so that a closed standard output
        is an error.
    logs : bool
        Whether standard error has a log of JSON, and nothing else.
    """

    as_json: bool = False
    quiet: bool = False
    verbose: bool = False
    aside: bool = False
    needed: bool = False
    logs: bool = False

    def __post_init__(self) -> None:
        if self.quiet and self.verbose:
            raise click.UsageError("--quiet and --verbose exclude each other")
        if self.logs and self.as_json and self.aside:
            raise click.UsageError(
                "--json has no place: standard output has the map, standard error the log; "
                "ask for --run-record FILE"
            )

    @property
    def progress(self) -> bool:
        """Whether progress is wanted: bars on a terminal, lines elsewhere when asked for."""
        return not self.logs and (self.verbose or (not self.quiet and sys.stderr.isatty()))

    def note(self, text: str) -> None:
        """Say something on standard error."""
        if not self.quiet:
            say(f"gputsne: {text}", err=True)

    def result(self, text: str, facts: Mapping[str, Any]) -> None:
        """Print a command's result."""
        from gputsne.provenance.plain import plain

        if self.as_json:
            say(json.dumps(plain(facts), allow_nan=False), err=self.aside)
        elif not self.quiet and (self.needed or self.aside or not standard_output_is_closed()):
            say(text, err=self.aside)


def output_of(
    ctx: click.Context, given: Mapping[str, Any], *, aside: bool = False, needed: bool = False
) -> Output:
    """Return how much a command prints, by its options; log lines have the time when verbose."""
    logs = LOG in ctx.meta
    output = Output(given["as_json"], given["quiet"], given["verbose"], aside, needed, logs)
    ctx.meta["gputsne.verbose"] = output.verbose
    logger = logging.getLogger("gputsne")
    if output.verbose and not logs and not logger.hasHandlers():
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
        ctx.call_on_close(partial(logger.removeHandler, handler))
        ctx.call_on_close(partial(logger.setLevel, logger.level))
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
    return output


def seconds(value: float) -> str:
    """Return a duration for reading: ``0.04 s``, ``12.3 s``, ``3 min 20 s``."""
    if value >= 120:
        return f"{int(value) // 60} min {int(value) % 60} s"
    return f"{value:.2f} s" if value < 10 else f"{value:.1f} s"


def summary(facts: Mapping[str, Any]) -> str:
    """Return the story of a fit in a few lines, from what `provenance.facts.describe` tells."""
    from gputsne.data.table import counted

    lines = []
    if facts.get("map"):
        n, c = facts["map"]
        lines.append(f"map           {counted(n, 'point')}, {c} {'axis' if c == 1 else 'axes'}")
    if facts.get("kl_divergence") is not None:
        after = (
            f" after {counted(facts['n_iter'], 'iteration')}"
            if facts.get("n_iter") is not None
            else ""
        )
        lines.append(f"KL            {facts['kl_divergence']:.4f}{after}")
    if facts.get("neighbors_recall") is not None:
        lines.append(f"recall        {facts['neighbors_recall']:.3f} of the neighbours")
    for name, value in (facts.get("metrics") or {}).items():
        lines.append(f"{SCORES.get(name, name):<14}{value:.3f}")
    if facts.get("device") is not None:
        # A CPU is what one expects without a GPU; numpy, that the compiled kernels are missing.
        reason = facts.get("device_reason") if facts["device"] == "numpy" else None
        lines.append(f"device        {facts['device']}{f' ({reason})' if reason else ''}")
    if facts.get("timings"):
        parts = [f"{k} {seconds(v)}" for k, v in facts["timings"].items() if v is not None]
        lines.append(f"time          {', '.join(parts)}")
    if facts.get("cost") is not None:
        lines.append(f"cost          {facts['cost']:.4g}")
    return "\n".join(lines)
