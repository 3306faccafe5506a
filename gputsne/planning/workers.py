"""Steps of a map of very many rows on several workers: seconds, memory, where more stop paying.

One model for ``gputsne plan --workers`` and docs/large.md. A step has a part that is split among
the workers, a part that one machine does alone, and a cost per worker; Amdahl's law says the rest.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

from gputsne.neighbors.memory import BASE
from gputsne.planning.host import (
    ITERATIONS,
    OPTIMIZE,
    REST,
    ROWS,
    host_seconds,
    placement_seconds,
)
from gputsne.planning.memory import plan
from gputsne.planning.sampled import (
    BLOCK_BYTES,
    BLOCK_NUMBERS,
    POOL,
    plan_sampled,
    sample_size,
)

__all__ = ["PAYS", "SOURCES", "Step", "WorkersPlan", "plan_workers"]

# Seconds per row whose density is counted: of a million rows of 50 columns 8.1 in all, on two
# threads (bench/results/large_million.json).
DRAW: Final = 8.1e-6
# Per row of a part, which is read twice, hashed and written: of ten million 2.4 in all
# (bench/results/shards.json).
MERGE: Final = 0.24e-6
READ: Final = 0.5e9  # bytes per second of a local disk, an assumption; drawing reads all rows twice
PART: Final = 2e-3  # seconds to open and check one part
# Seconds of a process before it places its first row: interpreter, model, index; an estimate.
START: Final = 4.0
# Share of a search for neighbours that builds the index, which one worker does for all: of 200,000
# rows a tenth.
BUILD: Final = 0.1
# Bytes per row and column, and per row, that ``gputsne.dask.knn`` asks of each worker.
KNN_NUMBER_BYTES, KNN_ROW_BYTES = 16, 32
REFINED: Final = 300  # iterations of fit_large
PAYS: Final = 0.1  # of the time that twice as many workers must save, or they don't pay
SOURCES: Final = (
    "Seconds are scaled from fits and transforms measured on two threads (bench/results: "
    "million.json, transform.json, large_million.json, shards.json); a disk of 0.5 GB per second "
    "and the start of a worker are estimates."
)


@dataclass(frozen=True)
class Step:
    """A step of the work.

    Attributes
    ----------
    name : str
        What is done.
    alone : float
        Seconds of what one machine does, whatever their number.
    split : float
        Seconds that one worker would need for what is divided among them.
    each : float
        Seconds that every worker adds to the whole.
    start : float
        Seconds before a worker begins, which all spend at once.
    bytes : int
        Memory of a worker, or of the one machine.
    spread : bool
        Whether workers take part, and are paid for.
    """

    name: str
    alone: float = 0.0
    split: float = 0.0
    each: float = 0.0
    start: float = 0.0
    bytes: int = 0
    spread: bool = False

    def seconds(self, workers: int) -> float:
        """Return how long it takes with so many workers.

        Parameters
        ----------
        workers : int
            At least 1.
        """
        return self.alone + self.start + self.split / workers + self.each * workers

    def machine_seconds(self, workers: int) -> float:
        """Return for how long machines are held, all of them together.

        Parameters
        ----------
        workers : int
            At least 1; those of a step that is spread wait for what one does alone in it.
        """
        return self.seconds(workers) * (workers if self.spread else 1)


@dataclass(frozen=True)
class WorkersPlan:
    """Steps of one way to a map.

    Attributes
    ----------
    n, d : int
        Rows and columns.
    steps : tuple of Step
        One after the other.
    """

    n: int
    d: int
    steps: tuple[Step, ...]

    def seconds(self, workers: int) -> float:
        """Return the sum of all steps' seconds.

        Parameters
        ----------
        workers : int
        """
        return sum(step.seconds(workers) for step in self.steps)

    def cost(self, workers: int, price_per_hour: float) -> float:
        """Return what the machines cost that each step holds, at a price per machine and hour.

        Parameters
        ----------
        workers : int
        price_per_hour : float
        """
        held = sum(step.machine_seconds(workers) for step in self.steps)
        return held / 3600 * price_per_hour

    @property
    def stops_paying(self) -> int:
        """From how many workers on twice as many save less than a tenth of the time.

        With ``s`` seconds alone and ``p`` split, ``s + p / 2W > 0.9 (s + p / W)`` is
        ``W > 4 p / s``, what a worker adds left aside.
        """
        alone = sum(step.alone + step.start for step in self.steps)
        split = sum(step.split for step in self.steps)
        if not split:
            return 1
        bound = (0.5 - PAYS) / PAYS * split / alone if alone else math.inf
        return max(1, min(self.quickest, math.ceil(bound)) if bound < math.inf else self.quickest)

    @property
    def quickest(self) -> int:
        """With how many workers it takes least time: where what each adds eats up what it saves."""
        split = sum(step.split for step in self.steps)
        each = sum(step.each for step in self.steps)
        if not split:
            return 1
        if not each:
            return self.n
        low = max(1, math.floor(math.sqrt(split / each)))
        return min((low, low + 1), key=self.seconds)

    @property
    def alone_share(self) -> float:
        """Share of one worker's time that no number of workers shortens."""
        return sum(step.alone + step.start for step in self.steps) / self.seconds(1)

    def to_dict(self, workers: int) -> dict[str, Any]:
        """Return all of it as JSON has it.

        Parameters
        ----------
        workers : int
        """
        return {
            "n": self.n, "d": self.d, "workers": workers,
            "steps": [
                {
                    "name": step.name, "seconds": step.seconds(workers), "bytes": step.bytes,
                    "workers": workers if step.spread else 1,
                }
                for step in self.steps
            ],
            "seconds": self.seconds(workers), "one_worker_seconds": self.seconds(1),
            "alone_share": self.alone_share, "stops_paying": self.stops_paying,
            "quickest": self.quickest,
        }  # fmt: skip


