"""A refusal of NaN and infinity names the file's columns and the command line's remedy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from scipy import sparse

from gputsne.cli import main

SHORT = ("--max-iter", "5", "--early-exaggeration-iter", "2", "--perplexity", "3")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def run(command: str, *args: str):
    return CliRunner().invoke(main, [command, *args])


def points() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(30, 3))


def csv(path: str, header: str | None, X: np.ndarray, blank: tuple[int, int] | None) -> None:
    rows = [[f"r{i}", *(f"{v:.4f}" for v in row)] for i, row in enumerate(X)]
    if blank is not None:
        rows[blank[0]][blank[1]] = "NA"
    lines = [",".join(row) for row in rows]
    Path(path).write_text("\n".join(lines if header is None else [header, *lines]) + "\n")


@pytest.mark.parametrize(("header", "column"), [("id,a,b,c", "'b'"), (None, "2")])
def test_missing_cells_are_named_as_in_the_file(header, column):
    csv("x.csv", header, points(), (4, 2))
    says = ("--header",) if header else ("--no-header",)
    result = run("embed", "x.csv", "-o", "map.csv", *says, "--id", "0", *SHORT)
    assert result.exit_code == 3
    assert result.stderr == (
        f"gputsne: x.csv has 1 missing value (NaN) in column {column}: "
        "remove those rows, or fill them: --impute mean\n"
    )
    filled = run("embed", "x.csv", "-o", "map.csv", *says, "--id", "0", "--impute", "mean", *SHORT)
    assert filled.exit_code == 0, filled.output


def test_infinity_is_not_imputed():
    X = points()
    X[3, 0], X[4, 0], X[5, 2] = np.inf, -np.inf, np.nan
    np.save("x.npy", X)
    told = run("embed", "x.npy", "-o", "map.csv").stderr
    assert "1 missing value (NaN) and 2 infinite values in columns 0, 2: correct or" in told
    told = run("embed", "x.npy", "-o", "map.csv", "--impute", "mean").stderr
    assert "x.npy has 2 infinite values in column 0: correct or remove" in told
    assert "missing" not in told


def test_chosen_columns_and_sparse_ones_keep_their_place():
    X = points()
    X[7, 2] = np.nan
    np.save("x.npy", X)
    told = run("embed", "x.npy", "-o", "map.csv", "--columns", "1:3").stderr
    assert "(NaN) in column 2:" in told
    sparse.save_npz("x.npz", sparse.csr_matrix(X))
    assert "(NaN) in column 2:" in run("embed", "x.npz", "-o", "map.csv").stderr


def test_new_rows_with_missing_cells():
    csv("old.csv", "id,a,b,c", points(), None)
    csv("new.csv", "id,a,b,c", points(), (0, 3))
    fitted = run("embed", "old.csv", "-o", "m.csv", "--id", "id", "--model", "m.npz", *SHORT)
    assert fitted.exit_code == 0, fitted.output
    result = run("transform", "m.npz", "new.csv", "-o", "new-map.csv")
    assert result.exit_code == 3
    assert (
        "new.csv has 1 missing value (NaN) in column 'c': remove those rows, or fit the model"
        in (result.stderr)
    )


def test_another_refusal_stays_as_it_is():
    np.save("x.npy", points())
    said = run("embed", "x.npy", "-o", "map.csv", "--pca", "9").stderr
    assert "--pca 9 must be" in said
    assert "leave --pca out to keep all columns" in said
