"""``gputsne embed --store`` and ``--replay``: what is stored of every end, and done again."""

from __future__ import annotations

import gzip
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import gputsne
from gputsne.cli import main

X = np.random.default_rng(0).normal(size=(60, 4)).round(3)
SHORT = ["--max-iter", "30", "--early-exaggeration-iter", "10", "--perplexity", "5"]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GPUTSNE_STORE", raising=False)
    table("x.csv", X)


def table(path: str, rows) -> None:
    lines = [",".join([*map(str, row), f"k{i % 2}"]) for i, row in enumerate(rows)]
    Path(path).write_text("\n".join(["a,b,c,d,kind", *lines]) + "\n")


def call(*words: str, code: int = 0) -> str:
    result = CliRunner().invoke(main, ["embed", *words])
    assert result.exit_code == code, result.output
    return result.output


def facts(*words: str, code: int = 0):
    said = call(*words, "--json", code=code)
    return json.loads(next(line for line in said.splitlines() if line.startswith("{")))


def test_a_run_is_stored_with_map_model_and_picture():
    told = facts("x.csv", "-o", "map.npy", "--labels", "kind", "--store", "s", *SHORT)
    store = gputsne.Store("s")
    found = store.get(told["stored"])
    assert set(found.files) == {"map.parquet", "model.npz", "thumb.png"}
    Y = np.load("map.npy")
    np.testing.assert_array_equal(found.read_map().X, Y)
    np.testing.assert_array_equal(found.load_model().embedding_, Y)
    assert found.read("thumb.png").startswith(b"\x89PNG")
    assert len(found.read("thumb.png")) < 100_000
    assert found.run.status == "done"
    assert found.run.input["sha256"] is not None
    assert found.run.map_sha256 is not None
    assert store.unfinished() == ()
    assert store.verify() == ()
    assert f"stored        {store.list()[0].id}" not in call("x.csv", "-o", "map.npy", *SHORT)


def test_inputs_are_kept_byte_for_byte_and_a_report_where_asked():
    Path("y.csv.gz").write_bytes(gzip.compress(Path("x.csv").read_bytes()))
    words = ["x.csv", "y.csv.gz", "-o", "map.npy", "--store", "s", *SHORT]
    found = gputsne.Store("s").get(facts(*words, "--keep-input", "--keep-report")["stored"])
    assert found.read("input.csv") == Path("x.csv").read_bytes()
    assert found.read("input-2.csv.gz") == Path("y.csv.gz").read_bytes()
    assert b"<html" in found.read("report.html")


@pytest.mark.parametrize("flag", ["--keep-input", "--keep-report"])
def test_what_has_no_effect_without_a_store_is_usage(flag):
    assert "no effect without --store" in call("x.csv", "-o", "map.npy", flag, code=2)
    assert not Path("map.npy").exists()


def test_without_an_input_nothing_runs():
    assert "IN..." in call("-o", "map.npy", code=2)


def test_a_run_that_fails_is_stored_with_its_status_alone():
    table("bad.csv", [[1.0, np.nan, 2.0, 3.0], *X])
    said = call("bad.csv", "-o", "map.npy", "--store", "s", *SHORT, code=3)
    (run,) = gputsne.Store("s").list()
    assert f"the run is stored as {run.id}, without a map" in said
    assert run.status == "bad input"
    assert run.error in said
    assert gputsne.Store("s").get(run.id).files == {}
    assert gputsne.Store("s").unfinished() == ()


def test_a_store_that_cannot_be_written_to_ends_the_run_before_it_begins():
    Path("file").write_text("")
    assert "Not a directory" in call("x.csv", "-o", "map.npy", "--store", "file", *SHORT, code=1)
    Path("s").mkdir()
    Path("s/started").write_text("")
    call("x.csv", "-o", "map.npy", "--store", "s", *SHORT, code=1)
    assert not Path("map.npy").exists()


def test_a_store_that_fails_at_the_end_takes_nothing_else_along(monkeypatch):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device", "s")

    monkeypatch.setattr("gputsne.runs.store.Store.put", full)
    said = call("x.csv", "-o", "map.npy", "--store", "s", *SHORT, code=1)
    assert "the run was not stored: s: No space left on device" in said
    assert Path("map.npy").exists()
    assert gputsne.Store("s").unfinished() == ()  # it was not killed


def test_a_picture_that_fails_is_left_out_with_a_remark(monkeypatch):
    def fails(*args, **kwargs):
        raise ValueError("no fonts")

    monkeypatch.setattr("gputsne.plotting.plot", fails)
    said = call("x.csv", "-o", "map.npy", "--store", "s", *SHORT)
    assert "the stored run has no thumb.png: no fonts" in said
    (run,) = gputsne.Store("s").list()
    assert set(gputsne.Store("s").get(run.id).files) == {"map.parquet", "model.npz"}


