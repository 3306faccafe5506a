"""``gputsne compare`` of two runs: alignment, the corrupted cohort, its columns, and errors."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from scipy.spatial import procrustes
from stores import run_of

import gputsne
from gputsne.cli import main

pytestmark = pytest.mark.usefixtures("few_trees")
DIGITS = gputsne.datasets.load_digits().X.astype(float)[:900]
NAMES = [f"p{j}" for j in range(64)]
IDS = [f"row-{i}" for i in range(900)]
MAP = DIGITS[:, [20, 43]] + np.random.default_rng(0).normal(size=(900, 2))
BAD = np.random.default_rng(1).permutation(900)[:45]  # a cohort of 5 %


def turned(Y):
    return 3 * Y @ [[0, 1], [1, 0]] + 5


def corrupted():
    Z = DIGITS.copy()
    Z[BAD, 10:13] = 40.0
    Z[BAD, 11] = 90.0
    return Z


def frame(X, ids=IDS):
    return pd.DataFrame(X, columns=NAMES).assign(id=ids)


def csv(table):
    return table.to_csv(index=False).encode()


def coordinates(Y, ids=IDS):
    return pd.DataFrame(Y, columns=["x", "y"]).assign(id=ids)


def packed(table):
    held = io.BytesIO()
    table.to_parquet(held)
    return held.getvalue()


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return gputsne.Store(tmp_path / "store")


def put(store, number, X=DIGITS, Y=MAP, ids=IDS, *, kept=True, **more):
    """Store a night's run as ``embed --keep-input`` does."""
    selection = {"ids": "id"} if ids is not None else {}
    table = frame(X, range(len(X)) if ids is None else ids)
    points = coordinates(Y, range(len(X)) if ids is None else ids)
    if ids is None:
        table, points = table.drop(columns="id"), points.drop(columns="id")
    files = {"map.parquet": packed(points)} | ({"input.csv": csv(table)} if kept else {})
    told = {"input": {"selection": selection, "data_sha256": more.pop("data", None)}}
    return store.put(run_of(2 - number, number, **told, **more), files=files)


def call(*words, code=0):
    if "--sample" not in words and code == 0:
        words = (*words, "--sample", "200")
    result = CliRunner().invoke(main, ["compare", *map(str, words)])
    assert result.exit_code == code, result.output
    return result


def facts(*words):
    return json.loads(call(*words, "--json").stdout)


@pytest.mark.usefixtures("all_trees")
def test_the_corrupted_cohort_is_the_top_group_and_its_columns_are_named(store):
    old, new = put(store, 0), put(store, 1, corrupted(), turned(MAP))
    store.promote(old)
    told = facts("production", new, "--store", store.uri, "--sample", 900)
    assert (told["old"], told["new"]) == (old, new)
    rows = np.asarray(told["cohort"]["rows"])
    assert np.isin(rows, BAD).mean() > 0.9
    assert told["cohort"]["examples"] == [f"row-{i}" for i in rows]
    named = [c["column"] for c in told["cohort"]["columns"]]
    assert set(named) == {"p10", "p11", "p12"}
    # in the old table's standard deviations, by definition
    unit = DIGITS[:, 11].std()
    want = np.abs(corrupted()[rows, 11] - DIGITS[rows, 11]).mean() / unit
    got = {c["column"]: c["moved"] for c in told["cohort"]["columns"]}
    assert got["p11"] == pytest.approx(want, rel=1e-9)
    assert told["cause"] == "other data"
    assert {row["column"] for row in told["columns"]["rows"][:3]} == {"p10", "p11", "p12"}
    assert "p1" in told["cohort"]["rule"]
    said = call("production", new, "--store", store.uri).stdout
    for word in ("cohort", "row-", "aligned", "classifier"):
        assert word in said


def test_maps_are_aligned_by_id_before_they_are_compared(store):
    order = np.random.default_rng(2).permutation(900)[:500]
    Y = turned(MAP)[order]
    Y[:200] += np.random.default_rng(3).normal(size=(200, 2))
    old = put(store, 0)
    new = put(store, 1, DIGITS[order], Y, [IDS[i] for i in order])
    told = facts(old, new, "--store", store.uri)
    want = procrustes(MAP[order], Y)[2]
    assert told["evidence"]["drift_map"] == pytest.approx(want, rel=1e-9)
    assert told["evidence"]["rows_shared"] == 500
    same = facts(old, put(store, 2, DIGITS, turned(MAP)), "--store", store.uri)
    assert same["evidence"]["drift_map"] < 1e-9
    assert same["evidence"]["drift_data"] == 0.0
    assert same["cohort"] == {}


def test_maps_that_can_not_be_aligned_get_no_score(store):
    old = put(store, 0)
    other = put(store, 1, corrupted(), MAP, [f"other-{i}" for i in range(900)])
    bare = put(store, 2, DIGITS[:800], MAP[:800], None)
    # All rows: of a sample of 200 five of the cohort would lie in each half that is asked;
    # columns are told beside the most similar old rows.
    told = facts(old, other, "--store", store.uri, "--sample", 900)
    assert told["cohort"]["columns"][0]["column"] in ("p10", "p11", "p12")
    for new, why in ((other, "they share 0 ids"), (bare, "has no ids")):
        result = call(old, new, "--store", store.uri, "--json")
        assert "the maps are not compared, since" in result.stderr
        assert why in result.stderr
        told = json.loads(result.stdout)
        assert "drift_map" not in told["evidence"]
        assert "drift_data" in told["evidence"]


