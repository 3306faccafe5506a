"""Rules of the package make sense, conditions mean what they say, and a user's rules join."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import gputsne
from gputsne.base.errors import BadInput
from gputsne.judging import read_rules
from gputsne.judging.expressions import read_condition

RULES = read_rules()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_every_rule_says_where_it_comes_from_and_what_to_do(rule):
    assert rule.source
    assert rule.profiles
    assert rule.title != rule.id
    if rule.severity != "note":
        assert rule.action
    if rule.fault is not None:
        assert rule.symptom or rule.cause


@pytest.mark.parametrize("rule", [r for r in RULES if r.bands], ids=lambda rule: rule.id)
@given(value=st.floats(-1e6, 1e6))
def test_bands_leave_no_gap(rule, value):
    assert any(condition.holds({rule.metric: value}) for condition, _ in rule.bands)


# The numbers of the checklist, written out: what they are is the seed's, not ours to change.
@pytest.mark.parametrize(
    ("name", "metric", "good", "bad"),
    [
        ("silhouette", "silhouette", 0.51, 0.5),
        ("davies_bouldin", "davies_bouldin", 0.99, 1.0),
        ("stability", "stability_5", 0.921, 0.92),
        ("knn_accuracy", "knn_accuracy_5fold", 0.851, 0.85),
        ("latency", "latency_ms", 49.9, 50.0),
    ],
)
def test_the_thresholds_of_the_checklist(name, metric, good, bad):
    assert gputsne.check({metric: good})[name].status == "pass"
    assert gputsne.check({metric: bad})[name].status == "fail"


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("silhouette", 0.71, "strong"), ("silhouette", 0.6, "reasonable"),
        ("silhouette", 0.3, "weak"), ("silhouette", 0.061, "barely"),
        ("silhouette", -0.1, "wrong clusters"),
        ("davies_bouldin", 0.4, "excellent"), ("davies_bouldin", 1.5, "moderate"),
        ("davies_bouldin", 3.678, "poor"),
        ("stability_5", 0.96, "very stable"), ("stability_5", 0.9, "moderately"),
        ("stability_5", 0.8, "fragile"),
        ("knn_accuracy_5fold", 0.84, "suitable for production"),
        ("knn_accuracy_5fold", 0.6, "poor"),
        ("latency_ms", 9, "streaming"), ("latency_ms", 20, "near real-time"),
        ("latency_ms", 70, "batch"), ("latency_ms", 200, "historical"),
    ],
)  # fmt: skip
def test_bands_are_those_of_the_tables(name, value, says):
    (row,) = [r for r in gputsne.check({name: value}).rows if r.metric == name and r.id != "bands"
              and r.id != "too_smooth"]  # fmt: skip
    assert says in row.says


@pytest.mark.parametrize(
    ("text", "evidence", "holds"),
    [
        ("> 0.5", {"m": 0.6}, True),
        ("m>=.5", {"m": 0.5}, True),
        ("< -1e-3", {"m": 0.0}, False),
        ("m <= budget", {"m": 3, "budget": 3}, True),
        ("m < 0.25 * other", {"m": 1, "other": 5}, True),
        ("m > old - 0.02", {"m": 0.59, "old": 0.6}, True),
        ("m > old + 0.02", {"m": 0.61, "old": 0.6}, False),
        ("m == 1 or n == 1", {"n": 1}, True),
        ("m == 1 or n == 1", {"n": 2}, None),
        ("m == 1 and n == 1", {"n": 2}, False),
        ("m == 1 and n == 1", {"n": 1}, None),
        ("m > 1 or m < 0 and n > 1", {"m": 2}, True),
        ("m > 1 or m < 0 and n > 1", {"m": 0.5}, False),
        ("candor_and.or > 0", {"candor_and.or": 1}, True),
    ],
)
def test_conditions_mean_what_they_say(text, evidence, holds):
    assert read_condition(text, "m").holds(evidence) is holds


@pytest.mark.parametrize(
    "text", ["", "0.5", "> x y", "m > 1 and", "m >> 1", "m > (1)", "__import__('os')", "m > nan or"]
)
def test_what_is_no_condition_is_refused(text):
    with pytest.raises(ValueError, match=r"no condition|names no evidence"):
        read_condition(text, "m")


def test_a_users_rules_are_added_and_put_over(tmp_path):
    path = tmp_path / "ours.toml"
    path.write_text(
        '[latency]\npass = "< 20"\n'
        "[too_smooth]\nprofiles = []\n"
        '[recall]\nmetric = "recall"\npass = ">= before - 0.01"\n'
        'profiles = ["go-no-go", "nightly"]\n'
        '[collapse]\npass = "map_std > 5"\n'
    )
    found = gputsne.check({"latency_ms": 30, "recall": 0.9, "before": 0.9}, rules=path)
    assert (found["latency"].status, found["latency"].action) != ("pass", "")
    assert found["latency"].status == "fail"
    assert found["recall"].status == "pass"
    assert "too_smooth" not in {row.id for row in found.rows}
    nightly = gputsne.check({"recall": 0.88, "before": 0.9}, "nightly", rules=path)
    assert nightly.verdict == "FAIL"
    assert gputsne.check({"map_std": 2}, "diagnose", rules=path)["collapse"].status == "fail"
    assert read_rules() == RULES  # nothing of it stays


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[a\n", "is no TOML"),
        ("a = 1\n", "a = 1 stands alone"),
        ("[a]\nmetrik = 'x'\n", "unknown key 'metrik'; did you mean 'metric'"),
        ("[a]\nprofiles = ['x']\n", "needs pass, fault or ask"),
        ("[a]\npass = '> 1'\nprofiles = ['x']\n", "names no evidence on its left side"),
        ("[a]\nmetric = 'm'\npass = 'high'\nprofiles = ['x']\n", "'high' is no condition"),
        ("[a]\nmetric = 'm'\npass = 0.5\nprofiles = ['x']\n", "pass = 0.5 must be text"),
        ("[a]\nmetric = 'm'\npass = '> 1'\n", "profiles = None must be a list"),
        ("[a]\nmetric = 'm'\npass = '> 1'\nprofiles = 'x'\n", "profiles = 'x' must be a list"),
        ("[a]\nmetric = 'm'\npass = '> 1'\nfault = '< 1'\nprofiles = []\n", "both pass and fault"),
        ("[latency]\nseverity = 'grave'\n", "severity = 'grave' must be one of gate"),
        ("[latency]\nrequired = 'no'\n", "required = 'no' must be true or false"),
        ("[latency]\nbands = ['fast']\n", "bands must be a list of [condition, text], got 'fast'"),
        ("[latency]\nbands = 3\n", "bands must be a list"),
        ("[latency]\nbands = [['quick', 'x']]\n", "bands: 'quick' is no condition"),
        ("[a]\npass = 'm > 1'\nprofiles = []\nbands = [['> 1', 'x']]\n", "bands but no metric"),
        (
            "[a]\nmetric = 'm'\nseverity = 'note'\npass = '> 1'\nprofiles = []\n",
            "is a note and has",
        ),
    ],
)
def test_what_makes_no_sense_is_said(tmp_path, text, said):
    path = tmp_path / "ours.toml"
    path.write_text(text)
    with pytest.raises(BadInput) as raised:
        gputsne.check({}, rules=path)
    assert str(path) in str(raised.value)
    assert said in str(raised.value)


def test_rules_that_are_no_file(tmp_path):
    with pytest.raises(BadInput, match="No such file"):
        read_rules(tmp_path / "none.toml")
    with pytest.raises(BadInput, match="Is a directory"):
        read_rules(tmp_path)
    (tmp_path / "bytes.toml").write_bytes(b"\xff")
    with pytest.raises(BadInput, match="is no TOML"):
        read_rules(tmp_path / "bytes.toml")
    with pytest.raises(TypeError, match="rules=3 must be a path"):
        read_rules(3)


def test_a_question_that_evidence_may_answer():
    rules = {"a": {"ask": "is it there?", "metric": "m", "pass": "== 0", "profiles": ["x"],
                   "symptom": "{m} are missing", "bring": "look"}}  # fmt: skip
    acks = ["a=ann: I looked"]

    def row(evidence, acks=()):
        return gputsne.check(evidence, "x", rules=rules, acks=acks)["a"]

    assert (row({}).status, row({}).says, row({}).action) == (
        "needs review",
        "is it there?",
        "look",
    )
    assert (row({}, acks).status, row({}, acks).says) == (
        "acknowledged",
        "acknowledged by ann: I looked",
    )
    assert (row({"m": 0}).status, row({"m": 0}).says) == ("pass", "")
    for answers in ((), acks):
        found = row({"m": 2}, answers)
        assert (found.status, found.says) == ("fail", "2 are missing")
