"""A checklist: what passes, what is missing, who answers, and its views, which say the same."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import numpy as np
import pytest

import gputsne
from gputsne import check, inspect
from gputsne.judging import evidence_of, read_rules

GOOD = {
    "silhouette": 0.6, "davies_bouldin": 0.7, "stability_5": 0.95, "knn_accuracy_5fold": 0.9,
    "latency_ms": 8.0, "footprint_gb": 10.0, "budget_gb": 16.0,
}  # fmt: skip
BAD = {
    "silhouette": 0.061, "davies_bouldin": 3.678, "stability_5": 0.5, "knn_accuracy_5fold": 0.5,
    "latency_ms": 80.0, "footprint_gb": 20.0,
}  # fmt: skip
ACKS = ["ann: ten clear groups, one per service"]


def test_everything_good_and_answered_passes():
    found = check(GOOD, acks=ACKS)
    assert (found.verdict, found.passed, found.exit_code) == ("PASS", True, 0)
    assert found["visualization"].says == "acknowledged by ann: ten clear groups, one per service"


@pytest.mark.parametrize("name", BAD)
def test_any_gate_flips_the_verdict(name):
    found = check(GOOD | {name: BAD[name]}, acks=ACKS)
    assert (found.verdict, found.exit_code) == ("FAIL", 1)
    (row,) = [row for row in found.rows if row.status == "fail"]
    assert row.action


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("value", ["left out", None, float("nan"), np.float32("nan")])
def test_missing_evidence_is_never_a_pass(name, value):
    given = {k: v for k, v in GOOD.items() if k != name}
    found = check(given if value == "left out" else given | {name: value}, acks=ACKS)
    row = next(row for row in found.rows if name in (row.metric, *row.missing))
    assert row.status == "n/a"
    assert name in row.missing
    optional = name == "knn_accuracy_5fold"  # "if labels"
    assert found.verdict == ("PASS" if optional else "INCOMPLETE")


def test_nothing_at_all_is_no_pass_in_any_profile():
    for profile in {name for rule in read_rules() for name in rule.profiles}:
        found = check({}, profile)
        assert (found.verdict, found.exit_code) == ("INCOMPLETE", 1)
        assert {row.status for row in found.rows} <= {"n/a", "needs review"}


def test_questions_wait_for_a_person():
    found = check(GOOD)
    waiting = [row.id for row in found.rows if row.status == "needs review"]
    assert waiting == [
        "visualization", "neighbor_inspection", "semantic_failures", "cluster_interpretation",
    ]  # fmt: skip
    assert found.verdict == "INCOMPLETE"
    some = check(GOOD, acks={"visualization": "bo: looked at it"})
    assert some["visualization"].status == "acknowledged"
    assert some.verdict == "INCOMPLETE"
    mixed = check(GOOD, acks=["visualization=bo: a=b", *ACKS])
    assert mixed["visualization"].says == "acknowledged by bo: a=b"
    assert mixed.passed


def test_a_red_flag_fails_a_question_until_somebody_answers():
    flagged = GOOD | {"violation_rate": 0.4, "violated_field": "status"}
    found = check(flagged)
    assert found["semantic_failures"].status == "fail"
    assert "status" in found["semantic_failures"].says
    assert check(flagged, acks=ACKS).passed


@pytest.mark.parametrize(
    ("acks", "said"),
    [
        (["ann"], "must say who and why"),
        ([": good"], "must say who and why"),
        (["ann: "], "must say who and why"),
        (["silhouette=ann: good enough"], "decided by evidence"),
        (["colour=ann: fine"], "no such row; questions are visualization"),
    ],
)
def test_what_is_no_answer_is_refused(acks, said):
    with pytest.raises(ValueError, match=said):
        check(GOOD, acks=acks)


def test_what_is_no_evidence_is_refused():
    with pytest.raises(TypeError, match="flat mapping"):
        check([("silhouette", 0.6)])
    with pytest.raises(ValueError, match="silhouette='high' must be a number"):
        check({"silhouette": "high"})
    with pytest.raises(ValueError, match=r"'go-nogo' must be one of .*did you mean 'go-no-go'"):
        check({}, "go-nogo")
    assert check({"silhouette": np.float32(0.6), "note": "text", "list": [1]})["silhouette"].value


def test_the_seeds_own_data_fail_and_the_reason_is_told():
    seed = {
        "silhouette": 0.061, "davies_bouldin": 3.678, "calinski_harabasz": 39.0,
        "knn_accuracy_5fold": 1.0, "stability_5": 0.996,
    }  # fmt: skip
    found = check(seed)
    assert found.verdict == "FAIL"
    assert found["knn_accuracy"].status == "pass"
    assert found["calinski_harabasz"].status == "note"  # it never decides
    why = found["distance_concentration"]
    assert why.status == "warn"
    assert "0.061" in why.says
    assert "distances are nearly equal" in why.cause
    assert found["too_smooth"].status == "warn"


def test_profiles_of_neighbours_clusters_and_models():
    bad = {"violation_rate": 0.1, "violated_field": "status", "least_spread": 0.01,
           "least_spread_value": "failure", "numeric_agreement": 0.2, "anomaly_neighbors": 0.333,
           "least_lift": 0.05, "least_lift_field": "kind", "norm_variation": 0.001}  # fmt: skip
    found = check(bad, "neighbors")
    status = {row.id: row.status for row in found.rows}
    assert status["critical_fields"] == status["identical_values"] == "warn"
    assert status["fields_by_chance"] == "fail"
    assert "failure" in found["identical_values"].says
    assert "mix" in found["anomaly_neighbors"].says
    assert "uniform" in found["norm_informative"].says
    split = inspect.clusters(
        np.r_[np.zeros((950, 2)), np.ones((50, 2))] + np.random.default_rng(0).normal(
            scale=0.01, size=(1000, 2)), np.repeat([0, 1], [951, 49]))  # fmt: skip
    told = {row.id for row in check(split.evidence, "clusters").rows if row.status == "warn"}
    assert {"dominant_cluster", "tiny_cluster"} <= told
    flat = {"mean_silhouette": 0.061, "negative_share": 0.06, "widest_span": 0.4,
            "least_right": 0.1,
            "tiny_clusters": 11, "smallest_share": 0.3, "clusters": 3, "largest_share": 0.4,
            "widest_cluster": "b", "best_k": 9, "k_votes": 1}  # fmt: skip
    told = check(flat, "clusters")
    assert {row.id for row in told.rows if row.status == "warn"} == {
        "near_zero", "negative_silhouettes", "wide_band", "left_of_mean", "many_tiny_clusters",
        "cluster_agreement",
    }  # fmt: skip
    assert "cluster b span" in told["wide_band"].says
    assert not told.exit_code


@pytest.mark.parametrize(
    ("gain", "says"), [(0.10, "take new"), (0.05, "weigh"), (0.02, "keep old"), (-0.1, "keep old")]
)
def test_the_advice_on_models_is_the_seeds(gain, says):
    found = check({"model_gain": gain, "best_model": "new", "first_model": "old"}, "models")
    assert says in found["model_gain"].says


def test_the_advice_on_sizes_is_the_seeds():
    rows = {
        "128": {"silhouette": 0.52, "latency_ms": 5, "storage_gb": 5},
        "256": {"silhouette": 0.61, "latency_ms": 8, "storage_gb": 10},
        "512": {"silhouette": 0.64, "latency_ms": 15, "storage_gb": 20},
    }
    found = check(inspect.tradeoff(rows, "256").evidence, "models")
    assert "keep 256" in found["larger_size"].says
    rows["512"]["silhouette"] = 0.72
    found = check(inspect.tradeoff(rows, "256").evidence, "models")
    assert "take 512" in found["larger_size"].says


class Page(HTMLParser):
    """What a page shows and what it would load."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text, self.loads = "", []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.loads += [v for k, v in attrs if k in ("src", "href", "data")]
        assert tag not in ("script", "iframe", "b")

    def handle_data(self, data):
        self.text += data


