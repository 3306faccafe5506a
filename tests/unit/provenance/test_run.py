"""A run is one value: frozen, equal by content, the same after JSON, files, copies and pickles."""

from __future__ import annotations

import copy
import dataclasses
import json
import math
import pickle
import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gputsne
from gputsne.provenance.run import ID, new_id
from gputsne.provenance.tags import tags_of

FORMER = {
    "schema": "gputsne.run/1", "status": "done", "exit_code": 0, "error": None,
    "started": "2026-01-02T03:04:05.678Z", "ended": "2026-01-02T03:04:15.678Z", "seconds": 10.0,
    "input": {"path": "x.csv", "selection": {}, "bytes": 9, "sha256": "ab", "shape": [9, 2],
              "dtype": "float64"},
    "further_inputs": [], "output": {"map": "map.csv"}, "parameters": {"perplexity": 30.0},
    "seed": 0, "device": "cpu", "device_reason": "", "timings": {"total": 9.5}, "n_iter": 20,
    "learning_rate": 5.0, "kl_divergence": 0.5, "kl_history": [[20, 0.5]],
    "neighbors_recall": 1.0, "mesh": {"method": "exact"}, "map": [9, 2],
    "scores": {"trustworthiness": 0.9}, "versions": {"gputsne": "0.1.0"},
    "machine": {"processors": 2}, "peak_memory_bytes": 1000,
}  # fmt: skip

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
NUMBER = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | NUMBER | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
TABLE = st.dictionaries(TEXT, JSON, max_size=3)
WORD = st.text("abcXYZ09._-/: é", min_size=1, max_size=8).map(str.strip).filter(bool)
RUNS = st.builds(
    gputsne.Run,
    status=st.sampled_from(["done", "failed", "interrupted"]),
    exit_code=st.integers(0, 255),
    error=st.none() | TEXT,
    seconds=st.none() | st.floats(0, 1e9),
    input=TABLE,
    further_inputs=st.lists(TABLE, max_size=2),
    sample=st.none() | TABLE,
    columns=st.lists(TABLE, max_size=2),
    parameters=TABLE,
    seed=JSON,
    kl_history=st.lists(st.tuples(st.integers(0, 9999), st.none() | NUMBER), max_size=3),
    map=st.none() | st.tuples(st.integers(0, 10**9), st.integers(1, 3)),
    metrics=TABLE,
    price_per_hour=st.none() | st.floats(0, 1e6),
    replicas=st.integers(1, 1000),
    tags=st.dictionaries(WORD, WORD, max_size=3),
    previous=st.none() | st.just("20261127T063518Z-3f2a9c1b"),
    more=st.dictionaries(WORD.map("x-".__add__), JSON, max_size=2),
)


@given(RUNS)
def test_a_run_comes_back_from_its_dict_and_from_json(run):
    told = run.to_dict()
    assert gputsne.Run.from_dict(told) == run
    assert gputsne.Run.from_dict(json.loads(json.dumps(told, allow_nan=False))) == run
    assert gputsne.Run.from_dict(told).to_dict() == told


@given(RUNS)
def test_copies_and_pickles_are_equal(run):
    assert copy.deepcopy(run) == run
    assert pickle.loads(pickle.dumps(run)) == run
    assert hash(copy.copy(run)) == hash(run)


@given(st.dictionaries(st.sampled_from(list(gputsne.Run().to_dict())), JSON, max_size=5))
def test_what_is_no_run_is_a_type_or_value_error(entries):
    for schema in ("gputsne.run/1", "gputsne.run/2"):
        told = {**FORMER, "id": "20261127T063518Z-3f2a9c1b", **entries, "schema": schema}
        try:
            run = gputsne.Run.from_dict(told)
        except (TypeError, ValueError):
            continue
        assert gputsne.Run.from_dict(run.to_dict()) == run


def test_a_file_gives_the_run_again(tmp_path):
    run = gputsne.Run(tags={"owner": "maps"}, kl_history=[(50, float("nan"))])
    run.write(tmp_path / "run.json")
    assert gputsne.Run.read(tmp_path / "run.json") == run
    assert run.kl_history == ((50, None),)


def test_a_run_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "run.json"
    run = gputsne.Run()
    run.write(path)

    def full(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match=r"run\.json"):
        gputsne.Run().write(path)
    assert gputsne.Run.read(path) == run
    assert list(tmp_path.iterdir()) == [path]


def test_ids_begin_with_the_start_in_utc_and_sort_by_it():
    east = timezone(timedelta(hours=2))
    assert new_id(datetime(2026, 11, 27, 8, 35, 18, tzinfo=east)).startswith("20261127T063518Z-")
    starts = [datetime(2026, 11, 27, 6, 0, tzinfo=UTC) + timedelta(seconds=s) for s in range(50)]
    ids = [new_id(start) for start in starts]
    assert sorted(ids) == ids
    assert all(ID.fullmatch(one) for one in ids)
    assert len({new_id(starts[0]) for _ in range(1000)}) == 1000


