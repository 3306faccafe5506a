"""Verify finds every byte that was altered; prune takes what nobody needs, and nothing else."""

from __future__ import annotations

import json
import os
from datetime import datetime

import pytest
from stores import id_of, root_of, run_of, verdict

from gputsne.base.errors import BadInput, Damaged


@pytest.mark.parametrize("store", ["local", "arrow"], indirect=True)
def test_verify_finds_every_altered_byte(store):
    id = store.put(run_of(), files={"a": b"abc"})
    store.promote(id)
    store.add_check(id, verdict())
    files = [p for p in root_of(store).rglob("*") if p.is_file()]
    assert len(files) == 4
    for path in files:
        whole = path.read_bytes()
        for i in range(len(whole)):
            path.write_bytes(whole[:i] + bytes([whole[i] ^ 1]) + whole[i + 1 :])
            assert [(str(root_of(store) / p.file), p.what) for p in store.verify()] == [
                (str(path), "altered")
            ], (path.name, i)
        for cut in (b"", whole[:-1], whole + b" "):
            path.write_bytes(cut)
            assert [p.what for p in store.verify()] == ["altered"]
        path.write_bytes(whole)
    assert store.verify() == ()


def test_verify_finds_what_is_missing_and_what_is_extra(store):
    id = store.put(run_of(), files={"a": b"abc", "b": b"b"})
    store.promote(id)
    store._storage.remove(f"runs/{id}/a")
    store._storage.add(f"runs/{id}/c", b"")
    told = {(p.file, p.what) for p in store.verify(id)}
    assert told == {(f"runs/{id}/a", "missing"), (f"runs/{id}/c", "extra")}
    assert set(store.verify("production")) == set(store.verify())
    store._storage.remove_folder(f"runs/{id}", "run.json")
    assert [(p.file, p.what) for p in store.verify()] == [(f"runs/{id}", "missing")]  # of the ref
    assert [(p.file, p.what) for p in store.verify(id)] == [(f"runs/{id}/run.json", "missing")]


@pytest.mark.parametrize("kind", ["link", "folder", "pipe"])
@pytest.mark.parametrize("name", ["a", "run.json"])
def test_what_is_no_file_is_altered_and_never_waited_for(local, tmp_path, kind, name):
    id = local.put(run_of(), files={"a": b"abc"})
    held = root_of(local) / "runs" / id / name
    copy = tmp_path / "copy"
    copy.write_bytes(held.read_bytes())
    held.unlink()
    if kind == "link":
        held.symlink_to(copy)
    elif kind == "folder":
        held.mkdir()
    else:
        os.mkfifo(held)
    assert (f"runs/{id}/{name}", "altered") in [(p.file, p.what) for p in local.verify(id)]
    with pytest.raises(OSError, match=name):
        local.get(id).read("a")


def test_altered_bytes_are_not_handed_out(local, tmp_path):
    id = local.put(run_of(), files={"a": b"abc"})
    other = local.put(run_of(1, 1))
    held = root_of(local) / "runs" / id
    (held / "a").write_bytes(b"abd")
    with pytest.raises(Damaged, match="altered"):
        local.get(id).read("a")
    (tmp_path / "there").write_bytes(b"old")
    with pytest.raises(Damaged, match="altered"):
        local.get(id).fetch("a", tmp_path / "there")
    assert (tmp_path / "there").read_bytes() == b"old"
    record = json.loads((held / "run.json").read_text())
    record["status"] = "failed"
    (held / "run.json").write_text(json.dumps(record, indent=1) + "\n")
    with pytest.raises(Damaged, match="altered"):
        local.get(id)
    with pytest.warns(UserWarning, match=f"left out: gputsne runs verify {id}"):
        assert [run.id for run in local.list()] == [other]


def test_a_record_moved_to_another_id_is_found(local):
    id, other = local.put(run_of()), id_of(1, 1)
    (root_of(local) / "runs" / id).rename(root_of(local) / "runs" / other)
    assert [p.what for p in local.verify(other)] == ["altered"]
    with pytest.raises(Damaged, match=f"the record of {id}"):
        local.get(other)


