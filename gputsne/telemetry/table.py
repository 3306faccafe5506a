"""The one table of metrics: names, kinds, units, labels, help, and where each value comes from.

Collectors, alerts, dashboards, Datadog's configuration and docs/operate.md are made from it. A new
metric is one row here, and a line in ``gputsne.telemetry.board`` that sets it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gputsne.provenance.outcome import STATUSES

__all__ = ["METRICS", "METRIC_BY_NAME", "VALUES", "Metric", "labels_of"]

# What a service is: owner is who is told of it. From tags of the run, "none" where there is none.
SERVICE: Final = ("model", "pipeline", "owner")
STAGES: Final = ("prepare", "neighbors", "affinities", "initial", "optimize", "total", "other")
CHECKPOINTS: Final = ("1", "2", "3", "4", "5")  # fifths of the KL curve
QUALITY: Final = (
    "knn_preservation", "trustworthiness", "knn_accuracy_5fold", "silhouette", "davies_bouldin",
    "distance_correlation", "rnx", "sample_coverage", "null_rate",
)  # fmt: skip
DRIFT: Final = (
    "drift_map", "drift_mmd", "drift_shift", "drift_group_change", "drift_classifier",
    "drift_novel",
)  # fmt: skip
DISPARITIES: Final = ("seed_disparity", "replay_disparity")
# Values that a label may have; any other value becomes "other", or is left out with its sample.
VALUES: Final = {
    "stage": STAGES,
    "checkpoint": CHECKPOINTS,
    "quality": QUALITY,
    "drift": DRIFT,
    "disparity": DISPARITIES,
    "status": (*sorted(STATUSES), "other"),
}
# Upper bounds of the histogram of durations, in seconds. 60 and 300 are the limits of the rules
# ci_seconds and run_seconds, so that a quantile beside one of them is no interpolation.
SECONDS: Final = (0.1, 0.5, 1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 7200.0)


@dataclass(frozen=True)
class Metric:
    """One metric.

    Attributes
    ----------
    name : str
        As it is scraped: counters end in ``_total``.
    kind : {"gauge", "counter", "histogram"}
        How Prometheus takes it.
    help : str
        One sentence.
    labels : tuple of str
        Beside those of the service.
    unit : str
        Of Grafana: "s", "bytes", "percentunit", "short", "dateTimeFromNow".
    source : str
        Where the value comes from.
    evidence : str
        What rules call the same value; "" where none compares it. For a metric with a label
        "drift", "quality" or "disparity" the label's values are the names.
    """

    name: str
    kind: str
    help: str
    labels: tuple[str, ...] = ()
    unit: str = "short"
    source: str = "Run"
    evidence: str = ""


INFO: Final = (
    "run_id", "seed", "perplexity", "metric", "init", "iterations", "rows", "features", "device",
    "input_sha256", "sample_sha256", "version", "team", "cost_centre", "feature_store",
)  # fmt: skip

METRICS: Final = (
    Metric(
        "gputsne_run_info", "gauge", "Latest run: id, seed, parameters and hashes; always 1.",
        INFO, source="Run.id, parameters, input, sample, versions, tags",
    ),
    Metric("gputsne_runs_total", "counter", "Runs that ended, by how.", ("status",),
           source="Run.status"),
    Metric("gputsne_runs_killed_total", "counter",
           "Runs that were killed and could not tell; the next run of the service counts them.",
           source="Store.unfinished", evidence="killed"),
    Metric("gputsne_runs_in_progress", "gauge", "Runs that have begun and not ended.",
           source="begin and end of a run"),
    Metric("gputsne_run_success", "gauge", "Whether the latest run that ended did so well.",
           source="Run.status", evidence="done"),
    Metric("gputsne_run_started_timestamp_seconds", "gauge", "When the latest run began.",
           unit="dateTimeFromNow", source="Run.started"),
    Metric("gputsne_run_ended_timestamp_seconds", "gauge", "When the latest run ended.",
           unit="dateTimeFromNow", source="Run.ended"),
    Metric("gputsne_run_last_success_timestamp_seconds", "gauge",
           "When the latest run that ended well did.", unit="dateTimeFromNow", source="Run.ended"),
    Metric("gputsne_run_duration_seconds", "histogram", "Seconds of runs, by stage.", ("stage",),
           "s", "Run.timings, Run.seconds as stage total", "latency_s"),
    Metric("gputsne_kl_divergence", "gauge",
           "KL divergence: of the map now during a fit, of the finished map after it.",
           source="Progress, Run.kl_divergence"),
    Metric("gputsne_kl_checkpoint", "gauge", "KL divergence at the fifths of the latest fit.",
           ("checkpoint",), source="Run.kl_history"),
    Metric("gputsne_kl_tail_drop_ratio", "gauge",
           "Relative descent of the KL divergence per 100 iterations, last quarter of the fit.",
           unit="percentunit", source="Run.evidence", evidence="kl_tail_drop"),
    Metric("gputsne_kl_rise_ratio", "gauge",
           "Largest relative rise of the KL divergence from one value to the next.",
           unit="percentunit", source="Run.evidence", evidence="kl_rise"),
    Metric("gputsne_iterations", "gauge", "Iterations done of the fit that runs, or ran last.",
           source="Progress, Run.n_iter"),
    Metric("gputsne_iterations_planned", "gauge", "Iterations planned of the fit that runs.",
           source="Progress"),
    Metric("gputsne_neighbors_recall_ratio", "gauge", "Share of the true neighbours found.",
           unit="percentunit", source="Run.neighbors_recall"),
    Metric("gputsne_pca_variance_ratio", "gauge", "Share of the variance that pca kept.",
           unit="percentunit", source="Run.pca_variance_ratio"),
    Metric("gputsne_peak_memory_bytes", "gauge", "Most main memory of the latest run.",
           unit="bytes", source="Run.peak_memory_bytes", evidence="peak_memory_bytes"),
    Metric("gputsne_peak_device_memory_bytes", "gauge", "Most memory of the GPU, latest run.",
           unit="bytes", source="Run.peak_device_bytes", evidence="peak_device_bytes"),
    Metric("gputsne_input_rows", "gauge", "Rows of the latest run's input.",
           source="Run.input"),
    Metric("gputsne_run_cost", "gauge", "Cost of the latest run, in the currency of its price.",
           source="Run.cost", evidence="cost"),
    Metric("gputsne_run_cost_predicted", "gauge",
           "Cost that the latest run was expected to have, before it was computed.",
           source="Run.spending"),
    Metric("gputsne_run_cost_max", "gauge", "Cost that the latest run was to keep below.",
           source="Run.spending"),
    Metric("gputsne_cost_total", "counter", "Cost of all runs, in the currency of their price.",
           source="Run.cost"),
    Metric("gputsne_quality", "gauge", "Measures of the latest map, and of its check.",
           ("quality",), source="Run.metrics, checks in the store, Run.sample, Run.columns"),
    Metric("gputsne_drift_score", "gauge", "Drift of the latest run from its baseline.",
           ("drift",), source="Run.metrics, checks in the store"),
    Metric("gputsne_disparity", "gauge", "Procrustes disparity of maps of the same rows.",
           ("disparity",), source="Run.metrics, checks in the store"),
    Metric("gputsne_seed_disparity", "gauge",
           "Procrustes disparity of maps of the latest run's rows and parameters, by their seeds.",
           ("a", "b"), source="maps in the store, of at most 6 seeds: gputsne ops metrics --seeds"),
    Metric("gputsne_check_failed", "gauge", "Whether a gate failed in the latest check, by rule.",
           ("profile", "rule"), source="checks in the store"),
)  # fmt: skip
METRIC_BY_NAME: Final = {metric.name: metric for metric in METRICS}


def labels_of(metric: Metric) -> tuple[str, ...]:
    """Return all labels of a metric, those of the service first.

    Parameters
    ----------
    metric : Metric
        A row of the table.

    Returns
    -------
    tuple of str

    Examples
    --------
    >>> labels_of(METRIC_BY_NAME["gputsne_runs_total"])
    ('model', 'pipeline', 'owner', 'status')
    """
    return (*SERVICE, *metric.labels)
