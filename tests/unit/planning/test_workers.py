"""The model of several workers: sums and closed forms, where more stop paying, what is printed."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner

import gputsne
from gputsne.cli import main
from gputsne.planning import host, workers
from gputsne.planning.workers import Step, WorkersPlan, plan_workers

PAGE = Path(__file__).resolve().parents[3] / "docs" / "large.md"


@pytest.fixture(scope="module")
def plans():
    return plan_workers(10**8, 50)


def test_a_step_is_its_parts():
    step = Step("s", alone=3.0, split=100.0, each=0.5, start=2.0, spread=True)
    assert step.seconds(10) == 3.0 + 2.0 + 10.0 + 5.0
    assert step.machine_seconds(10) == 200.0
    assert Step("s", alone=3.0).machine_seconds(10) == 3.0


def test_all_is_the_sum_and_cost_is_what_machines_are_held_for(plans):
    for found in plans:
        assert found.seconds(32) == pytest.approx(sum(s.seconds(32) for s in found.steps))
        held = sum(s.seconds(32) * (32 if s.spread else 1) for s in found.steps)
        assert found.cost(32, 1.5) == pytest.approx(held / 3600 * 1.5)
    assert plans[1].steps[: len(plans[0].steps)] == plans[0].steps


def test_more_workers_take_less_time_until_the_quickest_number(plans):
    for found in plans:
        most = found.quickest
        counts = sorted({1, 2, 3, 7, 20, 100, most // 2, most})
        times = [found.seconds(w) for w in counts]
        assert all(later < earlier for earlier, later in pairwise(times))
        assert found.seconds(most) <= min(found.seconds(most - 1), found.seconds(most + 1))
        assert found.seconds(4 * most) > found.seconds(most)


def test_twice_as_many_stop_paying_where_they_save_less_than_a_tenth():
    # s = 100 alone, p = 1000 split: W > 4 p / s = 40
    found = WorkersPlan(999, 2, (Step("a", alone=100.0), Step("b", split=1000.0, spread=True)))
    assert found.stops_paying == 40
    assert found.seconds(80) >= 0.9 * found.seconds(40) - 1e-9
    assert found.seconds(78) < 0.9 * found.seconds(39)
    assert found.alone_share == pytest.approx(100 / 1100)
    for plan in plan_workers(10**8, 50):
        w = plan.stops_paying
        assert plan.seconds(2 * w) > 0.89 * plan.seconds(w)
        assert plan.seconds(w) < 0.9 * plan.seconds(max(1, w // 2))


def test_nothing_to_split_is_one_worker_s():
    found = WorkersPlan(10, 2, (Step("a", alone=1.0),))
    assert (found.stops_paying, found.quickest, found.alone_share) == (1, 1, 1.0)


def test_one_worker_s_fit_is_that_of_the_model_of_fits():
    """Search, P and iterations of the refinement add up to a fit of as many iterations."""
    _, refined = plan_workers(1_000_000, 50)
    own = sum(step.seconds(1) for step in refined.steps[-3:])
    fit = host.host_seconds(1_000_000, 50, 90, 2, iterations=workers.REFINED)
    assert own == pytest.approx(fit, rel=1e-9)
    place = next(step for step in refined.steps if step.name == "place all rows")
    assert place.split == pytest.approx(host.placement_seconds(1_000_000, 100_000, 50, 2))


def test_memory_of_the_refinement_is_that_of_the_plan(plans):
    whole = gputsne.plan(10**8, 50)
    by_name = {step.name: step.bytes for step in plans[1].steps}
    assert by_name["make P"] > whole.stages["affinities"]
    assert by_name["place all rows"] < 1e9  # of any number of rows
    assert plan_workers(10**7, 50)[0].steps[2].bytes == by_name["place all rows"]
    assert by_name["find all neighbours"] > 10**8 * 50 * 16


def test_the_page_has_the_numbers_of_the_model(plans):
    def told(seconds):
        if seconds < 120:
            return f"{seconds:.0f} s"
        return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"

    page = PAGE.read_text()
    placed, refined = plans
    for step in refined.steps:
        machines = "all" if step.spread else "one"
        times = f"{told(step.seconds(1))} | {told(step.seconds(32))}"
        assert f"| {step.name} | {machines} | {step.bytes / 1e9:.2f} GB | {times} |" in page
    for w in (1, 8, 32, 128):
        cells = [
            str(w), told(placed.seconds(w)), f"{placed.cost(w, 1):.2f}", told(refined.seconds(w)),
            f"{refined.cost(w, 1):.1f}",
        ]  # fmt: skip
        assert f"| {' | '.join(cells)} |" in page
    assert f"above {placed.stops_paying} workers twice as many" in page
    assert f"with a refinement above {refined.stops_paying}." in page


def run(*args):
    return CliRunner().invoke(main, ["plan", *map(str, args)])


def test_the_command_prints_the_model(plans):
    result = run("1e8", 50, "--workers", 32, "--price-per-hour", 0.4, "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    for name, found in zip(("placed", "refined"), plans, strict=True):
        assert told[name]["seconds"] == pytest.approx(found.seconds(32))
        assert told[name]["cost"] == pytest.approx(found.cost(32, 0.4))
        assert told[name]["stops_paying"] == found.stops_paying
        assert [s["name"] for s in told[name]["steps"]] == [s.name for s in found.steps]
    text = run("1e8", 50, "--workers", 32).stdout
    assert f"above {plans[0].stops_paying} workers" in text
    assert "million.json" in text
    assert "cost" not in text


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (("--device", "h100"), 2),
        (("--replicas", "2", "--price-per-hour", "1"), 2),
        (("--max-cost", "2", "--price-per-hour", "1"), 2),
        (("--memory-limit", "300M"), 4),
        (("--schedule", "short"), 2),
        (("--pca", "10"), 0),
        (("--pca", "51"), 2),
    ],
)  # fmt: skip
def test_what_the_command_refuses(args, code):
    assert run("1e7", 50, "--workers", 4, *args).exit_code == code


@pytest.mark.parametrize(
    ("workers", "said"),
    [
        ("1e9", "1000000000 is more than the 99999 shards that a transform can be cut into"),
        ("100000", "100000 is more than the 99999 shards"),
        ("1.5", "isn't a whole number from 1"),
        ("0", "isn't a whole number from 1"),
    ],
)
def test_workers_that_can_not_be_are_refused_with_the_reason(workers, said):
    result = run("1e8", 50, "--workers", workers)
    assert result.exit_code == 2
    assert said in result.stderr


def test_workers_may_be_written_as_rows_are():
    assert run("1e8", 50, "--workers", "1e2").stdout == run("1e8", 50, "--workers", 100).stdout
