"""How a run ended: status, exit code and one line, from the exception that ended it.

What the command line alone decides is usage (2); what lies in the input is bad input (3).
"""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import Final

from gputsne.base.errors import (
    IN_CALLBACK,
    BackendUnavailable,
    DeadlineExceeded,
    DependencyMissing,
    OverBudget,
    PromotionRefused,
)

__all__ = [
    "DONE_OUTCOME", "STATUS", "STATUSES", "Outcome", "Terminated", "described", "outcome_of",
    "shown",
]  # fmt: skip

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
OVER_BUDGET: Final = "over budget"  # of exit code 4, too
TERMINATED: Final = "terminated"
STATUSES: Final = (*STATUS.values(), OVER_BUDGET, TERMINATED)


class Terminated(KeyboardInterrupt):
    """A signal asked the process to end; treated as Ctrl-C, but for the exit code.

    Attributes
    ----------
    number : int
        The signal.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(signal.Signals(number).name)


@dataclass(frozen=True)
class Outcome:
    """The end of a run.

    Attributes
    ----------
    exit_code : int
        0 done, 1 failed, 2 usage, 3 bad input, 4 over memory or budget, 5 deadline, 128 + n for
        signal n.
    message : str
        One line; empty when done.
    word : str
        The status, where the exit code has several.
    """

    exit_code: int
    message: str = ""
    word: str = ""

    @property
    def status(self) -> str:
        """The exit code in a word; a signal other than Ctrl-C says "terminated"."""
        return self.word or STATUS.get(self.exit_code, TERMINATED)


DONE_OUTCOME: Final = Outcome(DONE)


def outcome_of(error: BaseException) -> Outcome | None:
    """Return how an exception ends a run; None for one that is a fault of gputsne's own.

    Parameters
    ----------
    error : BaseException
        What was raised.

    Returns
    -------
    Outcome or None

    Examples
    --------
    >>> outcome_of(MemoryError("9 GiB needed")).exit_code
    4
    """
    said = " ".join(_words_of(error).split())
    if isinstance(error, KeyboardInterrupt):
        code = _signal_of(error)
        return Outcome(code, "interrupted" if code == INTERRUPTED else "terminated by a signal")
    if isinstance(error, DeadlineExceeded):
        return Outcome(DEADLINE, said or "the deadline passed")
    if isinstance(error, MemoryError):
        return Outcome(OVER_MEMORY, said or "out of memory; see gputsne plan")
    if isinstance(error, OverBudget):
        return Outcome(OVER_MEMORY, said, OVER_BUDGET)
    if isinstance(error, DependencyMissing | BackendUnavailable):
        return Outcome(USAGE, said)
    if isinstance(error, PromotionRefused):
        return Outcome(FAILED, said)
    if IN_CALLBACK in getattr(error, "__notes__", ()):
        return Outcome(FAILED, f"a callback raised {type(error).__name__}: {said}")
    if isinstance(error, ValueError | TypeError):
        return Outcome(BAD_INPUT, said or type(error).__name__)
    if isinstance(error, EOFError):  # numpy says it of empty files
        return Outcome(BAD_INPUT, said or "a file ends too early")
    if isinstance(error, OSError):
        if error.filename is not None and error.strerror:
            said = f"{shown(error.filename)}: {error.strerror}"
        return Outcome(FAILED, said or type(error).__name__)
    return None


def described(error: BaseException) -> str:
    """Return an error in one line; with its type where it is a fault of gputsne's own.

    Parameters
    ----------
    error : BaseException
        What was raised.

    Returns
    -------
    str

    Examples
    --------
    >>> described(RuntimeError("kernel"))
    'RuntimeError: kernel'
    """
    ended = outcome_of(error)
    return ended.message if ended else f"{type(error).__name__}: {_words_of(error)}"


def _words_of(error: BaseException) -> str:
    """Return an error's text; "" where its own code fails to say it."""
    try:
        return shown(error)
    except Exception:
        return ""


def _signal_of(error: BaseException | None) -> int:
    """Return the exit code of an interrupt: 128 + the signal that is found among its causes."""
    while error is not None:
        if isinstance(error, Terminated):
            return 128 + error.number
        error = error.__cause__ or error.__context__
    return INTERRUPTED


def shown(name: object) -> str:
    r"""Return text or a file's name as it can be printed; bytes that are no UTF-8 as ``\xe9``.

    Parameters
    ----------
    name : object
        A path, a string or anything that ``str`` turns into one.

    Returns
    -------
    str
        Encodable as UTF-8.

    Examples
    --------
    >>> shown(b"caf\xe9.csv".decode("utf-8", "surrogateescape"))
    'caf\\xe9.csv'
    """
    text = str(name)
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # a surrogate that stands for no byte
        return text.encode("utf-8", "backslashreplace").decode("utf-8")
