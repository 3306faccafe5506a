"""Errors of a command as one line and an exit code, and signals as Ctrl-C.

What each exception means is gputsne.provenance.outcome's to say; here click's own are added.
"""

from __future__ import annotations

import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

import click

from gputsne.base.extras import unimportable
from gputsne.cli.log import tell_error, tell_warning
from gputsne.cli.output import (
    open_standard_streams,
    printing,
    say,
    silence_standard_output,
    standard_output_is_closed,
)
from gputsne.provenance.outcome import FAILED, INTERRUPTED, Outcome, Terminated, outcome_of

EXIT_CODES: Final = (
    "Exit codes: 0 done, 1 failed, 2 usage, 3 bad input, 4 over memory or budget,\n"
    "            5 deadline passed, 130 interrupted, 143 or 129 ended by SIGTERM or SIGHUP."
)
_SIGNALS: Final = tuple(
    getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)
)


class Exit(Exception):
    """The end of a command that did not go as asked.

    Attributes
    ----------
    outcome : Outcome
        Exit code and one line.
    error : BaseException or None
        What --verbose shows the traceback of.
    """

    def __init__(self, outcome: Outcome, error: BaseException | None = None) -> None:
        self.outcome, self.error = outcome, error
        super().__init__(outcome.message)


def exit_for(error: BaseException) -> Outcome | None:
    """Return how an exception ends a command; None for one that is a fault of gputsne's own."""
    if isinstance(error, Exit):
        return error.outcome
    if isinstance(error, click.Abort):
        return Outcome(INTERRUPTED, "interrupted")
    return outcome_of(error)


@contextmanager
def signals_as_interrupts() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end what runs inside as Ctrl-C does; the first of them counts.

    A signal that is ignored, as SIGHUP under nohup, stays so. Only the main thread gets signals:
    in another one this does nothing.
    """
    heard: list[int] = []

    def interrupt(number: int, frame: FrameType | None) -> None:
        if not heard:  # schedulers repeat themselves, and the map is being written
            heard.append(number)
            raise Terminated(number)

    before: dict[int, Any] = {}
    try:
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                if signal.getsignal(number) == signal.SIG_DFL:
                    before[number] = signal.signal(number, interrupt)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _show_warning(
    message: Warning | str, category: type[Warning], *where: Any, **more: Any
) -> None:
    """Show a warning as one line without the place in the code it came from."""
    if tell_warning(message, category, *where[:2]):
        return
    from gputsne.cli.wording import in_shell

    context = click.get_current_context(silent=True)
    said = in_shell(" ".join(str(message).split()), context.command if context else None)
    say(f"gputsne: {said}", err=True)


class ErrorGroup(click.Group):
    """A group whose commands end with one line and the exit code that the error means."""

    def __init__(self, *args: Any, examples: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = examples

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples as they stand."""
        formatter.write(f"\n{self.examples}")

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run the program; standard streams that were closed are open to nothing first."""
        open_standard_streams()
        try:
            return super().main(*args, **kwargs)
        except OSError as error:  # of --help and --version, which are printed before `invoke`
            if (outcome := exit_for(error)) is None:
                raise
            say(f"gputsne: {outcome.message}", err=True)
            sys.exit(outcome.exit_code)
        finally:
            if standard_output_is_closed():
                silence_standard_output()

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """Read the arguments; --help and --version print."""
        with printing():
            return super().make_context(*args, **kwargs)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command; one line where a library that it needs is broken."""
        try:
            return super().get_command(ctx, cmd_name)
        except ImportError as error:
            say(unimportable(error), err=True)
            ctx.exit(FAILED)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; turn what it raises into a line and an exit code."""
        try:
            with warnings.catch_warnings(), signals_as_interrupts():
                warnings.simplefilter("default", UserWarning)
                warnings.showwarning = _show_warning
                return super().invoke(ctx)
        except click.exceptions.Exit:
            raise
        except click.UsageError as error:
            if not tell_error(ctx, error, error.exit_code, "usage"):
                raise
            ctx.exit(error.exit_code)
        except BrokenPipeError as error:
            if error.filename is not None:  # an output of its own, such as a map to a pipe
                self._end(ctx, error)
            silence_standard_output()  # who read the summary has gone
            ctx.exit(0)
        except BaseException as error:
            self._end(ctx, error)

    def _end(self, ctx: click.Context, error: BaseException) -> None:
        outcome = exit_for(error)
        cause = error.error if isinstance(error, Exit) else error
        told = outcome or Outcome(FAILED)
        if tell_error(ctx, cause, told.exit_code, told.status):
            ctx.exit(told.exit_code)
        if outcome is None:
            raise error
        if ctx.meta.get("gputsne.verbose") and cause is not None:
            say("".join(traceback.format_exception(cause)), err=True)
        said = outcome.message
        if not isinstance(error, KeyboardInterrupt):  # which may have come while this is imported
            from gputsne.cli.wording import in_shell

            said = in_shell(said, ctx.meta.get("gputsne.command"))  # of a group, not the group
        say(f"gputsne: {said}", err=True)
        ctx.exit(outcome.exit_code)
