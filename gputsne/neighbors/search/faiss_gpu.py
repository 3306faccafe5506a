"""Inverted lists of FAISS on a GPU, for more vectors than all pairs can be compared of."""

from __future__ import annotations

from typing import Any

import numpy as np

from gputsne.base.types import Array, FloatArray

__all__ = ["FaissGpu"]

TRAINING_ROWS = 64  # vectors per list that k-means sees


class FaissGpu:
    """An index on one GPU; it starts with visits to a hundredth of the lists.

    Parameters
    ----------
    Z : array, shape (n, d), float32
        The vectors.
    device : int
        CUDA's number of the GPU.
    seed : int
        Of the training sample.
    """

    source = "faiss-gpu-device"
    rows = 8192

    def __init__(self, Z: FloatArray, device: int, seed: int) -> None:
        import faiss

        n, d = Z.shape
        self.n, self.nlist = n, int(4 * n**0.5)
        flat = faiss.IndexIVFFlat(faiss.IndexFlatL2(d), d, self.nlist)
        index: Any = faiss.index_cpu_to_gpu(faiss.StandardGpuResources(), device, flat)
        sample = np.random.default_rng(seed).permutation(n)[: TRAINING_ROWS * self.nlist]
        index.train(Z[np.sort(sample)])
        index.add(Z)
        index.nprobe = max(1, self.nlist // 100)
        self._index = index

    def visit_more(self, most: int) -> bool:
        """Double the lists that are visited, up to ``most``; tell whether there were more."""
        more = min(self.nlist, most, 2 * self._index.nprobe)
        if more <= self._index.nprobe:
            return False
        self._index.nprobe = more
        return True

    def order(self) -> Array:
        """Return the vectors' own order."""
        return np.arange(self.n)

    def search(self, Q: FloatArray, k: int, own: Array) -> tuple[Array, Array]:
        """Find the k nearest; see ``Search``."""
        squared, ids = self._index.search(np.ascontiguousarray(Q), k)
        return squared, ids
