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
