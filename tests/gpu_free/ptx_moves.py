"""PTX's loads and stores, of up to four elements, prepared once for all runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from gpu_free.ptx_memory import Fault
from gpu_free.ptx_parse import TYPES, Instruction, located

SPACES = ("global", "shared", "local", "param")


def moving(i: Instruction) -> Callable[[Any, Instruction, np.ndarray], None]:
    """Return what executes a load or a store for the threads ``on``."""
    kind, store = i.types[-1], i.name == "st"
    dtype = TYPES[kind]
    size = np.dtype(dtype).itemsize
    registers = [r.strip() for r in i.operands[1 if store else 0].strip("{}").split(",")]
    where = i.operands[0 if store else 1]
    space = next(m for m in i.modifiers if m in SPACES)
    whole = size * len(registers)
    # Two words side by side are looked up as one: whether all their bytes are an array's and
    # written is asked of each byte.
    pairs = 2 if size == 4 and len(registers) > 1 else 1

    def parameter(run: Any, i: Instruction, on: np.ndarray) -> None:
        base, more = located(where)
        at = np.atleast_1d(run.read(base, "u64")).astype(np.int64) + more
        for k, register in enumerate(registers):
            taken = run.arguments[at[:, None] + k * size + np.arange(size)]
            run.write(register, taken.reshape(-1).view(dtype))

    def execute(run: Any, i: Instruction, on: np.ndarray) -> None:
        address = run.address(where, on)
        if len(registers) > 1 and np.bitwise_or.reduce(address) & (whole - 1):
            raise Fault(f"misaligned {space} vector in {run.kernel.name}: {run.text}")
        for k, register in enumerate(registers):
            if k % pairs == 0:
                memory, at = run.place(
                    address + k * size if k else address, space, pairs * size, store
                )
                view = memory.view(dtype)
                if pairs == 2:
                    at <<= 1
            else:
                at += 1
            if store:
                view[at] = run.read(register, kind)
            else:
                run.write(register, view[at])

    return parameter if space == "param" else execute
