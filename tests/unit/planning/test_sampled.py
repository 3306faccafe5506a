"""Memory of a map that starts from a sample: by parts, above what was measured, with remedies."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import gputsne
from gputsne.base.errors import OverMemory
from gputsne.planning.sampled import plan_sampled, sample_size


def test_a_sample_is_a_tenth_within_limits():
    assert [sample_size(n) for n in (10, 5000, 60_000, 999_999, 10**6, 10**9)] == [
        10, 5000, 6000, 99_999, 100_000, 100_000,
    ]  # fmt: skip


def test_the_fit_of_the_sample_is_a_fit_and_the_refinement_one_of_all():
    n, d = 2_000_000, 50
    found = plan_sampled(n, d)
    sample, whole = gputsne.plan(100_000, d), gputsne.plan(n, d)
    assert found.stages["fit"] == 4 * n * d + sample.host_bytes
    assert found.stages["refine"] == whole.host_bytes + 3 * 4 * n * 2
    assert found.host_bytes == found.stages["refine"]
    assert "refine" not in plan_sampled(n, d, refine=False).stages


def test_rows_that_stay_where_they_are_take_no_memory():
    held, lazy = (plan_sampled(10**7, 50, refine=False, lazy=lazy) for lazy in (False, True))
    for stage, size in held.stages.items():
        assert size - lazy.stages[stage] == 4 * 10**7 * 50
    more = plan_sampled(2 * 10**7, 50, refine=False, lazy=True)
    assert more.stages["transform"] - lazy.stages["transform"] == 8 * 10**7  # places of the others


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"n": 10**6}, "refine=None leaves"),
        ({"n": 10**6, "sample": 900_000, "refine": False}, "a smaller sample"),
    ],
)
def test_what_does_not_fit_is_refused_with_a_remedy(given, said):
    with pytest.raises(OverMemory, match=said):
        plan_sampled(d=50, **given).check("500M")
    plan_sampled(d=50, **given).check("100G")


@pytest.mark.parametrize(("way", "refine"), [("placed", False), ("refined", True)])
def test_it_bounds_what_was_measured(way, refine):
    results = Path(__file__).resolve().parents[3] / "bench" / "results"
    record = json.loads((results / "large_million.json").read_text(encoding="utf-8"))
    planned = plan_sampled(record["n"], record["d"], refine=refine)
    assert record["ways"][way]["peak_bytes"] < planned.host_bytes
