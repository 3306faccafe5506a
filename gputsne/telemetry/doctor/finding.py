"""Finding: what a check of the doctor found, and the one thing to do about it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

__all__ = ["FAILED", "OK", "STATES", "WARNING", "Check", "Finding", "checked", "within"]

OK: Final = "ok"
WARNING: Final = "warning"
FAILED: Final = "failed"
STATES: Final = (OK, WARNING, FAILED)
T = TypeVar("T")


@dataclass(frozen=True)
class Finding:
    """What a check found.

    Attributes
    ----------
    area : str
        "environment", "gpu", "store", "scrape", "pushgateway" or "permissions".
    name : str
        Of the check.
    state : str
        "ok", "warning" (gputsne runs, and something will be slow or is risky) or "failed".
    found : str
        One line.
    remedy : str
        One thing to do, a command where there is one; "" where all is well.
    """

    area: str
    name: str
    state: str
    found: str
    remedy: str = ""


Check = Callable[[], Finding | Iterable[Finding]]


def checked(area: str, name: str, check: Check) -> list[Finding]:
    """Return what a check finds; that it broke, where it does.

    Parameters
    ----------
    area, name : str
        Of the finding where the check breaks.
    check : callable
        Returns a finding or several.

    Returns
    -------
    list of Finding
    """
    try:
        found = check()
        return [found] if isinstance(found, Finding) else list(found)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # whatever is broken here, the other checks go on
        words = " ".join(str(error).split())
        told = f"the check ended with {type(error).__name__}{f': {words}' if words else ''}"
        return [Finding(area, name, FAILED, told, "report it, with gputsne doctor --json")]


def within(seconds: float, work: Callable[[], T]) -> T:
    """Return what some work returns, which may wait for ever for a disk or a network.

    Parameters
    ----------
    seconds : float
        How long it may take; then it is left to itself, in a thread that ends with the process.
    work : callable
        Of no arguments.

    Returns
    -------
    object
        What it returns.

    Raises
    ------
    TimeoutError
        It takes longer.
    """
    found: list[Any] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            found.append(work())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True, name="gputsne-doctor")
    thread.start()
    thread.join(seconds)
    if errors:
        raise errors[0]
    if not found:
        raise TimeoutError(f"no answer within {seconds:g} s")
    return found[0]  # type: ignore[no-any-return]
