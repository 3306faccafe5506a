"""Advice: which method serves which goal, by which sentence, beside the plan of this machine."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

import gputsne
from gputsne.cli import main
from gputsne.judging import read_rules
from gputsne.judging.advice import GOALS, PROFILES
from gputsne.planning.host import REST, SEARCH, host_seconds

RULES = {rule.id: rule for rule in read_rules() if rule.profiles[0] in PROFILES.values()}


@pytest.mark.parametrize(
    ("goal", "method", "others"),
    [
        ("explore", "t-SNE", ("UMAP", "PCA")),
        ("global", "UMAP", ("PCA",)),
        ("time", "t-SNE", ("UMAP", "PCA")),
        ("features", "PCA", ("UMAP",)),
    ],
)
@pytest.mark.parametrize("n", [100, 1_000_000])
def test_the_goal_decides_not_the_size(goal, method, others, n):
    found = gputsne.advise(n, 50, goal, device="numpy")
    assert (found.method, found.alternatives) == (method, others)
    assert str(found).startswith(f"{method}; or {', '.join(others)}: for {GOALS[goal][0]}")


# The sizes that the sources name: theirs, written out.
@pytest.mark.parametrize(
    ("rule", "most"),
    [("tsne_size_production", 49_999), ("tsne_size_first", 4_999), ("tsne_size_crash", 99_999)],
)
def test_sizes_of_the_sources_are_told_not_obeyed(rule, most):
    assert gputsne.advise(most, 50, device="numpy").checklists["t-SNE"][rule].status == "pass"
    found = gputsne.advise(most + 1, 50, device="numpy")
    row = found.checklists["t-SNE"][rule]
    assert (row.status, found.method) == ("warn", "t-SNE")
    assert "plan of this machine" in row.action


def test_umap_from_ten_thousand():
    held = [gputsne.advise(n, 5, device="numpy").checklists["UMAP"] for n in (10_000, 10_001)]
    assert [rows["umap_size"].status for rows in held] == ["warn", "pass"]


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.id)
def test_every_rule_quotes_its_source_and_can_be_met(rule):
    assert rule.source.startswith(("S1, ", "S2, ", "gputsne.plan"))
    if rule.source.startswith("S") and rule.severity == "note":
        assert '"' in rule.why
    seen = set()
    for goal in GOALS:
        for n, limit in ((1000, None), (1_000_000, 1e9)):
            found = gputsne.advise(n, 100, goal, device="h100", memory_limit=limit)
            seen |= {row.id for held in found.checklists.values() for row in held.rows}
    assert rule.id in seen


def test_the_plan_is_that_of_plan():
    found = gputsne.advise(1_000_000, 784, device="h200", pca=50, perplexity=15)
    want = gputsne.plan(1_000_000, 784, device="h200", pca=50, perplexity=15)
    assert found.plan == want
    assert found.seconds == sum(want.stage_seconds.values())
    assert found.checklists["t-SNE"]["tsne_columns"].status == "pass"
    assert found.checklists["t-SNE"]["tsne_device_memory"].status == "pass"
    assert "by a model, not measured" in str(found)


def test_too_little_memory_is_told_with_its_remedy():
    row = gputsne.advise(10**6, 50, device="numpy", memory_limit="1G").checklists["t-SNE"]
    assert row["tsne_memory"].status == "warn"
    assert "pca=50" in row["tsne_memory"].action
    told = str(gputsne.advise(10**6, 50, device="numpy", memory_limit="1G"))
    needed = gputsne.plan(10**6, 50, device="numpy").host_bytes
    assert f"The fit takes {needed / 1e9:.2f} GB, 1.07 GB are free." in told


def test_seconds_on_a_cpu_are_scaled_from_what_was_measured():
    assert host_seconds(1_000_000, 50, 90, 2) == pytest.approx(SEARCH + REST)
    assert host_seconds(1_000_000, 50, 90, 4) == pytest.approx((SEARCH + REST) / 2)
    assert host_seconds(1_000_000, 100, 45, 2) == pytest.approx(2 * SEARCH + REST / 2)


@pytest.mark.parametrize(
    ("params", "k"), [({}, 90), ({"perplexity": 10}, 30), ({"n_neighbors": 15}, 15)]
)
def test_seconds_follow_the_neighbours_that_are_asked_for(params, k):
    from gputsne.base.threads import resolve_n_jobs

    found = gputsne.advise(10**6, 784, device="numpy", pca=40, **params)
    assert found.seconds == pytest.approx(host_seconds(10**6, 40, k, resolve_n_jobs(None)))


def test_the_dictionary_is_plain():
    found = gputsne.advise(5000, 20, "time", device="numpy")
    told = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert (told["method"], told["n"], told["plan"]["device"]) == ("t-SNE", 5000, "numpy")
    assert {row["id"] for row in told["rules"]["t-SNE"]} >= {"tsne_time", "tsne_size_first"}
    assert gputsne.check(told["evidence"], "t-sne").verdict == "PASS"


@pytest.mark.parametrize(
    ("how", "error", "words"),
    [
        ({"goal": "speed"}, ValueError, "goal='speed' must be one of 'explore'"),
        ({"goal": None}, ValueError, "goal=None must be"),
        ({"n": 0}, ValueError, "n=0 must be"),
        ({"n": float("nan")}, ValueError, "n=nan must be"),
        ({"n": 10**400}, ValueError, "below 9e"),
        ({"d": 1e300}, ValueError, "d=1e"),
        ({"n": "many"}, TypeError, "n='many' must be"),
        ({"d": 2.5}, ValueError, "d=2.5 must be"),
        ({"pca": 0}, ValueError, "pca=0"),
        ({"device": "tpu"}, ValueError, "device='tpu'"),
        ({"memory_limit": "lots"}, ValueError, "memory_limit"),
        ({"perplexity": -1}, ValueError, "perplexity=-1"),
    ],
)
def test_what_makes_no_sense_is_refused(how, error, words):
    with pytest.raises(error, match=words):
        gputsne.advise(**{"n": 100, "d": 5} | how)


def test_the_command_says_the_same():
    run = CliRunner().invoke
    told = run(main, ["advise", "1e6", "784", "--goal", "global", "--device", "numpy"])
    assert told.exit_code == 0, told.stderr
    assert told.stdout.startswith("UMAP; or PCA: for distances between groups, 1,000,000 rows x")
    assert "Use --pca 50, unless" in told.stdout
    told = run(main, ["advise", "1e6", "784", "--device", "h100", "--memory-limit", "8G", "--json"])
    want = gputsne.advise(10**6, 784, device="h100", memory_limit="8G").to_dict()
    assert json.loads(told.stdout) == json.loads(json.dumps(want))
    for args in (["1e6"], ["0", "5"], ["10", "5", "--goal", "speed"], ["10", "5", "--pca", "x"]):
        assert run(main, ["advise", *args]).exit_code == 2
