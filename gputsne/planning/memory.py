"""How much memory will a fit take? Reckoned by part, and refused before anything large is taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from gputsne.base.errors import OverMemory
from gputsne.base.types import AFFINITY_DTYPES
from gputsne.planning.device import device_stages

__all__ = ["Plan", "available_memory", "plan"]

MIRRORED = 1.6  # edges of P over n * k: 1.26 to 1.5 on MNIST and text, 2 when no edge is mutual
NODE_BYTES = 14  # charge 1, fixed point 2, spectrum 2, two complex copies 8, real 1, by FFT node
SPAN = {1: 400.0, 2: 200.0, 3: 60.0}  # a large map's extent, map units
BASE = 200e6  # interpreter and libraries
AFFINITIES = (
    "neighbour search",
    "neighbour lists",
    "conditional p",
    "transposed lists",
    "joint P",
)


@dataclass(frozen=True)
class Plan:
    """Memory of a fit.

    Attributes
    ----------
    parts : dict of str to int
        Bytes by part.
    stages : dict of str to int
        Bytes that are held at once in each stage.
    host_bytes, device_bytes : int
        The largest stage in main memory, and what a GPU would have to hold (0 on the CPU).
    seconds : float or None
        Of 1,000 iterations, where ``device`` names a GPU that there is a model of; else None.
    device_stages : dict of str to int
        Bytes that a GPU holds at once in each stage; empty on the CPU.
    """

    parts: dict[str, int]
    stages: dict[str, int] = field(default_factory=dict)
    host_bytes: int = 0
    device_bytes: int = 0
    seconds: float | None = None
    device_stages: dict[str, int] = field(default_factory=dict)

    def check(self, limit: int | None = None, device_limit: int | None = None) -> None:
        """Raise if the plan does not fit.

        Parameters
        ----------
        limit : int or None
            Bytes; None for what the machine or the container still has.
        device_limit : int or None
            Bytes that the GPU still has; None where there is none.

        Raises
        ------
        OverMemory
            With both figures and the remedies.
        """
        allowed = available_memory() if limit is None else limit
        if allowed is not None and self.host_bytes > allowed:
            worst = max(self.stages, key=lambda s: self.stages[s])
            raise OverMemory(
                f"this fit needs {self.host_bytes / 1e9:.2f} GB (stage {worst!r}), "
                f"{'free memory' if limit is None else 'memory_limit'} is {allowed / 1e9:.2f} GB; "
                "lower perplexity or n_neighbors, use affinity='uniform', reduce X with pca=50, "
                "or fit a sample and transform the rest"
            )
        if device_limit is not None and self.device_bytes > device_limit:
            worst = max(self.device_stages, key=lambda s: self.device_stages[s])
            raise OverMemory(
                f"this fit needs {self.device_bytes / 1e9:.2f} GB of the GPU's memory (stage "
                f"{worst!r}), {device_limit / 1e9:.2f} GB are free there; lower perplexity or "
                "n_neighbors, use affinity='uniform' or affinity_dtype='float16', reduce X with "
                "pca=50, free what else lies on the GPU, or use device='cpu'"
            )


def plan(
    n: int,
    d: int,
    *,
    n_components: int = 2,
    perplexity: float | Sequence[float] = 30.0,
    n_neighbors: int | None = None,
    device: str = "auto",
    pca: int | None = None,
    affinity_dtype: str = "float32",
) -> Plan:
    """Estimate the memory of a fit.

    Parameters
    ----------
    n, d : int
        Points and features.
    n_components : int, default 2
        Map axes.
    perplexity : float or sequence of float, default 30
        Three neighbours each, unless ``n_neighbors`` is given.
    n_neighbors : int or None
        Neighbours per point.
    device : str, default "auto"
        As in ``TSNE``; "cuda" counts the GPU's memory as well, and "h100" adds seconds by a model.
    pca : int or None
        Features kept, as in ``TSNE``.
    affinity_dtype : {"float32", "float16"}, default "float32"
        How a GPU keeps P, as in ``TSNE``.

    Returns
    -------
    Plan
        Bytes by part; ``check()`` compares with what there is.

    Raises
    ------
    ValueError
        A count below 1, or a name that is none of those known.

    Examples
    --------
    >>> round(plan(1_000_000, 50).host_bytes / 1e9, 1) < 6
    True
    """
    from gputsne.backends import DEVICES
    from gputsne.planning.costs import MACHINES, Case

    for name, value in (("n", n), ("d", d), ("n_components", n_components)):
        if int(value) < 1:
            raise ValueError(f"{name}={value!r} must be at least 1")
    if device not in (known := (*DEVICES, *MACHINES)):
        raise ValueError(f"device={device!r} is none of {', '.join(map(repr, known))}")
    if affinity_dtype not in AFFINITY_DTYPES:
        raise ValueError(
            f"affinity_dtype={affinity_dtype!r} is none of {', '.join(map(repr, AFFINITY_DTYPES))}"
        )
    half = affinity_dtype == "float16"
    n, d, c = int(n), int(d), int(n_components)  # numpy's int32 would overflow below
    k = min(n - 1, int(3 * float(np.max(perplexity)))) if n_neighbors is None else int(n_neighbors)
    kept = min(d, int(pca or d))
    edges = int(MIRRORED * n * k)
    nodes = min(2 * SPAN[c] / 0.42, 2 * n**0.5 + 64) ** c
    parts = {
        "data": 4 * n * d,
        "prepared data": 4 * n * kept if kept < d else 0,
        # FAISS's lists grow by half at a time
        "neighbour search": 6 * n * kept + 64_000_000 if n > 1000 else 0,
        "neighbour lists": 8 * n * k,
        "conditional p": 4 * n * k,
        "transposed lists": 8 * n * k,
        "joint P": 8 * edges + 8 * (n + 1),
        "map and state": 4 * n * (6 * c + 2),
        "mesh": int(NODE_BYTES * nodes),
    }
    held = parts["data"] + parts["prepared data"]
    stages = {
        "neighbors": held + parts["neighbour search"] + parts["neighbour lists"],
        # with what the search gave back to the allocator, which keeps it
        "affinities": held + sum(parts[part] for part in AFFINITIES),
        "optimize": held + parts["joint P"] + parts["map and state"] + parts["mesh"],
    }
    host_bytes = int(BASE + max(stages.values()))
    if device != "cuda" and device not in MACHINES:
        return Plan(parts, stages, host_bytes=host_bytes)
    nodes = Case(n, k, c).nodes
    on_device, there = device_stages(n, kept, k, c, edges, nodes, half=half)
    seconds = None
    if device in MACHINES:
        from gputsne.planning import roofline

        seconds = roofline.seconds(Case(n, k, c, half=half), device, iterations=1000)
    return Plan(
        parts | on_device, stages, host_bytes, max(there.values()), seconds, device_stages=there
    )


def available_memory() -> int | None:
    """Return the bytes this process may still take: machine and control group; None if unknown."""
    found: list[int] = []
    meminfo = Path("/proc/meminfo")
    if meminfo.exists():
        for line in meminfo.read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                found.append(1024 * int(line.split()[1]))
    for limit, used in (
        ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
        (
            "/sys/fs/cgroup/memory/memory.limit_in_bytes",
            "/sys/fs/cgroup/memory/memory.usage_in_bytes",
        ),
    ):
        try:
            cap = Path(limit).read_text(encoding="ascii").strip()
            if cap.isdigit() and int(cap) < 1 << 60:
                taken = int(Path(used).read_text(encoding="ascii"))
                found.append(int(cap) - taken + _reclaimable(Path(limit).parent))
        except OSError:
            continue
    return min(found) if found else None


def _reclaimable(group: Path) -> int:
    """Return the bytes of files that were read and lie in the cache: they count as taken."""
    for line in (group / "memory.stat").read_text(encoding="ascii").splitlines():
        name, _, value = line.partition(" ")
        if name in ("inactive_file", "total_inactive_file"):
            return int(value)
    return 0
