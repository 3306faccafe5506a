"""Processes that write, promote and prune at one time, or are killed, leave a sound store."""

from __future__ import annotations

import errno
import random
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

import gputsne
from gputsne.base.errors import BadInput, PromotionRefused
from gputsne.provenance import Run
from gputsne.runs.storage import Retry

AT_ONCE = Retry(first=0.0)


class Interposed:
    """A storage that does something else before its n-th step, as another process might."""

    def __init__(self, storage, at: int, work) -> None:
        self.storage, self.at, self.work, self.n = storage, at, work, 0

    def __getattr__(self, name):
        method = getattr(self.storage, name)
        if name not in ("entries", "read", "open", "add", "remove", "add_folder", "remove_folder"):
            return method

        def asked(*args, **kwargs):
            self.n += 1
            if self.n == self.at:
                self.work()
            return method(*args, **kwargs)

        return asked


def interpose(store: gputsne.Store, at: int, work) -> Interposed:
    held = Interposed(store._storage, at, work)
    store._storage = store._refs.storage = held
    return held


def attempt(work) -> bool:
    try:
        work()
    except (PromotionRefused, BadInput):
        return False
    return True


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["promote", "rollback"])
@pytest.mark.parametrize("first", ["prune", "move"])
def test_nothing_that_is_promoted_vanishes_by_a_prune_at_the_same_moment(tmp_path, first, kind):
    at = 0
    while True:  # every moment of one at which the other may happen
        at += 1
        folder = tmp_path / f"{at}"
        one, other = gputsne.Store(folder), gputsne.Store(folder)
        old = one.put(Run(id="20200101T000000Z-00000001"))
        aim = one.put(Run(id="20200102T000000Z-00000002"))
        new = one.put(Run(id="20990101T000000Z-00000003"))
        one.promote(old)
        if kind == "rollback":
            one.promote(aim)
        one.promote(new)
        moved: list[bool] = []

        def move(store=other, aim=aim, moved=moved) -> None:
            work = (lambda: store.promote(aim)) if kind == "promote" else store.rollback
            moved.append(attempt(work))

        def prune(store=one) -> None:
            store.prune(older_than="1d", keep=0, history=2)

        if first == "prune":
            held = interpose(one, at, move)
            prune()
        else:
            held = interpose(other, at, prune)
            move()
        clean = gputsne.Store(folder)
        there = {run.id for run in clean.list()}
        for entry in clean.history():
            if entry.id == aim and moved == [True]:
                assert aim in there
        assert clean.refs()["production"] in there
        assert [e.name for e in clean._storage.entries("pins")] == []
        assert [e.name for e in clean._storage.entries("marks")] == []
        if held.n < at:
            assert at > 5
            return


WRITER = """
import sys
from gputsne import Run, Store
store = Store(sys.argv[1])
print("ready", flush=True)
files = {"map.parquet": bytes(300_000), "thumb.png": b"x"}
while True:
    id = store.put(Run(), files=files)
    print("put", id, flush=True)
    store.add_check(id, {"profile": "ci", "verdict": "PASS", "rows": []})
    store.promote(id)
    print("promoted", id, flush=True)
"""
PRUNER = """
import sys
from gputsne import Store
store = Store(sys.argv[1])
print("ready", flush=True)
while True:
    store.prune(older_than="0s", keep=3, history=2)
"""


@pytest.mark.slow
def test_writers_that_are_killed_at_any_moment_leave_a_sound_store(local):
    moments = random.Random(0)
    told: list[str] = []
    for _ in range(3):
        command = [sys.executable, "-c", WRITER, str(local._storage.root)]
        writers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
        for writer in writers:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "ready\n"
        for writer in writers:
            time.sleep(moments.uniform(0.02, 0.3))
            writer.kill()
        told += [line for writer in writers for line in writer.communicate()[0].splitlines(True)]
        assert local.verify() == ()
    said = [line.split() for line in told if line.endswith("\n")]
    put = {id for word, id in said if word == "put"}
    promoted = {id for word, id in said if word == "promoted"}
    assert put
    assert put <= {run.id for run in local.list()}  # what was told to be stored is
    assert promoted <= {move.id for move in local.history()}
    assert local.get("production").run.status == "done"
    assert not [
        p for p in (local._storage.root / "runs").iterdir() if not (p / "run.json").exists()
    ]


def test_writers_and_a_pruner_that_are_killed_leave_every_ref_its_run(local):
    root = str(local._storage.root)
    scripts = [WRITER, WRITER, PRUNER]
    running = [
        subprocess.Popen([sys.executable, "-c", s, root], stdout=subprocess.PIPE, text=True)
        for s in scripts
    ]
    for process in running:
        assert process.stdout is not None
        process.stdout.readline()
    time.sleep(1.0)
    for process in running:
        process.kill()
    for process in running:
        process.communicate()
    assert local.verify() == ()
    assert local.get("production").read("thumb.png") == b"x"


def test_a_killed_run_is_told_as_killed(local):
    script = """
        import sys, time
        from gputsne import Run, Store
        Store(sys.argv[1]).begin(Run())
        print("begun", flush=True)
        time.sleep(600)
    """
    command = [sys.executable, "-c", textwrap.dedent(script), str(local._storage.root)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    assert [found.state for found in local.unfinished()] == ["running"]
    process.kill()
    process.communicate()
    assert [found.state for found in local.unfinished()] == ["killed"]
    assert local.list() == ()


def test_a_full_disk_leaves_nothing_of_a_run(local):
    local.put(Run(), files={"map.parquet": b"small"})
    before = sorted(p for p in local._storage.root.rglob("*") if p.is_file())
    script = """
        import resource, sys
        from gputsne import Run, Store
        store = Store(sys.argv[1])
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        try:
            store.put(Run(), files={"a": b"a", "map.parquet": bytes(1_000_000)})
        except OSError as error:
            print(error.strerror, error.filename)
    """
    command = [sys.executable, "-c", textwrap.dedent(script), str(local._storage.root)]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert told.startswith("File too large")
    assert "map.parquet" in told
    assert sorted(p for p in local._storage.root.rglob("*") if p.is_file()) == before
    assert list((local._storage.root / "tmp").iterdir()) == []
    assert local.verify() == ()


def test_a_store_that_may_not_be_written_to_says_so(tmp_path, monkeypatch):
    store = gputsne.Store(tmp_path / "store", retry=AT_ONCE)

    def denied(self: Path, *args, **kwargs) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    monkeypatch.setattr(Path, "mkdir", denied)
    with pytest.raises(PermissionError, match="store"):
        store.put(Run())
