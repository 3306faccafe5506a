"""Standard input and output as IN and OUT; streams that are closed, full or no longer read."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from gputsne.cli import main

SHORT = ("--max-iter", "5", "--early-exaggeration-iter", "2", "--perplexity", "3")
CSV = "name,a,b,kind\n" + "".join(f"p{i},{i},{i * i % 7},k{i % 2}\n" for i in range(20))


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("x.csv").write_text(CSV)


def run(*args: str, given: str | bytes | None = None):
    return CliRunner().invoke(main, list(args), input=given)


def shell(command: str) -> subprocess.CompletedProcess[bytes]:
    script = f"set -o pipefail; gputsne() {{ '{sys.executable}' -m gputsne \"$@\"; }}; {command}"
    return subprocess.run(["bash", "-c", script], capture_output=True, timeout=120)


def test_dashes_are_standard_input_and_output():
    want = run("embed", "x.csv", "-o", "map.csv", "--labels", "kind", *SHORT)
    assert want.exit_code == 0, want.output
    got = run("embed", "-", "-o", "-", "--labels", "kind", *SHORT, given=CSV)
    assert got.exit_code == 0, got.output
    assert got.stdout == Path("map.csv").read_text()
    assert "written       standard output" in got.stderr
    assert [p.name for p in Path().iterdir() if p.name not in ("x.csv", "map.csv")] == []


def test_formats_of_streams(tmp_path):
    X = np.random.default_rng(0).normal(size=(20, 3))
    np.save("x.npy", X)
    form = ("--input-format", "npy", "--output-format", "npy", "--json")
    options = ("--run-record", "run.json", *SHORT)
    got = run("embed", "-", "-o", "-", *form, *options, given=Path("x.npy").read_bytes())
    assert got.exit_code == 0, got.output
    Path("got.npy").write_bytes(got.stdout_bytes)
    assert np.load("got.npy").shape == (20, 2)
    assert json.loads(got.stderr)["output"]["map"] == "standard output"
    told = json.loads(Path("run.json").read_text())["input"]
    assert (told["path"], told["bytes"]) == ("standard input", Path("x.npy").stat().st_size)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("- - -o map.csv", "only once"),
        ("x.csv -o map.csv --input-format csv", "suffix names its format"),
        ("x.csv -o map.csv --output-format csv", "suffix names its format"),
        ("x.csv -o map.csv --model -", "only IN and OUT may be -"),
        ("x.csv -o map.csv --run-record -", "only IN and OUT may be -"),
    ],
)
def test_dashes_without_meaning_are_usage(arguments, said):
    result = run("embed", *arguments.split())
    assert (result.exit_code, said in " ".join(result.stderr.split())) == (2, True), result.output


def test_messages_name_the_stream_and_not_its_copy():
    result = run("embed", "-", "-o", "map.csv", given="a,b\n1,2\n3,oops\n5,6\n")
    assert result.exit_code == 3
    assert result.stderr.startswith("gputsne: standard input, row 3, column 'b': 'oops'")


def test_transform_reads_and_writes_streams():
    assert run("embed", "x.csv", "-o", "m.csv", "--model", "m.npz", *SHORT).exit_code == 0
    assert run("transform", "m.npz", "x.csv", "-o", "new.csv", "--id", "name").exit_code == 0
    got = run("transform", "m.npz", "-", "-o", "-", "--id", "name", given=CSV)
    assert got.exit_code == 0, got.output
    assert got.stdout == Path("new.csv").read_text()


def test_transform_reads_several_inputs():
    rows = CSV.splitlines(keepends=True)
    Path("a.csv").write_text("".join(rows[:8]))
    Path("b.csv").write_text("".join([rows[0], *rows[8:]]))
    assert run("embed", "x.csv", "-o", "m.csv", "--model", "m.npz", *SHORT).exit_code == 0
    assert run("transform", "m.npz", "x.csv", "-o", "one.csv", "--keep", "kind").exit_code == 0
    two = run("transform", "m.npz", "a.csv", "b.csv", "-o", "two.csv", "--keep", "kind")
    assert two.exit_code == 0, two.output
    assert Path("two.csv").read_text() == Path("one.csv").read_text()


@pytest.mark.parametrize(
    "arguments",
    [
        "embed x.csv -o -",
        "embed x.csv -o /dev/stdout",
        "embed x.csv -o map.csv --model /dev/stdout",
        "transform no.npz x.csv -o -",
    ],
)
def test_a_closed_standard_output_takes_no_file(arguments):
    done = shell(f"gputsne {arguments} >&-")
    assert done.returncode == 2, done
    assert b"standard output is closed; name a file" in done.stderr
    assert [p.name for p in Path().iterdir()] == ["x.csv"]


@pytest.mark.parametrize("where", [">&-", ">/dev/full"])
@pytest.mark.parametrize("arguments", ["info", "plan 10 5", "--help", "embed --help", "--version"])
def test_what_is_all_of_a_result_has_to_be_written(arguments, where):
    done = shell(f"gputsne {arguments} {where}")
    why = b"No space left on device" if "full" in where else b"Bad file descriptor"
    assert (done.returncode, done.stderr) == (1, b"gputsne: standard output: " + why + b"\n")


def test_compressed_streams_are_seen_by_their_first_bytes(tmp_path):
    import bz2
    import gzip
    import lzma
    import zipfile

    want = run("embed", "x.csv", "-o", "want.csv", "--labels", "kind", *SHORT)
    assert want.exit_code == 0, want.output
    text = CSV.encode()
    with zipfile.ZipFile("x.zip", "w") as archive:
        archive.writestr("x.csv", text)
    packed = [gzip.compress(text), bz2.compress(text), lzma.compress(text)]
    for given in (*packed, Path("x.zip").read_bytes()):
        for form in ((), ("--input-format", "csv")):
            got = run("embed", "-", "-o", "-", "--labels", "kind", *form, *SHORT, given=given)
            assert got.exit_code == 0, got.output
            assert got.stdout == Path("want.csv").read_text()


def test_formats_of_streams_are_seen_by_their_first_bytes():
    import h5py
    import pyarrow as pa
    from pyarrow import parquet

    X = np.random.default_rng(0).normal(size=(20, 3))
    np.save("y.npy", X)
    np.savez("y.npz", X=X)
    parquet.write_table(pa.table({"a": X[:, 0], "b": X[:, 1], "c": X[:, 2]}), "y.parquet")
    with h5py.File("y.h5ad", "w") as file:
        file["X"] = X
    maps = set()
    for name in ("y.npy", "y.npz", "y.parquet", "y.h5ad"):
        got = run("embed", "-", "-o", "-", *SHORT, given=Path(name).read_bytes())
        assert got.exit_code == 0, got.output
        maps.add(got.stdout)
    assert len(maps) == 1


@pytest.mark.parametrize("head", ["BZh,b", "PAR1,b"])
def test_names_like_the_first_bytes_of_a_format_stay_names(head):
    rows = "".join(f"{i},{i * i % 7}\n" for i in range(20))
    got = run("embed", "-", "-o", "-", *SHORT, given=f"{head}\n{rows}")
    assert got.exit_code == 0, got.output


def test_pipes_and_devices_take_a_format():
    options = f"{' '.join(SHORT)} -q"
    assert shell(f"gputsne embed x.csv -o want.csv {options}").returncode == 0
    want = Path("want.csv").read_bytes()
    assert shell(f"gputsne embed x.csv -o /dev/stdout {options}").stdout == want
    assert shell(f"gputsne embed <(cat x.csv) -o /dev/fd/3 {options} 3> three").returncode == 0
    assert Path("three").read_bytes() == want
    done = shell(
        f"mkfifo p p.npy; cat p > one & cat p.npy > two &"
        f" gputsne embed x.csv -o p --output-format npy {options} &&"
        f" gputsne embed x.csv -o p.npy {options}; wait"
    )
    assert (done.returncode, np.load("one").shape) == (0, (20, 2)), done
    assert Path("two").read_bytes() == Path("one").read_bytes()


def test_a_full_device_is_no_map():
    done = shell(f"gputsne embed x.csv -o /dev/full {' '.join(SHORT)} -q --keep kind")
    assert done.returncode == 1
    assert b"/dev/full was not written: /dev/full: No space left on device" in done.stderr


def test_completion():
    done = shell(
        "COMP_WORDS='gputsne embed --max-i' COMP_CWORD=2 _GPUTSNE_COMPLETE=bash_complete "
        f"{Path(sys.executable).parent / 'gputsne'}"
    )
    assert done.stdout.split() == [b"plain,--max-iter"]


def test_nobody_reads_the_summary():
    options = " ".join(SHORT)
    done = shell(f"gputsne embed x.csv -o map.csv --id name --labels kind {options} | true")
    assert (done.returncode, done.stderr) == (0, b"")
    assert Path("map.csv").exists()
    assert shell("gputsne plan 1000 50 | true").returncode == 0


def test_nobody_reads_the_map():
    done = shell(f"gputsne embed x.csv -o - {' '.join(SHORT)} -q | true")
    assert done.returncode == 1
    assert b"standard output was not written: standard output: Broken pipe" in done.stderr


def test_a_full_standard_output():
    options = f"--id name --labels kind {' '.join(SHORT)}"
    done = shell(f"gputsne embed x.csv -o map.csv {options} >/dev/full")
    assert done.returncode == 1
    assert done.stderr == b"gputsne: standard output: No space left on device\n"


@pytest.mark.parametrize("closed", ["2>&-", "<&- >&- 2>&-"])
def test_closed_streams_do_no_harm(closed):
    options = " ".join(SHORT)
    done = shell(f"gputsne embed x.csv -o map.csv -v --plot m.png {options} {closed}")
    assert done.returncode == 0, done
    assert Path("map.csv").read_text().startswith("x,y\n")
    assert Path("m.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_scheduler_ends_the_run(number, code):
    options = ("--max-iter", "100000000", "--perplexity", "3", "--run-record", "run.json", "-v")
    command = [sys.executable, "-m", "gputsne", "embed", "x.csv", "-o", "map.csv", *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE) as job:
        assert job.stderr is not None
        heard = b""
        while b"initial" not in heard and (block := os.read(job.stderr.fileno(), 4096)):
            heard += block
        time.sleep(0.5)  # into the optimiser
        job.send_signal(number)
        job.send_signal(number)  # schedulers repeat themselves
        try:
            _, rest = job.communicate(timeout=60)
        finally:
            job.kill()
    assert job.returncode == code, heard + rest
    assert b"terminated by a signal; map.csv holds the map so far" in rest
    assert len(Path("map.csv").read_text().splitlines()) == 21
    told = json.loads(Path("run.json").read_text())
    assert (told["status"], told["exit_code"]) == ("terminated", code)
    assert {p.name for p in Path().iterdir()} == {"x.csv", "map.csv", "run.json"}


def test_nohup_is_honoured():
    run = "gputsne embed x.csv -o map.csv --max-iter 400 --early-exaggeration-iter 2 --perplexity 3"
    done = shell(f"trap '' HUP; {run} & sleep 0.5; kill -HUP $!; wait $!")
    assert done.returncode == 0, done


def test_log_lines_have_a_time_off_a_terminal():
    done = shell(f"gputsne embed x.csv -o map.csv --verbose {' '.join(SHORT)}")
    lines = done.stderr.decode().splitlines()
    stages = ["prepare:", "neighbors:", "affinities:", "initial:", "optimize:"]
    assert [line.split()[2] for line in lines if line[:2] == "20"] == stages
