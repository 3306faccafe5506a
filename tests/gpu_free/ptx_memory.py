"""Memory that faults on every access that a GPU would get wrong in silence.

Addresses are those of one host array, so that what host code computes with them stays true.
"""

from __future__ import annotations

from typing import Any

import numpy as np

OUTSIDE, RAW, WRITTEN = 0, 1, 2  # what a byte is: no array's, an array's but never written, written
# An element of so many bytes of which each was written: no element's marks are more.
WHOLE = {k: np.full(k, WRITTEN, np.uint8).view(f"u{k}")[0] for k in (1, 2, 4, 8)}
GAP = 512  # bytes between arrays: an index that runs over lands there


class Fault(Exception):
    """Something that a GPU would do in silence, and should not."""


class Memory:
    """An arena with gaps between its arrays, and a note on every byte.

    Parameters
    ----------
    size : int
        Bytes.
    """

    def __init__(self, size: int = 1 << 23) -> None:
        whole = np.full(size + 256, 0xA5, np.uint8)
        first = -whole.ctypes.data % 256
        self.bytes = whole[first : first + size]
        self.base = self.bytes.ctypes.data
        self.state = np.zeros(size, np.uint8)
        self._marks = {k: self.state[: size // k * k].view(f"u{k}") for k in WHOLE}
        self._top = GAP
        self._views: dict[Any, np.ndarray] = {}

    def empty(self, size: int) -> int:
        """Return the address of ``size`` bytes that were never written."""
        at, self._top = self._top, (self._top + size + GAP + 255) // 256 * 256
        if self._top > len(self.bytes):
            raise MemoryError(f"{size} bytes more than the arena has")
        self.state[at : at + size] = RAW
        return self.base + at

    def put(self, array: np.ndarray) -> int:
        """Copy an array; return its address."""
        flat = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
        address = self.empty(flat.size)
        at = address - self.base
        self.bytes[at : at + flat.size] = flat
        self.state[at : at + flat.size] = WRITTEN
        return address

    def array(self, address: int, shape: Any, dtype: Any) -> np.ndarray:
        """Return a view of what lies at an address."""
        size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
        return self.bytes[address - self.base :][:size].view(dtype).reshape(shape)

    def view(self, dtype: Any) -> np.ndarray:
        """Return all bytes as elements of a type."""
        if dtype not in self._views:
            size = np.dtype(dtype).itemsize
            self._views[dtype] = self.bytes[: len(self.bytes) // size * size].view(dtype)
        return self._views[dtype]

    def elements(self, address: np.ndarray, size: int, write: bool, what: str) -> np.ndarray:
        """Return indices into ``view``; fault on what no thread may touch."""
        return self.elements_at(address - self.base, size, write, what)

    def elements_at(self, at: np.ndarray, size: int, write: bool, what: str) -> np.ndarray:
        """As ``elements``, of bytes by their number."""
        if np.bitwise_or.reduce(at) & (size - 1):
            raise Fault(f"misaligned {what}")
        if np.maximum.reduce(at.view(np.uint64)) > len(self.bytes) - size:  # or below zero
            raise Fault(f"out of bounds {what}")
        index = at >> size.bit_length() - 1
        if np.minimum.reduce(self._marks[size][index]) == WHOLE[size]:
            return index
        state = min(self.state[at].min(), self.state[at + size - 1].min())
        if state == OUTSIDE:
            raise Fault(f"out of bounds {what}")
        if write:
            for k in range(size):
                self.state[at + k] = WRITTEN
        else:
            raise Fault(f"uninitialised {what}")
        return index


class Scratch:
    """Shared or local memory: the same bytes for each block or thread.

    Parameters
    ----------
    owner : array, shape (n,), int64
        Whose bytes each thread has: a block's or its own.
    size : int
        Bytes of each owner.
    base : int
        Address of the first byte, the same for all.
    """

    def __init__(self, owner: np.ndarray, size: int, base: int) -> None:
        self.size, self.base = size, base
        owners = int(owner[-1]) + 1
        self.memory = Memory(GAP + owners * max(size, 1) + 2 * GAP)
        self.memory.empty(owners * size)
        self._first = GAP + owner * size

    def elements(
        self, address: np.ndarray, on: Any, size: int, write: bool, what: str
    ) -> np.ndarray:
        """Return indices into ``memory.view`` for the threads ``on``."""
        at = address - self.base
        if np.maximum.reduce(at.view(np.uint64)) > self.size - size:  # or below zero
            raise Fault(f"outside {what}")
        return self.memory.elements_at(self._first[on] + at, size, write, what)
