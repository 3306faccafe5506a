"""Jobs: the nightly map, rows placed on it in shards, and the shards' maps joined."""

from __future__ import annotations

import json
from pathlib import PurePosixPath
from typing import Any, Final

from gputsne.accounts.prices import Prices
from gputsne.backends import devices_with_memory
from gputsne.telemetry.operations.cluster import TRIES, Cluster
from gputsne.telemetry.operations.kubernetes.exits import pod_failure_policy
from gputsne.telemetry.operations.kubernetes.pods import (
    APP,
    DATA,
    METRICS_PORT,
    container,
    labels,
    metadata,
    pod,
)
from gputsne.telemetry.operations.kubernetes.sizes import (
    TIDYING,
    of_merge,
    of_nightly,
    of_shard,
)

__all__ = ["MERGE", "NIGHTLY", "SHARDS", "merge", "nightly", "shards"]

NIGHTLY, SHARDS, MERGE = "nightly", "shards", "merge"
MARGIN: Final = 300  # seconds from the command's own deadline to that of its pod, beside the grace
BACKOFF: Final = 10 * (2 ** (TRIES - 1) - 1)  # seconds that a Job waits between all its tries
KEPT_SECONDS: Final = 7 * 86_400  # for which a Job that ended, and its checkpoint, are there
JOB_LABEL: Final = "batch.kubernetes.io/job-name"
PRICES: Final = "/etc/gputsne/prices.toml"
MOUNT: Final = {"name": "data", "mountPath": DATA}


def nightly(cluster: Cluster, prices: Prices) -> list[dict[str, Any]]:
    """Return the CronJob of the nightly map, and the prices that it reads where it has a machine.

    A checkpoint is a Job's own, by its name: a retry goes on from it, and the next night, with
    other data, begins anew. Checkpoints of Jobs that failed are removed after a week.

    Parameters
    ----------
    cluster : Cluster
        Settings.
    prices : Prices
        With budgets, which a run is held against before it computes.

    Returns
    -------
    list of dict
    """
    size = of_nightly(cluster)
    seconds = 60 * cluster.deadline_minutes
    checkpoints = f"{DATA}/checkpoints"
    arguments = [
        "embed", f"{DATA}/{cluster.input}", "--output", f"{DATA}/map.parquet",
        "--model", f"{DATA}/model.npz", "--store", f"{DATA}/store",
        "--checkpoint", f"{checkpoints}/$(JOB_NAME)", "--resume",
        "--deadline", str(seconds), "--memory-limit", f"{size.planned_mib}MiB",
        "--perplexity", str(cluster.perplexity), "--metrics-port", f"0.0.0.0:{METRICS_PORT}",
        "--log-json",
    ]  # fmt: skip
    if cluster.pca is not None:
        arguments += ["--pca", str(cluster.pca)]
    arguments += ["--device", devices_with_memory()[0] if cluster.gpu else "cpu"]
    if cluster.pushgateway is not None:
        arguments += ["--pushgateway", cluster.pushgateway]
    for name, value in cluster.tags.items():
        arguments += ["--tag", f"{name}={value}"]
    charged: list[dict[str, Any]] = []
    mounts, volumes = [MOUNT], []
    if cluster.machine is not None:
        charged = [_config(cluster, prices)]
        arguments += ["--machine", cluster.machine, "--prices", PRICES]
        mounts.append({"name": "prices", "mountPath": str(PurePosixPath(PRICES).parent)})
        volumes.append({"name": "prices", "configMap": {"name": f"{APP}-prices"}})
    if cluster.max_cost is not None:
        arguments += ["--max-cost", str(cluster.max_cost)]
    job = {"fieldRef": {"fieldPath": f"metadata.labels['{JOB_LABEL}']"}}
    main = container(
        cluster, [*arguments, *cluster.arguments], size, mounts=mounts,
        environment=[{"name": "JOB_NAME", "valueFrom": job}],
        ports=[{"name": "metrics", "containerPort": METRICS_PORT}],
    )  # fmt: skip
    old = f"find {checkpoints} -type f -mmin +{KEPT_SECONDS // 60} -delete"
    tidy = container(
        cluster, [f"mkdir -p {checkpoints} && {old}"], TIDYING, name="tidy",
        command=["/bin/sh", "-c"], mounts=[MOUNT],
    )  # fmt: skip
    last = seconds + MARGIN
    scraped = {"prometheus.io/scrape": "true", "prometheus.io/port": str(METRICS_PORT)}
    tolerated = [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
    template = pod(
        cluster, NIGHTLY, [main], size, annotations=scraped, volumes=volumes,
        restartPolicy="Never", activeDeadlineSeconds=last,
        terminationGracePeriodSeconds=cluster.grace_seconds, initContainers=[tidy],
        **({"tolerations": tolerated} if cluster.gpu else {}),
    )  # fmt: skip
    return [*charged, {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": metadata(cluster, f"{APP}-{NIGHTLY}", NIGHTLY),
        "spec": {
            "schedule": cluster.schedule,
            "timeZone": cluster.timezone,
            "concurrencyPolicy": "Forbid",
            "startingDeadlineSeconds": 3600,
            "successfulJobsHistoryLimit": 3,
            "failedJobsHistoryLimit": 7,
            "jobTemplate": {
                "metadata": {"labels": labels(cluster, NIGHTLY)},
                "spec": {
                    "activeDeadlineSeconds": TRIES * (last + cluster.grace_seconds) + BACKOFF,
                    "backoffLimit": TRIES - 1,
                    "podFailurePolicy": pod_failure_policy(APP),
                    "ttlSecondsAfterFinished": KEPT_SECONDS,
                    "template": template,
                },
            },
        },
    }]  # fmt: skip


def _config(cluster: Cluster, prices: Prices) -> dict[str, Any]:
    """Return the prices as a ConfigMap: TOML, whose texts are spelt as JSON's are."""
    lines = [] if prices.currency is None else [f"currency = {json.dumps(prices.currency)}"]
    lines.append("[machines]")
    for name, price in prices.machines.items():
        lines.append(f"{json.dumps(name, ensure_ascii=False)} = {price!r}")
    for budget in prices.budgets:
        tag = json.dumps(str(budget), ensure_ascii=False)
        lines += ["[[budgets]]", f"tag = {tag}", f"per_month = {budget.per_month}"]
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata(cluster, f"{APP}-prices", NIGHTLY),
        "data": {PurePosixPath(PRICES).name: "\n".join(lines) + "\n"},
    }


