"""``gputsne update``: rows matched by the ids that a model keeps."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner

import gputsne
from gputsne.cli import main
from gputsne.data.datasets import load_digits
from gputsne.data.named import with_names

X = load_digits().X[:260, 10:30]


def table(path, rows, ids=None):
    ids = [f"d{i}" for i in rows] if ids is None else ids
    lines = ["name," + ",".join(f"x{j}" for j in range(X.shape[1]))]
    lines += [f"{n}," + ",".join(map(str, X[i])) for n, i in zip(ids, rows, strict=True)]
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table(tmp_path / "monday.csv", range(220))
    table(tmp_path / "tuesday.csv", range(20, 260))

    def call(*args):
        result = CliRunner().invoke(main, list(args))
        return result.exit_code, result.output

    code, told = call(
        "embed", "monday.csv", "-o", "monday-map.csv", "--id", "name", "--model", "monday.npz",
        "--max-iter", "300", "--perplexity", "10",
    )  # fmt: skip
    assert code == 0, told
    return call


def test_two_days_and_a_third(run, tmp_path):
    how = ("--id", "name", "--json")
    code, told = run("update", "monday.npz", "tuesday.csv", "-o", "map.csv", *how,
                     "--model", "tuesday.npz", "--refine", "30")  # fmt: skip
    assert code == 0, told
    facts = json.loads(told)
    assert (facts["shared"], facts["added"], facts["removed"]) == (200, 40, 20)
    monday = gputsne.load("monday.npz")
    assert list(monday.ids_[:2]) == ["d0", "d1"]
    want = gputsne.update(
        monday,
        with_names(X[20:], [f"x{j}" for j in range(20)]),
        ids=[f"d{i}" for i in range(20, 260)],
        refine=30,
        random_state=0,
    )
    got = np.loadtxt("map.csv", delimiter=",", skiprows=1, usecols=(1, 2))
    np.testing.assert_allclose(got, want.map, rtol=1e-5, atol=1e-5)
    assert facts["moved"] == pytest.approx(np.median(want.moved))
    assert list(gputsne.load("tuesday.npz").ids_) == [f"d{i}" for i in range(20, 260)]
    code, told = run("update", "tuesday.npz", "monday.csv", "-o", "back.csv", "--id", "name")
    assert code == 0
    assert "200 as before, 20 new, 40 gone" in " ".join(told.split())


def test_without_ids(run, tmp_path):
    code, told = run("update", "monday.npz", "tuesday.csv", "-o", "map.csv")
    assert code == 3
    assert "MODEL keeps the ids of its rows: name their column in IN by --id" in told
    table(tmp_path / "twice.csv", range(3), ["a", "b", "a"])
    code, told = run("update", "monday.npz", "twice.csv", "-o", "map.csv", "--id", "name")
    assert code == 3
    assert "ids has 'a' 2 times" in " ".join(told.split())
    gputsne.TSNE(max_iter=20, early_exaggeration_iter=10).fit(X).save("none.npz")
    code, told = run("update", "none.npz", "tuesday.csv", "-o", "map.csv", "--id", "name")
    assert code == 3
    assert "MODEL keeps no ids, since it was made without --id" in told
    code, told = run("update", "monday.csv", "tuesday.csv", "-o", "map.csv")
    assert code == 3
    assert not (tmp_path / "map.csv").exists()


def test_a_table_of_new_rows_alone(run, tmp_path):
    table(tmp_path / "others.csv", range(40), [f"z{i}" for i in range(40)])
    code, told = run(
        "update", "monday.npz", "others.csv", "-o", "map.csv", "--id", "name", "--refine", "3"
    )
    assert code == 0
    assert "moved         no row is an old one" in told
    assert "the tables share 0 rows" in " ".join(told.split())
