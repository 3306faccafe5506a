"""Sizes: memory and processors of each pod, as gputsne.plan predicts them for the settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from gputsne.backends import devices_with_memory
from gputsne.base.sizes import size_text
from gputsne.planning.memory import Plan, plan
from gputsne.telemetry.operations.cluster import Cluster

__all__ = ["SERVER_WORKERS", "TIDYING", "Size", "of_merge", "of_nightly", "of_server", "of_shard"]

MIB: Final = 2**20
# Beside what the plan counts: reading and writing tables, the picture, the record, the allocator.
HEADROOM, LEAST_HEADROOM = 0.25, 512 * MIB
SERVER_WORKERS: Final = 2  # threads of gputsne serve that compute
# What gputsne serve keeps and takes by default: models, rows and columns of a map on demand, and
# rows of a transform (gputsne/serve: LOADED, Settings); tests hold these against it.
MODELS, DEMAND_ROWS, DEMAND_COLUMNS, NEW_ROWS = 3, 5000, 4096, 10_000
# A row while its file is read and it is placed: float64, and twice float32.
READ_BYTES: Final = 16
MERGED_ROWS: Final = 1_000_000  # that gputsne merge holds at once
ROW_BYTES: Final = 160  # of a row of a finished map: coordinates, id and labels, in two tables


@dataclass(frozen=True)
class Size:
    """What a container is given.

    Attributes
    ----------
    predicted : int
        Bytes of main memory.
    cpus : float
        Processors.
    gpu_bytes : int
        Bytes of a GPU, 0 without one.
    """

    predicted: int
    cpus: float
    gpu_bytes: int = 0

    @property
    def planned_mib(self) -> int:
        """The prediction in MiB: what the command may plan with."""
        return -(-self.predicted // MIB)

    @property
    def memory_mib(self) -> int:
        """MiB of the container: the prediction and its headroom."""
        room = max(LEAST_HEADROOM, int(HEADROOM * self.predicted))
        return -(-(self.predicted + room) // MIB)

    @property
    def resources(self) -> dict[str, Any]:
        """Requests and limits, equal: what is promised can't be taken by others on the node."""
        cpus = f"{self.cpus:g}" if self.cpus >= 1 else f"{1000 * self.cpus:.0f}m"
        given = {"cpu": cpus, "memory": f"{self.memory_mib}Mi", "ephemeral-storage": "2Gi"}
        if self.gpu_bytes:
            given["nvidia.com/gpu"] = "1"
        return {"requests": dict(given), "limits": dict(given)}

    @property
    def said(self) -> str:
        """The figures in words."""
        on_gpu = f", {size_text(self.gpu_bytes)} of a GPU" if self.gpu_bytes else ""
        return (
            f"{size_text(self.predicted)} predicted by gputsne plan{on_gpu}; "
            f"{size_text(self.memory_mib * MIB)} with headroom"
        )


TIDYING: Final = Size(64 * MIB, 0.05)


def of_nightly(cluster: Cluster) -> Size:
    """Return the size of the nightly map.

    Parameters
    ----------
    cluster : Cluster
        With rows and features.

    Returns
    -------
    Size
    """
    planned = _plan(cluster, devices_with_memory()[0] if cluster.gpu else "cpu")
    return Size(planned.host_bytes, cluster.cpus, planned.device_bytes)


def of_shard(cluster: Cluster) -> Size:
    """Return the size of a shard of rows that are placed: the model, and the rows.

    Parameters
    ----------
    cluster : Cluster
        With shards and new rows.

    Returns
    -------
    Size
    """
    rows = -(-cluster.new_rows // cluster.shards)
    planned = _plan(cluster, "cpu")
    held = rows * (READ_BYTES * cluster.features + ROW_BYTES)
    return Size(_base(planned) + _model(planned) + held, cluster.cpus)


def of_merge(cluster: Cluster) -> Size:
    """Return the size of what joins the shards' maps.

    Parameters
    ----------
    cluster : Cluster
        With new rows.

    Returns
    -------
    Size
    """
    held = ROW_BYTES * min(MERGED_ROWS, cluster.new_rows)
    return Size(_base(_plan(cluster, "cpu")) + held, 1)


def of_server(cluster: Cluster) -> Size:
    """Return the size of the server: models that stay loaded, and computations at once.

    Parameters
    ----------
    cluster : Cluster
        With rows and features of the maps.

    Returns
    -------
    Size
    """
    planned = _plan(cluster, "cpu")
    small = plan(DEMAND_ROWS, DEMAND_COLUMNS, pca=50, device="cpu")
    placed = NEW_ROWS * READ_BYTES * cluster.features
    one = max(small.host_bytes - _base(small), placed)
    held = MODELS * _model(planned) + SERVER_WORKERS * one
    return Size(_base(planned) + held, SERVER_WORKERS)


def _plan(cluster: Cluster, device: str) -> Plan:
    return plan(
        cluster.rows, cluster.features, perplexity=cluster.perplexity, pca=cluster.pca,
        device=device,
    )  # fmt: skip


def _base(planned: Plan) -> int:
    """Return the bytes of interpreter and libraries."""
    return planned.host_bytes - max(planned.stages.values())


def _model(planned: Plan) -> int:
    """Return the bytes of a loaded model: its rows, what is searched in, and its map."""
    names = ("data", "prepared data", "neighbour search", "map and state")
    return sum(planned.parts[name] for name in names)
