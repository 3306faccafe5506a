"""Bars on a terminal, lines through logging elsewhere, deadlines at the borders of stages."""

from __future__ import annotations

import logging
import re
import sys

import numpy as np
import pytest

from gputsne import TSNE
from gputsne.base import deadline
from gputsne.base.errors import DeadlineExceeded
from gputsne.model import progress
from gputsne.model.progress import StageTimer

X = np.random.default_rng(0).normal(size=(60, 4))
STAGES = ["prepare", "neighbors", "affinities", "initial", "optimize"]


@pytest.fixture
def terminal(monkeypatch, capsys):
    monkeypatch.setattr(progress, "_on_terminal", lambda: True)
    return capsys


def test_a_stage_that_tells_nothing_gets_one_line(terminal):
    watch = StageTimer(verbose=1)
    with watch.stage("affinities", 60):
        pass
    assert re.fullmatch(r"affinities: \d+\.\d\d s\n", terminal.readouterr().err)


def test_a_stage_that_tells_gets_a_bar(terminal):
    with StageTimer(verbose=1).stage("neighbors", 60) as tell:
        tell(30, 60)
        tell(60, 60)
    shown = terminal.readouterr().err
    assert "neighbors: 100%" in shown
    assert "60/60" in shown
    assert " s\n" not in shown


def test_a_stage_that_fails_says_nothing_of_its_time(terminal):
    watch = StageTimer(verbose=1)
    with pytest.raises(KeyError), watch.stage("prepare"):
        raise KeyError
    assert terminal.readouterr().err == ""
    assert watch.timings["prepare"] >= 0


@pytest.mark.parametrize("verbose", [0, 1])
def test_a_fit_shows_every_stage_once_or_none(terminal, verbose):
    TSNE(max_iter=20, perplexity=5.0, verbose=verbose).fit(X)
    shown = terminal.readouterr()
    assert shown.out == ""
    assert "0rows" not in shown.err
    lines = [line.rsplit("\r", 1)[-1] for line in shown.err.split("\n")[:-1]]
    assert [line.split(":")[0] for line in lines] == STAGES * verbose
    assert not any(" 0%" in line for line in lines)


def test_off_a_terminal_every_stage_is_one_line_without_a_bar(capsys):
    TSNE(max_iter=20, perplexity=5.0, verbose=1).fit(X)
    shown = capsys.readouterr().err
    assert "\r" not in shown
    assert [line.split(":")[0] for line in shown.splitlines()] == STAGES
    assert re.search(r"^optimize: 20 of 20 iterations, KL \d\.\d{4}, \d+\.\d\d s$", shown, re.M)


def test_lines_go_through_logging_where_it_is_set_up(capsys, caplog):
    with caplog.at_level(logging.INFO, "gputsne"):
        TSNE(max_iter=20, perplexity=5.0, verbose=1).fit(X)
    assert [r.getMessage().split(":")[0] for r in caplog.records] == STAGES
    assert capsys.readouterr().err == ""


def test_a_long_stage_tells_how_far_it_is_now_and_then(capsys, monkeypatch):
    clock = iter([100.0, 105.0, 111.0, 112.0, 125.0, 125.0])
    monkeypatch.setattr(progress.time, "perf_counter", lambda: next(clock))
    with StageTimer(verbose=1).stage("neighbors", 60) as tell:
        tell(10, 60)  # too soon for a line
        tell(30, 60)
        tell(31, 60)
    assert capsys.readouterr().err.splitlines() == [
        "neighbors: 30 of 60 rows, about 11 s left",
        "neighbors: 31 of 60 rows, 25.00 s",
    ]


def test_without_a_standard_error_nothing_is_said_anywhere(capsys, monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    TSNE(max_iter=20, perplexity=5.0, verbose=1).fit(X)
    assert capsys.readouterr().out == ""


def test_a_deadline_ends_stages_at_their_border_and_when_they_tell():
    watch = StageTimer()
    with deadline.limit(0.0), pytest.raises(DeadlineExceeded, match="of 0 s passed before stage"):
        watch.stage("prepare").__enter__()
    with watch.stage("neighbors", 9) as tell:
        tell(1, 9)
        with deadline.limit(0.0), pytest.raises(DeadlineExceeded, match="in stage 'neighbors'"):
            tell(2, 9)


def test_a_library_that_is_merely_imported_makes_no_notebook(capfd):
    import ipykernel.kernelapp  # noqa: F401, as trackers do

    TSNE(max_iter=60, verbose=1, perplexity=5, random_state=0).fit(X)
    err = capfd.readouterr().err
    assert "60 of 60 iterations" in err
    assert "\r" not in err
