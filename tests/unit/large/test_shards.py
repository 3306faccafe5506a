"""Shards of a transform and their merging: the bytes of the whole, and what is refused by name."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner
from pyarrow import parquet

import gputsne
from gputsne.cli import main
from gputsne.data.datasets import load_digits
from gputsne.data.named import with_names
from gputsne.data.writing import write
from gputsne.large import Inputs, Manifest, inputs, merge, merging
from gputsne.provenance.plain import sha256_file

D = 12
NAMES = [f"f{j}" for j in range(D)]
X = load_digits().X[:, 20 : 20 + D]
NEW = X[300:900]


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Return the files of a model of rows without names, and of one of rows with names."""
    folder = tmp_path_factory.mktemp("models")
    short = {"max_iter": 30, "early_exaggeration_iter": 10, "perplexity": 10, "random_state": 0}
    gputsne.TSNE(**short).fit(X[:300]).save(folder / "plain.npz")
    gputsne.TSNE(**short).fit(with_names(X[:300], NAMES)).save(folder / "named.npz")
    gputsne.TSNE(**{**short, "random_state": 1}).fit(X[:300]).save(folder / "other.npz")
    return folder


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch, models):
    for name in ("plain", "named", "other"):
        (tmp_path / f"{name}.npz").symlink_to(models / f"{name}.npz")
    monkeypatch.chdir(tmp_path)


def run(*args):
    return CliRunner().invoke(main, list(map(str, args)))


def done(*args):
    result = run(*args)
    assert result.exit_code == 0, result.output
    return result


def shards(model, source, folder, of, *more):
    for i in range(of):
        done("transform", model, source, "-o", folder, "--shard", f"{i}/{of}", *more)


def table(rows=slice(None)):
    """Return new rows as a table whose other columns have gaps, codes and text by stretches."""
    n = len(NEW)
    place = np.arange(n)
    columns = {name: NEW[:, j] for j, name in enumerate(NAMES)}
    columns |= {
        "name": [f"r{i}" for i in range(n)],
        "number": place + 7,
        "gaps": [None if i % 7 == 0 and i > 250 else int(i) for i in range(n)],
        "kind": ["late" if i > 500 else None for i in range(n)],
        "share": place / 4,
    }
    return pa.table(columns).slice(rows.start or 0, (rows.stop or n) - (rows.start or 0))


def write_csv(path, late="2.50"):
    """Write rows as csv; labels are numbers but for the last, codes have a leading zero late."""
    lines = [",".join([*NAMES, "code", "label", "mark"])]
    for i, row in enumerate(NEW):
        code = "007" if i == 590 else str(i)
        label = late if i == 595 else f"{i % 3}.0"
        mark = "" if i % 5 else str(i)
        lines.append(",".join([*map(repr, row.tolist()), code, label, mark]))
    Path(path).write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize("of", [1, 3, 7])
def test_parts_of_an_npy_merge_to_the_bytes_of_the_whole(of):
    np.save("x.npy", NEW.astype("f4"))
    done("transform", "plain.npz", "x.npy", "-o", "whole.npy")
    shards("plain.npz", "x.npy", "parts", of, "--output-format", "npy")
    done("merge", "parts", "-o", "merged.npy")
    assert Path("merged.npy").read_bytes() == Path("whole.npy").read_bytes()


@pytest.mark.parametrize("model", ["plain.npz", "named.npz"])
@pytest.mark.parametrize("form", ["parquet", "csv", "npy"])
def test_columns_of_a_parquet_go_along_to_the_byte(model, form):
    parquet.write_table(table(), "x.parquet", row_group_size=150)
    keep = ("--id", "name", "--labels", "number", "--keep", "gaps,kind,share")
    done("transform", model, "x.parquet", "-o", f"whole.{form}", *keep)
    shards(model, "x.parquet", "parts", 4, *keep)
    done("merge", "parts", "-o", f"merged.{form}")
    assert Path(f"merged.{form}").read_bytes() == Path(f"whole.{form}").read_bytes()


@pytest.mark.parametrize("late", ["2.50", "text"])
@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_csv_is_one_table_whatever_its_shards_hold(late, form):
    # the last stretch alone tells that code is text; with "text" so is label
    write_csv("x.csv", late)
    keep = ("--id", "code", "--labels", "label", "--keep", "mark,label")
    done("transform", "named.npz", "x.csv", "-o", f"whole.{form}", *keep)
    shards("named.npz", "x.csv", "parts", 3, "--output-format", form, *keep)
    done("merge", "parts", "-o", f"merged.{form}")
    assert Path(f"merged.{form}").read_bytes() == Path(f"whole.{form}").read_bytes()


