"""Memory of a map that starts from a sample: of the sample, its fit, placing and refinement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gputsne.base.errors import OverMemory
from gputsne.base.memory import available_memory
from gputsne.base.parameter_table import Bytes
from gputsne.base.sizes import size_text
from gputsne.neighbors.memory import BASE
from gputsne.planning.memory import plan

__all__ = ["BLOCK_NUMBERS", "LARGEST_SAMPLE", "LEAST_SAMPLE", "SampledPlan", "plan_sampled",
           "sample_size"]  # fmt: skip

# A tenth of the rows: of MNIST a twentieth gives a map that keeps 0.004 neighbours less once all
# are refined (docs/large.md). Beyond the largest a sample gains nothing but costs a fit.
SHARE, LEAST_SAMPLE, LARGEST_SAMPLE = 10, 5_000, 100_000
BLOCK_NUMBERS = 1 << 22  # of rows that are placed or counted together
# Bytes per number of a block: as it is read, in float64, centred, and as it is prepared.
BLOCK_BYTES = 8 + 8 + 8 + 4
# Of drawing (sampling/blocks.py, a tower beside this room): landmarks, products of a block of rows
# with them, rows per row wanted among which densities count, and bytes per row and per one of them.
LANDMARKS, PRODUCTS, POOL = 2000, 1 << 22, 10
ROW_BYTES, POOL_BYTES = 8, 40
LANDMARK_BYTES = 2 * 8  # per product of a block of rows with the landmarks


@dataclass(frozen=True)
class SampledPlan:
    """Memory of ``gputsne.fit_large``.

    Attributes
    ----------
    stages : dict of str to int
        Bytes that are held at once in ``"sample"``, ``"fit"``, ``"transform"`` and ``"refine"``;
        without ``"refine"`` where nothing is refined.
    rows : int
        Of the sample.
    """

    stages: dict[str, int]
    rows: int

    @property
    def host_bytes(self) -> int:
        """The largest stage, interpreter and libraries with it."""
        return max(self.stages.values())

    def check(self, limit: float | str | None = None) -> None:
        """Raise OverMemory, with both figures and the remedies, if the plan does not fit.

        Parameters
        ----------
        limit : float, str or None
            Bytes, or as "8G"; None for what the machine or the container still has.
        """
        given = Bytes().read("memory_limit", limit)
        allowed = available_memory() if given is None else given
        if allowed is None or self.host_bytes <= allowed:
            return
        worst = max(self.stages, key=lambda stage: self.stages[stage])
        remedy = {
            "refine": "refine=None leaves each row where it was placed, or lower n_neighbors, use "
            "affinity='uniform' or reduce X with pca=50",
            "fit": "take a smaller sample, or reduce X with pca=50",
        }.get(worst, "reduce X with pca=50, or use a machine with more")
        raise OverMemory(
            f"this fit of a sample needs {size_text(self.host_bytes)} (stage {worst!r}), "
            f"{'free memory' if limit is None else 'memory_limit'} is {size_text(allowed)}; "
            f"{remedy}"
        )


def sample_size(n: int) -> int:
    """Return how many rows a sample has unless it is told: a tenth, within limits.

    Parameters
    ----------
    n : int
        Rows in all.

    Returns
    -------
    int

    Examples
    --------
    >>> sample_size(70_000), sample_size(10**8), sample_size(200)
    (7000, 100000, 200)
    """
    return min(n, max(LEAST_SAMPLE, min(LARGEST_SAMPLE, n // SHARE)))


def plan_sampled(
    n: int, d: int, *, sample: int | None = None, refine: bool = True, lazy: bool = False,
    **given: Any,
) -> SampledPlan:  # fmt: skip
    """Estimate the memory of a fit of a sample and of what follows.

    Parameters
    ----------
    n, d : int
        Rows and columns.
    sample : int or None
        Rows of the sample; None for a tenth, from 5,000 to 100,000.
    refine : bool, default True
        Whether all rows are refined, which takes the neighbours of all.
    lazy : bool, default False
        Whether the rows stay where they are (files) and only blocks of them are held.
    **given : object
        As of ``gputsne.plan``.

    Returns
    -------
    SampledPlan

    Examples
    --------
    >>> one, other = (plan_sampled(10**7, 50, refine=r, lazy=True) for r in (False, True))
    >>> one.host_bytes < 2e9 < other.host_bytes
    True
    """
    m = sample_size(n) if sample is None else int(sample)
    c = int(given.get("n_components") or 2)
    data = 0 if lazy else 4 * n * d
    block = BLOCK_BYTES * min(BLOCK_NUMBERS, n * d)
    pool = min(n, POOL * m)
    products = LANDMARK_BYTES * min(PRODUCTS, n * LANDMARKS)
    of_sample, places = plan(m, d, **given), 4 * n * c
    stages = {
        "sample": BASE + data + block + products + ROW_BYTES * n + POOL_BYTES * pool,
        "fit": data + of_sample.host_bytes,
        # the sample's rows and its index, the potential of its map, and the places of all
        "transform": BASE + data + block + 2 * of_sample.parts["prepared data"] + places
        + of_sample.parts["joint P"] + of_sample.parts["mesh"],
    }  # fmt: skip
    if refine:
        whole = plan(n, d, **given)
        stages["refine"] = whole.host_bytes - int(lazy) * whole.parts["data"] + 3 * places
    return SampledPlan({stage: int(held) for stage, held in stages.items()}, m)
