"""Drill: a table that outgrows the machine. Refused before, told after, and how memory grows."""

from __future__ import annotations

import errno
import os
import re
import signal
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from drilled import FIT, Forks, metrics_of, table

import gputsne
import gputsne.data
from gputsne.base.errors import OverMemory
from gputsne.cli import main
from gputsne.data.blocks import blocks_of
from gputsne.runs import attempts

LINUX = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="no /proc")
LINE = ("embed", "x.npy", "-o", "map.npy", "--store", "runs", "--metrics-textfile", "maps.prom")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "night"
    folder.mkdir()
    monkeypatch.chdir(folder)
    table(folder / "x.npy")
    return folder


def needed(said: str) -> float:
    """Return the GB that a refusal says are needed."""
    found = re.search(r"this fit needs ([\d.]+) GB", said)
    assert found is not None, said
    return float(found[1])


def over_memory(here: Path) -> None:
    """The run is told in store and metrics as refused, and made nothing."""
    (run,) = gputsne.Store(here / "runs").list()
    assert (run.status, run.exit_code) == ("over memory", 4)
    told = metrics_of(here / "maps.prom")
    assert told["gputsne_runs_total{status=over memory}"] == 1  # GputsneOutOfMemory counts these
    assert told["gputsne_run_success"] == told["gputsne_runs_in_progress"] == 0
    assert not (here / "map.npy").exists()
    assert gputsne.Store(here / "runs").unfinished() == ()


def test_a_table_that_is_too_large_is_refused_before_it_is_read(here: Path):
    rows = 20_000_000
    with (here / "x.npy").open("wb") as file:  # 8 GB of nothing
        shape = {"descr": "<f4", "fortran_order": False, "shape": (rows, 100)}
        np.lib.format.write_array_header_1_0(file, shape)
        file.truncate(file.tell() + 400 * rows)
    planned = CliRunner().invoke(main, ["plan", str(rows), "100", "--memory-limit", "4000000000"])
    asked = CliRunner().invoke(main, [*LINE, "--memory-limit", "4000000000"])
    assert planned.exit_code == asked.exit_code == 4, asked.output
    assert "4.00 GB" in planned.stderr
    for said in (planned.stderr, asked.stderr):
        assert needed(said) > 4.0
        assert "--memory-limit is 4.00 GB" in said
        assert "--pca 50" in said
    over_memory(here)


@pytest.mark.parametrize("pca", [None, 5])
def test_a_fit_that_is_too_large_is_refused_with_its_numbers_and_a_remedy(pca, here: Path):
    more = [] if pca is None else ["--pca", str(pca)]
    done = CliRunner().invoke(main, [*LINE, "--memory-limit", "200000000", *more])
    assert done.exit_code == 4
    said = done.stderr.splitlines()[-1]
    assert needed(said) > 0.2
    assert "0.20 GB" in said
    assert "lower --perplexity" in said
    over_memory(here)


@LINUX
@pytest.mark.parametrize("more", [500_000, 3_000_000, 20_000_000])
def test_memory_that_gives_out_is_told_as_such_wherever_it_does(more: int, fork: Forks, here: Path):
    table(here / "x.npy", rows=400_000)  # 9.6 MB
    done = fork(here, *LINE, *FIT, more_bytes=more)
    assert done.code == 4, done.stderr
    assert "memory" in done.stderr
    assert "Traceback" not in done.stderr
    over_memory(here)


@pytest.mark.parametrize("read", [gputsne.data.read, blocks_of])
def test_a_file_that_the_machine_can_not_read_now_is_no_bad_input(
    read, here: Path, monkeypatch: pytest.MonkeyPatch
):
    def failing(number: int):
        def opened(*args: object, **how: object) -> None:
            raise OSError(number, os.strerror(number))

        return opened

    for number in (errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EMFILE):
        with monkeypatch.context() as patch:
            patch.setattr(np.lib.format, "open_memmap", failing(number))
            patch.setattr(np, "load", failing(number))
            with pytest.raises(OSError, match=r"x\.npy") as raised:
                read(here / "x.npy", gputsne.data.Selection())
        assert raised.value.errno == number
        assert not isinstance(raised.value, ValueError)
    with monkeypatch.context() as patch:
        patch.setattr(np.lib.format, "open_memmap", failing(errno.ENOMEM))
        patch.setattr(np, "load", failing(errno.ENOMEM))
        with pytest.raises(OverMemory, match=r"x\.npy: not enough memory"):
            read(here / "x.npy", gputsne.data.Selection())
    (here / "x.npy").write_bytes(b"\x93NUMPY damaged")
    with pytest.raises(gputsne.data.BadInput):
        read(here / "x.npy", gputsne.data.Selection())


@LINUX
def test_a_run_that_the_kernel_killed_is_told_with_its_cause(
    fork: Forks, here: Path, monkeypatch: pytest.MonkeyPatch
):
    killed = fork(here, *LINE, *FIT, kill_at=32)
    assert killed.code == -signal.SIGKILL
    (attempt,) = gputsne.Store("runs").unfinished()
    kills = attempts._out_of_memory()

    def shown() -> str:
        done = CliRunner().invoke(main, ["runs", "show", attempt.id, "--store", "runs"])
        assert done.exit_code == 0, done.output
        assert "status        killed" in done.stdout
        assert "killed        1" in done.stdout
        return done.stdout

    if kills is not None:
        assert "not for want of memory" in shown()
    for now, cause in ((None, "most often for want of memory"), (7, "killed 3 processes for want")):
        with monkeypatch.context() as patch:
            note = attempts.unseal

            def noted(data: bytes, name: str, note=note):
                told, files = note(data, name)
                return {**told, "out_of_memory": 4}, files

            patch.setattr(attempts, "unseal", noted)
            patch.setattr(attempts, "_out_of_memory", lambda now=now: now)
            said = shown()
        assert cause in said
        assert "gputsne plan" in said
    listed = CliRunner().invoke(main, ["runs", "ls", "--store", "runs", "--status", "killed"])
    assert attempt.id in listed.stdout
    asked = ["ops", "metrics", "--store", "runs"]
    assert metrics_of(CliRunner().invoke(main, asked).stdout)["gputsne_runs_killed_total"] == 1
    assert fork(here, *LINE, *FIT).code == 0
    assert metrics_of(here / "maps.prom")["gputsne_runs_killed_total"] == 1
    assert metrics_of(CliRunner().invoke(main, asked).stdout)["gputsne_runs_killed_total"] == 1


SIZES = (100, 4000, 8000, 16_000)  # the first tells what a process has anyway


@LINUX
def test_memory_grows_in_step_with_the_rows(fork: Forks, here: Path):
    peaks = []
    for n in SIZES:
        rng = np.random.default_rng(0)
        np.save("x.npy", rng.normal(size=(n, 8)).astype(np.float32))
        perplexity = min(60, n // 4)
        asked = ("--max-iter", "3", "--perplexity", perplexity)
        done = fork(here, "embed", "x.npy", "-o", "map.npy", *asked)
        assert done.code == 0, done.stderr
        assert done.peak_bytes < gputsne.plan(n, 8, perplexity=perplexity).host_bytes
        peaks.append(done.peak_bytes)
    more = np.subtract(peaks[1:], peaks[0])
    exponent = np.polyfit(np.log(SIZES[1:]), np.log(more), 1)[0]
    assert 0.8 < exponent < 1.2, peaks  # time is bench/cases/scaling.py's to measure
