"""The store gives runs back as they were, moves refs and keeps verdicts."""

from __future__ import annotations

import hashlib
import os
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from pyarrow import fs
from stores import id_of, root_of, run_of, verdict

import gputsne
from gputsne.base.errors import BadInput, PromotionRefused
from gputsne.data import write
from gputsne.provenance import Run
from gputsne.runs.storage import Retry

FILES = {"map.parquet": b"map" * 1000, "thumb.png": b"", "labels.csv.gz": b"\x1f\x8b not gzip"}


def test_a_run_comes_back_as_it_was(store, tmp_path):
    on_disk = tmp_path / "model"
    on_disk.write_bytes(os.urandom(3 << 20))
    run = Run(tags={"team": "a"}, kl_history=((50, 2.5), (100, 1.25)), metrics={"rnx": 0.5})
    id = store.put(run, files={**FILES, "model.npz": on_disk})
    found = store.get(id)
    assert found.run == run
    assert found.id == id == run.id
    assert {name: found.read(name) for name in FILES} == FILES
    with found.open("model.npz") as file:
        assert file.read() == on_disk.read_bytes()
    assert found.files["thumb.png"].size == 0
    assert found.files["map.parquet"].sha256 == hashlib.sha256(FILES["map.parquet"]).hexdigest()
    assert store.verify() == ()
    assert store.list() == (run,)


def test_a_store_without_runs_is_no_error(store):
    assert store.list() == ()
    assert store.refs() == {}
    assert store.verify() == ()
    assert store.prune().removed == ()
    assert store.history() == ()


def test_a_store_is_there_from_its_first_write_on(store):
    assert not store.exists()
    assert store.list() == ()
    assert not store.exists()  # reading makes none
    store.put({})
    assert store.exists()


def test_an_id_is_stored_once(store):
    first = run_of(tags={"n": "1"})
    store.put(first, files={"a": b"1"})
    with pytest.raises(FileExistsError):
        store.put(Run(id=first.id, tags={"n": "2"}), files={"a": b"2"})
    assert store.get(first.id).run == first
    assert store.get(first.id).read("a") == b"1"
    assert store.verify() == ()


def test_what_a_writer_left_without_a_record_is_no_run_and_no_obstacle(store):
    run = run_of()
    store._storage.add(f"runs/{run.id}/map.parquet", b"half")
    assert store.list() == ()
    assert store.verify() == ()
    with pytest.raises(BadInput, match="is no run there"):
        store.get(run.id)
    store.put(run, files={"model.npz": b"whole"})
    assert store.get(run.id).files.keys() == {"model.npz"}
    assert store.verify() == ()


def test_runs_are_listed_by_time_status_and_tags(store):
    old = run_of(40, 1, tags={"team": "a"})
    failed = run_of(3, 2, status="failed", exit_code=1, tags={"team": "b"})
    new = run_of(0.5, 3, tags={"team": "a", "owner": "x"})
    for run in (new, old, failed):
        store.put(run)
    assert store.list() == (old, failed, new)
    assert store.list(since="30d") == (failed, new)
    assert store.list(since=timedelta(days=1)) == (new,)
    assert store.list(since=datetime.now(UTC) - timedelta(days=4)) == (failed, new)
    assert store.list(status="failed") == (failed,)
    assert store.list(team="a", owner="x") == (new,)
    assert store.list(team="none") == ()


def test_promote_and_rollback_move_a_ref_and_keep_its_history(store):
    first, second, third = (store.put(run_of(3 - i, i)) for i in range(3))
    assert store.promote(first).previous is None
    store.promote(second, "canary")
    store.promote("canary", reason="better")
    store.promote(third)
    assert store.refs() == {"canary": second, "production": third}
    assert store.resolve("production") == third
    before = len(store._refs.files("production"))
    move = store.rollback(reason="bad colours")
    assert len(store._refs.files("production")) == before + 1  # one write
    assert (move.id, move.previous, move.action) == (second, third, "rollback")
    assert store.get("production").id == second
    assert store.rollback().id == first  # not the run that was just left
    with pytest.raises(BadInput, match="the first"):
        store.rollback()
    told = [(m.action, m.id, m.reason) for m in store.history()]
    assert told == [
        ("promote", first, None),
        ("promote", second, "better"),
        ("promote", third, None),
        ("rollback", second, "bad colours"),
        ("rollback", first, None),
    ]
    assert store.verify() == ()