def shards(cluster: Cluster) -> list[dict[str, Any]]:
    """Return the Indexed Job that places rows on a map, a part of them in each pod.

    Parameters
    ----------
    cluster : Cluster
        Settings.

    Returns
    -------
    list of dict
    """
    size = of_shard(cluster)
    arguments = [
        "transform", f"{DATA}/{cluster.model_file}", f"{DATA}/{cluster.new_input}",
        "--output", _parts(cluster), "--shard", f"$(JOB_COMPLETION_INDEX)/{cluster.shards}",
        "--device", "cpu", "--log-json",
    ]  # fmt: skip
    # Each shard has tries of its own; what is wrong with one for good is wrong with all.
    told = {"completionMode": "Indexed", "completions": cluster.shards,
            "parallelism": min(cluster.parallel, cluster.shards),
            "backoffLimitPerIndex": TRIES - 1, "maxFailedIndexes": 0}  # fmt: skip
    return [_job(cluster, SHARDS, arguments, size, told)]


def merge(cluster: Cluster) -> list[dict[str, Any]]:
    """Return the Job that joins the maps of all shards.

    Parameters
    ----------
    cluster : Cluster
        Settings.

    Returns
    -------
    list of dict
    """
    arguments = ["merge", _parts(cluster), "--output", f"{DATA}/new-map.parquet", "--log-json"]
    return [_job(cluster, MERGE, arguments, of_merge(cluster), {"backoffLimit": TRIES - 1})]


def _parts(cluster: Cluster) -> str:
    """Return the folder of the parts: each table's own, as merge refuses those of another."""
    return f"{DATA}/parts/{cluster.new_input}"


def _job(
    cluster: Cluster, name: str, arguments: list[str], size: Any, told: dict[str, Any]
) -> dict[str, Any]:
    main = container(cluster, arguments, size, mounts=[MOUNT])
    seconds = 60 * cluster.deadline_minutes
    template = pod(
        cluster, name, [main], size, restartPolicy="Never", activeDeadlineSeconds=seconds,
        terminationGracePeriodSeconds=cluster.grace_seconds,
    )  # fmt: skip
    waves = -(-told.get("completions", 1) // told.get("parallelism", 1))
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata(cluster, f"{APP}-{name}", name),
        "spec": {
            **told,
            "activeDeadlineSeconds": waves * (TRIES * (seconds + cluster.grace_seconds) + BACKOFF),
            "podFailurePolicy": pod_failure_policy(APP),
            "ttlSecondsAfterFinished": KEPT_SECONDS,
            "template": template,
        },
    }
