"""Drill: a node is lost. Twenty kills in a night's run, and what the next run finds."""

from __future__ import annotations

import hashlib
import os
import random
import signal
from pathlib import Path

import numpy as np
import pytest
from drilled import FIT, Forks, metrics_of, table
from pyarrow import parquet

import gputsne
from gputsne.provenance import Run

pytestmark = pytest.mark.skipif(os.name == "nt", reason="no signals, no forks")

LINE = (
    "embed", "x.npy", "-o", "map.npy", "--model", "model.npz", "--run-record", "run.json",
    "--store", "runs", "--checkpoint", "run.ckpt", "--checkpoint-every", "1e-6", "--resume",
    "--metrics-textfile", "maps.prom", "--tag", "model=m", *FIT,
)  # fmt: skip
FINAL = {"map.npy", "model.npz", "run.json", "run.ckpt", "run.ckpt.state", "maps.prom"}
GIVEN = {"x.npy", "runs"}


def map_bytes(folder: Path) -> str:
    return hashlib.sha256((folder / "map.npy").read_bytes()).hexdigest()


def whole(folder: Path) -> None:
    """Every file that has its final name is whole, and there is none of another name."""
    seen = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
    assert seen <= FINAL | GIVEN
    assert not [path.name for path in folder.glob(".*.prom")]  # what node-exporter would read
    if "map.npy" in seen:
        assert np.load(folder / "map.npy").shape == (150, 2)
    if "model.npz" in seen:
        gputsne.load(folder / "model.npz")
    if "run.json" in seen:
        assert Run.read(folder / "run.json").status == "done"
    if "maps.prom" in seen:
        assert "gputsne_runs_in_progress" in metrics_of(folder / "maps.prom")
    store = gputsne.Store(folder / "runs")
    assert store.verify() == ()
    for run in store.list():
        with store.get(run.id).open("map.parquet") as file:
            assert parquet.read_table(file).num_rows == 150


@pytest.fixture(scope="module")
def undisturbed(fork: Forks, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[str]]:
    """Return the hash of the map of a run that nobody kills, and its events on files."""
    folder = tmp_path_factory.mktemp("undisturbed")
    table(folder / "x.npy")
    told = folder.parent / "events"
    done = fork(folder, *LINE, events=str(told))
    assert done.code == 0, done.stderr
    return map_bytes(folder), told.read_text().splitlines()


def moments() -> list[tuple[str, float]]:
    """Return twenty moments: before an event on files, within a write, and at any time.

    Each is a share of the run, one from each equal part of it, so that all stages have theirs.
    """
    rng = random.Random(20261127)
    found = []
    for kind, count in (("event", 12), ("write", 4), ("time", 4)):
        found += [(kind, (i + rng.random()) / count) for i in range(count)]
    return found


@pytest.mark.parametrize(("kind", "share"), moments())
def test_a_killed_run_goes_on_to_the_same_map(
    kind: str, share: float, fork: Forks, undisturbed: tuple[str, list[str]], tmp_path: Path
):
    expected, events = undisturbed
    folder = tmp_path / "night"
    folder.mkdir()
    table(folder / "x.npy")
    how = {
        "event": {"kill_at": int(share * len(events))},
        "write": {"file_bytes": 40 + int(share**3 * 20_000), "torn": True},
        "time": {"kill_after": 0.5 * share},
    }[kind]
    killed = fork(folder, *LINE, **how)
    assert killed.code in (-signal.SIGKILL, -signal.SIGXFSZ, 0), killed.stderr
    assert (killed.code == 0) <= (kind == "time")  # a quick machine may be done by then
    if (folder / "runs").exists() or (folder / "maps.prom").exists():
        whole(folder)
    began = (folder / "maps.prom").exists()
    told = metrics_of(folder / "maps.prom") if began else {}
    left = told.get("gputsne_runs_in_progress", 0)
    ended = told.get("gputsne_runs_total{status=done}", 0)  # it was told before the process ended
    notes = [a for a in gputsne.Store(folder / "runs").unfinished() if a.state == "killed"]

    again = fork(folder, *LINE)

    assert again.code == 0, again.stderr
    whole(folder)
    assert map_bytes(folder) == expected
    assert {path.name for path in folder.iterdir() if path.name[0] != "."} == (FINAL | GIVEN) - {
        "run.ckpt",
        "run.ckpt.state",
    }
    told = metrics_of(folder / "maps.prom")
    assert told["gputsne_runs_in_progress"] == 0
    assert told["gputsne_runs_killed_total"] == max(left, len(notes)) == left
    assert told["gputsne_runs_total{status=done}"] == ended + 1


def test_what_killed_runs_left_beside_the_files_goes_a_day_later(fork: Forks, tmp_path: Path):
    folder = tmp_path / "night"
    folder.mkdir()
    table(folder / "x.npy")
    for most in (400, 8000):
        assert fork(folder, *LINE, file_bytes=most, torn=True).code == -signal.SIGXFSZ
    left = [path for path in folder.glob(".*") if ".prom" not in path.name]
    assert left
    assert fork(folder, *LINE).code == 0
    assert all(path.exists() for path in left)  # a writer on another host may still be at it
    for path in left:
        os.utime(path, (path.stat().st_mtime - 86_401,) * 2)
    other = folder / ".map.npy.swp"
    other.write_bytes(b"somebody else's")
    os.utime(other, (0, 0))
    assert fork(folder, *LINE).code == 0
    assert not [path for path in left if path.exists()]
    assert other.exists()
