"""``--log-json``: stages and the end of a command as lines of JSON, in place of texts for people.

Texts for people name files, columns and values. So with the option standard error has the lines
alone: a note is a line that says where in the code it was made, an error its type and exit code.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import click

from gputsne._version import __version__
from gputsne.base import events

VARIABLE: Final = "GPUTSNE_LOG_JSON"
LOG: Final = "gputsne.log"  # in a context's meta: how the command ended so far
TRUE: Final = ("1", "true", "t", "yes", "y", "on")  # as click reads the variable of a flag


def _asked(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value:
        begin(ctx)


log_option: Final = (
    ("--log-json",),
    {
        "is_flag": True,
        "expose_value": False,
        "callback": _asked,
        "envvar": VARIABLE,
        "help": "Log stages as JSON on standard error, in place of texts; nothing personal in it.",
    },
)


def begin_early(ctx: click.Context, args: Sequence[str]) -> None:
    """Begin the log before the arguments are read, which may fail: messages hold what was typed."""
    has_option = any("--log-json" in param.opts for param in ctx.command.params)
    asked = "--log-json" in args or os.environ.get(VARIABLE, "").lower() in TRUE
    if has_option and asked and not ctx.resilient_parsing:
        begin(ctx)


def begin(ctx: click.Context) -> None:
    """Let the command of a context write a log, unless it does already."""
    if LOG not in ctx.meta:
        ctx.meta[LOG] = {"exit_code": 0, "status": "done"}
        ctx.find_root().with_resource(_log(ctx))


def end(ctx: click.Context) -> None:
    """Tell the end of a command, once; whoever ends the process otherwise calls it."""
    told = ctx.meta.get(LOG)
    if told is not None and "began" in told:
        seconds = time.monotonic() - told.pop("began")
        events.tell("ended", seconds=seconds, **{**events.known(), **told})


@contextmanager
def _log(ctx: click.Context) -> Iterator[None]:
    from gputsne.provenance.run import new_id
    from gputsne.telemetry.lines import JsonLines

    handler, everyone = JsonLines(), logging.getLogger()
    events.LOGGER.addHandler(handler)
    events.LOGGER.propagate = False  # one line per event
    everyone.addHandler(handler)  # or Python itself would print what no logger handles
    with events.of_run(new_id()):
        try:
            command = ".".join(ctx.command_path.split()[1:])
            ctx.meta[LOG]["began"] = time.monotonic()
            events.tell("started", command=command, version=__version__)
            yield
        finally:
            end(ctx)
            events.LOGGER.removeHandler(handler)
            events.LOGGER.propagate = True
            everyone.removeHandler(handler)


def tell_error(
    ctx: click.Context, error: BaseException | None, exit_code: int, status: str
) -> bool:
    """Tell of an error that ends a command; False where it writes no log.

    Without an error the command came to its end, and its result is that something failed.
    """
    told = ctx.meta.get(LOG)
    if told is None:
        return False
    told |= {"exit_code": exit_code, "status": "_".join(status.split())}
    option = getattr(error, "param", None)
    name = max(option.opts, key=len).lstrip("-") if isinstance(option, click.Option) else None
    if error is None:
        events.tell("error", logging.ERROR, **told)
        return True
    events.tell(
        "error", logging.ERROR, error=type(error).__name__, parameter=name,
        where=events.places_of(error.__traceback__), **told,
    )  # fmt: skip
    return True


def tell_remark(place: Any) -> bool:
    """Tell that something was said to people at a place in the code; False without a log."""
    ctx = click.get_current_context(silent=True)
    if ctx is None or LOG not in ctx.meta:
        return False
    events.tell("remark", where=events.places_of(place)[-1:])
    return True


def tell_warning(message: Warning | str, category: type[Warning], file: str, line: int) -> bool:
    """Tell of a warning that another library gave; our own are told where they are made."""
    ctx = click.get_current_context(silent=True)
    if ctx is None or LOG not in ctx.meta:
        return False
    if not (isinstance(message, Warning) and vars(message).get("told_by_gputsne")):
        where = [f"{Path(file).name}:{line}"]
        events.tell("warning", logging.WARNING, category=category.__name__, where=where)
    return True


def saw(X: Any, **facts: Any) -> None:
    """Let the log, where there is one, know what a command has read: shape, hash of the values."""
    if events.listened():
        from gputsne.provenance.values import read_values

        n, d = X.shape
        learnt = {"rows": n, "features": d, **facts}
        with suppress(TypeError, ValueError):  # of values that are no numbers
            learnt["input_sha256"] = read_values(X).sha256
        events.learn(**learnt)
