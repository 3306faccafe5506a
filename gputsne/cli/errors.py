"""How a command ends: which exit code an error means, and the one line that is said of it.

What the command line alone decides is usage (2); what lies in the input is bad input (3).
"""

from __future__ import annotations

import traceback
import warnings
from typing import Any, Final

import click

from gputsne.base.errors import BackendUnavailable, DeadlineExceeded, DependencyMissing

DONE: Final = 0
FAILED: Final = 1
USAGE: Final = 2
BAD_INPUT: Final = 3
OVER_MEMORY: Final = 4
DEADLINE: Final = 5
INTERRUPTED: Final = 130  # 128 + SIGINT, as shells have it

STATUS: Final = {
    DONE: "done",
    FAILED: "failed",
    USAGE: "usage",
    BAD_INPUT: "bad input",
    OVER_MEMORY: "over memory",
    DEADLINE: "deadline",
    INTERRUPTED: "interrupted",
}
EXIT_CODES: Final = (
    "Exit codes: 0 done, 1 failed, 2 usage, 3 bad input, 4 over memory,\n"
    "            5 deadline passed, 130 interrupted."
)


class Stop(Exception):
    """The end of a command that did not go as asked: an exit code and one line."""

    def __init__(self, exit_code: int, message: str) -> None:
        self.exit_code = exit_code
        self.message = " ".join(message.split())
        super().__init__(self.message)


def judged(error: BaseException) -> Stop | None:
    """Return how an exception ends the command; None for one that is a fault of gputsne's own."""
    said = str(error)
    if isinstance(error, Stop):
        return error
    if isinstance(error, KeyboardInterrupt | click.Abort):
        return Stop(INTERRUPTED, "interrupted")
    if isinstance(error, DeadlineExceeded):
        return Stop(DEADLINE, said or "the deadline passed")
    if isinstance(error, MemoryError):
        return Stop(OVER_MEMORY, said or "out of memory; see gputsne plan")
    if isinstance(error, DependencyMissing | BackendUnavailable):
        return Stop(USAGE, said)
    if isinstance(error, ValueError | TypeError):
        return Stop(BAD_INPUT, said or type(error).__name__)
    if isinstance(error, OSError):
        return Stop(FAILED, said)
    return None


def _remark(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
    """Show a warning as one line without the place in the code it came from."""
    click.echo(f"gputsne: {' '.join(str(message).split())}", err=True)


class Judged(click.Group):
    """A group whose commands end with one line and the exit code that the error means."""

    def __init__(self, *args: Any, examples: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = examples

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples as they stand."""
        formatter.write(f"\n{self.examples}")

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; turn what it raises into a line and an exit code."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("default", UserWarning)
                warnings.showwarning = _remark
                return super().invoke(ctx)
        except (click.exceptions.Exit, click.UsageError):
            raise
        except BaseException as error:
            stop = judged(error)
            if stop is None:
                raise
            if ctx.meta.get("gputsne.verbose") and stop is not error:
                traceback.print_exception(error)
            click.echo(f"gputsne: {stop.message}", err=True)
            ctx.exit(stop.exit_code)
