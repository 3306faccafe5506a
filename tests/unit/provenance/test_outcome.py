"""Exit codes of interrupts, and names as they can be printed."""

from __future__ import annotations

import signal

import pytest

from gputsne.base.errors import FitInterrupted
from gputsne.provenance.outcome import Outcome, Terminated, described, outcome_of, shown


def raised(cause: BaseException) -> FitInterrupted:
    try:
        try:
            raise cause
        except KeyboardInterrupt as error:
            raise FitInterrupted("interrupted at iteration 5 of 9") from error
    except FitInterrupted as interrupted:
        return interrupted


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        (KeyboardInterrupt(), 130, "interrupted"),
        (raised(KeyboardInterrupt()), 130, "interrupted"),
        (Terminated(signal.SIGTERM), 143, "terminated"),
        (raised(Terminated(signal.SIGTERM)), 143, "terminated"),
        (raised(Terminated(signal.SIGHUP)), 129, "terminated"),
        (EOFError("No data left in file"), 3, "bad input"),
    ],
)
def test_exit_codes_as_shells_have_them(error, code, status):
    outcome = outcome_of(error)
    assert (outcome.exit_code, outcome.status) == (code, status)


class Speechless(RuntimeError):
    def __str__(self) -> str:
        raise TypeError("no words")


class SpeechlessValue(Speechless, ValueError):
    pass


def test_an_error_that_cannot_say_what_it_is_is_told_by_its_type():
    assert described(Speechless()) == "Speechless: "
    assert outcome_of(SpeechlessValue()).message == "SpeechlessValue"


def test_a_fault_of_our_own_has_no_outcome():
    assert outcome_of(RuntimeError("kernel")) is None
    assert Outcome(0).status == "done"


def test_names_are_printable():
    assert shown("plain") == "plain"
    assert shown("\ud800 alone") == "\\ud800 alone"
    assert shown(b"\xff.csv".decode("utf-8", "surrogateescape")) == "\\xff.csv"