def plan_workers(
    n: int, d: int, *, threads: int = 2, sample: int | None = None, **given: Any
) -> tuple[WorkersPlan, WorkersPlan]:
    """Return the steps of placing all rows on the map of a sample, and of refining them as well.

    Parameters
    ----------
    n, d : int
        Rows and columns, after a reduction by ``pca``.
    threads : int, default 2
        Of each worker, and of the machine that does what is not split.
    sample : int or None
        Rows of the sample; None for a tenth, from 5,000 to 100,000.
    **given : object
        As of ``gputsne.plan``.

    Returns
    -------
    placed, refined : WorkersPlan
        The second has the steps of the first, and those of the refinement.

    Examples
    --------
    >>> placed, refined = plan_workers(10**8, 50)
    >>> placed.seconds(32) < placed.seconds(1) / 8 and refined.seconds(32) > refined.seconds(1) / 8
    True
    """
    m = sample_size(n) if sample is None else int(sample)
    of_sample, of_all = plan(m, d, **given), plan(n, d, **given)
    sampled = plan_sampled(n, d, sample=m, refine=False, lazy=True, **given)
    k = of_all.parts["conditional p"] // (4 * n)
    places = 4 * n * int(given.get("n_components") or 2)
    scale = 2 / threads
    block = BASE + BLOCK_BYTES * BLOCK_NUMBERS + 2 * of_sample.parts["prepared data"]
    placed = (
        Step(
            "draw a sample",
            alone=DRAW * min(n, POOL * m) * d / 50 * scale + 2 * 4.0 * n * d / READ,
            bytes=sampled.stages["sample"],
        ),
        Step(
            "fit the sample", alone=host_seconds(m, d, min(k, m - 1), threads),
            bytes=of_sample.host_bytes,
        ),
        Step(
            "place all rows", split=placement_seconds(n, m, d, threads), start=START,
            bytes=int(block + of_sample.parts["mesh"]), spread=True,
        ),
        Step("merge the parts", alone=MERGE * n, each=PART, bytes=int(BASE)),
    )  # fmt: skip
    whole = host_seconds(n, d, k, threads, iterations=ITERATIONS)
    rest = REST * n / ROWS * k / 90 * scale
    search = max(whole - rest, 0.0)
    iterations = OPTIMIZE * n / ROWS * k / 90 * scale * REFINED / ITERATIONS
    affinities = (REST - OPTIMIZE) * n / ROWS * k / 90 * scale
    held = n * (d * KNN_NUMBER_BYTES + KNN_ROW_BYTES)
    refined = (
        *placed,
        Step(
            "find all neighbours", alone=BUILD * search, split=(1 - BUILD) * search,
            bytes=int(BASE + held), spread=True,
        ),
        Step("make P", alone=affinities, bytes=int(BASE + of_all.stages["affinities"])),
        Step(
            f"{REFINED} iterations", alone=iterations,
            bytes=int(BASE + of_all.stages["optimize"] + 3 * places),
        ),
    )  # fmt: skip
    return WorkersPlan(n, d, placed), WorkersPlan(n, d, refined)
