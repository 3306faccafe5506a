"""Metrics of runs: values by hand, what goes on from process to process, and bounded labels."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
from monitored import SERVICE, TAGS, run_of
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.parser import text_string_to_metric_families as classic

import gputsne
from gputsne.provenance import Run
from gputsne.provenance.outcome import STATUS
from gputsne.telemetry import METRICS, Board, begin, board_of_store, finish, write_textfile
from gputsne.telemetry.table import QUALITY, SECONDS, VALUES, labels_of
from gputsne.telemetry.telling import count_left


def told(*runs) -> Board:
    board = Board()
    for run in runs:
        begin(board, run)
        finish(board, run)
    return board


def samples(text: str) -> dict[tuple[str, str], float]:
    """Return values by name and by the label that is not of the service."""
    found = {}
    for family in classic(text):
        for s in family.samples:
            more = [v for k, v in sorted(s.labels.items()) if k not in TAGS]
            found[s.name, ",".join(more)] = s.value
    return found


def test_a_run_says_what_its_record_holds():
    found = samples(told(run_of()).text())
    # 36 s at 10 per hour; KL fell from 1.75 to 1.5 over the last quarter, which begins at 513.
    assert found["gputsne_run_cost", ""] == pytest.approx(0.1)
    assert found["gputsne_runs_total", "done"] == 1
    assert found["gputsne_runs_total", "failed"] == 0
    assert found["gputsne_run_success", ""] == 1
    assert found["gputsne_run_last_success_timestamp_seconds", ""] == 1793491236.0
    assert found["gputsne_kl_divergence", ""] == 1.5
    fifths = [found["gputsne_kl_checkpoint", str(i)] for i in range(1, 6)]
    assert fifths == [3.0, 2.0, 1.75, 1.6, 1.5]
    assert found["gputsne_quality", "knn_preservation"] == 0.5
    assert found["gputsne_drift_score", "drift_map"] == 0.02
    assert found["gputsne_peak_memory_bytes", ""] == 1e9
    assert found["gputsne_run_duration_seconds_sum", "total"] == 36
    assert found["gputsne_run_duration_seconds_bucket", "30.0,total"] == 0
    assert found["gputsne_run_duration_seconds_bucket", "60.0,total"] == 1
    assert found["gputsne_run_duration_seconds_bucket", "30.0,optimize"] == 1  # a bound is within
    assert not [key for key in found if "unheard_of" in key[1]]


def test_seed_parameters_and_hashes_are_labels_of_one_series():
    (family,) = [f for f in classic(told(run_of(1), run_of(2)).text()) if f.name.endswith("_info")]
    (sample,) = family.samples  # the former run's is gone
    assert sample.labels["run_id"] == run_of(2).id
    assert sample.labels["seed"] == "7"
    assert sample.labels["input_sha256"] == "ab" * 32
    assert sample.labels["features"] == "50"


def test_counters_go_on_from_the_text_that_a_former_process_left():
    runs = [run_of(1), run_of(2, status="failed", exit_code=1), run_of(3)]
    board = Board()
    for run in runs:
        board = Board.from_text(board.text())
        begin(board, run)
        board = Board.from_text(board.text())
        finish(board, run)
    assert samples(board.text()) == samples(told(*runs).text())
    found = samples(board.text())
    assert found["gputsne_runs_total", "done"] == 2
    assert found["gputsne_run_duration_seconds_count", "total"] == 3
    assert found["gputsne_cost_total", ""] == pytest.approx(0.3)


def test_a_failure_keeps_the_time_of_the_last_success():
    failed = run_of(2, status="failed", exit_code=1, ended="2026-11-02T00:00:00.000Z")
    found = samples(told(run_of(1), failed).text())
    assert found["gputsne_run_success", ""] == 0
    assert found["gputsne_run_last_success_timestamp_seconds", ""] == 1793491236.0


def test_openmetrics_has_the_run_as_exemplar():
    families = list(text_string_to_metric_families(told(run_of()).text(openmetrics=True)))
    shown = [
        s.exemplar.labels["run_id"]
        for f in families
        for s in f.samples
        if s.name.endswith("_bucket") and s.labels["stage"] == "total" and s.exemplar
    ]
    assert shown == [run_of().id]


def test_promtool_finds_no_fault(promtool: str):
    text = told(run_of(), run_of(1, status="failed", exit_code=1)).text()
    done = subprocess.run(
        [promtool, "check", "metrics"], input=text, text=True, capture_output=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_hostile_labels_can_not_multiply_series():
    board = Board(most=3)
    for i in range(50):
        tags = {"model": f"m{i}" * 100, "pipeline": f'p"\n\\{i}', "owner": f"o{i}"}
        timings = {f"stage{i}": 1.0}
        finish(board, run_of(i, tags={"model": tags["model"]}, timings=timings))
    assert len(board.services) <= 4  # three, and all the others as one
    found = Board.from_text(board.text())
    assert found.text() == board.text()
    other = ("other", "other", "other")
    assert board.value("gputsne_runs_total", other, status="done") == 47
    longest = max(
        len(v) for f in classic(board.text()) for s in f.samples for v in s.labels.values()
    )
    assert longest <= 64


def test_the_series_of_a_service_are_bounded_whatever_runs_say():
    board = Board()
    for i in range(30):
        more = {f"drift_{i}": 1.0, f"metric{i}": 2.0}
        finish(board, run_of(i, metrics=more | dict.fromkeys(QUALITY, 0.5), status="failed"))
    series = sum(len(family.samples) for family in board.collect())
    bound = 0
    for metric in METRICS:
        of_one = len(SECONDS) + 3 if metric.kind == "histogram" else 1
        for label in metric.labels:
            of_one *= len(VALUES.get(label, "1"))
        bound += of_one
    assert series <= bound


def test_every_end_of_a_run_has_a_label_and_every_metric_is_used_right():
    assert {*STATUS.values(), "terminated"} <= set(VALUES["status"])
    for metric in METRICS:
        assert (metric.kind == "counter") == metric.name.endswith("_total")
        assert len(set(labels_of(metric))) == len(labels_of(metric))
    with pytest.raises(ValueError, match="labels"):
        Board().set("gputsne_run_cost", SERVICE, 1.0, stage="total")


def test_what_was_left_in_progress_counts_as_killed():
    board = Board()
    begin(board, run_of(1))
    count_left(board)
    begin(board, run_of(2))
    found = samples(board.text())
    assert found["gputsne_runs_killed_total", ""] == 1
    assert found["gputsne_runs_in_progress", ""] == 1


def test_a_store_tells_all_its_runs(tmp_path):
    store = gputsne.Store(tmp_path)
    for i in range(3):
        store.put(run_of(i))
    rows = [{"id": "drift_map", "metric": "drift_map", "value": 0.3, "severity": "gate",
             "status": "fail"}]  # fmt: skip
    store.add_check(run_of(2).id, {"profile": "prod", "verdict": "FAIL", "rows": rows})
    store.begin(run_of(5))
    found = samples(board_of_store(store).text())
    assert found["gputsne_runs_total", "done"] == 3
    assert found["gputsne_drift_score", "drift_map"] == 0.3
    assert found["gputsne_check_failed", "prod,drift_map"] == 1
    assert found["gputsne_runs_in_progress", ""] == 1


def test_writers_at_once_lose_nothing(tmp_path):
    path = tmp_path / "maps.prom"

    def write(i: int) -> None:
        write_textfile(path, lambda board: finish(board, run_of(i)))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(24)))
    assert samples(path.read_text())["gputsne_runs_total", "done"] == 24
    assert sorted(p.name for p in tmp_path.iterdir()) == [".maps.prom.lock", "maps.prom"]


def test_a_file_of_something_else_is_left_alone(tmp_path):
    path = tmp_path / "notes.prom"
    path.write_text("no metrics { here")
    with pytest.raises(ValueError, match="left as it is"):
        write_textfile(path, lambda board: None)
    assert path.read_text() == "no metrics { here"


def test_a_record_with_nothing_in_it_says_how_it_ended():
    empty = dict.fromkeys(("kl_history", "timings", "parameters", "versions", "sample"))
    board = told(Run(status="failed", exit_code=1, **empty))
    found = samples(board.text())
    assert found["gputsne_runs_total", "failed"] == 1
    assert ("gputsne_kl_divergence", "") not in found
