"""The PTX that nvcc made, executed on numpy: all threads of a launch at once.

The lowest program counter runs first, so that branches join again. Stops on an access out of
bounds, misaligned or to memory never written (ptx_memory.py), on a barrier that a thread of the
block doesn't reach, on a shuffle whose lanes are not all there, and on any instruction it does not
know. ``approx`` instructions are evaluated exactly and denormals are kept, so it can't show the
error of fast arithmetic; it runs in lock step, so it can't show a race: that is the emulator's part
(simt.hpp).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from gpu_free.emulator import Launch
from gpu_free.ptx_arithmetic import ARITHMETIC, KNOWN, convert
from gpu_free.ptx_memory import Fault, Memory, Scratch
from gpu_free.ptx_parse import TYPES, Instruction, Kernel, parse

SHARED, LOCAL = 1 << 20, 1 << 21  # where shared and local memory begin, in every thread's eyes


@lru_cache(maxsize=4096)
def literal(operand: str, kind: str) -> Any:
    """Return an immediate operand as a scalar of a type."""
    dtype = np.dtype(TYPES[kind])
    if operand[:2] == "0f":
        return np.array(int(operand[2:], 16), np.uint32).view(np.float32).astype(dtype)[()]
    if operand[:2] == "0d":
        return np.array(int(operand[2:], 16), np.uint64).view(np.float64).astype(dtype)[()]
    if kind == "pred":
        return np.bool_(int(operand, 0) != 0)
    bits = int(operand, 0) & (2 ** (8 * dtype.itemsize) - 1)
    return np.array(bits, f"u{dtype.itemsize}").view(dtype)[()]


class Run:
    """One launch in progress.

    Parameters
    ----------
    kernel : Kernel
        What to run.
    memory : Memory
        Global memory.
    grid, block : int, tuple of int
        Blocks, and threads of a block in x and y.
    arguments : bytes
        As the driver would get them.
    shared : int
        Bytes of shared memory that the launch gives each block.
    """

    def __init__(
        self, kernel: Kernel, memory: Memory, grid: int, block: Sequence[int], arguments: bytes,
        shared: int = 0,
    ) -> None:  # fmt: skip
        if len(arguments) < kernel.parameter_bytes:
            raise Fault(f"{kernel.name} takes {kernel.parameter_bytes} bytes of arguments")
        self.kernel, self.memory = kernel, memory
        self.arguments = np.frombuffer(arguments, np.uint8)
        width, size = block[0], block[0] * block[1]
        self.n = grid * size
        thread = np.arange(self.n)
        self.block, within = thread // size, thread % size
        self.warp = self.block * ((size + 31) // 32) + within // 32
        self.lane = within % 32
        self.special = {
            "%tid.x": within % width,
            "%tid.y": within // width,
            "%ctaid.x": self.block,
            "%ntid.x": np.full(self.n, width),
            "%ntid.y": np.full(self.n, block[1]),
            "%nctaid.x": np.full(self.n, grid),
        }
        self.registers = {name: np.zeros(self.n, t) for name, t in kernel.registers.items()}
        self.shared = Scratch(grid, kernel.shared_bytes + (shared + 15) // 16 * 16, SHARED)
        self.local = Scratch(self.n, kernel.local_bytes, LOCAL)
        self.pc = np.zeros(self.n, np.int64)
        self.on: Any = slice(None)  # the threads that execute the instruction

    def read(self, operand: str, kind: str) -> Any:
        """Return an operand, of a type, for the threads that are on."""
        dtype = TYPES[kind]
        if operand in self.registers:
            found = self.registers[operand][self.on]
            if found.dtype == dtype:
                return found
            return (
                found.view(dtype)
                if found.itemsize == np.dtype(dtype).itemsize
                else found.astype(dtype)
            )
        if operand in self.special:
            return self.special[operand][self.on].astype(dtype)
        if operand in self.kernel.shared:
            return np.array(SHARED + self.kernel.shared[operand]).astype(dtype)[()]
        if operand in self.kernel.parameters:
            return np.array(self.kernel.parameters[operand]).astype(dtype)[()]
        if operand and operand == self.kernel.local:
            return np.array(LOCAL).astype(dtype)[()]
        return literal(operand, kind)

    def write(self, operand: str, value: Any) -> None:
        """Write a register of the threads that are on."""
        if operand == "_":
            return
        register = self.registers[operand]
        value = np.asarray(value)
        if value.dtype != register.dtype:
            same = value.itemsize == register.itemsize and value.dtype != np.bool_
            value = value.view(register.dtype) if same else value.astype(register.dtype)
        register[self.on] = value

    def place(self, operand: str, offset: int, space: str, size: int, write: bool) -> Any:
        """Return the memory and the elements of an address operand."""
        base, _, more = operand.strip("[]").partition("+")
        wide = self.kernel.registers.get(base, np.uint64)
        address = self.read(base, "u32" if np.dtype(wide).itemsize == 4 else "u64").astype(np.int64)
        count = self.n if isinstance(self.on, slice) else len(self.on)
        address = np.broadcast_to(address + int(more or 0) + offset, (count,))
        what = f"{space} {'write' if write else 'read'} in {self.kernel.name}: {self.text}"
        if space == "global":
            return self.memory, self.memory.elements(address, size, write, what)
        scratch = self.shared if space == "shared" else self.local
        owner = self.block if space == "shared" else np.arange(self.n)
        return scratch.memory, scratch.elements(address, owner[self.on], size, write, what)

    def check_aligned(self, operand: str, size: int, space: str) -> None:
        """Fault on a vector that does not lie at a multiple of its size."""
        base, _, more = operand.strip("[]").partition("+")
        wide = self.kernel.registers.get(base, np.uint64)
        address = self.read(base, "u32" if np.dtype(wide).itemsize == 4 else "u64").astype(np.int64)
        if ((address + int(more or 0)) % size).any():
            raise Fault(f"misaligned {space} vector in {self.kernel.name}: {self.text}")

    def go(self) -> None:
        """Run until every thread has left."""
        code, end = self.kernel.code, len(self.kernel.code)
        while True:
            here = int(self.pc.min())
            if here >= end:
                return
            at = self.pc == here
            on = np.flatnonzero(at)
            instruction = code[here]
            self.text = instruction.text
            self.pc[on] = here + 1
            if instruction.guard:
                on = on[self.registers[instruction.guard][on] ^ instruction.negated]
            if not on.size:
                continue
            self.on = slice(None) if on.size == self.n else on
            self.step(instruction, on)

    def step(self, i: Instruction, on: np.ndarray) -> None:
        """Execute one instruction for the threads ``on``."""
        unknown = set(i.modifiers) - KNOWN
        if unknown:
            raise NotImplementedError(f"{i.text}: {', '.join(sorted(unknown))}")
        with np.errstate(all="ignore"):
            if i.name in ARITHMETIC:
                ARITHMETIC[i.name](self, i)
            elif i.name == "cvt":
                convert(self, i)
            elif i.name in ("ld", "st"):
                self.move(i)
            elif i.name in ("atom", "red"):
                self.atomic(i)
            elif i.name == "bra":
                self.pc[on] = self.kernel.labels[i.operands[0]]
            elif i.name in ("ret", "exit"):
                self.pc[on] = len(self.kernel.code)
            elif i.name == "bar" and "warp" in i.modifiers:
                self.whole_warps(on, "barrier", i)
            elif i.name in ("membar", "fence"):
                pass  # in lock step nothing is late
            elif i.name == "bar":
                if np.isin(self.block, np.unique(self.block[on])).sum() != on.size:
                    raise Fault(f"barrier not reached by every thread of the block: {i.text}")
            elif i.name == "shfl":
                self.shuffle(i, on)
            else:
                raise NotImplementedError(i.text)

    def move(self, i: Instruction) -> None:
        """Loads and stores, of up to four elements."""
        kind, size = i.types[-1], np.dtype(TYPES[i.types[-1]]).itemsize
        store = i.name == "st"
        registers = i.operands[1 if store else 0].strip("{}").split(",")
        where = i.operands[0 if store else 1]
        spaces = [m for m in i.modifiers if m in ("global", "shared", "local", "param")]
        if len(registers) > 1 and spaces != ["param"]:
            self.check_aligned(where, size * len(registers), spaces[0])
        for k, register in enumerate(r.strip() for r in registers):
            if spaces == ["param"]:
                base, _, more = where.strip("[]").partition("+")
                at = np.atleast_1d(self.read(base, "u64")).astype(np.int64) + int(more or 0)
                taken = self.arguments[at[:, None] + k * size + np.arange(size)]
                self.write(register, taken.reshape(-1).view(TYPES[kind]))
                continue
            memory, at = self.place(where, k * size, spaces[0], size, store)
            if store:
                memory.view(TYPES[kind])[at] = self.read(register, kind)
            else:
                self.write(register, memory.view(TYPES[kind])[at])

    def atomic(self, i: Instruction) -> None:
        """Integer add, min and max; floats have no place here (their order would be seen)."""
        kind = i.types[-1]
        if kind[0] == "f":
            raise Fault(f"float atomics give another result in another order: {i.text}")
        size = np.dtype(TYPES[kind]).itemsize
        space = "shared" if "shared" in i.modifiers else "global"
        memory, at = self.place(i.operands[-2], 0, space, size, False)
        view, value = memory.view(TYPES[kind]), self.read(i.operands[-1], kind)
        value = np.broadcast_to(value, at.shape)
        if "add" in i.modifiers:
            order = np.argsort(at, kind="stable")  # each thread sees what those before it added
            cells, first = np.unique(at[order], return_index=True)
            before = np.cumsum(value[order]) - value[order]
            before -= np.repeat(before[first], np.diff([*first, len(at)]))
            old = np.empty_like(value)
            old[order] = before + view[at[order]]
            np.add.at(view, at, value)
            assert len(cells) <= len(at)
        elif "min" in i.modifiers or "max" in i.modifiers:
            old = view[at]
            (np.minimum if "min" in i.modifiers else np.maximum).at(view, at, value)
        else:
            raise NotImplementedError(i.text)
        if i.name == "atom":
            self.write(i.operands[0], old)

    def shuffle(self, i: Instruction, on: np.ndarray) -> None:
        """``shfl.sync.bfly`` and ``.idx`` of whole warps."""
        self.whole_warps(on, "shuffle", i)
        if (self.read(i.operands[4], "u32") != 0xFFFFFFFF).any():
            raise Fault(f"shuffle of a part of a warp in {self.kernel.name}: {i.text}")
        target, _, flag = i.operands[0].partition("|")
        told = np.broadcast_to(self.read(i.operands[2], "u32").astype(np.int64), on.shape)
        if "bfly" in i.modifiers:
            source = on ^ told  # warps begin at multiples of 32
        elif "idx" in i.modifiers:
            source = (on & ~31) | (told & 31)
        else:
            raise NotImplementedError(i.text)
        self.write(target, self.registers[i.operands[1]][source])
        if flag:
            self.write(flag, np.True_)

    def whole_warps(self, on: np.ndarray, what: str, i: Instruction) -> None:
        """Fault where a lane of a warp is missing."""
        warps, counts = np.unique(self.warp[on], return_counts=True)
        if (counts != 32).any():
            raise Fault(f"{what} with lanes missing in {self.kernel.name}: {i.text}")
        assert len(warps) * 32 == on.size


class Program:
    """The kernels of several PTX files.

    Parameters
    ----------
    texts : sequence of str
        Their contents.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self.kernels: dict[str, Kernel] = {}
        for text in texts:
            self.kernels |= parse(text)

    def launch(self, memory: Memory, launch: Launch) -> None:
        """Run one launch to its end."""
        Run(
            self.kernels[launch.kernel], memory, launch.grid, launch.block, launch.arguments,
            launch.shared,
        ).go()  # fmt: skip