def test_nothing_in_a_run_can_be_changed():
    run = gputsne.Run(parameters={"init": {"a": [1, 2]}}, tags={"owner": "maps"})
    with pytest.raises(dataclasses.FrozenInstanceError):
        run.status = "failed"
    for change in (
        lambda: run.tags.update(owner="me"),
        lambda: run.parameters["init"].pop("a"),
        lambda: run.parameters.__setitem__("init", 1),
        lambda: run.parameters["init"].clear(),
        lambda: run.tags.__ior__({"a": "b"}),
    ):
        with pytest.raises(TypeError, match="a Run does not change"):
            change()
    told = run.to_dict()
    told["parameters"]["init"]["a"].append(3)
    assert run.parameters["init"]["a"] == (1, 2)


def test_what_was_given_is_copied():
    given_parameters = {"init": [1.0]}
    run = gputsne.Run(parameters=given_parameters)
    given_parameters["init"].append(2.0)
    assert run.to_dict()["parameters"] == {"init": [1.0]}


@pytest.mark.parametrize(
    ("seconds", "price", "replicas", "cost"),
    [(36.0, 10.0, 1, 0.10), (36.0, 10.0, 4, 0.40), (7200.0, 2.5, 1, 5.0), (36.0, 0.0, 1, 0.0)],
)
def test_cost_is_price_by_hours_by_replicas(seconds, price, replicas, cost):
    run = gputsne.Run(seconds=seconds, price_per_hour=price, replicas=replicas)
    assert math.isclose(run.cost, cost, rel_tol=1e-12, abs_tol=0.0)
    assert run.to_dict()["cost"] == run.cost


def test_no_price_no_cost():
    assert gputsne.Run(seconds=1.0).cost is None
    assert gputsne.Run(price_per_hour=1.0).cost is None


def test_records_of_the_former_schema_are_read():
    run = gputsne.Run.from_dict(FORMER)
    assert run.id.startswith("20260102T030405Z-")
    assert run == gputsne.Run.from_dict(json.loads(json.dumps(FORMER)))  # the same id each time
    assert run.id != gputsne.Run.from_dict({**FORMER, "seed": 1}).id
    assert run.metrics == {"trustworthiness": 0.9}
    same = set(FORMER) - {"schema", "scores"}
    told = run.to_dict()
    assert {name: told[name] for name in same} == {name: FORMER[name] for name in same}
    assert (run.cost, run.columns, run.host) == (None, (), None)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"schema": "gputsne.run/3"}, r"schema='gputsne\.run/3' is no record"),
        ({"schema": None}, "schema=None"),
        ({"id": "monday"}, "id='monday' is no id"),
        ({"id": None}, "id=None"),
        ({"id": "../../20261127T063518Z-3f2a9c1b"}, "is no id"),
        ({"timings": [1, 2]}, r"timings=\(1, 2\) must be a table"),
        ({"columns": {"a": 1}}, "columns=.* must be a list"),
        ({"seconds": "10"}, "seconds='10' must be a number"),
        ({"seconds": True}, "seconds=True must be a number"),
        ({"status": 3}, "status=3 must be text"),
        ({"replicas": 0}, "replicas=0 must be at least 1"),
        ({"replicas": 1.5}, r"replicas=1\.5 must be a whole number"),
        ({"price_per_hour": -1.0}, r"price_per_hour=-1\.0 must be at least 0"),
        ({"tags": {"a=b": "c"}}, "'a=b' has '=' in it"),
        ({"columns": ["a"]}, "columns holds 'a': each must be a table"),
        ({"kl_history": [[50, 1.0, 2.0]]}, "kl_history holds"),
        ({"kl_history": [50]}, "kl_history holds 50"),
        ({"kl_history": [["a", 1.0]]}, "kl_history holds"),
        ({"map": ["a", 2]}, "map=.* must be the map's shape"),
    ],
)
def test_what_no_run_holds_is_refused(change, said, tmp_path):
    told = gputsne.Run().to_dict() | change
    with pytest.raises((TypeError, ValueError), match=said):
        gputsne.Run.from_dict(told)
    (tmp_path / "run.json").write_text(json.dumps(told))
    with pytest.raises(ValueError, match=r"run\.json is no record of a run: "):
        gputsne.Run.read(tmp_path / "run.json")


@pytest.mark.parametrize("text", ["", "[]", "{", "null", "[" * 100_000])
def test_other_files_are_no_runs(text, tmp_path):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(ValueError, match=r"x\.json is no record of a run"):
        gputsne.Run.read(tmp_path / "x.json")


def test_entries_of_later_versions_are_kept():
    told = gputsne.Run().to_dict() | {"carbon_g": 3.5}
    assert gputsne.Run.from_dict(told).to_dict() == told
    with pytest.raises(ValueError, match="'cost' is an entry of its own"):
        gputsne.Run(more={"cost": 3})


