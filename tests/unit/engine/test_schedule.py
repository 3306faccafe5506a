"""Schedules: the classic one is openTSNE's, number by number; the other halves exaggeration."""

from __future__ import annotations

import itertools

import pytest

from gputsne.base.types import StepParams
from gputsne.engine.schedule import SCHEDULES, Schedule

N = 4800


def test_the_classic_schedule_is_openTSNEs():  # noqa: N802 - its name
    """Its defaults: 250 and 500 iterations, momentum 0.8, n / exaggeration, max_step_norm 5."""
    schedule = Schedule.named("classic", N)
    assert schedule == Schedule(N)
    assert schedule.max_iter == 250 + 500
    for t in range(schedule.max_iter):
        exaggeration = 12.0 if t < 250 else 1.0
        rate = N / exaggeration / 4.0  # its gradient lacks the factor 4
        assert schedule(t) == StepParams(exaggeration, 0.8, rate, 5.0)


def stages(schedule):
    """Return (exaggeration, iterations) of each stage in turn."""
    every = (schedule(t).exaggeration for t in range(schedule.max_iter))
    return [(value, len(list(same))) for value, same in itertools.groupby(every)]


def test_the_exaggeration_is_halved_three_times():
    schedule = Schedule.named("short", N)
    early, whole = schedule.early_exaggeration_iter, schedule.max_iter
    assert stages(schedule) == [(12.0, 120), (6.0, 20), (3.0, 20), (1.5, 20), (1.0, whole - early)]
    for t in range(early):  # openTSNE's rate for the exaggeration of the moment
        now = schedule(t)
        assert now.learning_rate == pytest.approx(N / (4 * now.exaggeration))
        assert now.momentum == 0.8
        assert now.max_step == (5.0 if t < 120 else 1.0)
    assert {schedule(t) for t in (early, whole - 1, whole + 99)} == {StepParams(1.0, 0.92, N, 1.0)}


@pytest.mark.parametrize(
    ("given", "want"),
    [
        ({"early_exaggeration_iter": 0}, [(1.0, 13)]),
        ({"early_exaggeration": 1.0}, [(1.0, 13)]),
        ({"exaggeration": 16.0}, [(16.0, 13)]),
        ({"exaggeration": 32.0}, [(16.0, 9), (32.0, 4)]),  # what is below isn't let down
        ({"early_exaggeration_iter": 1}, [(16.0, 1), (1.0, 12)]),
        ({"early_exaggeration_iter": 2}, [(16.0, 1), (8.0, 1), (1.0, 11)]),
        ({}, [(16.0, 6), (8.0, 1), (4.0, 1), (2.0, 1), (1.0, 4)]),
        ({"exaggeration": 4.0}, [(16.0, 6), (8.0, 1), (4.0, 6)]),
        ({"exaggeration": 3.0, "early_exaggeration": 4.0}, [(4.0, 6), (3.0, 7)]),
    ],
)
def test_stages_of_other_phases(given, want):
    usual = {"early_exaggeration": 16.0, "early_exaggeration_iter": 9, "max_iter": 13}
    assert stages(Schedule.named("short", N, **usual | given)) == want


def test_lengths():
    assert Schedule.named("short", N).max_iter == SCHEDULES["short"]["max_iter"]
    assert Schedule.named("short", N, max_iter=1000).early_exaggeration_iter == 180
    main = Schedule.named("short", N).max_iter - 180
    assert Schedule.named("short", N, early_exaggeration_iter=400).max_iter == 400 + main
    assert Schedule.named("classic", N, early_exaggeration_iter=400).max_iter == 750
    # what an iteration does doesn't depend on how many there will be: runs can be continued
    short, long = (Schedule.named("short", N, max_iter=m) for m in (100, 900))
    assert [short(t) for t in range(900)] == [long(t) for t in range(900)]


def test_the_rate_of_few_points():
    assert Schedule.named("classic", 30)(0).learning_rate == 1.0  # not 30 / 48
    assert Schedule.named("short", 30)(299).learning_rate == 30.0