def test_a_column_of_vectors(models):
    lists = pa.array(NEW.astype("f4").tolist(), pa.list_(pa.float32()))
    parquet.write_table(
        pa.table({"v": lists, "name": [f"r{i}" for i in range(len(NEW))]}), "x.parquet"
    )
    done("transform", "plain.npz", "x.parquet", "-o", "whole.csv", "--id", "name")
    shards("plain.npz", "x.parquet", "parts", 2, "--id", "name", "--output-format", "csv")
    done("merge", "parts", "-o", "merged.csv")
    assert Path("merged.csv").read_bytes() == Path("whole.csv").read_bytes()


def test_a_folder_of_files_is_read_in_the_order_of_its_numbers():
    Path("rows").mkdir()
    for i, (start, stop) in enumerate([(0, 100), (100, 101), (101, 400), (400, 600)]):
        name = f"rows/{i + 8}.parquet"  # 8, 9, 10, 11: by text 10 would be first
        parquet.write_table(table(slice(start, stop)), name)
    parquet.write_table(table(), "x.parquet")
    done("transform", "named.npz", "x.parquet", "-o", "whole.parquet", "--id", "name")
    done("transform", "named.npz", "rows", "-o", "folder.parquet", "--id", "name")
    assert Path("folder.parquet").read_bytes() == Path("whole.parquet").read_bytes()
    shards("named.npz", "rows", "parts", 5, "--id", "name")
    done("merge", "parts", "-o", "merged.parquet")
    assert Path("merged.parquet").read_bytes() == Path("whole.parquet").read_bytes()


def test_more_shards_than_rows_leave_empty_parts():
    parquet.write_table(table(slice(0, 3)), "x.parquet")
    keep = ("--id", "name", "--keep", "kind,share")
    done("transform", "named.npz", "x.parquet", "-o", "whole.parquet", *keep)
    shards("named.npz", "x.parquet", "parts", 5, *keep)
    rows = [
        parquet.read_metadata(path).num_rows for path in sorted(Path("parts").glob("*.parquet"))
    ]
    assert rows == [0, 1, 0, 1, 1]
    done("merge", "parts", "-o", "merged.parquet")
    assert Path("merged.parquet").read_bytes() == Path("whole.parquet").read_bytes()


def test_groups_of_a_parquet_are_those_of_one_writing():
    n, of = 2 * merging.GROUP + 70_001, 3
    Y = np.random.default_rng(0).normal(size=(n, 2)).astype("f4")
    ids = np.arange(n)
    write("whole.parquet", Y, ids=ids)
    Path("parts").mkdir()
    for i in range(of):
        start, stop = i * n // of, (i + 1) * n // of
        path = Path(f"parts/part-{i:05d}-of-{of:05d}.parquet")
        write(path, Y[start:stop], ids=ids[start:stop])
        Manifest(
            i, of, (start, stop), n, 2, ".parquet", "m", (), {}, "0", "cpu", {}, (),
            path.stat().st_size, sha256_file(path),
        ).write(path.parent)  # fmt: skip
    merge("parts", "merged.parquet")
    assert Path("merged.parquet").read_bytes() == Path("whole.parquet").read_bytes()


def test_a_shard_that_is_there_is_left_as_it_is_and_made_again_when_it_differs():
    np.save("x.npy", NEW)
    call = ("transform", "plain.npz", "x.npy", "-o", "parts", "--shard", "1/2", "--json")
    assert json.loads(done(*call).stdout)["again"] is False
    part = next(Path("parts").glob("*.parquet"))
    before = part.stat().st_mtime_ns, part.read_bytes()
    assert json.loads(done(*call).stdout)["again"] is True
    assert (part.stat().st_mtime_ns, part.read_bytes()) == before
    part.write_bytes(before[1][:-1])  # cut short
    assert json.loads(done(*call).stdout)["again"] is False
    assert part.read_bytes() == before[1]
    other = done("transform", "other.npz", *call[2:])
    assert json.loads(other.stdout)["again"] is False
    assert part.read_bytes() != before[1]
    np.save("x.npy", NEW[::-1])
    assert json.loads(done(*call).stdout)["again"] is False


def refused(*args):
    result = run("merge", "parts", "-o", "merged.parquet", *args)
    assert result.exit_code == 3, result.output
    assert not Path("merged.parquet").exists()
    return result.stderr