def test_a_damaged_move_of_a_ref_is_passed_over_with_a_warning(local):
    first, second = local.put(run_of(1)), local.put(run_of())
    local.promote(first)
    local.promote(second)
    last = root_of(local) / "refs" / "production" / local._refs.files("production")[-1]
    last.write_bytes(last.read_bytes()[:40])  # as a filesystem that tears writes leaves it
    with pytest.warns(UserWarning, match="passed over"):
        assert local.refs() == {"production": first}
    assert [p.what for p in local.verify()] == ["altered"]


def test_prune_keeps_what_is_new_what_refs_need_and_the_newest(store):
    ids = [store.put(run_of(100 - 10 * i, i)) for i in range(9)]  # 100 to 20 days ago
    for id in (ids[0], ids[1], ids[2], ids[3]):
        store.promote(id)
    store.promote(ids[4], "canary")
    store.add_check(ids[0], verdict())
    told = store.prune(older_than="35d", keep=2, history=2, dry_run=True)
    assert told.dry_run
    assert [run.id for run in store.list()] == ids
    done = store.prune(older_than="35d", keep=2, history=2)
    assert done.removed == told.removed == (ids[0], ids[1], ids[5], ids[6])
    assert done.kept == told.kept
    assert done.kept[ids[2]] == "in the history of production"
    assert done.kept[ids[3]] == "what production stands for"
    assert done.kept[ids[4]] == "what canary stands for"
    assert [run.id for run in store.list()] == [*ids[2:5], *ids[7:]]
    assert store.rollback().id == ids[2]
    assert len(store.history()) == 5  # moves are never removed
    with pytest.raises(BadInput, match="was pruned"):
        store.rollback()
    assert store.verify() == ()
    assert store.checks(ids[0]) == ()
    everything = store.prune(older_than="0s", keep=1)
    assert ids[-1] not in everything.removed


def test_prune_refuses_numbers_that_would_take_the_run_a_rollback_needs(local):
    with pytest.raises(ValueError, match="history=1"):
        local.prune(history=1)
    with pytest.raises(ValueError, match="keep=-1"):
        local.prune(keep=-1)
    with pytest.raises(ValueError, match="older_than='soon'"):
        local.prune(older_than="soon")
    for number in (1.5, "3", True, None):
        with pytest.raises(TypeError, match=r"keep=.* must be an integer"):
            local.prune(keep=number)


def test_what_is_given_is_of_the_kind_that_is_asked_for(local):
    for files in (["map.parquet"], "map.parquet", 3):
        with pytest.raises(TypeError, match=r"files=.* must map names to bytes or paths"):
            local.put({"status": "done"}, files=files)
    assert local.list() == ()
    id = local.put({"status": "done"}, files={})
    with pytest.raises(TypeError, match="reason=3 must be text"):
        local.promote(id, reason=3)
    with pytest.raises(TypeError, match="reason=3 must be text"):
        local.rollback(reason=3)
    assert local.refs() == {}


def test_prune_takes_away_what_killed_writers_left_after_a_day(local, tmp_path):
    local.put(run_of())
    left = root_of(local) / "tmp" / "20200101T000000Z-00000000.1-abc"
    left.mkdir(parents=True)
    (left / "map.parquet").write_bytes(b"half")
    pin = root_of(local) / "pins" / f"{id_of(1)}.abc"
    pin.parent.mkdir(exist_ok=True)
    pin.write_bytes(b"")
    assert local.prune().leftovers == ()  # a writer may be at it
    old = datetime.now().timestamp() - 2 * 86400
    for path in (left / "map.parquet", left, pin):
        os.utime(path, (old, old))
    told = local.prune(dry_run=True).leftovers
    assert left.exists()
    assert set(local.prune().leftovers) == set(told) == {f"tmp/{left.name}", f"pins/{pin.name}"}
    assert not left.exists()
    assert not pin.exists()


def test_prune_follows_no_link_out_of_the_store(local, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "run.json").write_text("{}")
    local.put(run_of())
    (root_of(local) / "runs" / id_of(90)).symlink_to(outside)
    local.prune(older_than="0s", keep=0)
    assert (outside / "run.json").exists()
    assert [p.what for p in local.verify()] == ["extra"]
