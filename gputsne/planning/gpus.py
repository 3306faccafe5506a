"""An iteration on several GPUs, a design that is not built: bytes that each holds and sends.

Rows of P are split by stretches of the points' order, the map lies on all. Each GPU deposits its
own points; the grids of charges are added up over all (whole numbers: the same sum in any order);
each does the whole FFT, gathers its own points' forces, draws them along its rows of P, moves them,
and sends their places to the others.
"""

from __future__ import annotations

from typing import NamedTuple

from gputsne.planning.costs import CHARGE, Call, Case, Machine, calls

__all__ = ["LINK", "Share", "iteration_seconds", "share_of"]

# Bytes per second that a GPU sends while it receives as many: half of what NVLink of an H100 is
# said to carry (450 GB/s per direction); an assumption, nothing was measured.
LINK = 225e9
TRIP = 10e-6  # seconds of one collective call beside its bytes, an assumption
SPLIT = ("deposit", "gather", "attract and step")  # calls whose work is each GPU's own points'


class Share(NamedTuple):
    """What one of several GPUs holds and exchanges.

    Attributes
    ----------
    edges : int
        Bytes of its rows of P: column, weight and where rows end.
    map : int
        Bytes of the map, whole.
    grid : int
        Bytes of the grid of charges, whole, 64-bit integers.
    sent_charges : float
        Bytes that it sends per iteration for the sum of all grids, by a ring: its 1/G of the grid
        travels round twice.
    sent_places : float
        Bytes that it sends per iteration so that all have the map: its own places, to the others
        by a ring.
    """

    edges: int
    map: int
    grid: int
    sent_charges: float
    sent_places: float


def share_of(case: Case, gpus: int) -> Share:
    """Return what one GPU of several holds and exchanges.

    Parameters
    ----------
    case : Case
        Of all points.
    gpus : int
        At least 1.

    Returns
    -------
    Share

    Examples
    --------
    >>> share_of(Case(10_000_000), 8).map  # of float32, two axes
    80000000
    """
    weight = 2 if case.half else 4
    grid = int(CHARGE * case.nodes / 2**case.c)
    places = 4 * case.c * case.n
    others = (gpus - 1) / gpus
    return Share(
        edges=(4 + weight) * case.nnz // gpus + 8 * (case.n // gpus + 1),
        map=places,
        grid=grid,
        sent_charges=2 * others * grid,
        sent_places=others * places,
    )


def iteration_seconds(case: Case, gpu: Machine, gpus: int, *, link: float = LINK) -> float:
    """Return the modelled time of an iteration on several GPUs.

    Parameters
    ----------
    case : Case
        Of all points.
    gpu : Machine
        Rates of each.
    gpus : int
        At least 1; with one there is nothing to exchange.
    link : float
        Bytes per second that a GPU sends.

    Returns
    -------
    float
        Seconds.
    """
    spent = sum(_part(call, gpus).seconds(gpu) for call in calls(case, gpu))
    if gpus == 1:
        return spent
    share = share_of(case, gpus)
    return spent + (share.sent_charges + share.sent_places) / link + 2 * TRIP


def _part(call: Call, gpus: int) -> Call:
    """Return a call as one of several GPUs makes it: the FFT is whole on each."""
    if call.name not in SPLIT:
        return call
    worked = ("bytes", "cached", "missed", "atomics", "passes", "chain")
    return call._replace(**{name: getattr(call, name) / gpus for name in worked})