def test_views_say_the_same_and_escape(tmp_path):
    hostile = '<b>&"]]>\x00\x0b\ud800</b>'
    bad = {"violation_rate": 0.5, "violated_field": hostile} | BAD
    found = check(bad)
    assert str(found).endswith("go-no-go: FAIL")
    xml = found.to_junit(tmp_path / "check.xml")
    root = ET.parse(tmp_path / "check.xml").getroot()
    assert ET.fromstring(xml.partition("\n")[2]).attrib == root.attrib
    cases = {case.get("name"): [child.tag for child in case] for case in root}
    for row in found.rows:
        want = {"fail": ["failure"], "pass": [], "needs review": ["error"],
                "n/a": ["error"] if row.required else ["skipped"]}  # fmt: skip
        assert cases[row.id] == want.get(row.status, ["system-out"])
    counts = {tag: sum(tags == [tag] for tags in cases.values()) for tag in ("failure", "error")}
    assert (int(root.get("failures")), int(root.get("errors"))) == tuple(counts.values())
    assert int(root.get("tests")) == len(found.rows)
    told = Page(found.to_html())
    assert told.loads == []
    assert "go-no-go: FAIL" in told.text
    assert all(row.title in told.text for row in found.rows)
    assert not re.search(r"https?://|@import|url\(", found.to_html())
    assert "<b>" not in found._repr_html_()
    assert found.to_dict()["rows"][0]["status"] == "fail"


def test_a_file_of_nothing_fails_where_the_verdict_does():
    root = ET.fromstring(check({}, "models").to_junit().partition("\n")[2])
    assert root.get("errors") == "1"


def test_the_record_of_a_run_is_evidence():
    record = {
        "scores": {"knn_preservation": 0.4}, "map": [100, 2], "input": {"bytes": 7, "path": "x"},
        "parameters": {"perplexity": 30, "early_exaggeration_iter": 100},
        "kl_history": [[50, 9.0], [150, 2.0], [200, 1.0]],
    }  # fmt: skip
    found = evidence_of(record)
    assert found["knn_preservation"] == 0.4
    assert found["perplexity_share"] == 0.3
    assert found["kl_iterations"] == 100
    assert found["input.bytes"] == 7
    assert check(found, "diagnose")["not_converged"].status == "fail"
    model = inspect.footprint(10, 10).to_dict()
    assert evidence_of(model)["footprint_gb"] == pytest.approx(4e-7)


def test_check_is_public():
    assert gputsne.check is check