@pytest.mark.parametrize("started", ["monday", None, 3, "0001-01-01T00:00:00+23:59"])
def test_a_former_record_without_a_start_is_refused(started):
    with pytest.raises(ValueError, match="is no moment in ISO 8601"):
        gputsne.Run.from_dict({**FORMER, "started": started})


def test_null_in_a_record_is_what_is_not_known():
    bare = {"schema": "gputsne.run/2", "id": new_id()}
    nulls = dict.fromkeys(gputsne.Run().to_dict()) | bare
    assert gputsne.Run.from_dict(nulls) == gputsne.Run.from_dict(bare)


@pytest.mark.parametrize(
    ("tags", "error", "said"),
    [
        ({"owner": "a\nb"}, ValueError, "control character"),
        ({"own\ner": "a"}, ValueError, "control character"),
        ({"owner": "a\u2028b"}, ValueError, "control character"),
        ({"owner": ""}, ValueError, "is empty"),
        ({"": "a"}, ValueError, "is empty"),
        ({"owner": " a"}, ValueError, "spaces around"),
        ({"a=b": "c"}, ValueError, "'='"),
        ({"owner": 3}, TypeError, "must be text"),
        ({3: "a"}, TypeError, "must be text"),
        (["owner=a"], TypeError, "must be a dict of texts"),
    ],
)
def test_tags_that_could_be_no_label_are_refused(tags, error, said):
    with pytest.raises(error, match=said):
        gputsne.Run(tags=tags)


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        (["owner"], "'owner' is no tag: write NAME=VALUE"),
        (["owner=a", "owner=b"], "'owner' is there twice, as 'a' and 'b'"),
        (["owner=a", "owner=a"], "twice"),
        (["=a"], "is empty"),
        (["owner="], "is empty"),
    ],
)
def test_pairs_that_are_no_tags_are_refused(pairs, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        tags_of(pairs)


def test_pairs_are_cut_at_the_first_sign():
    assert tags_of(["a=b=c", "owner=maps team"]) == {"a": "b=c", "owner": "maps team"}


def test_text_and_html_tell_the_same_and_hide_nothing():
    run = gputsne.Run(
        tags={"owner": "<b>maps</b>"}, seconds=36.0, price_per_hour=10.0, map=(9, 2),
        kl_divergence=0.5, n_iter=20, input={"shape": [9, 4], "path": "x.csv"},
        metrics={"trustworthiness": 0.9}, peak_memory_bytes=2_000_000_000,
    )  # fmt: skip
    text = str(run)
    for said in (run.id, "9 x 4 of x.csv", "0.5000 after 20", "0.9", "2.00 GB", "0.1", "<b>maps"):
        assert said in text
    assert "&lt;b&gt;maps&lt;/b&gt;" in run._repr_html_()
    assert "<b>" not in run._repr_html_()
    assert run.id in repr(run)


def test_metrics_may_be_of_numpy_and_undefined():
    run = gputsne.Run(metrics={"rnx": np.float32(0.5), "silhouette": float("nan")})
    assert run.to_dict()["metrics"] == {"rnx": 0.5, "silhouette": None}
    assert run.evidence["rnx"] == 0.5
    assert "silhouette" not in run.evidence


@pytest.mark.parametrize(
    "id",
    [
        "\N{FULLWIDTH DIGIT TWO}0261127T063518Z-3f2a9c1b",
        "20261399T063518Z-3f2a9c1b",
        "20260101T250000Z-00000000",
    ],
)  # fmt: skip
def test_an_id_that_a_store_would_refuse_is_none(id):
    with pytest.raises(ValueError, match="is no id of a run"):
        gputsne.Run(id=id)


@pytest.mark.parametrize("name", ["price_per_hour", "seconds", "replicas", "peak_memory_bytes"])
def test_a_number_that_no_float_holds_is_refused(name):
    with pytest.raises(ValueError, match=f"{name} has 401 digits"):
        gputsne.Run(**{name: 10**400})


def test_a_cost_beyond_floats_is_unknown_and_the_record_is_json(tmp_path):
    run = gputsne.Run(seconds=7200.0, price_per_hour=1e308, replicas=10**9)
    assert run.cost is None
    run.write(tmp_path / "run.json")
    assert gputsne.Run.read(tmp_path / "run.json") == run


@pytest.mark.parametrize("total", ["long", {"of": 1}])
def test_every_record_that_can_be_read_can_be_shown(total):
    run = gputsne.Run(timings={"total": total})
    assert run.id in str(run)
    assert run.id in run._repr_html_()


def test_runs_of_one_second_sort_by_their_start():
    second = datetime(2026, 11, 27, 6, 35, 18, tzinfo=UTC)
    ids = [new_id(second + timedelta(milliseconds=ms)) for ms in range(1000)]
    assert ids == sorted(ids)
    assert all(ID.fullmatch(id) for id in ids)
