"""Every row of the gates passes on good evidence, fails on bad, and says n/a without any."""

from __future__ import annotations

from pathlib import Path

import pytest

import gputsne
from gputsne.judging import read_rules

PROFILES = ("ci", "preprod", "prod", "incident")
CALM = {
    "drift_mmd": 0.0, "drift_mmd_p": 1.0, "drift_shift": 0.0, "drift_group_change": 0.0,
    "drift_novel": 0.0, "drift_novel_low": 0.0,
}  # fmt: skip
# Row, evidence that passes, what of it fails. Numbers of tables B, G and H of the source stand as
# they are there: 0.1, 0.95, 0.02, 60 seconds, 5 minutes.
ROWS = [
    ("run_done", {"done": 1}, {"done": 0}),
    ("ci_seconds", {"latency_s": 59.9}, {"latency_s": 60}),
    ("run_seconds", {"latency_s": 299}, {"latency_s": 300}),
    ("run_slower", {"latency_s": 190, "baseline.latency_s": 100}, {"latency_s": 201}),
    ("run_cost", {"cost": 0.1, "budget_cost": 0.1}, {"cost": 0.11}),
    ("run_memory", {"peak_memory_bytes": 1e9, "budget_bytes": 1e9}, {"peak_memory_bytes": 1.1e9}),
    (
        "run_larger",
        {"peak_memory_bytes": 2e9, "baseline.peak_memory_bytes": 1e9},
        {"peak_memory_bytes": 2.1e9},
    ),
    ("owner", {"owned": 1}, {"owned": 0}),
    ("seed_fixed", {"seeded": 1}, {"seeded": 0}),
    ("reproducible", {"reproduced": 1}, {"reproduced": 0}),
    ("not_converged", {"kl_iterations": 750, "kl_tail_drop": 0.01}, {"kl_tail_drop": 0.06}),
    ("kl_rises", {"kl_rise": 0.01}, {"kl_rise": 0.06}),
    ("schema_dropped", {"schema_dropped": 0}, {"schema_dropped": 1}),
    ("schema_new", {"schema_new": 0}, {"schema_new": 1}),
    ("schema_retyped", {"schema_retyped": 0}, {"schema_retyped": 1}),
    ("null_rates", {"null_rate_change": 0.049}, {"null_rate_change": 0.05}),
    ("sample_covers", {"sample_coverage": 0.951}, {"sample_coverage": 0.95}),
    ("sample_repeats", {"sample_reproduced": 1}, {"sample_reproduced": 0}),
    ("drift_data", {"drift_mmd": 0.099, "drift_mmd_p": 0.005}, {"drift_mmd": 0.1}),
    ("drift_columns", {"drift_shift": 0.19}, {"drift_shift": 0.2}),
    ("drift_group", {"drift_group_change": 0.009}, {"drift_group_change": 0.01}),
    ("drift_novel", {"drift_novel": 0.049, "drift_novel_low": 0.01}, {"drift_novel": 0.05}),
    ("drift_map", {"drift_map": 0.099, "drift_mmd": 0.0}, {"drift_map": 0.1}),
    ("rows_told_apart", {"drift_classifier": 0.5}, {"drift_classifier": 0.51}),
    ("rows_in_common", {"rows_shared": 30}, {"rows_shared": 29}),
    (
        "library_changed",
        {"same_data": 1, "same_versions": 1, "same_map": 0},
        {"same_versions": 0},
    ),
    (
        "parameters_changed",
        {"same_data": 1, "same_parameters": 1, "same_map": 0},
        {"same_parameters": 0},
    ),
    (
        "quality_knn",
        {"knn_preservation": 0.481, "baseline.knn_preservation": 0.5},
        {"knn_preservation": 0.479},
    ),
    (
        "quality_trust",
        {"trustworthiness": 0.961, "baseline.trustworthiness": 0.98},
        {"trustworthiness": 0.959},
    ),
    ("plan_seconds", {"estimate_seconds": 300, "budget_seconds": 300}, {"estimate_seconds": 301}),
    ("plan_bytes", {"estimate_bytes": 1e9, "budget_bytes": 1e9}, {"estimate_bytes": 1.1e9}),
    ("plan_cost", {"estimate_cost": 1, "budget_cost": 1}, {"estimate_cost": 1.1}),
    ("ci_passed", {"ci_passed": 1}, {"ci_passed": 0}),
    ("endpoints_scraped", {"scrape_faults": 0}, {"scrape_faults": 1}),
    ("limits_set", {"limits_missing": 0}, {"limits_missing": 1}),
    ("alerts_set", {"alerts_missing": 0}, {"alerts_missing": 1}),
    ("store_sound", {"store_faults": 0}, {"store_faults": 1}),
    ("published", {"published_missing": 0}, {"published_missing": 1}),
    ("kl_known", {"kl_points": 2}, {"kl_points": 1}),
    ("input_verified", {"input_verified": 1}, {"input_verified": 0}),
    ("not_killed", {"killed": 0}, {"killed": 1}),
    ("replay_agrees", {"replay_disparity": 0.05}, {"replay_disparity": 0.051}),
    ("escalate", CALM, {"drift_shift": 0.2}),
]
QUESTIONS = {"endpoints_scraped": "preprod", "limits_set": "prod", "alerts_set": "prod"}
RULES = {rule.id: rule for rule in read_rules()}


