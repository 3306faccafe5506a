"""`gputsne sample`: rows as they stand in the files, weights, coverage, refusals, flat memory."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import gputsne
from gputsne.cli import main

rng = np.random.default_rng(0)
KIND = np.repeat(["big", "small", "tiny"], [900, 95, 5])
FRAME = pd.DataFrame(rng.normal(size=(1000, 4)).round(4), columns=list("pqrs")).assign(
    kind=KIND, name=[f"n{i:04}" for i in range(1000)], bytes=rng.integers(1, 100, 1000)
)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    FRAME.to_csv("x.csv", index=False)
    FRAME.to_parquet("x.parquet", index=False)
    np.save("x.npy", FRAME[list("pqrs")].to_numpy())


def run(*args: str, **how):
    return CliRunner().invoke(main, ["sample", *args], **how)


def drawn(source: str, *args: str):
    """Return the rows that were written, and the record."""
    suffix = Path(source).suffix
    result = run(source, *args, "-o", f"out{suffix}", "--record", "record.json")
    assert result.exit_code == 0, result.stderr + str(result.exception)
    read = {".csv": pd.read_csv, ".parquet": pd.read_parquet, ".npy": np.load}[suffix]
    return read(f"out{suffix}"), json.loads(Path("record.json").read_text())


@pytest.mark.parametrize("source", ["x.csv", "x.parquet"])
@pytest.mark.parametrize("method", ["random", "stratified", "density", "diverse"])
def test_rows_stand_in_the_output_as_in_the_input(source, method):
    out, record = drawn(source, "-n", "100", "--method", method, "--by", "kind", "--id", "name")
    pd.testing.assert_frame_equal(out[FRAME.columns], FRAME.iloc[out["row"]].reset_index(drop=True))
    assert record["row_numbers"] == out["row"].tolist() == sorted(set(out["row"]))
    assert record["ids"] == out["name"].tolist()
    np.testing.assert_allclose(record["weights"], out["sample_weight"])
    assert (record["rows"], record["of"], record["method"]) == (100, 1000, method)
    assert record["coverage"]["whole"] == min(record["coverage"].values())


def test_the_same_rows_of_every_kind_of_file():
    hashes = {drawn(source, "-n", "50")[1]["sha256"] for source in ("x.csv", "x.parquet", "x.npy")}
    assert len(hashes) == 1
    np.testing.assert_array_equal(
        np.load("out.npy"),
        np.load("x.npy")[json.loads(Path("record.json").read_text())["row_numbers"]],
    )
    assert drawn("x.csv", "-n", "50", "--seed", "1")[1]["sha256"] not in hashes


def test_density_and_diverse_are_those_of_python():
    for method in ("density", "diverse"):
        _, record = drawn("x.npy", "-n", "50", "--method", method)
        want = gputsne.sample(np.load("x.npy"), 50, method=method)
        assert record["row_numbers"] == want.rows.tolist()
        assert record["sha256"] == want.sha256
        assert record["coverage"] == pytest.approx(want.coverage._asdict())


def test_strata_keep_their_shares():
    out, record = drawn("x.csv", "-n", "50", "--by", "kind")
    assert record["method"] == "stratified"
    assert Counter(out["kind"]) == {"big": 45, "small": 4, "tiny": 1}  # 45, 4.75, 0.25
    stands = out.groupby("kind")["sample_weight"].sum()
    assert stands.to_dict() == pytest.approx({"big": 900, "small": 95, "tiny": 5})
    assert record["coverage"]["strata"] == pytest.approx(1.0)
    # every row of a stratum has the same chance
    seen = np.zeros(1000)
    for seed in range(40):
        seen[drawn("x.parquet", "-n", "100", "--by", "kind", "--seed", str(seed))[0]["row"]] += 1
    error = np.sqrt(0.1 * 0.9 / 40)
    assert np.abs(seen[:900].reshape(9, 100).mean(axis=1) / 40 - 0.1).max() < 5 * error / 10
    assert seen[:900].max() < 40 * (0.1 + 6 * error)


def test_chances_are_in_proportion_to_weights_and_none_above_one():
    Path("w.csv").write_text(
        "x,w\n" + "".join(f"{i},{w}\n" for i, w in enumerate([90, 5, 3, 2, 0]))
    )
    taken = Counter()
    for seed in range(150):
        out, _ = drawn("w.csv", "-n", "2", "--weights", "w", "--seed", str(seed))
        taken.update(out["x"])
        expected = {0: 1.0, 1: 2.0, 2: 10 / 3, 3: 5.0}
        assert out["sample_weight"].tolist() == pytest.approx([expected[x] for x in out["x"]])
    assert taken[0] == 150
    assert taken[4] == 0
    for x, chance in ((1, 0.5), (2, 0.3), (3, 0.2)):
        assert abs(taken[x] / 150 - chance) < 4.5 * np.sqrt(chance * (1 - chance) / 150)


def test_several_files_are_one_table():
    FRAME[:400].to_csv("a.csv", index=False)
    FRAME[400:].to_csv("b.csv", index=False)
    whole, _ = drawn("x.csv", "-n", "77")
    result = run("a.csv", "b.csv", "-n", "77", "-o", "two.csv")
    assert result.exit_code == 0
    pd.testing.assert_frame_equal(pd.read_csv("two.csv"), whole)
    np.save("y.npy", np.zeros((3, 4)))
    assert "need one kind" in run("a.csv", "y.npy", "-n", "5", "-o", "c.csv").stderr


def test_standard_input_and_shares():
    result = run("-", "-n", "1%", "-o", "some.csv", input=Path("x.csv").read_bytes())
    assert result.exit_code == 0, result.stderr
    assert len(pd.read_csv("some.csv")) == 10
    assert "10 of 1,000, random" in result.stdout
    whole, _ = drawn("x.csv", "-n", "0.01")
    pd.testing.assert_frame_equal(pd.read_csv("some.csv"), whole)


def test_cells_of_text_stay_as_they_are():
    text = 'id;wert;"note; long"\n007;1,50;"a ""b"""\n008;2,25;\n009;3,0;é\n'
    Path("de.csv").write_bytes(text.encode("cp1252"))
    result = run("de.csv", "-n", "3", "-o", "out.csv", "--decimal", ",", "--encoding", "cp1252")
    assert result.exit_code == 0, result.stderr
    assert Path("out.csv").read_text() == (
        'id;wert;"note; long";row;sample_weight\n007;1,50;"a ""b""";0;1.0\n008;2,25;;1;1.0\n'
        "009;3,0;é;2;1.0\n"
    )