def test_a_column_that_went_missing_is_named(store):
    Z = DIGITS.copy()
    Z[BAD, 20] = np.nan
    told = facts(put(store, 0), put(store, 1, Z), "--store", store.uri)
    assert told["columns"]["rows"][0]["column"] == "p20"
    assert {c["column"] for c in told["cohort"].get("columns", [])} <= {"p20"}


def test_few_shared_ids_are_warned_of(store):
    old = put(store, 0)
    ids = [*IDS[:20], *(f"other-{i}" for i in range(880))]
    result = call(old, put(store, 1, ids=ids), "--store", store.uri)
    assert "the maps share 20 rows" in result.stderr


def test_the_same_data_by_another_version_is_told(store):
    old = put(store, 0, data="ab", versions={"numpy": "2.4.5", "gputsne": "1"}, kept=False)
    moved = MAP + np.random.default_rng(5).normal(size=MAP.shape)
    new = put(store, 1, Y=moved, data="ab", versions={"numpy": "2.4.6", "gputsne": "1"}, kept=False)
    told = facts(old, new, "--store", store.uri)
    assert told["cause"] == "same data, another library version: numpy 2.4.5 -> 2.4.6"
    assert told["evidence"]["drift_data"] == 0.0
    assert told["evidence"]["drift_map"] == pytest.approx(procrustes(MAP, moved)[2], rel=1e-9)
    again = put(store, 2, Y=moved, data="ab", versions={"numpy": "2.4.6", "gputsne": "1"})
    assert facts(new, again, "--store", store.uri)["cause"] == "same data"
    seed = put(store, 3, data="ab", versions={"numpy": "2.4.6", "gputsne": "1"})
    told = facts(again, seed, "--store", store.uri)
    assert told["cause"] == "same data, other parameters or another seed"


def test_the_store_may_be_named_by_the_variable(store, monkeypatch):
    old, new = put(store, 0), put(store, 1)
    monkeypatch.setenv("GPUTSNE_STORE", store.uri)
    store.promote(old)
    store.promote(new, "canary")
    assert facts("production", "canary")["evidence"]["drift_map"] == 0.0


def test_files_are_compared_where_their_data_are_named(store):
    for name, X, Y in (("old", DIGITS, MAP), ("new", corrupted(), turned(MAP))):
        Path(f"{name}.csv").write_bytes(csv(coordinates(Y)))
        Path(f"{name}-data.csv").write_bytes(csv(frame(X)))
    data = ("--data", "old-data.csv", "--data", "new-data.csv", "--id", "id")
    told = facts("old.csv", "new.csv", *data)
    assert {c["column"] for c in told["cohort"]["columns"]} >= {"p10", "p11", "p12"}
    assert told["evidence"]["drift_map"] < 1e-9
    a, b = put(store, 0, kept=False), put(store, 1, corrupted(), turned(MAP), kept=False)
    stored = facts(a, b, "--store", store.uri, *data[:4])
    assert stored["cohort"] == told["cohort"]


def test_several_inputs_are_one_table_in_their_order(store):
    parts = {"input.csv": frame(DIGITS[:400], IDS[:400])}
    parts |= {"input-2.csv": frame(DIGITS[400:600], IDS[400:600])}
    parts |= {"input-10.csv": frame(DIGITS[600:], IDS[600:])}
    files = {"map.parquet": packed(coordinates(MAP)), **{n: csv(t) for n, t in parts.items()}}
    new = store.put(run_of(0, 9, input={"selection": {"ids": "id"}}), files=files)
    assert facts(put(store, 0), new, "--store", store.uri)["evidence"]["drift_data"] == 0.0


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("{a} nobody --store {store}", 3, "no ref 'nobody'"),
        ("{a} {bare} --store {store}", 3, "no input is stored, and aligned maps alone can hide"),
        ("{a} {b} {b} --store {store}", 2, "two runs are compared"),
        ("{a} --store {store}", 2, "Y..."),
        ("{a} {b}", 2, "name the store"),
        ("{a} {b} --store {store} --best rnx", 2, "--best"),
        ("{a} {b} --store {store} --id id", 2, "--id"),
        ("{a} {b} --store {store} --data x.csv", 2, "--data"),
        ("{a} {b} --store {store} --data x.csv --data x.csv", 3, "x.csv"),
        ("x.csv y.csv --data x.csv --data -", 2, "--data"),
    ],
)
def test_what_goes_wrong_is_one_line_and_an_exit_code(store, words, code, said):
    ids = {"a": put(store, 0), "b": put(store, 1), "bare": put(store, 2, kept=False)}
    assert said in call(*words.format(store=store.uri, **ids).split(), code=code).stderr