def profiles_of(name):
    return [profile for profile in RULES[name].profiles if profile in PROFILES]


@pytest.mark.parametrize(("name", "good", "bad"), ROWS, ids=[row[0] for row in ROWS])
def test_a_row_passes_fails_and_waits(name, good, bad):
    wrong = "fail" if RULES[name].severity == "gate" else "warn"
    assert profiles_of(name)
    for profile in profiles_of(name):
        assert gputsne.check(good, profile)[name].status == "pass"
        row = gputsne.check(good | bad, profile)[name]
        assert row.status == wrong
        assert row.says
        assert row.action
        waits = "needs review" if name in QUESTIONS else "n/a"
        assert gputsne.check({}, profile)[name].status == waits


@pytest.mark.parametrize(("name", "profile"), QUESTIONS.items())
def test_what_no_evidence_tells_a_person_answers(name, profile):
    row = gputsne.check({}, profile)[name]
    assert row.status == "needs review"
    assert "gputsne check --" in row.action
    acks = [f"{name}=ann: done on Monday"]
    assert gputsne.check({}, profile, acks=acks)[name].status == "acknowledged"
    bad = {RULES[name].metric: 1}
    assert gputsne.check(bad, profile, acks=acks)[name].status == "fail"  # evidence goes before


def test_every_row_of_the_gates_is_tested_here():
    tested = {row[0] for row in ROWS}
    assert {r.id for r in RULES.values() if set(r.profiles) & set(PROFILES)} == tested


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_passes_on_good_evidence_and_any_gate_fails_it(profile):
    good = {name: value for _, told, _ in ROWS for name, value in told.items()}
    good |= CALM | {"latency_s": 50, "peak_memory_bytes": 1e9, "drift_map": 0.0, "same_map": 1}
    acks = ["ann: looked at on Monday"]
    found = gputsne.check(good, profile, acks=acks)
    assert found.verdict == "PASS", str(found)
    for name, told, bad in ROWS:
        if profile in profiles_of(name) and RULES[name].severity == "gate":
            wrong = good | told | bad
            assert gputsne.check(wrong, profile, acks=acks).verdict == "FAIL", name
    lacking = {r.id for r in found.rows if r.required} - set(QUESTIONS)
    for name, told, _ in ROWS:
        if name in lacking:
            rest = {k: v for k, v in good.items() if k not in told}
            assert gputsne.check(rest, profile, acks=acks).verdict == "INCOMPLETE", name


@pytest.mark.parametrize("value", [0.0, 0.05, 0.5])
def test_a_map_alone_tells_no_drift(value):
    row = gputsne.check({"drift_map": value}, "ci")["drift_map"]
    assert (row.status, row.missing) == ("n/a", ("drift_mmd",))


def test_chance_is_no_drift_of_the_data():
    # of thirty rows each the discrepancy is large by chance alone
    assert (
        gputsne.check({"drift_mmd": 0.2, "drift_mmd_p": 0.4}, "ci")["drift_data"].status == "pass"
    )


def test_the_page_names_every_row():
    page = (Path(__file__).parents[3] / "docs" / "gates.md").read_text(encoding="utf-8")
    for name, _, _ in ROWS:
        assert f"`{name}`" in page