def test_promoting_the_current_run_again_changes_nothing(store):
    id = store.put(run_of())
    assert store.promote(id) == store.promote(id)
    assert len(store.history()) == 1


def test_a_ref_that_was_never_set_is_an_error_that_names_those_there_are(store):
    store.promote(store.put(run_of()), "canary")
    with pytest.raises(BadInput, match="no ref 'production'; it has canary"):
        store.get("production")
    with pytest.raises(BadInput, match="never set"):
        store.rollback()


def test_checks_are_kept_in_order_and_a_failed_one_refuses_promotion(store):
    id = store.put(run_of())
    store.add_check(id, verdict("ci"))
    store.add_check(id, verdict("prod", "fail"))
    store.add_check(id, verdict("ci-x"))
    assert [c["profile"] for c in store.checks(id)] == ["ci", "prod", "ci-x"]
    with pytest.raises(PromotionRefused, match="check prod: FAIL"):
        store.promote(id)
    with pytest.raises(ValueError, match="needs a reason"):
        store.promote(id, force=True)
    assert store.refs() == {}
    move = store.promote(id, force=True, reason="the rule is wrong, ticket 7")
    assert move.forced
    assert store.history()[-1].against == ("check prod: FAIL",)
    assert store.history()[-1].reason == "the rule is wrong, ticket 7"
    store.add_check(id, verdict("prod"))
    assert not store.promote(id, "canary").forced  # the latest of each profile counts
    assert store.verify() == ()


def test_a_check_without_evidence_is_not_passed(store):
    id = store.put(run_of())
    store.add_check(id, verdict("prod", "n/a"))
    with pytest.raises(PromotionRefused, match="INCOMPLETE"):
        store.promote(id)


def test_a_run_that_did_not_end_well_is_not_promoted(store):
    id = store.put(run_of(status="deadline", exit_code=5))
    with pytest.raises(PromotionRefused, match="its status is deadline"):
        store.promote(id)


def test_checks_are_of_runs_there_are(store):
    with pytest.raises(BadInput, match="is no run there"):
        store.add_check(id_of(0), verdict())
    with pytest.raises(ValueError, match="no verdict"):
        store.add_check(store.put(run_of()), {"profile": "ci"})


def test_the_clock_of_another_machine_does_not_reorder_refs(local, monkeypatch):
    first, second = local.put(run_of(1)), local.put(run_of(0))
    local.promote(first)
    (name,) = local._refs.files("production")
    entry = root_of(local) / "refs" / "production" / name
    entry.rename(entry.with_name("20991231T235959.999999Z-ffffffff.json"))  # a clock far ahead
    local.promote(second)
    assert local.refs() == {"production": second}
    assert local.rollback().id == first


def test_a_map_and_a_model_are_read_back_bit_for_bit(store, tmp_path):
    X = np.random.default_rng(0).normal(size=(60, 4)).astype("f4")
    model = gputsne.TSNE(perplexity=5, max_iter=20, random_state=0).fit(X)
    ids = np.array([f"p{i}" for i in range(60)])
    write(tmp_path / "map.parquet", model.embedding_, ids=ids, labels=np.arange(60) % 2)
    model.save(tmp_path / "model.npz")
    np.save(tmp_path / "input.npy", X)
    files = {n: tmp_path / n for n in ("map.parquet", "model.npz", "input.npy")}
    found = store.get(store.put(model.run_, files=files))
    np.testing.assert_array_equal(found.read_map().X, model.embedding_)
    np.testing.assert_array_equal(found.read_map().ids, ids)
    np.testing.assert_array_equal(found.load_model().embedding_, model.embedding_)
    with found.open("input.npy") as file:
        assert file.read() == (tmp_path / "input.npy").read_bytes()
    with pytest.raises(BadInput, match=r"no file 'report\.html'; it has"):
        found.read("report.html")
    with pytest.raises(BadInput, match="has no map"):
        store.get(store.put(run_of())).read_map()


def test_a_file_that_changes_while_it_is_stored_is_refused(local, tmp_path, monkeypatch):
    growing = tmp_path / "map.parquet"
    growing.write_bytes(b"half")
    hashed = gputsne.runs.store.content_of

    def then_changed(source):
        found = hashed(source)
        growing.write_bytes(b"more than half")
        return found

    monkeypatch.setattr("gputsne.runs.store.content_of", then_changed)
    with pytest.raises(ValueError, match="changed while it was stored"):
        local.put(run_of(), files={"map.parquet": growing})
    assert local.list() == ()
    assert list((root_of(local) / "tmp").iterdir()) == []


