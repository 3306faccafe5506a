"""Outputs never replace inputs, devices or links in a circle; names may be any bytes."""

from __future__ import annotations

import json
import os
import stat
import threading
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner
from pyarrow import parquet

from gputsne.cli import main

SHORT = ("--max-iter", "5", "--early-exaggeration-iter", "2", "--perplexity", "3")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", np.random.default_rng(0).normal(size=(30, 3)))


def run(*args: str):
    return CliRunner().invoke(main, ["embed", *args])


@pytest.mark.parametrize(
    "arguments",
    [
        "x.npy -o start.npy --init start.npy",
        "x.npy -o l.csv --labels l.csv",
        "x.npy -o l.csv --labels l.csv:kind",
        "x.npy -o linked.npy",
        "x.npy -o hard.npy",
        "x.npy -o map.npy --model start.npy --init ./start.npy",
        "x.npy -o map.npy --run-record run.toml --config run.toml",
    ],
)
def test_no_output_replaces_what_is_read(arguments):
    np.save("start.npy", np.zeros((30, 2)))
    Path("l.csv").write_text("kind\n" + "a\n" * 30)
    Path("run.toml").write_text("seed = 1\n")
    Path("linked.npy").symlink_to("x.npy")
    Path("hard.npy").hardlink_to("x.npy")
    before = {p: p.read_bytes() for p in Path().iterdir()}
    result = run(*arguments.split())
    assert result.exit_code == 2, result.output
    assert "is read; an output needs its own name" in " ".join(result.stderr.split())
    assert {p: p.read_bytes() for p in Path().iterdir()} == before


def test_two_links_to_one_file_are_one_output():
    Path("a.csv").symlink_to("b.csv")
    result = run("x.npy", "-o", "a.csv", "--run-record", "b.csv")
    assert (result.exit_code, "named twice" in result.stderr) == (2, True)


@pytest.mark.parametrize("option", ["-o", "--model", "--run-record", "--plot"])
def test_links_in_a_circle_are_refused(option):
    Path("a.png").symlink_to("b.png")
    Path("b.png").symlink_to("a.png")
    Path("a.csv").symlink_to("a.csv")
    outputs = {"-o": "map.csv"} | {option: "a.csv" if option == "-o" else "a.png"}
    result = run("x.npy", *(word for pair in outputs.items() for word in pair))
    assert result.exit_code == 2, result.output
    assert "leads round in a circle" in " ".join(result.stderr.split())


def test_a_file_keeps_its_mode_and_a_link_stays_a_link():
    for name in ("map.csv", "m.npz", "run.json"):
        Path(name).write_text("old")
        Path(name).chmod(0o600)
    Path("link.csv").symlink_to("map.csv")
    result = run("x.npy", "-o", "link.csv", "--model", "m.npz", "--run-record", "run.json", *SHORT)
    assert result.exit_code == 0, result.output
    for name in ("map.csv", "m.npz", "run.json"):
        assert stat.S_IMODE(Path(name).stat().st_mode) == 0o600
        assert Path(name).read_bytes() != b"old"
    assert Path("link.csv").is_symlink()


def test_a_device_stays_a_device():
    before = Path("/dev/null").stat()
    result = run(
        "x.npy", "-o", "m.npy", "--model", "/dev/null", "--run-record", "/dev/null", *SHORT
    )
    assert result.exit_code == 0, result.output
    assert Path("/dev/null").stat().st_rdev == before.st_rdev
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


def test_a_fifo_gets_the_record():
    os.mkfifo("pipe")
    heard = []
    reader = threading.Thread(target=lambda: heard.append(Path("pipe").read_text()))
    reader.start()
    result = run("x.npy", "-o", "m.npy", "--run-record", "pipe", *SHORT)
    reader.join(10)
    assert result.exit_code == 0, result.output
    assert json.loads(heard[0])["status"] == "done"
    assert stat.S_ISFIFO(Path("pipe").stat().st_mode)


def test_names_of_any_bytes():
    name = b"caf\xe9".decode("utf-8", "surrogateescape")
    Path("x.npy").rename(f"{name}.npy")
    names = [f"{name}{suffix}" for suffix in (".parquet", ".png", ".html", ".npz", ".json")]
    options = (
        "--plot",
        names[1],
        "--plot",
        names[2],
        "--model",
        names[3],
        "--run-record",
        names[4],
    )
    result = run(f"{name}.npy", "-o", names[0], *options, *SHORT)
    assert result.exit_code == 0, result.output
    assert {os.fsencode(p) for p in Path().iterdir()} == set(
        map(os.fsencode, [f"{name}.npy", *names])
    )
    told = json.loads(Path(names[4]).read_text())
    assert told["input"]["path"] == "caf\\xe9.npy"
    assert "caf\\xe9.parquet" in result.stdout
    missing = run(f"no-{name}.npy", "-o", "map.csv")
    assert (missing.exit_code, "no-caf\\xe9.npy: no such file" in missing.stderr) == (3, True)


@pytest.mark.parametrize("suffix", [".csv", ".npy", ".npz", ".parquet", ".h5ad"])
def test_inputs_and_labels_of_any_name_are_read(suffix):
    X = np.load("x.npy")
    name = b"caf\xe9".decode("utf-8", "surrogateescape") + suffix
    if suffix == ".npy":
        np.save(name, X)
    elif suffix == ".npz":
        np.savez(name, X=X)
    elif suffix == ".h5ad":
        with h5py.File(name, "w") as file:
            file["X"] = X
    elif suffix == ".csv":
        np.savetxt(name, X, delimiter=",", header="a,b,c", comments="")
    else:
        with Path(name).open("wb") as file:
            parquet.write_table(pa.table({"a": X[:, 0], "b": X[:, 1]}), file)
        labels = ("--labels", f"{name}:a")
        assert run("x.npy", "-o", "map.csv", *labels, *SHORT).exit_code == 0
    result = run(name, "-o", "map.csv", *SHORT)
    assert result.exit_code == 0, result.output


def test_a_full_device_is_named():
    result = run("x.npy", "-o", "m.npy", "--run-record", "/dev/full", *SHORT)
    assert result.exit_code == 1
    assert (
        result.stderr == "gputsne: no run record was written: /dev/full: No space left on device\n"
    )
    assert Path("m.npy").exists()
