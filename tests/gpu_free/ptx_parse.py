"""A PTX file as lists of instructions per kernel, nothing executed."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Any

import numpy as np

TYPES: dict[str, type] = {
    "pred": np.bool_, "b8": np.uint8, "u8": np.uint8, "s8": np.int8,
    "b16": np.uint16, "u16": np.uint16, "s16": np.int16, "f16": np.uint16,
    "b32": np.uint32, "u32": np.uint32, "s32": np.int32, "f32": np.float32,
    "b64": np.uint64, "u64": np.uint64, "s64": np.int64, "f64": np.float64,
}  # fmt: skip
DYNAMIC = re.compile(r"\.extern \.shared \.align \d+ \.b8 ([\w$]+)\[\]")
ENTRY = re.compile(r"\.entry (\w+)\s*\(([^)]*)\)[^{]*\{(.*?)\n\}", re.DOTALL)
PARAMETER = re.compile(
    r"\.param (?:\.align (\d+) )?\.(\w+) (?:\.ptr[^,]*? )?(\w+)(?:\[(\d+)\])?\s*(?:,|$)"
)
INSTRUCTION = re.compile(r"(?:@(!?)(%\w+)\s+)?([\w.:]+)\s*(.*)", re.DOTALL)


@dataclass(frozen=True)
class Instruction:
    """One line: ``@guard name.modifiers.types operands``."""

    name: str
    modifiers: tuple[str, ...]
    types: tuple[str, ...]
    operands: tuple[str, ...]
    guard: str  # a predicate register, or empty
    negated: bool
    text: str


@dataclass
class Kernel:
    """One ``.entry``."""

    name: str
    registers: dict[str, type] = field(default_factory=dict)
    shared: dict[str, int] = field(default_factory=dict)  # offset of each variable
    shared_bytes: int = 0
    local: str = ""  # the thread's own variable, if it has one
    local_bytes: int = 0
    parameters: dict[str, int] = field(default_factory=dict)  # offset of each
    parameter_bytes: int = 0
    code: list[Instruction] = field(default_factory=list)
    labels: dict[str, int] = field(default_factory=dict)
    steps: list[Any] = field(default_factory=list, compare=False)  # ``code``, prepared by ptx.py


def parse(text: str) -> dict[str, Kernel]:
    """Return the kernels of a PTX file by their mangled names."""
    # What functions that are no templates share stands before all kernels.
    common = re.findall(r"^\.shared [^;]* ([\w$]+)(?:\[\d+\])?;", text, flags=re.MULTILINE)
    lines = re.findall(r"^(\.shared [^;]*;)", text, flags=re.MULTILINE)
    dynamic = tuple(DYNAMIC.findall(text))
    kernels = {}
    for name, given, body in ENTRY.findall(text):
        used = [line for line, variable in zip(lines, common, strict=True) if variable in body]
        kernels[name] = _kernel(name, given, "\n".join([*used, body]), dynamic)
    return kernels


@cache  # architectures share most of their text, and nobody changes a kernel
def _kernel(name: str, given: str, body: str, dynamic: tuple[str, ...]) -> Kernel:
    kernel = Kernel(name)
    body = re.sub(r"//[^\n]*", "", body)
    body = re.sub(r"^\s*[{}][\s{}]*|(?<=;)\s*\}", "", body, flags=re.MULTILINE)  # scopes
    for kind, prefix, count in re.findall(r"\.reg \.(\w+)\s+(%\w+)<(\d+)>;", body):
        kernel.registers |= {f"{prefix}{i}": TYPES[kind] for i in range(int(count))}
    for kind, register in re.findall(r"\.reg \.(\w+)\s+(%?\w+);", body):
        kernel.registers[register] = TYPES[kind]
    shared = re.findall(r"\.shared \.align (\d+) \.b8 ([\w$]+)\[(\d+)\]", body)
    for align, kind, variable in re.findall(r"\.shared (?:\.align (\d+) )?\.(\w+) ([\w$]+);", body):
        size = np.dtype(TYPES[kind]).itemsize
        shared.append((align or size, variable, size))
    for align, variable, size in shared:  # no better aligned than it says
        kernel.shared[variable] = kernel.shared_bytes + int(align)
        kernel.shared_bytes += (int(align) + int(size) + 127) // 128 * 128
    # what a launch gives lies behind the kernel's own
    kernel.shared |= dict.fromkeys(dynamic, kernel.shared_bytes)
    for variable, size in re.findall(r"\.local \.align \d+ \.b8 \t?([\w$]+)\[(\d+)\]", body):
        kernel.local, kernel.local_bytes = variable, (int(size) + 15) // 16 * 16
    for align, kind, parameter, count in PARAMETER.findall(" ".join(given.split())):
        size = int(count) if count else np.dtype(TYPES[kind]).itemsize
        step = int(align) if align else size
        kernel.parameter_bytes = (kernel.parameter_bytes + step - 1) // step * step
        kernel.parameters[parameter] = kernel.parameter_bytes
        kernel.parameter_bytes += size
    for line in re.split(r";|(?<=:)\s*\n", body):
        line = line.strip()
        label = re.fullmatch(r"(\$\w+):", line)
        if label:
            kernel.labels[label[1]] = len(kernel.code)
        elif line and not line.startswith("."):
            kernel.code.append(_instruction(line))
    return kernel


@cache
def _instruction(line: str) -> Instruction:
    found = INSTRUCTION.fullmatch(line)
    assert found is not None, line
    name, *suffixes = found[3].replace("::", "_").split(".")
    operands = [o.strip() for o in re.split(r",(?![^{\[]*[}\]])", found[4])] if found[4] else []
    kinds = tuple(s for s in suffixes if s in TYPES)
    modifiers = tuple(s for s in suffixes if s not in TYPES)
    text = " ".join(line.split())
    return Instruction(
        name, modifiers, kinds, tuple(operands), found[2] or "", found[1] == "!", text
    )


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


@lru_cache(maxsize=65536)
def located(operand: str) -> tuple[str, int]:
    """Return the base and the offset of an address operand."""
    base, _, more = operand.strip("[]").partition("+")
    return base, int(more or 0)
