"""Where the cases run: on the emulator, or on the PTX that nvcc made.

``HostBench`` gives every array an allocation of its own, for a sanitiser to watch. ``PtxBench``
lets the real launchers say what they would launch, with which arguments, and executes that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from gpu_free.emulator import Emulator
from gpu_free.ptx import Program
from gpu_free.ptx_memory import Memory
from gpu_free.ptx_parse import Kernel


class HostBench:
    """Launchers on numpy arrays.

    Parameters
    ----------
    emulator : Emulator
        The launchers.
    """

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self._kept: list[np.ndarray] = []

    def put(self, array: np.ndarray) -> np.ndarray:
        self._kept.append(np.array(array, order="C"))
        return self._kept[-1]

    def empty(self, shape: Any, dtype: Any) -> np.ndarray:
        out = self.put(np.empty(shape, dtype))
        out.view(np.uint8)[...] = 0xFF  # NaN as a float, -1 as an int
        return out

    def get(self, handle: np.ndarray) -> np.ndarray:
        return handle

    def at(self, handle: np.ndarray) -> int:
        return handle.ctypes.data

    def call(self, name: str, *arguments: Any, **named: Any) -> Any:
        given = [_address(a) for a in arguments]
        named = {key: _address(a) for key, a in named.items()}
        return getattr(self.emulator.cuda, name)(*given, **named)


def _address(argument: Any) -> Any:
    return argument.ctypes.data if isinstance(argument, np.ndarray) else argument


@dataclass(frozen=True)
class Placed:
    """An array of the interpreter's memory."""

    address: int
    shape: tuple[int, ...]
    dtype: Any


class PtxBench:
    """Launchers on the interpreter's memory.

    Parameters
    ----------
    emulator : Emulator
        Its launchers are written down, not run.
    program : Program
        What runs instead.

    Attributes
    ----------
    ran : dict of str to Kernel
        The kernels that were launched.
    """

    def __init__(self, emulator: Emulator, program: Program) -> None:
        self.emulator, self.program, self.memory = emulator, program, Memory()
        self.ran: dict[str, Kernel] = {}

    def put(self, array: np.ndarray) -> Placed:
        return Placed(self.memory.put(array), array.shape, array.dtype)

    def empty(self, shape: Any, dtype: Any) -> Placed:
        shape = tuple(np.atleast_1d(shape).tolist())
        size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
        return Placed(self.memory.empty(size), shape, np.dtype(dtype))

    def at(self, handle: Placed) -> int:
        return handle.address

    def get(self, handle: Placed) -> np.ndarray:
        return self.memory.array(handle.address, handle.shape, handle.dtype)

    def call(self, name: str, *arguments: Any, **named: Any) -> Any:
        given = [a.address if isinstance(a, Placed) else a for a in arguments]
        named = {key: a.address if isinstance(a, Placed) else a for key, a in named.items()}
        with self.emulator.recording() as launches:
            returned = getattr(self.emulator.cuda, name)(*given, **named)
        for launch in launches:
            self.ran[launch.kernel] = self.program.kernels[launch.kernel]
            self.program.launch(self.memory, launch)
        return returned
