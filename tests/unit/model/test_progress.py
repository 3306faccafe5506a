"""Does verbose show a bar where a stage tells how far it is, and its time where it does not?"""

from __future__ import annotations

import re

import numpy as np
import pytest

from gputsne import TSNE
from gputsne.model.progress import StageTimer

X = np.random.default_rng(0).normal(size=(60, 4))


def test_a_stage_that_tells_nothing_gets_one_line(capsys):
    timer = StageTimer(verbose=1)
    with timer.stage("affinities", 60):
        pass
    assert re.fullmatch(r"affinities: \d+\.\d\d s\n", capsys.readouterr().err)


def test_a_stage_that_tells_gets_a_bar(capsys):
    with StageTimer(verbose=1).stage("neighbors", 60) as report:
        report(30, 60)
        report(60, 60)
    shown = capsys.readouterr().err
    assert "neighbors: 100%" in shown
    assert "60/60" in shown
    assert " s\n" not in shown


def test_a_stage_that_fails_says_nothing_of_its_time(capsys):
    timer = StageTimer(verbose=1)
    with pytest.raises(KeyError), timer.stage("prepare"):
        raise KeyError
    assert capsys.readouterr().err == ""
    assert timer.timings["prepare"] >= 0


@pytest.mark.parametrize("verbose", [0, 1])
def test_a_fit_shows_every_stage_once_or_none(capsys, verbose):
    TSNE(max_iter=20, perplexity=5.0, verbose=verbose).fit(X)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "0rows" not in shown.err
    lines = [line.rsplit("\r", 1)[-1] for line in shown.err.split("\n")[:-1]]
    stages = ["prepare", "neighbors", "affinities", "initial", "optimize"]
    assert [line.split(":")[0] for line in lines] == stages * verbose
    assert not any(" 0%" in line for line in lines)