def test_the_best_run_of_a_sweep_that_passes_its_check_is_promoted(local):
    X = np.random.default_rng(0).normal(size=(80, 4)).astype("f4")
    limit = {}
    for perplexity in (5, 10, 20):
        model = gputsne.TSNE(perplexity=perplexity, max_iter=40, random_state=0).fit(X)
        id = local.put(model.run_)
        limit[id] = model.kl_divergence_
        local.add_check(id, verdict("kl", "fail" if perplexity == 20 else "pass"))
    best: list[str] = []
    for run in sorted(local.list(), key=lambda run: run.kl_divergence):
        try:
            best.append(local.promote(run.id).id)
            break
        except PromotionRefused:
            continue
    assert min(limit, key=limit.__getitem__) not in best  # the largest perplexity, which failed
    assert best == [sorted(limit, key=limit.__getitem__)[1]]
    assert local.refs() == {"production": best[0]}


def test_a_store_is_named_by_a_folder_or_a_uri(tmp_path, s3):
    store = gputsne.Store(f"file://{tmp_path}/a%20b")
    id = store.put(run_of())
    assert (tmp_path / "a b" / "runs" / id / "run.json").exists()
    bucket = gputsne.Store(s3.uri)
    assert bucket.uri == "s3://maps"
    assert "test" not in repr(bucket)
    bucket.put(run_of(digits=7))
    assert [run.id for run in bucket.list()] == [id_of_last(bucket)]
    with pytest.raises(ValueError, match="http:// is none of s3://"):
        gputsne.Store("http://example.org/store")
    with pytest.raises(ValueError, match="uri is empty"):
        gputsne.Store("")
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError):
        gputsne.Store(tmp_path / "file")
    assert isinstance(gputsne.Store("gs://anonymous@b/p")._storage.fs, fs.GcsFileSystem)


def id_of_last(store: gputsne.Store) -> str:
    return store._ids()[-1]


def test_a_run_that_has_begun_is_told_until_it_is_stored(store):
    run = run_of(tags={"team": "a"})
    store.begin(run)
    (found,) = store.unfinished()
    assert (found.id, found.state, found.run["tags"]) == (run.id, "running", {"team": "a"})
    assert store.list() == ()
    store.put(run)
    assert store.unfinished() == ()


def test_a_slow_storage_is_told_and_a_quick_one_is_not(local, recwarn):
    times = iter(range(0, 10**6, 30))  # each look at the clock is 30 s later
    slow = gputsne.Store(root_of(local), retry=Retry(clock=lambda: float(next(times))))
    local.put(run_of())
    assert not recwarn.list
    with pytest.warns(UserWarning, match=r"the storage is slow: .* took 30 s"):
        id = slow.put(run_of(1, 1))
    assert local.verify(id) == ()


def test_tags_are_asked_for_by_any_name(store):
    tags = {"status": "gold", "since": "monday", "self": "me", "tagged": "yes", "a b": "c d"}
    id = store.put(Run(tags=tags))
    store.put(Run(tags={"status": "tin"}))
    for name, value in tags.items():
        assert [run.id for run in store.list(tagged={name: value})] == [id]
    assert [run.id for run in store.list(self="me", status="done")] == [id]
    assert store.list(tagged={"status": "gold"}, status="failed") == ()


@pytest.mark.parametrize("uri", ["s3://", "gs://", "abfs://", "s3:///runs"])
def test_a_uri_without_a_bucket_reaches_none(uri):
    with pytest.raises(ValueError, match="names no bucket"):
        gputsne.Store(uri)


@pytest.mark.parametrize("stray", [".Trash-0", "ref\N{LATIN SMALL LETTER E WITH ACUTE}", "a b"])
def test_a_folder_that_is_no_ref_is_passed_by(tmp_path, stray):
    store = gputsne.Store(tmp_path / "store")
    id = store.put({"status": "done"})
    store.promote(id)
    (tmp_path / "store" / "refs" / stray).mkdir()
    assert store.refs() == {"production": id}
    assert store.prune(older_than="0s", keep=0).removed == ()
