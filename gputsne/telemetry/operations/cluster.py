"""Cluster: what of the manifests for Kubernetes is a site's own, from ``[cluster]`` of ops.toml."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from ipaddress import ip_network
from typing import Any, Final, Self
from zoneinfo import available_timezones

from gputsne._version import __version__
from gputsne.accounts.prices import amount_of
from gputsne.telemetry.operations.addresses import is_port
from gputsne.telemetry.operations.entries import FILE, check_known, refuse
from gputsne.telemetry.operations.schedules import is_schedule

__all__ = ["CLUSTER_TEMPLATE", "TRIES", "Cluster"]

TRIES: Final = 4  # the first and the three of backoffLimit
NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")  # of RFC 1123, as Kubernetes asks
LABEL: Final = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
FILE_NAME: Final = re.compile(r"[A-Za-z0-9][-A-Za-z0-9_.]*(/[A-Za-z0-9][-A-Za-z0-9_.]*)*")
IMAGE: Final = re.compile(
    r"[a-z0-9][^\s@:]*(:\d+/[^\s@:]+)?(:(?P<tag>[\w.-]+))?(@sha256:[0-9a-f]{64})?"
)
STORAGE: Final = re.compile(r"[1-9]\d*(Mi|Gi|Ti)")
ADDRESS: Final = re.compile(r"https?://[a-z0-9.-]+:\d+")
TIMEZONE: Final = re.compile(r"[A-Za-z]+(/[A-Za-z0-9_+-]+)*")
ACCESS: Final = ("ReadWriteMany", "ReadWriteOnce")
LABELLED: Final = "letters, digits, -, _ and ., at most 63, as a label of Kubernetes is"
FILED: Final = "a file's name in the volume, without / in front"
# How each text is spelt, and what a message says of it.
SPELT: Final = {
    "timezone": (TIMEZONE, "a name of a time zone, say 'Europe/Berlin'"),
    "input": (FILE_NAME, FILED), "model_file": (FILE_NAME, FILED), "new_input": (FILE_NAME, FILED),
    "storage": (STORAGE, "an amount of storage such as '50Gi'"),
    "storage_class": (NAME, "a name of a StorageClass"),
    "machine": (re.compile(r"[^\s$]+"), "a name of [machines], without spaces"),
    "monitoring": (NAME, "a name of a namespace"),
    "pushgateway": (ADDRESS, "an address with its port, say 'http://pushgateway.monitoring:9091'"),
    **dict.fromkeys(("model", "pipeline", "owner", "team", "cost_center"), (LABEL, LABELLED)),
}  # fmt: skip
# Options of gputsne embed that the nightly map's manifest gives, and where else they are set.
FIXED: Final = "as other manifests and the retries rely on it"
GIVEN: Final = {
    **dict.fromkeys(
        ("--output", "-o", "--model", "--store", "--checkpoint", "--resume", "--memory-limit",
         "--metrics-port", "--log-json", "--prices"), FIXED,
    ),
    "--deadline": "by cluster.deadline_minutes",
    "--pca": "by cluster.pca",
    "--device": "by cluster.gpu",
    "--pushgateway": "by cluster.pushgateway",
    "--machine": "by cluster.machine",
    "--max-cost": "by cluster.max_cost",
}  # fmt: skip
OPTIONAL: Final = ("pca", "storage_class", "pushgateway", "machine")
# Of whole numbers: the least and the most that makes sense.
WHOLE: Final = {
    "rows": (10, 10**12), "features": (1, 10**7), "pca": (1, 10**6), "cpus": (1, 512),
    "deadline_minutes": (1, 10_080), "grace_seconds": (10, 3600), "shards": (1, 100_000),
    "parallel": (1, 10_000), "new_rows": (1, 10**12), "replicas": (1, 100),
}  # fmt: skip

CLUSTER_TEMPLATE: Final = f"""
[cluster]             # manifests for Kubernetes; docs/cluster.md explains them
namespace = "gputsne"
image = "registry.example/gputsne:{__version__}"  # better with @sha256: and its digest
schedule = "30 2 * * *"
timezone = "Etc/UTC"
input = "points.parquet"   # the table of the nightly map, in the volume
rows = 1000000        # most that it will have: memory of pods is planned for as many
features = 50
perplexity = 30
# pca = 50
gpu = false
cpus = 4
deadline_minutes = 120     # of one try, of at most {TRIES}
grace_seconds = 120   # from SIGTERM to SIGKILL: the map so far and its checkpoint are written
# machine = "example-small"  # of [machines]: its price counts, and the budgets of [[budgets]]
# max_cost = 5.00     # of one run that is expected to cost more, nothing is computed
arguments = []        # more of gputsne embed, say ["--labels", "kind"]
storage = "50Gi"
access = "ReadWriteMany"   # ReadWriteOnce where all pods run on one node
# storage_class = "nfs"
replicas = 2          # of gputsne serve
monitoring = "monitoring"  # namespace of Prometheus
# pushgateway = "http://pushgateway.monitoring:9091"
pod_monitor = false   # true where the Prometheus operator is installed
egress = []           # what else pods may reach, say ["10.1.0.0/16:443"] for a bucket

