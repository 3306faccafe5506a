"""Drill: the store is slow, fails, is full or may not be written, in a night's run."""

from __future__ import annotations

import errno
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from buckets import faulty
from click.testing import CliRunner, Result
from drilled import FIT, Forks, metrics_of, table
from pyarrow import fs

import gputsne
import gputsne.cli.storing
from gputsne.cli import main
from gputsne.provenance import Run
from gputsne.runs.storage import Retry

RESET = ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")
FULL = OSError(errno.ENOSPC, "No space left on device")
READ_ONLY = OSError(errno.EROFS, "Read-only file system")
Ask = Callable[[str, str], None]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    table(tmp_path / "x.npy", rows=60)
    return tmp_path


@pytest.fixture
def night(here: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Return what embeds with a store whose storage asks before each step."""

    def embed(ask: Ask, *more: str, retry: Retry | None = None) -> Result:
        through = faulty(fs.LocalFileSystem(), ask)
        store = gputsne.Store(
            str(here / "runs"), filesystem=through, retry=retry or Retry(first=0.0)
        )
        with monkeypatch.context() as patch:
            patch.setattr(gputsne.cli.storing, "store_of", lambda given: store)
            line = ["embed", "x.npy", "-o", "map.npy", "--store", "runs", *FIT]
            return CliRunner().invoke(main, [*line, "--metrics-textfile", "maps.prom", *more])

    return embed


def sound(folder: Path, runs: int) -> None:
    store = gputsne.Store(folder / "runs")
    assert store.verify() == ()
    assert len(store.list()) == runs
    assert store.unfinished() == ()


def test_what_fails_twice_and_then_works_takes_nothing_along(night, here: Path):
    seen: Counter[str] = Counter()

    def ask(step: str, path: str) -> None:
        seen[path] += 1
        if seen[path] <= 2:
            raise RESET

    done = night(ask)
    assert done.exit_code == 0, done.output
    assert len(seen) > 6
    sound(here, 1)
    assert metrics_of(here / "maps.prom")["gputsne_run_success"] == 1


def test_a_slow_store_is_waited_for_and_told_of(night, here: Path):
    times = iter(range(0, 10**6, 40))  # each look at the clock is 40 s later
    done = night(lambda step, path: None, retry=Retry(clock=lambda: float(next(times))))
    assert done.exit_code == 0, done.output
    assert "gputsne: the storage is slow: writing runs/" in done.stderr
    sound(here, 1)


@pytest.mark.parametrize("error", [RESET, FULL, READ_ONLY], ids=lambda e: str(e.strerror))
def test_a_store_that_fails_for_good_keeps_the_map_and_says_so(error, night, here: Path):
    assert night(lambda step, path: None).exit_code == 0
    expected = (here / "map.npy").read_bytes()
    (here / "map.npy").unlink()
    begun: list[str] = []

    def ask(step: str, path: str) -> None:
        begun.append(path)
        if (here / "map.npy").exists():  # once the fit is done
            raise error

    done = night(ask, "--run-record", "run.json", "--checkpoint", "run.ckpt")
    assert done.exit_code == 1
    assert begun
    place = here / "runs"
    assert f"the run was not stored: {place}: {error.strerror}; written: map.npy" in done.stderr
    assert (here / "map.npy").read_bytes() == expected
    # it ended with 1, and whoever reads its metrics must not take it for a success
    told = metrics_of(here / "maps.prom")
    assert told["gputsne_run_success"] == 0
    assert told["gputsne_runs_total{status=failed}"] == 1
    assert told["gputsne_runs_total{status=done}"] == 1
    store = gputsne.Store(here / "runs")
    assert store.verify() == ()
    assert len(store.list()) == 1
    # the checkpoint is kept, so that storing it costs no second fit
    assert (here / "run.ckpt").exists()
    again = night(lambda step, path: None, "--checkpoint", "run.ckpt", "--resume")
    assert again.exit_code == 0, again.output
    assert (here / "map.npy").read_bytes() == expected
    assert len(gputsne.Store(here / "runs").list()) == 2
    assert not (here / "run.ckpt").exists()


@pytest.mark.parametrize("error", [RESET, READ_ONLY], ids=lambda e: str(e.strerror))
def test_a_store_that_is_not_there_is_told_before_anything_is_computed(error, night, here: Path):
    def ask(step: str, path: str) -> None:
        raise error

    done = night(ask)
    assert done.exit_code == 1
    assert f"gputsne: {here / 'runs'}: {error.strerror}" in done.stderr
    assert not (here / "map.npy").exists()
    assert metrics_of(here / "maps.prom")["gputsne_run_success"] == 0


LINE = (
    "embed", "x.npy", "-o", "map.npy", "--store", "runs", "--model", "model.npz", "--checkpoint",
    "run.ckpt", "--resume", "--metrics-textfile", "maps.prom", *FIT,
)  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    night = tmp_path / "night"
    night.mkdir()
    table(night / "x.npy")
    return night


@pytest.mark.skipif(os.name == "nt", reason="no limits of files")
@pytest.mark.parametrize("most", [700, 1000, 2000, 9000])
def test_a_disk_that_is_full_in_the_middle_leaves_whole_files(most: int, fork: Forks, folder: Path):
    assert fork(folder, *LINE).code == 0
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    full = fork(folder, *LINE, file_bytes=most)
    assert full.code == 1
    assert "File too large" in full.stderr
    assert "Traceback" not in full.stderr
    for name in ("map.npy", "model.npz"):  # the old one, or the new one whole
        found = (folder / name).read_bytes()
        assert found == before[name] or (name == "model.npz" and gputsne.load(folder / name))
    assert (folder / "map.npy").read_bytes() == before["map.npy"]
    assert gputsne.Store(folder / "runs").verify() == ()
    stored = [run.status for run in gputsne.Store(folder / "runs").list()]
    assert stored in (["done"], ["done", "failed"])  # a map without its model is stored as failed
    assert {path.name for path in folder.iterdir()} - {"run.ckpt", "run.ckpt.state"} == {
        *before, "runs"
    }  # fmt: skip
    again = fork(folder, *LINE)
    assert again.code == 0, again.stderr
    assert (folder / "map.npy").read_bytes() == before["map.npy"]
    assert gputsne.Store(folder / "runs").unfinished() == ()


@pytest.mark.skipif(os.name == "nt", reason="no modes of folders")
def test_a_store_that_may_not_be_written_is_told_before_anything_is_computed(
    fork: Forks, folder: Path
):
    store = gputsne.Store(folder / "runs")
    id = store.put(Run())
    for path in (folder / "runs").rglob("*"):
        path.chmod(0o555 if path.is_dir() else 0o444)
    (folder / "runs").chmod(0o555)
    refused = fork(folder, *LINE, plain=True)
    assert refused.code == 1
    assert "runs" in refused.stderr
    assert "Permission denied" in refused.stderr
    assert not (folder / "map.npy").exists()
    shown = fork(
        folder, "runs", "show", id, "--store", "runs", plain=True
    )  # reading asks for nothing
    assert shown.code == 0, shown.stderr
    for path in [folder / "runs", *(folder / "runs").rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
