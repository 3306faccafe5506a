"""Runs beside their baselines: what the gate finds of real fits, of digits changed on purpose."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

import gputsne
from gputsne.gates import run_evidence
from gputsne.provenance import Run

pytestmark = pytest.mark.usefixtures("few_trees")
N = 600
RNG = np.random.default_rng(0)
SHUFFLED = np.random.default_rng(1).permutation(64)


@cache
def digits() -> np.ndarray:
    return gputsne.datasets.load_digits().X[:N].astype(float)


@cache
def fitted(kind: str = "digits", **settings) -> gputsne.TSNE:
    return gputsne.TSNE(**{"random_state": 0, "max_iter": 500, **settings}).fit(data(kind))


@cache
def data(kind: str) -> np.ndarray:
    X = digits()
    if kind == "noisy":
        return X + np.random.default_rng(2).normal(0, 0.05, X.shape)
    if kind == "shuffled":
        return X[:, SHUFFLED]
    return X


def judged(new, old, profile="ci", kinds=("digits", "digits"), **more):
    return gputsne.check(
        new, profile, baseline=old, X=data(kinds[0]), baseline_X=data(kinds[1]), **more
    )


def wrong(found) -> set[str]:
    return {row.id for row in found.rows if row.status == "fail"}


def test_the_same_data_and_seed_pass_the_gate():
    again = gputsne.TSNE(random_state=0, max_iter=500).fit(digits())
    found = judged(again, fitted())
    assert found.verdict == "PASS", str(found)
    assert found["reproducible"].status == "pass"
    assert found["drift_map"].value == 0.0
    assert found["drift_data"].value == 0.0


def test_another_map_of_the_same_data_and_seed_is_not_reproducible():
    run = fitted().run_
    other = replace(run, id="20261127T063518Z-3f2a9c1b", map_sha256="0" * 64)
    found = gputsne.check(other, "ci", baseline=run)
    assert wrong(found) == {"reproducible"}
    assert found.exit_code == 1


@pytest.mark.parametrize("change", ["seed", "versions", "device", "data"])
def test_other_circumstances_are_no_repeat(change):
    run = fitted().run_
    other = {
        "seed": {"parameters": {**run.parameters, "random_state": 1}, "seed": 1},
        "versions": {"versions": {**run.versions, "numpy": "0.1"}},
        "device": {"device": "another"},
        "data": {"input": {**run.input, "data_sha256": "1" * 64}},
    }[change]
    changed = replace(run, id="20261127T063518Z-3f2a9c1b", map_sha256="0" * 64, **other)
    assert gputsne.check(changed, "ci", baseline=run)["reproducible"].status == "n/a"


@pytest.mark.usefixtures("all_trees")
def test_noise_of_a_twentieth_passes_and_shuffled_pixels_fail():
    found = judged(fitted("noisy"), fitted(), kinds=("noisy", "digits"))
    assert not wrong(found), str(found)
    assert found["drift_map"].value < 0.1
    found = judged(fitted("shuffled"), fitted(), kinds=("shuffled", "digits"))
    assert {"drift_data", "drift_columns", "drift_group"} <= wrong(found)
    assert found.exit_code == 1


@pytest.mark.usefixtures("all_trees")
def test_a_corrupted_cohort_of_one_in_twenty_fails_by_group_and_columns():
    X = gputsne.datasets.load_digits().X.astype(float)
    new = X.copy()
    new[::20] = 16 - new[::20]
    found = gputsne.check(Run(), "ci", baseline=Run(), X=new, baseline_X=X)
    assert {"drift_columns", "drift_group"} <= wrong(found)
    assert found["drift_data"].status == "pass"  # rows as wholes are mostly what they were


def test_evidence_of_a_run_is_judged_as_it_is_and_names_the_owner():
    old, new = fitted("digits"), fitted("shuffled")
    owned = replace(new.run_, tags={"owner": "maps"})
    evidence = run_evidence(owned, old, X=data("shuffled"), baseline_X=data("digits"))
    found = gputsne.check(evidence | {"budget_cost": 1.0}, "ci")
    assert found["drift_columns"].status == "fail"
    assert "Escalate to maps." in found["drift_columns"].action


def test_a_stuck_sensor_is_named():
    X = digits().copy()
    X[:, 20] = X[:, 20].mean()
    run = fitted().run_
    new = replace(run, id="20261127T063518Z-3f2a9c1b", input={"shape": list(X.shape)})
    found = gputsne.check(new, "ci", baseline=run, X=X, baseline_X=digits())
    assert found["drift_columns"].status == "fail"
    assert found["drift_columns"].says.split(": ")[1].startswith("20 by ")


@pytest.mark.usefixtures("all_trees")
@pytest.mark.parametrize("seed", range(5))
def test_two_halves_of_one_table_have_not_drifted(seed):
    X = gputsne.datasets.load_digits().X
    rows = np.random.default_rng(seed).permutation(len(X))
    found = gputsne.check(
        Run(), "ci", baseline=Run(), X=X[rows[:800]], baseline_X=X[rows[800:1600]]
    )
    for name in ("drift_data", "drift_columns", "drift_group", "drift_novel"):
        assert found[name].status == "pass", str(found)


def test_a_map_cut_short_falls_below_the_floor():
    with pytest.warns(UserWarning, match="the map isn't finished"):
        short = gputsne.TSNE(random_state=0, max_iter=50).fit(digits())
    found = judged(short, fitted())
    assert {"quality_knn", "not_converged"} <= wrong(found)
    assert found["parameters_changed"].status == "warn"
    assert "max_iter 500, now 50" in found["parameters_changed"].says


def test_another_library_on_the_same_data_is_told_apart():
    run = fitted().run_
    other = replace(
        run, id="20261127T063518Z-3f2a9c1b", map_sha256="0" * 64,
        versions={**run.versions, "scikit-learn": "0.1"},
    )  # fmt: skip
    Y = RNG.permutation(fitted().embedding_)
    found = gputsne.check(other, "ci", baseline=run, Y=Y, baseline_Y=fitted().embedding_)
    row = found["library_changed"]
    assert row.status == "warn"
    assert row.says.startswith("Same data (SHA-256), another library version: scikit-learn ")
    assert found["drift_data"].status == found["drift_columns"].status == "pass"
    assert found["drift_map"].status == "fail"
    assert "this is no drift of the data" in found["drift_map"].cause


@pytest.mark.parametrize(
    ("change", "row", "says"),
    [
        (lambda cs: cs[1:], "schema_dropped", "a"),
        (lambda cs: [*cs, {"name": "d", "dtype": "float64", "null_rate": 0}], "schema_new", "d"),
        (
            lambda cs: [{**cs[0], "dtype": "int64"}, *cs[1:]],
            "schema_retyped",
            "a (float64, now int64)",
        ),
        (lambda cs: [{**cs[0], "null_rate": 0.07}, *cs[1:]], "null_rates", "column a"),
    ],
)
def test_a_changed_schema_is_named(change, row, says):
    columns = [{"name": name, "dtype": "float64", "null_rate": 0.01} for name in "abc"]
    told = run_evidence(Run(columns=tuple(change(columns))), Run(columns=tuple(columns)))
    found = gputsne.check(told, "ci")
    names = {"schema_dropped", "schema_new", "schema_retyped", "null_rates"}
    assert wrong(found) & names == {row}
    assert says in found[row].says


def test_columns_without_names_are_counted():
    old, new = (Run(input={"shape": [10, d], "dtype": "float32"}) for d in (3, 2))
    found = gputsne.check(new, "ci", baseline=old)
    assert found["schema_dropped"].value == 1
    assert found["schema_retyped"].status == "pass"
    assert gputsne.check(Run(), "ci", baseline=old)["schema_dropped"].status == "n/a"


def test_samples_of_one_table_must_be_the_same_rows():
    told = {"method": "random", "rows": 100, "of": 1000, "coverage": 0.97}
    runs = [
        Run(input={"sha256": "a" * 64}, sample={**told, "sha256": digit * 64}) for digit in "bbc"
    ]
    found = gputsne.check(runs[0], "preprod", baseline=runs[1])
    assert (found["sample_covers"].status, found["sample_repeats"].status) == ("pass", "pass")
    found = gputsne.check(runs[0], "preprod", baseline=runs[2])
    assert found["sample_repeats"].status == "fail"
    assert gputsne.check(runs[0], "preprod")["sample_repeats"].status == "n/a"


def test_fewer_than_thirty_rows_in_common_are_told():
    old, new = fitted(), fitted("noisy")
    ids = [np.arange(N), np.arange(N) + N - 29]
    found = judged(new, old, kinds=("noisy", "digits"), ids=ids[1], baseline_ids=ids[0])
    assert found["rows_in_common"].status == "warn"
    assert found["drift_map"].status == "n/a"
    found = judged(new, old, kinds=("noisy", "digits"), ids=ids[0])  # of one side alone
    assert found["rows_in_common"].value == 0


def test_maps_turned_mirrored_and_scaled_have_not_drifted():
    Y = fitted().embedding_.astype(float)
    turned = 3 * Y[:, ::-1] @ np.array([[0.6, 0.8], [-0.8, 0.6]]) + 7
    run = replace(fitted().run_, map_sha256=None)
    found = run_evidence(run, fitted().run_, Y=turned, baseline_Y=Y)
    assert found["drift_map"] < 1e-9
    rows = np.random.default_rng(0).permutation(N)
    assert run_evidence(run, fitted().run_, Y=Y[rows], baseline_Y=Y)["drift_map"] > 0.8


def test_what_is_no_run_is_refused():
    with pytest.raises(TypeError, match="must be a flat mapping"):
        gputsne.check(3)
    with pytest.raises(TypeError, match="baseline is of type int"):
        gputsne.check(Run(), "ci", baseline=3)
    with pytest.raises(TypeError, match=r"X=\.\.\. is about a run"):
        gputsne.check({"done": 1}, "ci", X=[[1.0]])
    with pytest.raises(TypeError, match="baseline must be flat"):
        gputsne.check({"done": 1}, "ci", baseline=Run())
    with pytest.raises(ValueError, match="no such file; to look a run up, give its store"):
        gputsne.check("production", "ci")
    with pytest.raises(ValueError, match="the map has 3 rows, its data 600"):
        run_evidence(Run(), X=digits(), Y=np.zeros((3, 2)))


def test_a_record_is_read_from_file_and_dict(tmp_path):
    run = fitted().run_
    run.write(tmp_path / "run.json")
    want = run_evidence(run, run)
    assert run_evidence(tmp_path / "run.json", str(tmp_path / "run.json")) == want
    assert run_evidence(run.to_dict(), run.to_dict()) == want
    assert "reproduced" not in want  # a run does not repeat itself


@pytest.mark.parametrize("side", ["ids", "baseline_ids"])
def test_ids_of_other_lengths_than_the_data_are_refused(side):
    X = np.random.default_rng(0).normal(size=(40, 3))
    ids = {"ids": np.arange(40), "baseline_ids": np.arange(40)} | {side: np.arange(3)}
    with pytest.raises(ValueError, match=f"^{side} has 3 entries for 40 rows"):
        gputsne.check(Run(), "ci", baseline=Run(), X=X + 1, baseline_X=X, **ids)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"columns": [{"name": "a", "null_rate": "x"}]}, "null_rate='x'"),
        ({"columns": [{"name": "a", "null_rate": 1.5}]}, "null_rate=1.5"),
        ({"input": {"shape": ["a", "b"]}}, r"input: shape=\('a', 'b'\)"),
        ({"input": {"shape": 5}}, "input: shape=5"),
        ({"further_inputs": [{"shape": [2.5, 1]}]}, r"further_inputs: shape=\(2.5, 1\)"),
    ],
)
def test_a_record_edited_by_hand_is_refused_by_its_entry(entry, said):
    with pytest.raises(ValueError, match=said):
        gputsne.check({**Run().to_dict(), **entry}, "ci", baseline=Run())