def test_merge_names_what_is_missing_unfinished_foreign_or_mixed():
    np.save("x.npy", NEW)
    np.save("other.npy", NEW[1:])
    shard = ("-o", "parts", "--shard")
    assert "no folder of parts" in refused()
    done("transform", "plain.npz", "x.npy", *shard, "0/4")
    done("transform", "plain.npz", "x.npy", *shard, "2/4")
    assert "run the shards 1/4, 3/4" in refused()
    done("transform", "other.npz", "x.npy", *shard, "1/4")
    assert "part-00001-of-00004.parquet of another model" in refused()
    done("transform", "plain.npz", "other.npy", *shard, "1/4")
    assert "part-00001-of-00004.parquet of another number of rows" in refused()
    done("transform", "plain.npz", "x.npy", *shard, "1/4")
    done("transform", "plain.npz", "x.npy", *shard, "3/5")
    assert "part-00003-of-00005.parquet of another number of shards" in refused()
    for path in Path("parts").glob("*-of-00005.*"):
        path.unlink()
    Path("parts/part-00003-of-00004.parquet").write_bytes(b"half")
    assert "part-00003-of-00004.parquet without a manifest" in refused()
    done("transform", "plain.npz", "x.npy", *shard, "3/4")
    part = Path("parts/part-00002-of-00004.parquet")
    whole = part.read_bytes()
    part.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert "part-00002-of-00004.parquet has other bytes" in refused()
    part.unlink()
    assert "part-00002-of-00004.parquet is missing" in refused()
    part.write_bytes(whole)
    Path("parts/part-00002-of-00004.json").write_text("{}")
    assert "part-00002-of-00004.json is no manifest" in refused()
    done("transform", "plain.npz", "x.npy", *shard, "2/4")
    done("merge", "parts", "-o", "merged.parquet")
    assert parquet.read_metadata("merged.parquet").num_rows == len(NEW)


def test_parts_in_csv_become_csv_alone():
    np.save("x.npy", NEW)
    shards("plain.npz", "x.npy", "parts", 2, "--output-format", "csv")
    assert "--output-format parquet" in refused()


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (("--shard", "2/2"), 2, "I from 0 to N - 1"),
        (("--shard", "x"), 2, "must be I/N"),
        (("--shard", "\u0661/3"), 2, "must be I/N"),  # a digit, but none of ours
        (("--shard", "0/0"), 2, "N from 1"),
        (("--shard", "0/2", "--output-format", "h5ad"), 2, "parquet, csv or npy"),
        (("--shard", "0/2", "--key", "a"), 2, "no effect with --shard"),
        (("--shard", "0/2", "--input-format", "npy"), 2, "no effect with --shard"),
        (("--shard", "0/2", "--id", "name"), 3, "no columns"),
        (("--shard", "0/2", "--columns", "0,1"), 3, "the model was fitted to 12 features"),
    ],
)  # fmt: skip
def test_what_a_shard_refuses(args, code, said):
    np.save("x.npy", NEW)
    result = run("transform", "plain.npz", "x.npy", "-o", "parts", *args)
    assert result.exit_code == code, result.output
    assert said in result.stderr


def test_parts_are_not_mixed_with_what_is_read(tmp_path):
    (tmp_path / "rows").mkdir()
    np.save("rows/0.npy", NEW)
    result = run("transform", "plain.npz", "rows", "-o", "rows", "--shard", "0/2")
    assert result.exit_code == 2
    assert "a folder of their own" in result.stderr
    os.mkfifo("pipe.npy")
    result = run("transform", "plain.npz", "pipe.npy", "-o", "parts", "--shard", "0/2")
    assert result.exit_code == 2
    assert "is a stream" in result.stderr
    shards("plain.npz", "rows", "parts", 2, "--output-format", "npy")
    result = run("merge", "parts", "-o", "parts/part-00000-of-00002.npy")
    assert result.exit_code == 2
    assert "an output needs its own name" in result.stderr


def test_infinity_is_told_with_file_column_and_rows():
    bad = NEW.copy()
    bad[450, 3] = np.inf
    np.save("x.npy", bad)
    result = run("transform", "plain.npz", "x.npy", "-o", "parts", "--shard", "1/2")
    assert result.exit_code == 3
    assert "x.npy, rows 300 to 599, has 1 infinite value in column 3" in result.stderr
    assert not list(Path("parts").iterdir())


def test_a_shard_killed_while_it_writes_leaves_nothing_under_a_final_name():
    np.save("x.npy", NEW)
    code = """
import time, numpy, sys
import gputsne.large.shards as shards
from gputsne.cli import main
real = numpy.save
def slow(file, values):
    real(file, values); file.flush()
    print("writing", flush=True); time.sleep(60)
numpy.save = slow
main(["transform", "plain.npz", "x.npy", "-o", "parts", "--shard", "0/2", "--output-format", "npy"])
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as job:
        assert job.stdout is not None
        assert job.stdout.readline() == "writing\n"
        os.kill(job.pid, signal.SIGKILL)
    assert not [path.name for path in Path("parts").iterdir() if path.name.startswith("part-")]
    shards("plain.npz", "x.npy", "parts", 2, "--output-format", "npy")
    done("merge", "parts", "-o", "merged.npy")  # what the killed one left is hidden, and left alone


def test_a_block_of_rows_is_all_that_is_held(monkeypatch):
    np.save("x.npy", NEW)
    monkeypatch.setattr(inputs, "NUMBERS", 50 * D)
    found = Inputs.opened([Path("x.npy")], gputsne.data.Selection())
    blocks = list(found.blocks(130, 301))
    assert [len(block) for block in blocks] == [50, 50, 50, 21]
    np.testing.assert_array_equal(np.concatenate(blocks), NEW[130:301])
