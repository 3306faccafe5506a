"""The PTX that nvcc made, executed on numpy: all threads of a launch at once.

The lowest program counter runs first, so that branches join again. Stops on an access out of
bounds, misaligned or to memory never written (ptx_memory.py), on a barrier that a thread of the
block doesn't reach, on a shuffle whose lanes are not all there, and on any instruction it does not
know. ``approx`` instructions are evaluated exactly and denormals are kept, so it can't show the
error of fast arithmetic; it runs in lock step, so it can't show a race: that is the emulator's part
(simt.hpp).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from gpu_free.emulator import Launch
from gpu_free.ptx_arithmetic import ARITHMETIC, KNOWN, convert, plain
from gpu_free.ptx_memory import Fault, Memory, Scratch
from gpu_free.ptx_moves import moving
from gpu_free.ptx_parse import TYPES, Instruction, Kernel, literal, located, parse

SHARED, LOCAL = 1 << 20, 1 << 21  # where shared and local memory begin, in every thread's eyes


@lru_cache(maxsize=4096)
def unknown(modifiers: tuple[str, ...]) -> list[str]:
    """Return those that the interpreter does not know."""
    return sorted(set(modifiers) - KNOWN)


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
        self.n, self.size = grid * size, size
        self.thread = np.arange(self.n)
        self.block, within = self.thread // size, self.thread % size
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
        self.shared = Scratch(self.block, kernel.shared_bytes + (shared + 15) // 16 * 16, SHARED)
        self.local = Scratch(self.thread, kernel.local_bytes, LOCAL)
        self.waiting: dict[int, np.ndarray] = {}  # by program counter, the threads in order
        self.on: Any = slice(None)  # the threads that execute the instruction
        self._known: dict[tuple[str, str], tuple[Any, bool]] = {}  # operands, read before
        self._bases: dict[str, tuple[str, str, int]] = {}  # of addresses, likewise

    def read(self, operand: str, kind: str) -> Any:
        """Return an operand, of a type, for the threads that are on."""
        known = self._known.get((operand, kind))
        if known is None:
            known = self._known[operand, kind] = self._find(operand, kind)
        found, each = known
        if not each:
            return found
        own = found[self.on]
        return own if own.dtype == TYPES[kind] else own.astype(TYPES[kind])

    def _find(self, operand: str, kind: str) -> tuple[Any, bool]:
        """Return an operand of all threads, and whether each has its own value."""
        dtype = TYPES[kind]
        if operand in self.registers:
            found = self.registers[operand]
            same = found.itemsize == np.dtype(dtype).itemsize
            return (found.view(dtype) if same else found), True
        if operand in self.special:
            return self.special[operand].astype(dtype), True
        if operand in self.kernel.shared:
            return np.array(SHARED + self.kernel.shared[operand]).astype(dtype)[()], False
        if operand in self.kernel.parameters:
            return np.array(self.kernel.parameters[operand]).astype(dtype)[()], False
        if operand and operand == self.kernel.local:
            return np.array(LOCAL).astype(dtype)[()], False
        return literal(operand, kind), False

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

    def address(self, operand: str, on: np.ndarray) -> np.ndarray:
        """Return where an address operand points, for each of the threads ``on``."""
        kind = self._bases.get(operand)
        if kind is None:
            base, more = located(operand)
            wide = np.dtype(self.kernel.registers.get(base, np.uint64)).itemsize == 8
            kind = self._bases[operand] = (base, "u64" if wide else "u32", more)
        address = self.read(*kind[:2]).astype(np.int64)
        if kind[2]:
            address += kind[2]
        return address if address.ndim else np.full(on.shape, address)

    def place(self, address: np.ndarray, space: str, size: int, write: bool) -> Any:
        """Return the memory and the elements at addresses."""
        what = f"{space} {'write' if write else 'read'} in {self.kernel.name}: {self.text}"
        if space == "global":
            return self.memory, self.memory.elements(address, size, write, what)
        scratch = self.shared if space == "shared" else self.local
        return scratch.memory, scratch.elements(address, self.on, size, write, what)

    def wait(self, at: int, on: np.ndarray) -> None:
        """Let threads go on at an instruction, together with those that are there already."""
        if on.size:
            there = self.waiting.get(at)
            self.waiting[at] = on if there is None else np.sort(np.concatenate([there, on]))

    def go(self) -> None:
        """Run until every thread has left."""
        if not self.kernel.steps:
            self.kernel.steps.extend(map(prepare, self.kernel.code))
        code, end = self.kernel.steps, len(self.kernel.steps)
        self.wait(0, self.thread)
        with np.errstate(all="ignore"):
            while self.waiting:
                here = min(self.waiting)
                on = self.waiting.pop(here)
                chosen = self.chosen(on)
                stop = min(self.waiting, default=end)  # where others are met
                while here < stop:
                    instruction, execute = code[here]
                    here += 1
                    self.text, self.on = instruction.text, chosen
                    if instruction.guard:
                        taken = self.registers[instruction.guard][chosen] ^ instruction.negated
                        some = on[taken]
                        if not some.size:
                            continue
                        self.on = chosen if some.size == on.size else self.chosen(some)
                    else:
                        some = on
                    if execute is not None:
                        execute(self, instruction, some)
                        continue
                    if some.size < on.size:  # a jump
                        self.wait(here, on[~taken])
                    if instruction.name == "bra":
                        self.wait(self.kernel.labels[instruction.operands[0]], some)
                    break
                else:
                    if here < end:
                        self.wait(here, on)

    def chosen(self, on: np.ndarray) -> Any:
        """Return threads as a slice where they lie side by side: numpy copies nothing then."""
        first, last = int(on[0]), int(on[-1])
        return slice(first, last + 1) if last - first + 1 == on.size else on

    def barrier(self, i: Instruction, on: np.ndarray) -> None:
        """``bar`` of a block or a warp."""
        if "warp" in i.modifiers:
            self.whole_warps(on, "barrier", i)
        elif on.size < self.n and np.isin(self.block, np.unique(self.block[on])).sum() != on.size:
            raise Fault(f"barrier not reached by every thread of the block: {i.text}")

    def atomic(self, i: Instruction, on: np.ndarray) -> None:
        """Integer add, min and max; floats have no place here (their order would be seen)."""
        kind = i.types[-1]
        if kind[0] == "f":
            raise Fault(f"float atomics give another result in another order: {i.text}")
        size = np.dtype(TYPES[kind]).itemsize
        space = "shared" if "shared" in i.modifiers else "global"
        memory, at = self.place(self.address(i.operands[-2], on), space, size, False)
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
        if on.size < self.n or self.size % 32:
            warps, counts = np.unique(self.warp[on], return_counts=True)
            if (counts != 32).any():
                raise Fault(f"{what} with lanes missing in {self.kernel.name}: {i.text}")
            assert len(warps) * 32 == on.size


JUMPS = ("bra", "ret", "exit")
Execute = Callable[[Run, Instruction, np.ndarray], None]


def prepare(i: Instruction) -> tuple[Instruction, Execute | None]:
    """Return an instruction and what executes it for the threads ``on``; None for a jump."""
    if unknown(i.modifiers):
        return i, _refuse
    if i.name in JUMPS:
        return i, None
    if i.name in ARITHMETIC:
        execute = plain(i) or ARITHMETIC[i.name]
        return i, lambda run, i, _: execute(run, i)
    return i, moving(i) if i.name in ("ld", "st") else OTHERS.get(i.name, _refuse)


def _refuse(run: Run, i: Instruction, on: np.ndarray) -> None:
    raise NotImplementedError(f"{i.text}: {', '.join(unknown(i.modifiers)) or i.name}")


def _nothing(run: Run, i: Instruction, on: np.ndarray) -> None:
    """In lock step nothing is late."""


OTHERS: dict[str, Execute] = {
    "cvt": lambda run, i, _: convert(run, i),
    **dict.fromkeys(("atom", "red"), Run.atomic),
    **dict.fromkeys(("membar", "fence"), _nothing),
    "bar": Run.barrier,
    "shfl": Run.shuffle,
}


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