def begun() -> subprocess.Popen[str]:
    """Return a run that takes for ever, once its first map is there."""
    words = ["x.csv", "-o", "map.npy", "--store", "s", "--max-iter", "100000000", "--verbose"]
    command = [sys.executable, "-m", "gputsne", "embed", *words]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    while "initial:" not in (line := process.stderr.readline()):
        assert line, "it ended"
    return process


@pytest.mark.slow
def test_a_run_that_is_killed_outright_leaves_a_note_and_no_half_run():
    process = begun()
    (attempt,) = gputsne.Store("s").unfinished()
    assert attempt.state == "running"
    process.kill()
    process.communicate()
    store = gputsne.Store("s")
    assert store.list() == ()
    assert store.verify() == ()
    assert [found.state for found in store.unfinished()] == ["killed"]
    assert store.unfinished()[0].run["input"]["path"] == "x.csv"


@pytest.mark.slow
def test_a_run_that_is_terminated_is_stored_with_the_map_so_far():
    process = begun()
    time.sleep(1.0)  # some iterations
    process.send_signal(signal.SIGTERM)
    process.communicate()
    assert process.returncode == 143
    (run,) = gputsne.Store("s").list()
    assert (run.status, run.exit_code) == ("terminated", 143)
    found = gputsne.Store("s").get(run.id)
    assert set(found.files) == {"map.parquet"}
    np.testing.assert_array_equal(found.read_map().X, np.load("map.npy"))
    assert gputsne.Store("s").unfinished() == ()


def stored(*more: str) -> str:
    return facts("x.csv", "-o", "map.npy", "--store", "s", "--keep-input", *SHORT, *more)["stored"]


def test_a_replay_comes_to_the_same_bytes_from_the_stored_input(monkeypatch):
    id = stored("--labels", "kind", "--columns", "a,c,d", "--seed", "5", "--perplexity", "9")
    Path("x.csv").unlink()
    told = facts("--replay", id, "--store", "s", "-o", "again.npy")
    assert told["replay"] == {"run": id, "same_input": True, "same_map": True}
    assert told["tags"] == {"replay": id}
    assert told["seed"] == 5
    assert told["parameters"]["perplexity"] == [5.0, 9.0]
    np.testing.assert_array_equal(np.load("again.npy"), np.load("map.npy"))
    monkeypatch.setenv("GPUTSNE_STORE", "s")
    assert f"the map of {id}, bit for bit" in call("--replay", id, "-o", "again.npy")
    assert len(gputsne.Store("s").list()) == 2  # the last one was looked up there, not stored
    gputsne.Store("s").promote(id)
    assert call("--replay", "production", "-o", "again.npy")


def test_options_that_are_given_count_before_those_of_the_run():
    id = stored("--seed", "5")
    told = facts("--replay", id, "--store", "s", "-o", "b.npy", "--init", "random", "--seed", "1")
    assert told["replay"]["same_map"] is False
    assert (told["seed"], told["parameters"]["init"]) == (1, "random")
    assert told["parameters"]["max_iter"] == 30
    direct = facts("x.csv", "-o", "c.npy", "--init", "random", "--seed", "1", *SHORT)
    assert direct["map_sha256"] == told["map_sha256"]


def test_a_replay_on_another_input_says_so():
    id = stored()
    table("y.csv", X + 1.5)
    said = call("y.csv", "--replay", id, "--store", "s", "-o", "b.npy")
    assert f"another map than that of {id}; the input is another, too" in said


def test_a_replay_needs_an_input_and_a_run():
    id = facts("x.csv", "-o", "map.npy", "--store", "s", *SHORT)["stored"]
    said = call("--replay", id, "--store", "s", "-o", "b.npy", code=2)
    assert "without --keep-input): name IN" in said
    assert facts("x.csv", "--replay", id, "--store", "s", "-o", "b.npy")["replay"]["same_map"]
    assert "no ref 'nightly'" in call("--replay", "nightly", "--store", "s", "-o", "b.npy", code=3)
    assert "name the store" in call("--replay", id, "-o", "b.npy", code=2)


def test_a_replay_of_a_run_from_a_given_first_map_asks_for_it():
    big = np.random.default_rng(1).normal(size=(1200, 4)).round(3)
    table("x.csv", big)
    np.save("first.npy", big[:, :2].astype("f4"))
    id = stored("--init", "first.npy")
    said = call("--replay", id, "--store", "s", "-o", "b.npy", code=2)
    assert "--init" in said
    words = ["--replay", id, "--store", "s", "-o", "b.npy", "--init", "first.npy"]
    assert facts(*words)["replay"]["same_map"]
