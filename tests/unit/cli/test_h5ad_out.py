"""An h5ad in may be an h5ad out: a copy with the map in obsm, of one input that is h5ad itself."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from click.testing import CliRunner

from gputsne.cli import main
from gputsne.data import read

SHORT = ("--max-iter", "5", "--early-exaggeration-iter", "2", "--perplexity", "3")
N = 30


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    X = np.random.default_rng(0).normal(size=(N, 6)).astype(np.float32)
    np.save("x.npy", X[:, :3])
    Path("kinds.txt").write_text("".join(f"k{i % 2}\n" for i in range(N)))
    with h5py.File("x.h5ad", "w") as file:
        file["X"], file["obsm/X_pca"], file["varm/PCs"] = X, X[:, :3], np.eye(6)
        file["obs/cell"] = [f"c{i}" for i in range(N)]
        file["obs"].attrs["_index"] = "cell"
        file["obs/kind"] = [f"k{i % 3}" for i in range(N)]


def run(command: str, *args: str, given: bytes | None = None):
    return CliRunner().invoke(main, [command, *args], input=given)


def test_a_copy_has_the_map_and_all_else():
    before = Path("x.h5ad").read_bytes()
    arguments = ("x.h5ad", "--key", "X_pca", "--labels", "kind", "--id", "_index", *SHORT)
    done = run("embed", *arguments, "-o", "y.h5ad")
    assert done.exit_code == 0, done.output
    assert "labels" not in done.stderr
    assert run("embed", *arguments, "-o", "y.npy").exit_code == 0
    np.testing.assert_array_equal(read("y.h5ad", key="X_tsne").X, np.load("y.npy"))
    table = read("y.h5ad", key="X_pca", labels="kind", ids="_index")
    np.testing.assert_array_equal(table.X, np.load("x.npy"))
    assert list(table.labels) == [f"k{i % 3}" for i in range(N)]
    assert Path("x.h5ad").read_bytes() == before


def test_new_rows_too():
    made = run("embed", "x.h5ad", "--key", "X_pca", "-o", "y.npy", "--model", "m.npz", *SHORT)
    assert made.exit_code == 0, made.output
    for output in ("new.h5ad", "new.npy"):
        done = run("transform", "m.npz", "x.h5ad", "--key", "X_pca", "-o", output)
        assert done.exit_code == 0, done.output
    np.testing.assert_array_equal(read("new.h5ad", key="X_tsne").X, np.load("new.npy"))


def test_through_standard_streams():
    formats = ("--input-format", "h5ad", "--output-format", "h5ad")
    done = run("embed", "-", "-o", "-", *formats, *SHORT, given=Path("x.h5ad").read_bytes())
    assert done.exit_code == 0, done.output
    Path("y.h5ad").write_bytes(done.stdout_bytes)
    assert read("y.h5ad", key="X_tsne").X.shape == (N, 2)


def test_labels_of_another_file_are_said_not_to_be_in_it():
    done = run("embed", "x.h5ad", "--labels", "kinds.txt", "-o", "y.h5ad", *SHORT)
    assert done.exit_code == 0, done.output
    assert "y.h5ad is a copy of x.h5ad; labels of another file are not in it" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ("x.h5ad -o x.h5ad", 2, "x.h5ad is read; an output needs its own name"),
        ("x.npy -o y.h5ad", 2, "copy of the one h5ad file that is read"),
        ("x.h5ad x.h5ad -o y.h5ad", 2, "copy of the one h5ad file that is read"),
        ("- -o y.h5ad", 2, "copy of the one h5ad file that is read"),
        ("x.npy -o - --output-format h5ad", 2, "--output-format"),
        ("x.h5ad --key varm/PCs -o y.h5ad", 3, "x.h5ad has 30 observations, the map has 6 points"),
    ],
)
def test_what_cannot_be_written_is_known_before_the_fit(monkeypatch, arguments, code, said):
    monkeypatch.setattr("gputsne.runs.job.make_model", lambda given: pytest.fail("it was fitted"))
    there = {path: path.read_bytes() for path in Path().iterdir()}
    done = run("embed", *arguments.split(), *SHORT)
    assert (done.exit_code, said in " ".join(done.stderr.split())) == (code, True), done.output
    assert {path: path.read_bytes() for path in Path().iterdir()} == there
