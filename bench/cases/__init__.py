"""CASES: what ``python -m bench`` can measure, one line each, and where its code is."""

from __future__ import annotations

from dataclasses import dataclass

MILLION = 1_000_000


@dataclass(frozen=True)
class Case:
    """A line of CASES.

    ``module`` of this folder has ``main(name, argv)``; of a comparison it is compare.py. A
    ``script`` of bench/ is run by its path.
    """

    question: str
    minutes: int
    module: str = ""
    script: str = ""
    rows: int | None = None


def compared(question: str, minutes: int, rows: int | None = None) -> Case:
    """Return a case that compares all engines on one set."""
    return Case(question, minutes, "compare", rows=rows)


# minutes: on two cores, with the peers that can run there, one fit of each and its curve
CASES = {
    "digits": compared("1,797 digits: every engine on small data", 5),
    "mnist": compared("MNIST, 70,000 x 50: every engine, time and quality", 90),
    "raw": compared("MNIST's 60,000 pictures of 784 pixels to fit on", 90, rows=60_000),
    "fashion": compared("Fashion-MNIST, 70,000 x 50: the same", 90),
    "text": compared("Embedded texts, unit rows, unreduced: the same", 120),
    "million": compared("A million rows: every engine that can", 240, rows=MILLION),
    "scaling": Case("From 1,000 to 1,000,000 rows: seconds and growth", 120, "scaling"),
    "transform": Case("100,000 new rows into MNIST's map", 10, "transform"),
    "large": Case("A map begun as one of a sample: what is kept, and saved", 4, "large"),
    "large_million": Case("The same with a million rows", 15, "large"),
    "shards": Case(
        "A transform of 10^6 and 10^7 rows in shards: memory, rows per second", 6, "shards"
    ),
    "determinism": Case("Same bytes by 1 and 2 threads, in two processes?", 2, "determinism"),
    "evaluation": Case("All quality metrics of a million rows", 2, "evaluation"),
    "maps": Case("Three engines' maps of MNIST judged by one call", 8, "maps"),
    "reporting": Case("A report of 100,000 rows: time, memory, size", 2, "reporting"),
    "serve": Case("50 callers at once, some hostile, then kill -9", 3, "serve"),
    "beyond": Case("Rows beyond memory: time, memory, and what 10^7 take", 25, "beyond"),
    "tiles": Case("Tiles of 10^6 and 10^7 points: time, memory, first paint", 2, "tiles"),
    "dask": Case("A million rows on 1 and 2 workers, and one killed", 5, "dask"),
    "crossing": Case("From which n is the mesh quicker than the definition?", 3, "crossing"),
    "neighbors": Case("Recall against time of FAISS' indexes", 10, "neighbors"),
    "recall": Case("What does a lower min_recall save, and cost a map?", 5, "recall"),
    "search": Case("Differences, products, lists: which search from when?", 6, "search"),
    "near_copies": Case("Tight groups of near copies: what do schedules keep?", 2, "near_copies"),
    "relabel": Case("What does the order of points in memory gain?", 1, "relabel"),
    "mesh_accuracy": Case("What error does which spacing leave?", 30, "mesh_accuracy"),
    "groups": Case("Tight groups: KL by mesh beside the definition's", 60, "groups"),
    "schedules": Case("Schedules: quality from one P and one start", 120, script="schedules"),
    "trials": Case("What changes of an iteration were tried, and gave", 20, script="trials"),
    "checkouts": Case("This checkout's fits beside another's", 3, "checkouts"),
    "iteration": Case("Stages of an iteration beside another checkout's", 3, "iteration"),
    "convolve": Case("The compiled FFT beside scipy's, by size of the mesh", 2, "convolve"),
    "locality": Case("What do the threads of a GPU share? Counts, no times", 5, script="locality"),
    "viewer": Case("The viewer in Chromium: first paint, frames, tiles", 1, "viewer"),
    "gpu": Case("Everything on a GPU: proofs, calls, fits, peers", 15, script="gpu"),
}
COMPARISONS = tuple(name for name, case in CASES.items() if case.module == "compare")