def test_a_sample_is_mapped_without_what_was_added(tmp_path):
    drawn("x.csv", "-n", "100", "--by", "kind")
    result = CliRunner().invoke(
        main, ["embed", "out.csv", "-o", "map.csv", "--keep", "row,sample_weight", "--max-iter",
               "260", "--perplexity", "5", "--run-record", "run.json"],
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    assert json.loads(Path("run.json").read_text())["input"]["shape"] == [100, 5]


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["x.csv", "-n", "1001", "-o", "o.csv"], 3, "1,001 rows asked, 1,000 rows there"),
        (["x.csv", "-n", "0", "-o", "o.csv"], 2, "no number of rows"),
        (["x.csv", "-n", "1.5", "-o", "o.csv"], 2, "no number of rows"),
        (["x.csv", "-n", "5", "-o", "o.npy"], 3, "rows of a csv are written as csv"),
        (["x.csv", "-n", "5", "-o", "o.txt"], 2, "a sample is .csv"),
        (["x.csv", "-n", "5", "-o", "x.csv"], 2, "is read"),
        (["no.csv", "-n", "5", "-o", "o.csv"], 3, "no such file"),
        (["x.csv", "-n", "5", "-o", "o.csv", "--by", "colour"], 3, "no column 'colour'"),
        (["x.csv", "-n", "5", "-o", "o.csv", "--method", "stratified"], 2, "needs --by"),
        (["x.csv", "-n", "5", "-o", "o.csv", "--weights", "kind"], 3, "'big' in row 0"),
        (["x.csv", "-n", "5", "-o", "o.csv", "--weights", "p"], 3, "is no number from 0"),
        (["x.csv", "-n", "5", "-o", "o.csv", "--weights", "p", "--by", "kind"], 2, "belong to"),
        (["gap.csv", "-n", "1", "-o", "o.csv", "--by", "k"], 3, "none in row 1"),
        (["bad.parquet", "-n", "1", "-o", "o.parquet"], 3, "bad.parquet can't be read"),
        (["ragged.csv", "-n", "1", "-o", "o.csv"], 3, "ragged.csv"),
    ],
)  # fmt: skip
def test_what_is_refused(args, code, said):
    Path("gap.csv").write_text("x,k\n1,a\n2,\n3,b\n")
    Path("bad.parquet").write_bytes(b"PAR1 nothing PAR1")
    Path("ragged.csv").write_text("x,y\n1,2\n3,4\n5,6,7\n8,9\n")
    result = run(*args)
    assert result.exit_code == code, result.stderr + str(result.exception)
    assert said in result.stderr
    assert not Path("o.csv").exists()


