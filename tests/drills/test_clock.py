"""Drill: a machine's clock is set, or jumps, in the middle of a night's run."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from drilled import FIT, metrics_of, table

import gputsne
from gputsne.base import deadline
from gputsne.base.errors import DeadlineExceeded, PromotionRefused
from gputsne.cli import main
from gputsne.provenance import Run
from gputsne.runs.job import Job
from gputsne.telemetry import Board, Exporter, board_of_store, finish

HOUR, YEAR = 3600.0, 365 * 86_400.0
JUMPS = {"back an hour": -HOUR, "on an hour": HOUR, "back a year": -YEAR, "on a year": YEAR}


class Clock:
    """The time of day, of which drills are the master; what counts seconds goes on as it does."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def moment(self) -> type[datetime]:
        clock = self

        class Moment(datetime):
            @classmethod
            def now(cls, tz=None):
                return datetime.now(tz) + timedelta(seconds=clock.ahead)

        return Moment


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    held = Clock()
    moment, real = held.moment(), time.time
    for name in ("gputsne.runs.keeping", "gputsne.telemetry.monitor"):  # what commands import late
        import_module(name)
    for name, module in list(sys.modules.items()):
        if name.startswith("gputsne.") and getattr(module, "datetime", None) is datetime:
            monkeypatch.setattr(module, "datetime", moment)
    monkeypatch.setattr(time, "time", lambda: real() + held.ahead)
    return held


@contextmanager
def in_the_fit(monkeypatch: pytest.MonkeyPatch, work) -> Iterator[None]:
    """Do something when the first map of a job's fit has been made."""
    fit = Job._fit

    def fitted(job: Job) -> None:
        fit(job)
        work()

    with monkeypatch.context() as patch:
        patch.setattr(Job, "_fit", fitted)
        yield


def embed(*more: str) -> Result:
    line = ["embed", "x.npy", "-o", "map.npy", "--store", "runs", *FIT, *more]
    return CliRunner().invoke(main, line)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    table(tmp_path / "x.npy", rows=60)
    return tmp_path


@pytest.mark.parametrize("jump", JUMPS)
def test_a_run_is_as_long_as_it_took_whatever_the_clock_does(
    jump: str, clock: Clock, here: Path, monkeypatch: pytest.MonkeyPatch
):
    def set_clock() -> None:
        clock.ahead += JUMPS[jump]

    begun = time.monotonic()
    with in_the_fit(monkeypatch, set_clock):
        done = embed("--metrics-textfile", "maps.prom", "--price-per-hour", "3600")
    most = time.monotonic() - begun
    assert done.exit_code == 0, done.output
    (run,) = gputsne.Store("runs").list()
    assert 0 < run.seconds <= most
    assert run.cost == pytest.approx(run.seconds)
    assert (
        abs(
            (
                datetime.fromisoformat(run.ended) - datetime.fromisoformat(run.started)
            ).total_seconds()
            - JUMPS[jump]
        )
        <= most
    )  # what the clock said is kept as it was said
    for text in (Path("maps.prom"), board_of_store(gputsne.Store("runs")).text()):
        told = metrics_of(text)
        assert 0 < told["gputsne_run_duration_seconds_sum{stage=total}"] <= most
        assert told["gputsne_run_duration_seconds_count{stage=total}"] == 1
        assert told["gputsne_run_duration_seconds_bucket{le=+Inf,stage=total}"] == 1
        assert 0 < told["gputsne_cost_total"] <= most
        assert told["gputsne_runs_in_progress"] == 0


@pytest.mark.parametrize("jump", ["back a year", "on a year"])
def test_a_fit_of_python_is_as_long_as_it_took(jump: str, clock: Clock, here: Path):
    def set_clock(progress: object) -> None:
        clock.ahead = JUMPS[jump]

    begun = time.monotonic()
    called = [Exporter({"model": "m"}, textfile="maps.prom"), set_clock]
    model = gputsne.TSNE(max_iter=100, perplexity=10, callbacks=called).fit(np.load("x.npy"))
    most = time.monotonic() - begun
    assert 0 < model.run_.seconds <= most
    told = metrics_of(Path("maps.prom"))
    assert 0 < told["gputsne_run_duration_seconds_sum{stage=total}"] <= most


def test_a_deadline_is_kept_by_a_clock_that_nobody_sets(
    clock: Clock, here: Path, monkeypatch: pytest.MonkeyPatch
):
    def ahead() -> None:
        clock.ahead = YEAR

    with in_the_fit(monkeypatch, ahead):
        assert embed("--deadline", "600").exit_code == 0

    def behind(progress: object) -> None:
        clock.ahead = -YEAR

    begun = time.monotonic()
    model = gputsne.TSNE(max_iter=10**8, perplexity=10, callbacks=behind)
    with pytest.raises(DeadlineExceeded), deadline.limit(0.3):
        model.fit(np.load("x.npy"))
    assert time.monotonic() - begun >= 0.3


def test_refs_and_verdicts_keep_their_order_when_the_clock_is_set_back(clock: Clock, here: Path):
    store = gputsne.Store("runs")
    ids = []
    for ahead in (YEAR, 0.0, -HOUR):
        clock.ahead = ahead
        run = Run()
        ids.append(store.put(run))
        store.promote(run.id)
    assert store.refs() == {"production": ids[-1]}
    assert [entry.id for entry in store.history()] == ids
    assert store.rollback().id == ids[1]
    for verdict in ("PASS", "FAIL"):
        clock.ahead -= HOUR
        store.add_check(ids[0], {"profile": "ci", "verdict": verdict, "rows": []})
    assert [check["verdict"] for check in store.checks(ids[0])] == ["PASS", "FAIL"]
    with pytest.raises(PromotionRefused, match="FAIL"):
        store.promote(ids[0])
    assert store.verify() == ()
    # the order of runs is that of their starts as the clock told them
    assert [run.id for run in store.list()] == sorted(ids)
    clock.ahead = 0.0
    assert [run.id for run in store.list(since="1d")] == sorted(ids)


def test_records_of_a_clock_that_jumped_take_nothing_off_counters():
    board = Board()
    # as a version of gputsne that trusted the clock wrote it
    run = Run.from_dict({
        "schema": "gputsne.run/2", "id": Run().id, "status": "done", "seconds": -3600.0,
        "price_per_hour": 10.0,
    })  # fmt: skip
    finish(board, run)
    told = metrics_of(board.text())
    assert told["gputsne_runs_total{status=done}"] == 1
    assert run.cost is None
    assert "gputsne_cost_total" not in told
    assert "gputsne_run_duration_seconds_sum{stage=total}" not in told
