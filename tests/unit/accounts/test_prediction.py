"""Predicted seconds, held against every fit that the benchmarks measured, and against past runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from stores import run_of

from gputsne.accounts.prediction import START, fitting, modelled, predict, predict_placement
from gputsne.planning.host import ERROR, ERROR_BELOW, ERROR_FROM, host_seconds, placement_seconds
from gputsne.provenance.machine import host

RESULTS = Path(__file__).parents[3] / "bench" / "results"
TWO = {"n_jobs": 2}


def results(name):
    return json.loads((RESULTS / f"{name}.json").read_text())


def measured():
    """Return rows, columns, iterations and seconds of every fit that was measured on a CPU."""
    found = []
    for name in ("digits", "mnist", "million"):
        told = results(name)
        for engine in ("gputsne", "short"):
            for run in told["engines"][engine]["runs"]:
                found.append((told["n"], told["d"], run["iterations"], run["seconds"]["total"]))
    for size in results("scaling")["engines"]["gputsne"]["sizes"]:
        found.append((size["n"], 50, 750, size["seconds"]["total"]))
    return found


@pytest.mark.parametrize(("n", "d", "iterations", "seconds"), measured())
def test_the_model_is_as_far_off_as_it_says_and_no_further(n, d, iterations, seconds):
    told = host_seconds(n, d, 90, 2, iterations=iterations)
    error = ERROR if n >= ERROR_FROM else ERROR_BELOW
    assert 1 / error <= told / seconds <= error


@pytest.mark.parametrize(("error", "large"), [(ERROR, True), (ERROR_BELOW, False)])
def test_no_stated_error_is_far_larger_than_what_was_seen(error, large):
    seen = [host_seconds(n, d, 90, 2, iterations=i) / s for n, d, i, s in measured()
            if (n >= ERROR_FROM) is large]  # fmt: skip
    assert error / 2 <= max(max(x, 1 / x) for x in seen)


def test_placing_rows_takes_what_was_measured():
    told = results("transform")
    seconds = placement_seconds(told["new_rows"], told["n"], told["d"], told["threads"])
    assert seconds == pytest.approx(told["seconds"]["total"], rel=0.01)
    found = predict_placement(told["new_rows"], told["n"], told["d"], 2)
    assert found.seconds == pytest.approx(START + seconds)
    assert found.low < found.seconds < found.high


def of_run(seconds, n=70_000, digits=0, **more):
    facts = {"host": host(), "device": "cpu", "n_iter": 750, "parameters": TWO} | more
    return run_of(1, digits, seconds=seconds, input={"shape": [n, 50]}, **facts)


def test_runs_like_it_scale_the_prediction_by_their_median():
    plain = predict(70_000, 50, TWO)
    rows = (60_000, 70_000, 100_000)
    runs = [of_run(f * modelled(n, 50, TWO, "cpu"), n, i) for i, (f, n) in
            enumerate(zip((3.0, 2.0, 5.0), rows, strict=True))]  # fmt: skip
    found = predict(70_000, 50, TWO, runs=runs)
    assert found.seconds == pytest.approx(3.0 * plain.seconds)
    assert (found.low, found.high) == pytest.approx((2 * plain.seconds, 5 * plain.seconds))
    assert "median of 3 runs" in found.by
    alone = predict(70_000, 50, TWO, runs=runs[:1])
    assert (alone.low, alone.high) == pytest.approx((alone.seconds / 2, alone.seconds * 2))


@pytest.mark.parametrize(
    "other",
    [
        {"host": "elsewhere"}, {"device": "cuda"}, {"status": "failed"}, {"n": 5_000},
        {"n": 600_000}, {"parameters": {"schedule": "of another version"}, "n_iter": None},
    ],
    ids=str,
)  # fmt: skip
def test_other_runs_say_nothing(other):
    assert predict(70_000, 50, TWO, runs=[of_run(900.0, **other)]) == predict(70_000, 50, TWO)


def test_a_gpu_that_no_run_tells_of_has_no_prediction():
    assert predict(70_000, 50, device="cuda") is None
    runs = [of_run(4.0, device="cuda")]
    found = predict(70_000, 50, device="cuda", runs=runs)
    assert found.seconds == pytest.approx(4.0)
    less = predict(70_000, 50, {"schedule": "short"}, device="cuda", runs=runs)
    assert less.seconds < found.seconds


def test_only_the_latest_runs_count():
    runs = [of_run(100.0, digits=i) for i in range(5)] + [
        of_run(10.0, digits=5 + i) for i in range(20)
    ]
    assert predict(70_000, 50, TWO, runs=runs).seconds == pytest.approx(10.0)


def test_fewer_iterations_columns_and_rows_are_what_would_fit():
    def fits(share, n=1_000_000, d=100, **more):
        return fitting(n, d, {**TWO, **more}, "cpu", share)

    assert fits(0.99)[:2] == ["--schedule short", "--pca 50"]
    assert "--schedule short" not in fits(0.5)
    assert "--schedule short" not in fits(0.99, schedule="short")
    (said,) = fits(0.1, d=50)
    rows = int(said.split()[3].replace(",", ""))
    whole = modelled(1_000_000, 50, TWO, "cpu")
    assert modelled(rows, 50, TWO, "cpu") <= 0.1 * whole < modelled(1.1 * rows, 50, TWO, "cpu")
    assert fits(1e-9) == []


def test_few_rows_take_what_an_iteration_takes_at_least():
    few, digits = (host_seconds(n, 5, 30, 2, iterations=1500) for n in (300, 1797))
    # 1,500 iterations of 0.52 / 750 s each; rows below those of digits change nothing.
    assert few == pytest.approx(1.04, rel=0.01)
    assert digits == pytest.approx(1.04, rel=0.01)


@pytest.mark.parametrize(("n", "d"), [(0, 5), (5, 0)])
def test_a_table_of_nothing_is_refused(n, d):
    with pytest.raises(ValueError, match="at least one row"):
        predict(n, d)
