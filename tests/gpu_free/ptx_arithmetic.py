"""PTX's arithmetic instructions: one function per name, on the operands of a run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from gpu_free.ptx_parse import TYPES, Instruction

KNOWN = {
    *("global", "shared", "local", "param", "to", "v2", "v4", "nc", "cs"),
    *("relaxed", "volatile", "gpu"),
    *("rn", "rz", "rni", "rmi", "rpi", "rzi", "approx", "full", "ftz", "lo", "hi", "wide"),
    *("eq", "ne", "lt", "le", "gt", "ge", "equ", "neu", "ltu", "leu", "gtu", "geu", "num", "nan"),
    *("and", "or", "xor", "uni", "sync", "bfly", "idx", "warp", "gl"),
    *("add", "min", "max"),
}
WIDER = {"u16": "u32", "s16": "s32", "u32": "u64", "s32": "s64"}
COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "eq": np.equal,
    "ne": np.not_equal,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
}


def toward_zero(exact: Any) -> Any:
    """Round float64 to float32, toward zero."""
    near = exact.astype(np.float32)
    over = np.abs(near.astype(np.float64)) > np.abs(exact)
    return np.where(over, np.nextafter(near, np.float32(0)), near)


def _truncated(a: Any, b: Any) -> Any:
    """Integer division as C has it; division by zero is all ones."""
    safe = np.where(b == 0, 1, b)
    if np.issubdtype(np.asarray(a).dtype, np.unsignedinteger):
        return np.where(b == 0, np.iinfo(np.asarray(a).dtype).max, a // safe)
    return np.sign(a) * np.sign(safe) * (np.abs(a) // np.abs(safe))


def _high(a: Any, b: Any) -> Any:
    bits = 8 * np.asarray(a).itemsize
    if bits == 32:  # numpy has a type that holds the product
        wide = np.uint64 if np.asarray(a).dtype == np.uint32 else np.int64
        whole = np.asarray(a).astype(wide) * np.asarray(b).astype(wide)
        return (whole >> wide(32)).astype(np.asarray(a).dtype)
    a, b = np.broadcast_arrays(a, b)
    product = [(int(x) * int(y)) >> bits for x, y in zip(a.ravel(), b.ravel(), strict=True)]
    return np.array(product, dtype=a.dtype).reshape(a.shape)


def _shift(run: Any, i: Instruction) -> None:
    kind = i.types[-1]
    a, by = run.read(i.operands[1], kind), run.read(i.operands[2], "u32").astype(np.uint64)
    bits = 8 * np.dtype(TYPES[kind]).itemsize
    if by.ndim == 0 and by < bits:
        how = np.left_shift if i.name == "shl" else np.right_shift
        run.write(i.operands[0], how(a, by.astype(TYPES[kind])))
        return
    last = np.minimum(by, bits - 1).astype(np.asarray(a).dtype)
    if i.name == "shl":
        run.write(
            i.operands[0], np.where(by >= bits, 0, np.left_shift(a, last)).astype(TYPES[kind])
        )
    else:
        gone = 0 if kind[0] in "ub" else np.right_shift(a, last)
        out = np.where(by >= bits, gone, np.right_shift(a, last))
        run.write(i.operands[0], out.astype(TYPES[kind]))


def _binary(run: Any, i: Instruction) -> None:
    kind = i.types[-1]
    a, b = run.read(i.operands[1], kind), run.read(i.operands[2], kind)
    if "wide" in i.modifiers:
        a, b = a.astype(TYPES[WIDER[kind]]), b.astype(TYPES[WIDER[kind]])
    if i.name == "mul" and "hi" in i.modifiers:
        out = _high(a, b)
    elif "rz" in i.modifiers:
        assert kind == "f32", i.text
        wide = (np.float64(a), np.float64(b))
        out = toward_zero(np.asarray({"add": np.add, "mul": np.multiply}[i.name](*wide)))
    elif i.name == "div":
        out = a / b if kind[0] == "f" else _truncated(a, b)
    elif i.name == "rem":
        out = a - _truncated(a, b) * b
    else:
        out = BINARY[i.name](a, b)
    run.write(i.operands[0], out)


BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "min": np.fmin,
    "max": np.fmax,
    "and": np.bitwise_and,
    "or": np.bitwise_or,
    "xor": np.bitwise_xor,
}


def _multiply_add(run: Any, i: Instruction) -> None:
    kind = i.types[-1]
    a, b = run.read(i.operands[1], kind), run.read(i.operands[2], kind)
    third = WIDER[kind] if "wide" in i.modifiers else kind
    c = run.read(i.operands[3], third)
    if "wide" in i.modifiers:
        a, b = a.astype(TYPES[third]), b.astype(TYPES[third])
    assert "hi" not in i.modifiers, i.text
    if kind == "f32":  # one rounding: the product is exact in float64
        out = (np.float64(a) * b + c).astype(np.float32)
    elif kind == "f64":  # one rounding: 64 bits of mantissa keep most of the product
        out = (np.asarray(a, np.longdouble) * b + c).astype(np.float64)
    else:
        out = a * b + c
    run.write(i.operands[0], out)


def _unary(run: Any, i: Instruction) -> None:
    value = run.read(i.operands[1], i.types[-1])
    run.write(i.operands[0], UNARY[i.name](value))


UNARY: dict[str, Callable[[Any], Any]] = {
    "not": np.invert,
    "neg": np.negative,
    "abs": np.abs,
    "rcp": lambda x: np.asarray(1 / np.float64(x)).astype(np.asarray(x).dtype),
    "sqrt": np.sqrt,
    "rsqrt": lambda x: np.asarray(1 / np.sqrt(np.float64(x))).astype(np.asarray(x).dtype),
    "ex2": lambda x: np.exp2(np.float64(x)).astype(np.asarray(x).dtype),
    "lg2": lambda x: np.log2(np.float64(x)).astype(np.asarray(x).dtype),
}


def _compare(run: Any, i: Instruction) -> None:
    how = next(m for m in i.modifiers if m not in ("ftz", "and", "or", "xor"))
    a, b = run.read(i.operands[1], i.types[-1]), run.read(i.operands[2], i.types[-1])
    if how in COMPARE and (how != "ne" or i.types[-1][0] != "f"):
        out = COMPARE[how](a, b)  # false for a NaN, as numpy has it
    else:
        unordered = np.isnan(a) | np.isnan(b) if i.types[-1][0] == "f" else np.False_
        if how in ("num", "nan"):
            out = unordered if how == "nan" else ~unordered
        elif how == "ne":
            out = COMPARE[how](a, b) & ~unordered
        else:  # ltu: true for a NaN as well
            out = COMPARE[how.removesuffix("u")](a, b) | unordered
    joined = [m for m in i.modifiers if m in ("and", "or", "xor")]
    if joined:
        out = BINARY[joined[0]](out, run.read(i.operands[3], "pred"))
    run.write(i.operands[0], np.asarray(out, np.bool_))


def _select(run: Any, i: Instruction) -> None:
    a, b = run.read(i.operands[1], i.types[-1]), run.read(i.operands[2], i.types[-1])
    run.write(i.operands[0], np.where(run.read(i.operands[3], "pred"), a, b))


def _insert_bits(run: Any, i: Instruction) -> None:
    kind = TYPES[i.types[-1]]
    a, b = (np.asarray(run.read(o, i.types[-1])).astype(object) for o in i.operands[1:3])
    position, length = (np.asarray(run.read(o, "u32")).astype(object) for o in i.operands[3:5])
    mask = ((1 << length) - 1) << position
    full = 2 ** (8 * np.dtype(kind).itemsize) - 1
    run.write(i.operands[0], np.asarray(((b & ~mask) | (a << position & mask)) & full).astype(kind))


def _extract_bits(run: Any, i: Instruction) -> None:
    kind = TYPES[i.types[-1]]
    assert i.types[-1][0] == "u", i.text  # signed fields would be extended
    value = run.read(i.operands[1], i.types[-1])
    position, length = (np.asarray(run.read(o, "u32")).astype(kind) for o in i.operands[2:4])
    mask = np.asarray((1 << length.astype(object)) - 1).astype(kind)
    run.write(i.operands[0], (value >> position) & mask)


def _copy(run: Any, i: Instruction) -> None:
    """``mov``, also between a wide register and its two halves; ``cvta`` changes nothing here."""
    target, source = i.operands
    kind = i.types[-1]
    half = {"b64": "b32", "b32": "b16"}.get(kind, "")
    if target[0] == "{":
        parts = [part.strip() for part in target.strip("{}").split(",")]
        value = run.read(source, kind)
        bits = 8 * np.dtype(TYPES[half]).itemsize
        for k, part in enumerate(parts):
            run.write(part, (value >> np.asarray(k * bits).astype(value.dtype)).astype(TYPES[half]))
    elif source[0] == "{":
        parts = [part.strip() for part in source.strip("{}").split(",")]
        low, high = (np.asarray(run.read(part, half)).astype(TYPES[kind]) for part in parts)
        bits = np.asarray(8 * np.dtype(TYPES[half]).itemsize).astype(TYPES[kind])
        run.write(target, low | high << bits)
    else:
        run.write(target, run.read(source, kind))


def convert(run: Any, i: Instruction) -> None:
    """``cvt``: by value, with the rounding that its modifier says; integers saturate."""
    to, source = i.types
    value = np.asarray(run.read(i.operands[1], source))
    if source == "f16":
        value = value.view(np.float16)
    elif to == "f16":
        raise NotImplementedError(i.text)
    if {"rzi", "rni", "rmi", "rpi"} & set(i.modifiers):
        how = {"rzi": np.trunc, "rni": np.rint, "rmi": np.floor, "rpi": np.ceil}
        value = next(how[m] for m in i.modifiers if m in how)(value)
    if source[0] == "f" and to[0] != "f":
        limits = np.iinfo(TYPES[to])
        top = np.nextafter(float(limits.max) + 1, 0) if limits.bits == 64 else float(limits.max)
        value = np.clip(np.nan_to_num(value.astype(np.float64)), float(limits.min), top)
    run.write(i.operands[0], value.astype(TYPES[to]))


ARITHMETIC: dict[str, Callable[[Any, Instruction], None]] = {
    **dict.fromkeys(("add", "sub", "mul", "div", "rem", "min", "max", "and", "or", "xor"), _binary),
    **dict.fromkeys(UNARY, _unary),
    **dict.fromkeys(("shl", "shr"), _shift),
    **dict.fromkeys(("fma", "mad"), _multiply_add),
    **dict.fromkeys(("mov", "cvta"), _copy),
    "setp": _compare,
    "selp": _select,
    "bfi": _insert_bits,
    "bfe": _extract_bits,
}


def plain(i: Instruction) -> Callable[[Any, Instruction], None] | None:
    """Return what executes most instructions: one function of two operands of one type."""
    kind, modifiers = i.types[-1] if i.types else "", set(i.modifiers)
    if i.name in BINARY and not modifiers & {"wide", "hi", "rz"}:
        how = BINARY[i.name]
    elif i.name == "setp":
        name = next(m for m in i.modifiers if m != "ftz")
        joined = modifiers & {"and", "or", "xor"}
        if joined or name not in COMPARE or (name == "ne" and kind[0] == "f"):
            return None
        how = COMPARE[name]
    else:
        return None
    target, one, other = i.operands

    def execute(run: Any, _: Instruction) -> None:
        run.write(target, how(run.read(one, kind), run.read(other, kind)))

    return execute
