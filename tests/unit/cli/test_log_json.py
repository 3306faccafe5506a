"""--log-json: a line per stage, nothing personal, the same result whatever becomes of the log."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from gputsne.base import events
from gputsne.cli import main
from gputsne.model.embedding import Embedding
from gputsne.model.progress import CHECKPOINTS
from gputsne.provenance import Run
from gputsne.telemetry import JsonLines, table

FIT = ("--max-iter", "300", "--perplexity", "5")
FITTED = ["prepare", "neighbors", "affinities", "initial", "optimize"]
SECRET = "XQ77"  # in each name and value that is planted
ROWS = 30


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    place = tmp_path / f"home-{SECRET}"
    place.mkdir()
    monkeypatch.chdir(place)
    rng = np.random.default_rng(0)
    numbers = rng.normal(size=(ROWS, 3))
    head = f"id_{SECRET},salary_{SECRET},b,c,label_{SECRET}"
    rows = [
        f"ann-{SECRET}-{i},{','.join(f'{v:.6f}' for v in row)},group {SECRET} {i % 3}"
        for i, row in enumerate(numbers)
    ]
    Path(f"in-{SECRET}.csv").write_text("\n".join([head, *rows]) + "\n")
    np.save("x.npy", numbers)


def call(*words: str, code: int = 0, **more):
    result = CliRunner().invoke(main, [*words], **more)
    assert result.exit_code == code, result.output
    return result


def lines(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]  # or the test fails: all is JSON


def stages(told: list[dict], event: str = "stage_ended") -> list[str]:
    return [line["stage"] for line in told if line["event"] == event]


def test_a_fit_is_told_stage_by_stage(folder):
    told = lines(
        call("embed", "x.npy", "-o", "m.npy", *FIT, "--log-json", "--run-record", "r.json").stderr
    )
    run = Run.read("r.json")
    assert (told[0]["event"], told[0]["command"]) == ("started", "embed")
    assert stages(told) == ["read", *FITTED, "write"] == stages(told, "stage_started")
    assert {line["run"] for line in told} == {run.id}
    ended = {line["stage"]: line for line in told if line["event"] == "stage_ended"}
    for name in FITTED:
        assert ended[name]["seconds"] == pytest.approx(run.timings[name], abs=1e-8)
        assert ended[name]["peak_memory_bytes"] > 1e6
        assert (ended[name]["rows"], ended[name]["features"]) == (ROWS, 3)
        assert ended[name]["device"] == run.device
    kl = [line["kl_divergence"] for line in told if line["event"] == "progress"]
    assert len(kl) == CHECKPOINTS == len(table.CHECKPOINTS)
    assert kl[-1] == pytest.approx(run.kl_divergence, abs=1e-8)
    last = told[-1]
    assert (last["event"], last["status"], last["exit_code"]) == ("ended", "done", 0)
    assert last["input_sha256"] == run.input["data_sha256"]
    assert last["seed"] == run.seed == 0
    assert last["kl_divergence"] == pytest.approx(run.kl_divergence, abs=1e-8)


def test_moments_never_go_back_though_the_clock_does(monkeypatch):
    from datetime import UTC, datetime, timedelta

    class Clock(datetime):
        at = datetime(2026, 1, 1, tzinfo=UTC)

        @classmethod
        def now(cls, tz=None):
            cls.at -= timedelta(hours=1)
            return cls.at

    monkeypatch.setattr(events, "datetime", Clock)
    told = lines(call("embed", "x.npy", "-o", "m.npy", *FIT, "--log-json").stderr)
    assert told[0]["at"] > told[-1]["at"]
    elapsed = [line["elapsed"] for line in told]
    assert elapsed == sorted(elapsed)
    assert elapsed[0] >= 0
    assert all(line.get("seconds", 0) >= 0 for line in told)


SOURCE = f"in-{SECRET}.csv"
NAMED = ("--id", f"id_{SECRET}", "--labels", f"label_{SECRET}")


def commands() -> dict[str, tuple[list[list[str]], int]]:
    """Return calls by name, the last of which is logged, and how it ends."""
    made = ["embed", SOURCE, "-o", f"map-{SECRET}.csv", *FIT, *NAMED, "--model", "model.npz"]
    tags = ["--tag", f"owner={SECRET}", "--tag", f"{SECRET.lower()}=1"]
    store = ["--store", f"store-{SECRET}"]
    return {
        "embed": ([[*made, *tags, *store, "--score", "--plot", f"{SECRET}.html"]], 0),
        "transform": ([made, ["transform", "model.npz", SOURCE, "-o", f"{SECRET}.csv", *NAMED]], 0),
        "update": ([made, ["update", "model.npz", SOURCE, "-o", f"{SECRET}.csv", *NAMED]], 0),
        "sample": ([["sample", SOURCE, "-n", "9", "-o", f"s-{SECRET}.csv", "--by",
                     f"label_{SECRET}", "--id", f"id_{SECRET}"]], 0),
        "metrics": ([made, ["metrics", SOURCE, f"map-{SECRET}.csv", *NAMED, "-k", "3"]], 0),
        "report": ([made, ["report", SOURCE, f"map-{SECRET}.csv", *NAMED, "-k", "3", "-o",
                           f"r-{SECRET}.html", "--title", SECRET]], 1),
        "tiles": ([made, ["tiles", f"map-{SECRET}.csv", "-o", f"t-{SECRET}", "--id", "id",
                          *NAMED[2:]]], 0),
        "missing": ([["embed", f"gone-{SECRET}.csv", "-o", "m.csv"]], 3),
        "column": ([["embed", SOURCE, "-o", "m.csv", "--columns", f"no_{SECRET}"]], 3),
        "option": ([["embed", SOURCE, "-o", "m.csv", f"--{SECRET}"]], 2),
        "tag": ([["embed", SOURCE, "-o", "m.csv", "--tag", SECRET]], 2),
        "value": ([["embed", SOURCE, "-o", "m.csv", "--perplexity", SECRET]], 2),
        "folder": ([["embed", SOURCE, "-o", f"no-{SECRET}/m.csv"]], 2),
        "uri": ([["embed", SOURCE, "-o", "m.csv", "--store", f"sftp://u:{SECRET}@host/x"]], 2),
        "serve": ([["serve", f"gone-{SECRET}"]], 3),
        "tokens": ([["serve", "s", "--tokens", f"t-{SECRET}"]], 3),
        "gateway": ([[*made, "--pushgateway", f"http://u:{SECRET}@127.0.0.1:9"]], 0),
    }  # fmt: skip


@pytest.mark.parametrize("name", commands())
def test_nothing_personal_is_in_the_log(name):
    (*before, last), code = commands()[name]
    for words in before:
        call(*words)
    result = CliRunner().invoke(main, [*last, "--log-json"])
    assert result.exit_code == code, (result.output, result.exception)
    assert SECRET.lower() not in result.stderr.lower()
    told = lines(result.stderr)
    fields = {"at", "level", "event", "elapsed"} | events.FIELDS.keys()
    assert {field for line in told for field in line} <= fields
    assert (told[-1]["event"], told[-1]["exit_code"]) == ("ended", code)
    assert told[0]["command"] == last[0]


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("transform", ["read", "transform", "write"]),
        ("sample", ["sample", "write"]),
        ("metrics", ["read", "measure"]),
        ("report", ["read", "report"]),
        ("tiles", ["tiles"]),
    ],
)
def test_each_command_has_stages_and_the_hash_of_what_it_read(name, asked):
    *before, last = commands()[name][0]
    for words in before:
        call(*words, "--run-record", "r.json")
    told = lines(CliRunner().invoke(main, [*last, "--log-json"]).stderr)
    assert [stage for stage in stages(told) if stage in asked] == asked
    assert told[-1]["rows"] == ROWS
    if name in ("transform", "metrics", "report"):
        assert told[-1]["input_sha256"] == Run.read("r.json").input["data_sha256"]


def test_an_error_is_told_by_type_code_and_place():
    *_, error, ended = lines(call("embed", "gone.csv", "-o", "m.csv", "--log-json", code=3).stderr)
    assert (error["event"], error["level"], error["error"]) == ("error", "error", "BadInput")
    assert error["exit_code"] == ended["exit_code"] == 3
    assert error["where"][-1].partition(":")[0].endswith(".py")
    *_, error, _ = lines(
        call("embed", "x.npy", "-o", "m", "--tag", "x", "--log-json", code=2).stderr
    )
    assert (error["parameter"], error["status"]) == ("tag", "usage")


def test_a_fault_of_our_own_is_told_without_its_message(monkeypatch):
    def fail(*given, **more):
        raise RuntimeError(f"row of {SECRET}")

    monkeypatch.setattr(Embedding, "fit", fail)
    told = lines(call("embed", "x.npy", "-o", "m.npy", "--log-json", code=1).stderr)
    assert [line["error"] for line in told if line["event"] == "error"] == ["RuntimeError"]


def test_warnings_and_remarks_of_other_libraries_are_told_by_their_place(monkeypatch):
    import logging
    import warnings

    was = Embedding.fit

    def fit(self, X):
        warnings.warn(f"the key of {SECRET} is old", UserWarning, stacklevel=2)
        logging.getLogger("elsewhere").warning("password %s", SECRET)
        return was(self, X)

    monkeypatch.setattr(Embedding, "fit", fit)
    result = call("embed", "x.npy", "-o", "m.npy", "--max-iter", "100", "--log-json")
    told = lines(result.stderr)
    assert SECRET not in result.stderr
    found = [(line["event"], line.get("logger"), line.get("category")) for line in told]
    assert ("warning", None, "UserWarning") in found
    assert ("remark", "elsewhere", None) in found
    ours = [line for line in told if line["event"] == "warning" and "/" in line["where"][0]]
    assert ours[-1]["where"][0].split(":")[0] == "model/pipeline.py"


def test_the_variable_and_the_file_of_options_ask_for_it_too(monkeypatch):
    Path("run.toml").write_text("log-json = true\n")
    told = lines(call("embed", "x.npy", "-o", "m.npy", *FIT, "--config", "run.toml").stderr)
    assert told[-1]["event"] == "ended"
    told = lines(call("embed", "x.npy", "-o", "m.npy", *FIT, env={"GPUTSNE_LOG_JSON": "1"}).stderr)
    assert told[-1]["event"] == "ended"
    assert "event" not in call("embed", "x.npy", "-o", "m.npy", *FIT).stderr
    assert not any(isinstance(held, JsonLines) for held in events.LOGGER.handlers)


def test_json_and_quiet_leave_result_and_log_as_they_are():
    result = call("embed", "x.npy", "-o", "m.npy", *FIT, "--log-json", "--json", "-q")
    assert json.loads(result.stdout)["status"] == "done"
    assert stages(lines(result.stderr))[-1] == "write"
    loud = call("embed", "x.npy", "-o", "m.npy", *FIT, "--log-json", "-v")
    assert stages(lines(loud.stderr)) == ["read", *FITTED, "write"]


def test_where_the_map_goes_to_standard_output_the_summary_has_no_place():
    result = call("embed", "x.npy", "-o", "-", *FIT, "--log-json")
    assert lines(result.stderr)[-1]["event"] == "ended"
    result = call("embed", "x.npy", "-o", "-", *FIT, "--log-json", "--json", code=2)
    assert lines(result.stderr)[-1]["status"] == "usage"


@pytest.mark.parametrize("where", ["2>/dev/full", "2>&-", "2> >(true)"])
def test_a_log_that_cannot_be_written_ends_no_run(where):
    call("embed", "x.npy", "-o", "want.npy", *FIT)
    words = f"embed x.npy -o m.npy {' '.join(FIT)} --log-json --json"
    script = f"'{sys.executable}' -m gputsne {words} {where}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["status"] == "done"
    assert Path("m.npy").read_bytes() == Path("want.npy").read_bytes()


def test_a_text_that_cannot_be_written_ends_no_run_either():
    words = f"embed x.npy -o m.npy {' '.join(FIT)} --max-iter 100"  # with a warning
    script = f"'{sys.executable}' -m gputsne {words} 2>/dev/full"
    done = subprocess.run(["bash", "-c", script], capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_the_hash_is_of_the_values_and_of_their_order():
    """The same table as npy, csv and parquet has one hash; rows in another order another."""
    import pandas as pd

    X = np.load("x.npy").astype(np.float32).astype(float)
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    np.save("a.npy", X)
    frame.to_parquet("a.parquet")
    frame.to_csv("a.csv", index=False)
    np.save("turned.npy", X[::-1])
    found = []
    for name in ("a.npy", "a.parquet", "a.csv", "turned.npy"):
        told = lines(call("embed", name, "-o", "m.npy", *FIT, "--log-json").stderr)
        found.append(told[-1]["input_sha256"])
    assert found[0] == found[1] == found[2] != found[3]


def test_a_fit_begun_as_that_of_a_sample_has_the_jobs_id_and_its_sample_another():
    np.save("many.npy", np.random.default_rng(0).normal(size=(400, 3)))
    words = ["embed", "many.npy", "-o", "m.npy", *FIT, "--sample", "100"]
    told = lines(call(*words, "--log-json", "--run-record", "r.json").stderr)
    ends = [line["run"] for line in told if line["event"] == "fit_ended"]
    assert len(ends) == 2
    assert ends[1] == told[0]["run"] == told[-1]["run"] == Run.read("r.json").id != ends[0]


def test_parts_that_are_merged_are_a_stage():
    call("embed", "x.npy", "-o", "m.npy", *FIT, "--model", "model.npz")
    for part in ("0/2", "1/2"):
        words = ["transform", "model.npz", "x.npy", "-o", "parts", "--shard", part, "--log-json"]
        assert "transform" in stages(lines(call(*words).stderr))
    told = lines(call("merge", "parts", "-o", "whole.npy", "--log-json").stderr)
    assert stages(told) == ["merge"]
    assert told[-1]["rows"] == ROWS