# Rows that are placed on a map, in so many parts, some of them at once.
model_file = "model.npz"
new_input = "new.parquet"
new_rows = 10000000
shards = 8
parallel = 4

# Labels of every manifest and tags of every run: what a bill and an alert are sorted by.
model = "map"
pipeline = "nightly"
owner = "default"
team = "none"
cost_center = "none"
"""


@dataclass(frozen=True)
class Cluster:
    """What is a site's own of the manifests.

    Attributes
    ----------
    namespace : str
        That all of it is in; of its own, as everything in it is denied the network.
    image : str
        With a tag other than latest, or a digest.
    schedule, timezone : str
        Of the nightly map: five fields of cron, and where they count.
    input : str
        The table, in the volume.
    rows, features : int
        Most that the table will have.
    perplexity : float
        As in ``TSNE``.
    pca : int or None
        As in ``TSNE``.
    gpu : bool
        Whether the nightly map runs on a GPU.
    cpus : int
        Processors of a map, and of a shard.
    deadline_minutes : int
        Of one try.
    grace_seconds : int
        From SIGTERM to SIGKILL.
    machine : str or None
        Whose price counts, of the table of prices.
    max_cost : float or None
        Of one run.
    arguments : sequence of str
        More of ``gputsne embed``.
    storage, access : str
        Size of the volume, and "ReadWriteMany" or "ReadWriteOnce".
    storage_class : str or None
        Of the volume; None for the cluster's default.
    replicas : int
        Of the server.
    monitoring : str
        Namespace of Prometheus.
    pushgateway : str or None
        Its address.
    pod_monitor : bool
        Whether to write a PodMonitor of the Prometheus operator.
    egress : sequence of str
        ``CIDR:port`` that pods may reach besides.
    model_file, new_input : str
        Model, and table of the rows that are placed on its map, in the volume.
    new_rows, shards, parallel : int
        Those rows, the parts they are placed in, and how many of them at once.
    model, pipeline, owner, team, cost_center : str
        Labels, and tags of runs.

    Raises
    ------
    BadInput
        A value makes no sense.
    """

    namespace: str = "gputsne"
    image: str = f"registry.example/gputsne:{__version__}"
    schedule: str = "30 2 * * *"
    timezone: str = "Etc/UTC"
    input: str = "points.parquet"
    rows: int = 1_000_000
    features: int = 50
    perplexity: float = 30
    pca: int | None = None
    gpu: bool = False
    cpus: int = 4
    deadline_minutes: int = 120
    grace_seconds: int = 120
    machine: str | None = None
    max_cost: float | None = None
    arguments: tuple[str, ...] = ()
    storage: str = "50Gi"
    access: str = "ReadWriteMany"
    storage_class: str | None = None
    replicas: int = 2
    monitoring: str = "monitoring"
    pushgateway: str | None = None
    pod_monitor: bool = False
    egress: tuple[str, ...] = ()
    model_file: str = "model.npz"
    new_input: str = "new.parquet"
    new_rows: int = 10_000_000
    shards: int = 8
    parallel: int = 4
    model: str = "map"
    pipeline: str = "nightly"
    owner: str = "default"
    team: str = "none"
    cost_center: str = "none"

    def __post_init__(self) -> None:
        for name, (pattern, wanted) in SPELT.items():
            if (value := self._of(name)) is not None and not _spelt(pattern, value):
                refuse(f"cluster.{name}", value, wanted)
        for name, (least, most) in WHOLE.items():
            if (value := self._of(name)) is not None and not _whole(value, least, most):
                refuse(f"cluster.{name}", value, f"a whole number from {least} to {most:,}")
        for name in ("gpu", "pod_monitor"):
            if not isinstance(value := getattr(self, name), bool):
                refuse(f"cluster.{name}", value, "true or false")
        for name in ("arguments", "egress"):
            value = getattr(self, name)
            if not isinstance(value, list | tuple) or not all(isinstance(x, str) for x in value):
                refuse(f"cluster.{name}", value, "a list of texts")
            object.__setattr__(self, name, tuple(value))
        self._check_arguments()
        for reached in self.egress:
            if not _reached(reached):
                refuse("cluster.egress", reached, "CIDR:port, say '10.1.0.0/16:443'")
        if not isinstance(self.schedule, str) or not is_schedule(self.schedule):
            refuse("cluster.schedule", self.schedule,
                   "five fields as cron has them, of a day that comes, say "
                   "'30 2 * * *'")  # fmt: skip
        if (zones := available_timezones()) and self.timezone not in zones:
            refuse("cluster.timezone", self.timezone, "a name of a time zone, say 'Europe/Berlin'")
        if self.pushgateway is not None and not _port(self.pushgateway):
            refuse("cluster.pushgateway", self.pushgateway, "an address with a port up to 65535")
        number = isinstance(self.perplexity, int | float) and self.perplexity is not True
        if not number or not 1 <= self.perplexity < self.rows:
            refuse("cluster.perplexity", self.perplexity, "a number from 1 to the number of rows")
        if self.access not in ACCESS:
            refuse("cluster.access", self.access, " or ".join(map(repr, ACCESS)))
        if self.max_cost is not None:
            amount_of(self.max_cost, f"{FILE}: cluster.max_cost", "an amount of money")
            if self.machine is None:
                refuse("cluster.max_cost", self.max_cost, "beside machine, which has the price")
        self._check_places()

    def _of(self, name: str) -> Any:
        """Return a value; of those that may be left out, None."""
        value = getattr(self, name)
        if value is None and name not in OPTIONAL:
            refuse(f"cluster.{name}", value, "given")
        return value

    def _check_arguments(self) -> None:
        for argument in self.arguments:
            option = argument.partition("=")[0] if argument[:2] == "--" else argument[:2]
            if option in GIVEN:
                refuse("cluster.arguments", argument,
                       f"left out: the manifest gives {option} ({GIVEN[option]})")  # fmt: skip

    def _check_places(self) -> None:
        shared = ("default", "kube-system", "kube-public", "kube-node-lease")
        if not _spelt(NAME, self.namespace) or self.namespace in shared:
            refuse("cluster.namespace", self.namespace,
                   "a namespace of its own: everything in it is denied the network but for what "
                   "maps need")  # fmt: skip
        found = IMAGE.fullmatch(self.image) if isinstance(self.image, str) else None
        pinned = found and ("@" in self.image or found["tag"] not in (None, "latest"))
        if not pinned:
            refuse("cluster.image", self.image,
                   "an image with a tag other than latest, or better with its digest")  # fmt: skip

    @property
    def tags(self) -> dict[str, str]:
        """Tags of runs, and labels: what costs and alerts are sorted by."""
        return {
            "model": self.model, "pipeline": self.pipeline, "owner": self.owner,
            "team": self.team, "cost-center": self.cost_center,
        }  # fmt: skip

    @classmethod
    def read(cls, told: Any, path: str = FILE) -> Self:
        """Read the table; BadInput for what is none, and for entries that are none."""
        if not isinstance(told, Mapping):
            refuse("cluster", told, "a [table]")
        check_known(told, [f.name for f in fields(cls)], f"{path}: [cluster]")
        return cls(**told)


def _reached(text: str) -> bool:
    """Tell whether a text is a network of IPv4 and a port."""
    block, _, _ = text.partition(":")
    try:
        ip_network(block, strict=False)
    except ValueError:
        return False
    return "/" in block and _port(text)


def _port(text: str) -> bool:
    return is_port(text.rpartition(":")[2])


def _spelt(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _whole(value: object, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