def test_rows_with_gaps_are_sampled_without_a_coverage():
    frame = FRAME[["p", "q"]].copy()
    frame.loc[3, "p"] = np.nan
    frame.to_csv("nan.csv", index=False)
    result = run("nan.csv", "-n", "999", "-o", "o.csv", "--json")
    assert json.loads(result.stdout)["coverage"] is None
    assert "no coverage" in result.stderr


PEAK = """
import sys, tracemalloc
from click.testing import CliRunner
import pyarrow
from gputsne.cli import main

CliRunner().invoke(main, ["sample", "small.csv", "-n", "3", "-o", "o.csv"])  # imports
tracemalloc.start()
done = CliRunner().invoke(main, ["sample", *sys.argv[1:]])
assert done.exit_code == 0, done.output + str(done.exception)
# of Python and numpy, and of arrow's own pool, which begins at nothing in a new process
print(tracemalloc.get_traced_memory()[1], pyarrow.default_memory_pool().max_memory())
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["npy", "parquet", "csv"])
def test_memory_is_that_of_the_sample_and_not_of_the_file(kind):
    """Three times the rows take no more: both files have more than the coverage is measured for."""
    Path("small.csv").write_text("x,y\n" + "1,2\n3,5\n4,1\n" * 5)
    peaks = []
    for rows in (22_000, 66_000):
        write(f"big.{kind}", rows)
        by = [] if kind == "npy" else ["--by", "g"]
        asked = [f"big.{kind}", "-n", "1000", *by, "-o", f"some.{kind}"]
        done = subprocess.run(
            [sys.executable, "-c", PEAK, *asked], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        peaks.append(np.array(done.stdout.split(), dtype=float))
    assert (peaks[1] <= 1.05 * peaks[0] + 1e6).all(), peaks


def write(path: str, rows: int) -> None:
    """Write a table of 20 columns of numbers and, but for npy, one of groups; by thousands."""
    block = rng.normal(size=(1000, 20)).round(3)
    names = [f"c{j}" for j in range(20)]
    if path.endswith("npy"):
        np.save(path, np.tile(block, (rows // 1000, 1)))
    elif path.endswith("parquet"):
        frame = pd.DataFrame(np.tile(block, (rows // 1000, 1)), columns=names)
        frame.assign(g=["a", "b"] * (rows // 2)).to_parquet(path, row_group_size=10_000)
    else:
        lines = [",".join(map(str, row)) for row in block.tolist()]
        text = "".join(f"{line},{'ab'[i % 2]}\n" for i, line in enumerate(lines))
        Path(path).write_text(",".join([*names, "g"]) + "\n" + text * (rows // 1000))
