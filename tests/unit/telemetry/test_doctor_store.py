"""The doctor at a store: what can't be used, what hangs, and what was left there."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import timedelta

import pytest
from findings import SECRET, by_name, only
from pyarrow import fs

import gputsne
from gputsne.provenance import Run
from gputsne.runs.storage.local import LocalStorage
from gputsne.telemetry.doctor import FAILED, OK, WARNING
from gputsne.telemetry.doctor.stores import store_findings


def test_a_sound_store_is_left_as_it_was(tmp_path):
    store = gputsne.Store(tmp_path)
    store.put(Run())
    before = sorted(p for p in tmp_path.rglob("*") if p.is_file())
    found = list(store_findings(str(tmp_path)))
    assert {f.state for f in found} == {OK}
    assert by_name(found).keys() == {"access", "clock", "room", "killed runs", "leftovers"}
    assert sorted(p for p in tmp_path.rglob("*") if p.is_file()) == before


def test_a_store_on_objects_is_tried_too(tmp_path):
    held = fs.SubTreeFileSystem(str(tmp_path), fs.LocalFileSystem())
    found = list(store_findings("maps", filesystem=held))
    assert {f.state for f in found} == {OK}


def test_a_store_that_cannot_be_written_fails(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    assert only(store_findings(str(tmp_path / "file" / "store"))).state == FAILED

    def refuse(*given):
        raise PermissionError(13, "Permission denied", "tmp")

    (tmp_path / "store").mkdir()

    monkeypatch.setattr(LocalStorage, "add", refuse)
    found = only(store_findings(str(tmp_path / "store")))
    assert (found.name, found.state) == ("access", FAILED)
    assert "Permission denied" in found.found


def test_a_store_that_hangs_is_left(tmp_path, monkeypatch):
    monkeypatch.setattr(LocalStorage, "add", lambda *given: time.sleep(30))
    found = only(store_findings(str(tmp_path), seconds=0.2))
    assert (found.state, "no answer within 0.2 s" in found.found) == (FAILED, True)


@pytest.mark.parametrize(
    "uri", [f"sftp://ann:{SECRET}@host/maps", f"s3://:{SECRET}@/maps", "s3://["]
)
def test_an_address_that_is_none_fails_without_its_password(uri):
    found = only(store_findings(uri))
    assert found.state == FAILED
    assert SECRET not in found.found + found.remedy


@pytest.mark.parametrize(
    ("seconds", "state"), [(5, OK), (-300, WARNING), (300, WARNING), (2000, FAILED)]
)
def test_a_clock_that_differs_is_told(tmp_path, monkeypatch, seconds, state):
    from dataclasses import replace

    was = LocalStorage.entries

    def entries(self, folder):
        ahead = timedelta(seconds=seconds)
        return [replace(e, modified=e.modified + ahead) for e in was(self, folder)]

    monkeypatch.setattr(LocalStorage, "entries", entries)
    found = by_name(store_findings(str(tmp_path)))["clock"]
    assert found.state == state
    assert state == OK or f"{abs(seconds)} s" in found.found


def test_killed_runs_and_unfinished_writes_are_told(tmp_path):
    store = gputsne.Store(tmp_path)
    script = (
        "import os, signal, sys, gputsne\n"
        "from gputsne.provenance import Run\n"
        "gputsne.Store(sys.argv[1]).begin(Run())\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)
    assert [a.state for a in store.unfinished()] == ["killed"]
    left = tmp_path / "pins" / "x.0"
    left.parent.mkdir(exist_ok=True)
    left.write_text("")
    os.utime(left, (0, 0))
    found = by_name(store_findings(str(tmp_path)))
    assert found["killed runs"].remedy.startswith("gputsne runs ls --status killed")
    assert found["leftovers"].remedy.startswith("gputsne runs prune")
    assert left.exists()


@pytest.mark.parametrize("before", ["", "file://"])
def test_a_store_that_is_not_there_yet_is_told_and_not_made(tmp_path, before):
    found = only(store_findings(f"{before}{tmp_path}/deep/store"))
    assert (found.state, "no " in found.found) == (WARNING, True)
    assert list(tmp_path.iterdir()) == []
