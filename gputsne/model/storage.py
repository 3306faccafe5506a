"""The file of a fitted model: plain arrays and JSON in one zip, with no pickle in it.

The layout is that of .npz (numpy reads the arrays) plus model.json, which lists the arrays with
dtype and shape. A file is written whole or not at all, and accepted only where every part agrees.
"""

from __future__ import annotations

import json
import math
import re
import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from tokenize import TokenError
from typing import Any, BinaryIO

import numpy as np

from gputsne.base.files import path_of, replacing
from gputsne.base.types import Array

__all__ = ["VERSION", "read", "write"]

FORMAT = "gputsne-model"
VERSION = 1
HEADER = "model.json"
KINDS = "biufU"  # bool, integers, floats, text: what a file may hold without code in it
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
OLDEST = (1980, 1, 1, 0, 0, 0)  # zip's first date, so that equal models make equal files
TOKEN = "$float"  # JSON has no inf and nan
DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    TokenError,
    EOFError,
    LookupError,
    NotImplementedError,
    OSError,
    OverflowError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
)


def write(path: str | Path, meta: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
    """Write metadata and arrays to one file; the old file stands until the new one is whole.

    Parameters
    ----------
    path : str or Path
        Any name; an existing file is replaced.
    meta : mapping of str to object
        What JSON can hold, numpy's scalars, nan and inf; tuples come back as lists.
    arrays : mapping of str to array
        Booleans, numbers or text, of any shape.

    Raises
    ------
    TypeError
        If a value of meta or an array's dtype can't be kept without pickle; it is named.
    ValueError
        If an array's name is not an identifier.
    OSError
        If the file can't be written.
    """
    kept = {name: _checked(name, array) for name, array in arrays.items()}
    head = {
        "format": FORMAT,
        "version": VERSION,
        "arrays": {k: {"dtype": a.dtype.str, "shape": list(a.shape)} for k, a in kept.items()},
        "meta": _plain(dict(meta), "meta"),
    }
    text = json.dumps(head, indent=1, allow_nan=False).encode()
    with replacing(path_of(path)) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as file:
        file.writestr(zipfile.ZipInfo(HEADER, OLDEST), text)
        for name, array in kept.items():
            with file.open(zipfile.ZipInfo(f"{name}.npy", OLDEST), "w", force_zip64=True) as out:
                np.lib.format.write_array(out, array, version=(1, 0), allow_pickle=False)


def read(path: str | Path) -> tuple[dict[str, Any], dict[str, Array]]:
    """Read what ``write`` wrote; nothing in the file is ever executed.

    Returns
    -------
    meta : dict
        The metadata.
    arrays : dict of str to array
        Writable, in C order and this machine's byte order.

    Raises
    ------
    ValueError
        If the file is no model of gputsne, is damaged or cut short, or is of a newer format.
    OSError
        If there is no such file or it can't be read.
    """
    path = path_of(path)
    with path.open("rb") as stream:
        if stream.read(2) != b"PK":
            raise ValueError(f"{path} is no model of gputsne: it doesn't start like one")
        try:
            return _read(path, stream)
        except _NotOurs as error:
            raise ValueError(str(error)) from None
        except MemoryError:
            raise
        except DAMAGE as error:
            raise ValueError(
                f"{path} is damaged or cut short ({type(error).__name__}: {error}); "
                "save the model again or copy the file anew"
            ) from error


class _NotOurs(ValueError):
    """The file is whole, but not for us; ``read`` raises its message as a plain ValueError."""


def _read(path: Path, stream: BinaryIO) -> tuple[dict[str, Any], dict[str, Array]]:
    with zipfile.ZipFile(stream) as file:
        if HEADER not in file.namelist():
            raise _NotOurs(f"{path} is no model of gputsne: it has no {HEADER}")
        size = path.stat().st_size
        head = json.loads(_open(file, HEADER, size).read())
        if not isinstance(head, dict) or head.get("format") != FORMAT:
            raise _NotOurs(f"{path} is no model of gputsne: its {HEADER} is of something else")
        version = head.get("version")
        if isinstance(version, int) and version > VERSION:
            raise _NotOurs(
                f"{path} is of format {version}, this gputsne reads up to {VERSION}: upgrade it"
            )
        if version != VERSION:
            raise ValueError(f"format version {version!r}")
        wanted = {f"{name}.npy" for name in head["arrays"]} | {HEADER}
        if sorted(file.namelist()) != sorted(wanted):
            raise ValueError(f"it holds {sorted(file.namelist())}, and lists {sorted(wanted)}")
        arrays = {
            name: _array(_open(file, f"{name}.npy", size), name, said, size)
            for name, said in head["arrays"].items()
        }
    meta = _restored(head["meta"])
    if not isinstance(meta, dict):
        raise ValueError("its metadata is no table")
    return meta, arrays


def _open(file: zipfile.ZipFile, name: str, size: int) -> Any:
    """Open a member that can't be larger than the file, so that nothing can ask for all memory."""
    info = file.getinfo(name)
    if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 0x1:
        raise ValueError(f"{name} is packed or encrypted")
    if not info.file_size == info.compress_size <= size:
        raise ValueError(f"{name} claims {info.file_size} bytes of the file's {size}")
    return file.open(name)


def _array(member: Any, name: str, said: Any, size: int) -> Array:
    """Read one array; the zip's checksum is compared when the last byte has been read."""
    with member:
        if np.lib.format.read_magic(member) != (1, 0):
            raise ValueError(f"{name} has another header than was written")
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(member)
        if fortran or dtype.kind not in KINDS or dtype.hasobject:
            raise ValueError(f"{name} has dtype {dtype} or order that is never written")
        if [dtype.str, list(shape)] != [said["dtype"], said["shape"]]:
            raise ValueError(f"{name} is {dtype.str} {shape}, and {said} is listed")
        count = math.prod(shape) * dtype.itemsize
        if count > size:
            raise ValueError(f"{name} claims {count} bytes")
        array = np.empty(shape, dtype)
        left = array.reshape(-1).view(np.uint8) if count else np.empty(0, np.uint8)
        while got := member.readinto(left):
            left = left[got:]
        if len(left) or member.read(1):
            raise ValueError(f"{name} has another length than its shape needs")
    return array.astype(dtype.newbyteorder("="), copy=False)


def _checked(name: str, array: Array) -> Array:
    if not NAME.fullmatch(name):
        raise ValueError(f"arrays[{name!r}]: a name must be letters, digits, points, underscores")
    array = np.asarray(array, order="C")
    if array.dtype.kind not in KINDS:
        raise TypeError(
            f"arrays[{name!r}] has dtype {array.dtype}; only booleans, numbers and text are kept"
        )
    return array


def _plain(value: Any, where: str) -> Any:
    """Return a value as JSON has it, or say where in ``meta`` something else stands."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {TOKEN: repr(value)}
    if isinstance(value, list | tuple):
        return [_plain(v, f"{where}[{i}]") for i, v in enumerate(value)]
    if isinstance(value, Mapping) and all(isinstance(k, str) and k != TOKEN for k in value):
        return {k: _plain(v, f"{where}[{k!r}]") for k, v in value.items()}
    remedy = "put it into arrays" if isinstance(value, np.ndarray) else "it can't be kept in JSON"
    raise TypeError(f"{where} is of type {type(value).__name__}: {remedy}")


def _restored(value: Any) -> Any:
    if isinstance(value, dict):
        if set(value) == {TOKEN}:
            return float(value[TOKEN])
        return {k: _restored(v) for k, v in value.items()}
    return [_restored(v) for v in value] if isinstance(value, list) else value
