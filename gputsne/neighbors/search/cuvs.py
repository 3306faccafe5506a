"""cuVS's graph of all neighbours: product codes find candidates, true distances refine them."""

from __future__ import annotations

import numpy as np

from gputsne.base.types import Array, FloatArray
from gputsne.neighbors.search.device_rows import SPARE, DeviceRows

__all__ = ["CuvsGraph"]


class CuvsGraph:
    """Neighbours of all vectors at once.

    Parameters
    ----------
    rows : DeviceRows
        The vectors, which compute true distances.
    Z : array, shape (n, d), float32
        The same in main memory.
    k : int
        Neighbours that will be asked for.
    """

    source = "cuvs-device"
    rows = 1 << 16

    def __init__(self, rows: DeviceRows, Z: FloatArray, k: int) -> None:
        from cuvs.neighbors import all_neighbors, ivf_pq

        params = all_neighbors.AllNeighborsParams(algo="ivf_pq", ivf_pq_params=ivf_pq.IndexParams())
        built = all_neighbors.build(Z, k + SPARE, params)
        found = built[0] if isinstance(built, tuple) else built
        found = np.asarray(found.copy_to_host() if hasattr(found, "copy_to_host") else found)
        self._rows, self.candidates = rows, found.astype(np.int32)

    def order(self) -> Array:
        """Return the vectors' own order."""
        return np.arange(len(self.candidates))

    def search(self, Q: FloatArray, k: int, own: Array) -> tuple[Array, Array]:
        """Find the k nearest of the candidates; see ``Search``. ``own`` must not be empty."""
        found = self._rows.nearest_of(Q, self.candidates[own], k)
        squared, ids = map(self._rows.stage.host, found)
        return squared, ids
