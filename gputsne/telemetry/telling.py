"""What a run says in metrics: its begin, its end, and all runs of a store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from gputsne.provenance import Run
from gputsne.provenance.evidence import coverage_of
from gputsne.runs.attempts import KILLED, RUNNING, Attempt
from gputsne.runs.review import drift_of
from gputsne.telemetry.board import Board, Service
from gputsne.telemetry.seeds import seed_disparities
from gputsne.telemetry.table import CHECKPOINTS, DISPARITIES, QUALITY, VALUES

if TYPE_CHECKING:
    from gputsne.runs.store import Store

__all__ = ["begin", "board_of_store", "count_killed", "count_left", "finish"]

DONE: Final = "done"
# Tags that are labels of a run, as people write them: Kubernetes' labels have dashes.
TAGS: Final = {
    "team": ("team",),
    "cost_centre": ("cost_centre", "cost-centre", "cost-center", "cost_center"),
    "feature_store": ("feature_store", "feature-store"),
}
RUNNING_NOW: Final = "gputsne_runs_in_progress"


def begin(board: Board, run: Run) -> Service:
    """Say that a run has begun; counters that are not there yet begin at 0.

    A counter that appears with its first event has no rise that an alert could see.

    Parameters
    ----------
    board : Board
        Changed in place.
    run : Run
        What is known of it.

    Returns
    -------
    tuple of str
        Its service.
    """
    service = _first(board, run)
    board.add(RUNNING_NOW, service)
    board.set("gputsne_run_started_timestamp_seconds", service, _seconds(run.started))
    return service


def _first(board: Board, run: Run) -> Service:
    """Return the service of a run, with counters that are there."""
    service = board.service(run.tags)
    for status in VALUES["status"]:
        board.add("gputsne_runs_total", service, 0, status=status)
    board.add("gputsne_runs_killed_total", service, 0)
    return service


def finish(board: Board, run: Run, checks: Sequence[Mapping[str, Any]] = ()) -> Service:
    """Say how a run ended and what came of it.

    Parameters
    ----------
    board : Board
        Changed in place: counters and histograms go on, gauges become those of this run.
    run : Run
        Its record.
    checks : sequence of mapping
        Verdicts on it, oldest first, as ``Store.checks`` returns them.

    Returns
    -------
    tuple of str
        Its service.
    """
    service = _first(board, run)
    last = board.value("gputsne_run_last_success_timestamp_seconds", service)
    running = board.value(RUNNING_NOW, service) or 0.0
    board.forget(service)
    board.set(RUNNING_NOW, service, max(running - 1, 0.0))
    board.set("gputsne_run_started_timestamp_seconds", service, _seconds(run.started))
    board.add("gputsne_runs_total", service, status=run.status)
    board.set("gputsne_run_success", service, float(run.status == DONE))
    ended = _seconds(run.ended)
    board.set("gputsne_run_ended_timestamp_seconds", service, ended)
    success = ended if run.status == DONE else last
    board.set("gputsne_run_last_success_timestamp_seconds", service, success)
    stages = {stage: value for stage, value in (run.timings or {}).items() if stage != "total"}
    whole = run.seconds if run.seconds is not None else (run.timings or {}).get("total")
    for stage, value in [*stages.items(), *([] if whole is None else [("total", whole)])]:
        board.observe("gputsne_run_duration_seconds", service, value, run.id, stage=stage)
    if run.cost is not None:
        board.add("gputsne_cost_total", service, run.cost)
    board.set("gputsne_run_info", service, 1, **_info(run))
    _numbers(board, service, run)
    _measures(board, service, run, checks)
    return service


def _info(run: Run) -> dict[str, object]:
    given = run.parameters or {}
    shape: Sequence[int] = run.input.get("shape") or run.map or ()
    sample = run.sample or {}
    return {
        "run_id": run.id,
        "seed": run.seed,
        **{name: given.get(name) for name in ("perplexity", "metric", "init")},
        "iterations": run.n_iter,
        "rows": shape[0] if shape else None,
        "features": shape[1] if len(shape) > 1 else None,
        "device": run.device,
        "input_sha256": run.input.get("data_sha256") or run.input.get("sha256"),
        "sample_sha256": sample.get("sha256"),
        "version": (run.versions or {}).get("gputsne"),
        **{label: _tag(run, names) for label, names in TAGS.items()},
    }


def _tag(run: Run, names: Sequence[str]) -> str | None:
    return next((run.tags[name] for name in names if name in run.tags), None)


def _numbers(board: Board, service: Service, run: Run) -> None:
    told = run.evidence
    shape = run.input.get("shape") or (None,)
    for name, value in (
        ("gputsne_kl_divergence", run.kl_divergence),
        ("gputsne_kl_tail_drop_ratio", told.get("kl_tail_drop")),
        ("gputsne_kl_rise_ratio", told.get("kl_rise")),
        ("gputsne_iterations", run.n_iter),
        ("gputsne_neighbors_recall_ratio", run.neighbors_recall),
        ("gputsne_peak_memory_bytes", run.peak_memory_bytes),
        ("gputsne_peak_device_memory_bytes", run.peak_device_bytes),
        ("gputsne_input_rows", shape[0]),
        ("gputsne_run_cost", run.cost),
        ("gputsne_run_cost_predicted", run.spending.get("predicted_cost")),
        ("gputsne_run_cost_max", run.spending.get("max_cost")),
        ("gputsne_pca_variance_ratio", run.pca_variance_ratio),
    ):
        board.set(name, service, _number(value))
    known = [value for _, value in run.kl_history or () if value is not None]
    for i, checkpoint in enumerate(CHECKPOINTS if known else ()):
        at = ((i + 1) * len(known) - 1) // len(CHECKPOINTS)
        board.set("gputsne_kl_checkpoint", service, known[at], checkpoint=checkpoint)


def _measures(
    board: Board, service: Service, run: Run, checks: Sequence[Mapping[str, Any]]
) -> None:
    """Set quality, drift and disparities, from the run and from what its checks measured."""
    found: dict[str, Any] = {**run.evidence, **(run.metrics or {})}
    if run.sample is not None:
        found["sample_coverage"] = coverage_of(run.sample.get("coverage"))
    for check in checks:
        for row in check.get("rows") or ():
            if row.get("metric") and row.get("value") is not None:
                found[row["metric"]] = row["value"]
    for quality in QUALITY:
        board.set("gputsne_quality", service, _number(found.get(quality)), quality=quality)
    for disparity in DISPARITIES:
        value = _number(found.get(disparity))
        board.set("gputsne_disparity", service, value, disparity=disparity)
    for drift, value in drift_of(run, checks).items():
        board.set("gputsne_drift_score", service, value, drift=drift)
    latest = {check.get("profile"): check for check in checks}
    for profile, check in latest.items():
        for row in check.get("rows") or ():
            if row.get("severity") == "gate" and row.get("status") in ("pass", "fail"):
                failed = float(row["status"] == "fail")
                board.set(
                    "gputsne_check_failed", service, failed, profile=profile, rule=row.get("id")
                )


def count_killed(board: Board, attempts: Iterable[Attempt]) -> None:
    """Count what a store knows of runs that were killed.

    Parameters
    ----------
    board : Board
        Changed in place. The counter never falls, though a store may be pruned.
    attempts : iterable of Attempt
        From ``Store.unfinished``.
    """
    killed = Counter(_service(board, attempt) for attempt in attempts if attempt.state == KILLED)
    for service, count in killed.items():
        before = board.value("gputsne_runs_killed_total", service) or 0.0
        board.set("gputsne_runs_killed_total", service, max(before, float(count)))


def count_left(board: Board) -> dict[Service, float]:
    """Count as killed what is said to be in progress, where it is known that nothing is.

    Parameters
    ----------
    board : Board
        Changed in place.

    Returns
    -------
    dict of tuple of str to float
        How many by service, of those that had any.
    """
    found = {}
    for service in board.services:
        left = board.value(RUNNING_NOW, service)
        if left:
            board.add("gputsne_runs_killed_total", service, left)
            board.set(RUNNING_NOW, service, 0)
            found[service] = left
    return found


def _service(board: Board, attempt: Attempt) -> Service:
    return board.service(attempt.run.get("tags") or {})


def board_of_store(store: Store, *, seeds: bool = False) -> Board:
    """Return the metrics of all runs of a store.

    Parameters
    ----------
    store : Store
        Read, and not changed.
    seeds : bool, default False
        Whether to compare maps of other seeds, which reads maps of up to six runs of each service.

    Returns
    -------
    Board
        Counters and histograms over all its runs; gauges of each service's latest one.
    """
    board = Board()
    runs = store.list()
    latest = {board.service(run.tags): run.id for run in runs}
    for run in runs:
        is_latest = latest[board.service(run.tags)] == run.id
        finish(board, run, store.checks(run.id) if is_latest else ())
    if seeds:
        for service, id in latest.items():
            for (a, b), value in seed_disparities(store, runs, id).items():
                board.set("gputsne_seed_disparity", service, value, a=a, b=b)
    attempts = store.unfinished()
    count_killed(board, attempts)
    for attempt in attempts:
        if attempt.state == RUNNING:
            board.add(RUNNING_NOW, _service(board, attempt))
    return board


def _seconds(moment: str | None) -> float | None:
    try:
        return None if moment is None else datetime.fromisoformat(moment).timestamp()
    except ValueError:
        return None


def _number(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number else None
