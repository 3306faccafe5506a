"""How much must a GPU hold? Bytes by part and by stage; memory.py has the host's."""

from __future__ import annotations

__all__ = ["LISTS", "NODE_BYTES", "TILE_BYTES", "device_stages"]

# A mesh by FFT node: fixed point 2, padded charge 4, half of a complex grid 4, work areas of two
# plans 8, potential 4, spectrum 1, and the float64 arrays that a new spectrum is made in, with the
# work area of their plan, 10.
NODE_BYTES = 33
TILE_BYTES = 1 << 30  # of squared distances that the neighbour search compares at a time
LISTS = 1 << 29  # candidates' lists and their scratch, of the rows that are searched for at a time


def device_stages(
    n: int, d: int, k: int, c: int, edges: int, nodes: float, *, half: bool = False
) -> tuple[dict[str, int], dict[str, int]]:
    """Return what a GPU holds.

    Parameters
    ----------
    n, d, k, c : int
        Points, features after preparation, neighbours each, map axes.
    edges : int
        Of P, both directions.
    nodes : float
        FFT nodes of the mesh.
    half : bool
        P in 2-byte floats.

    Returns
    -------
    parts, stages : dict of str to int
        Bytes by part, and the sum of what is there at once in each stage.

    Notes
    -----
    Neighbours: X itself and one tile; lists go to main memory as they are found. Affinities: lists,
    conditional p, the transpose with what it is sorted in, then P. Optimize: P twice, because P in
    another order is made beside the old one; in 2-byte floats it is at first made from the other.
    """
    lists, P = 4 * n * k, 8 * edges + 8 * (n + 1)
    kept = P - 2 * edges if half else P
    parts = {
        "device: data": 4 * n * d,
        "device: search tile": TILE_BYTES + LISTS,
        "device: neighbour lists": 2 * lists,
        "device: transposed lists": 4 * lists,
        "device: joint P": kept,
        "device: map and state": 4 * n * (6 * c + 4),
        "device: mesh": int(NODE_BYTES * nodes),
    }
    stages = {
        "neighbors": parts["device: data"] + parts["device: search tile"],
        "affinities": max(6 * lists, 4 * lists + P),
        "optimize": max(2 * kept, P + 2 * edges * half)
        + parts["device: map and state"]
        + parts["device: mesh"],
    }
    return parts, stages
