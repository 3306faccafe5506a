"""The container of points: a header in JSON and columns of numbers or text, in one run of bytes.

Tiles, the one-file page and the notebook's widget carry points in it; the viewer reads it in a
browser by typed arrays, without copying. Layout, all numbers little-endian::

    4 bytes   b"GTS1"
    4 bytes   uint32 H, length of the header
    H bytes   JSON in UTF-8, padded by spaces so that the data begin at a multiple of 8
    data      columns in the header's order, each at a multiple of 8, the gaps zero

The header has ``rows`` and ``columns``, one ``{"name", "type", "offset", "bytes"}`` for each, with
the offset from the start of the data; and whatever else its writer says. A column of text is
``rows + 1`` uint32 offsets, then the texts in UTF-8.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt

__all__ = ["MAGIC", "TYPES", "pack", "unpack"]

MAGIC: Final = b"GTS1"
TYPES: Final[Mapping[str, np.dtype[Any]]] = {
    "f32": np.dtype("<f4"),
    "f64": np.dtype("<f8"),
    "u8": np.dtype("u1"),
    "u16": np.dtype("<u2"),
    "u32": np.dtype("<u4"),
}
"""The numbers that a column may hold; typed arrays of a browser read each as it lies."""
_NAMES: Final = {dtype: name for name, dtype in TYPES.items()}
_ALIGN: Final = 8  # bytes: of a float64, the widest number
_OFFSET: Final = TYPES["u32"]  # of texts
_MOST: Final = 2**32 - 1  # bytes of text in one column, and of a header
_START: Final = 8  # bytes before the header
_OWN: Final = ("rows", "columns")  # what pack itself writes into the header


def pack(columns: Mapping[str, Any], **header: Any) -> bytes:
    """Return columns of one length as one run of bytes; equal columns give equal bytes.

    Parameters
    ----------
    columns : mapping of str to array or sequence of str
        Arrays of float32, float64, uint8, uint16 or uint32, shape (n,); everything else is text.
    **header : object
        What else the header is to say, of what JSON can hold.

    Returns
    -------
    bytes
        For ``unpack``, and for the viewer in a browser.

    Raises
    ------
    TypeError
        For numbers of another type, text that is none, and a header that JSON can't hold.
    ValueError
        For columns of different length or of more than one axis, a name that isn't text or is
        empty, NaN or infinity in the header, and more than 4 GB of text in one column.

    Examples
    --------
    >>> data = pack({"x": np.zeros(2, "f4"), "name": ["a", "bc"]}, title="Two")
    >>> header, found = unpack(data)
    >>> header["rows"], header["title"], found["name"]
    (2, 'Two', ['a', 'bc'])
    """
    for name in _OWN:
        if name in header:
            raise ValueError(f"header has {name}={header[name]!r}, which pack finds itself")
    told: list[dict[str, Any]] = []
    parts: list[bytes] = []
    rows: int | None = None
    at = 0
    for name, values in columns.items():
        if not isinstance(name, str) or not name:
            raise ValueError(f"a column is called {name!r}; give it a name of text")
        kind, n, data = _column(name, values)
        rows = n if rows is None else rows
        if n != rows:
            first = next(iter(columns))
            raise ValueError(f"column {name!r} has {n} rows, {first!r} has {rows}")
        gap = -at % _ALIGN
        parts += [bytes(gap), data]
        told.append({"name": name, "type": kind, "offset": at + gap, "bytes": len(data)})
        at += gap + len(data)
    text = _json({**header, "rows": rows or 0, "columns": told})
    text += b" " * (-(_START + len(text)) % _ALIGN)
    if len(text) > _MOST:
        raise ValueError(f"the header has {len(text)} bytes; at most {_MOST} can be told")
    return b"".join([MAGIC, len(text).to_bytes(4, "little"), text, *parts])


def _json(header: Mapping[str, Any]) -> bytes:
    try:
        return json.dumps(header, allow_nan=False, separators=(",", ":")).encode()
    except TypeError as error:
        raise TypeError(f"the header must be what JSON can hold: {error}") from error
    except (ValueError, RecursionError) as error:
        raise ValueError(f"the header must be finite JSON: {error}") from error


def _column(name: str, values: Any) -> tuple[str, int, bytes]:
    """Return a column's type, rows and bytes."""
    if not isinstance(values, np.ndarray) or values.dtype.kind in "OUT":
        return "text", len(values), _text(name, values)
    if values.ndim != 1:
        raise ValueError(f"column {name!r} has shape {values.shape}; give one value per row")
    kind = _NAMES.get(values.dtype.newbyteorder("<"))
    if kind is None:
        raise TypeError(
            f"column {name!r} holds {values.dtype}; convert it to one of {', '.join(TYPES)}"
        )
    return kind, len(values), np.ascontiguousarray(values, TYPES[kind]).tobytes()


def _text(name: str, values: Sequence[Any] | npt.NDArray[Any]) -> bytes:
    """Return texts as offsets and UTF-8; half a surrogate pair, which UTF-8 has not, as ``?``."""
    if isinstance(values, str | bytes):
        raise TypeError(f"column {name!r} is one text; give a list of texts, one per row")
    texts: list[Any] = values.tolist() if isinstance(values, np.ndarray) else list(values)
    for i, text in enumerate(texts):
        if not isinstance(text, str):
            raise TypeError(f"column {name!r}, row {i}: {text!r} is no text; convert it by str()")
    coded = [text.encode("utf-8", "replace") for text in texts]
    ends = np.zeros(len(coded) + 1, dtype=np.int64)
    np.cumsum([len(text) for text in coded], out=ends[1:])
    if ends[-1] > _MOST:
        raise ValueError(f"column {name!r} holds {ends[-1]} bytes of text; at most {_MOST} fit")
    return ends.astype(_OFFSET).tobytes() + b"".join(coded)


def unpack(data: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the header and the columns of a container, every number of it checked.

    Parameters
    ----------
    data : bytes-like
        What ``pack`` made; anything else is refused.

    Returns
    -------
    header : dict
        As it stands there.
    columns : dict of str to array or list of str
        In the header's order; arrays are views of the bytes where they can't be written to.

    Raises
    ------
    TypeError
        ``data`` is no run of bytes.
    ValueError
        It is no container, or a damaged one.
    """
    if not isinstance(data, bytes | bytearray | memoryview):
        raise TypeError(f"data is {type(data).__name__}; give the bytes of a container")
    whole = memoryview(data).cast("B").toreadonly()
    if len(whole) < _START or bytes(whole[:4]) != MAGIC:
        raise _bad(f"it begins with {bytes(whole[:4])!r}, not {MAGIC!r}")
    length = int.from_bytes(whole[4:_START], "little")
    start = _START + length
    if start > len(whole):
        raise _bad(f"a header of {length} bytes is announced, {len(whole) - _START} follow")
    if start % _ALIGN:
        raise _bad(f"its header of {length} bytes isn't padded to a multiple of {_ALIGN}")
    header = _header(bytes(whole[_START:start]))
    rows, body = header["rows"], whole[start:]
    found: dict[str, Any] = {}
    at = 0
    for told in header["columns"]:
        name, part = _part(told, at, body)
        if name in found:
            raise _bad(f"two columns are called {name!r}")
        found[name] = _values(name, told.get("type"), rows, part)
        at = told["offset"] + told["bytes"]
    if at != len(body):
        raise _bad(f"its columns end at byte {at} of {len(body)}")
    if not found and rows:
        raise _bad(f"{rows} rows of no column")
    return header, found


def _bad(why: str) -> ValueError:
    return ValueError(f"no container of points, or a damaged one: {why}")


def _header(text: bytes) -> dict[str, Any]:
    try:
        header = json.loads(text.decode("utf-8"), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise _bad(f"its header is no JSON ({error})") from error
    if not isinstance(header, dict):
        raise _bad("its header is no object")
    if not _is_count(header.get("rows")):
        raise _bad(f"rows={header.get('rows')!r} is no count")
    columns = header.get("columns")
    if not isinstance(columns, list) or not all(isinstance(told, dict) for told in columns):
        raise _bad("its header has no list of columns")
    return header


def _no_constant(word: str) -> float:
    raise ValueError(f"{word} is no number of JSON")


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _part(told: Mapping[str, Any], at: int, body: memoryview) -> tuple[str, memoryview]:
    """Return a column's name and its bytes, which begin where the one before ends."""
    name, offset, size = told.get("name"), told.get("offset"), told.get("bytes")
    if not isinstance(name, str) or not name:
        raise _bad(f"a column is called {name!r}")
    if not (_is_count(offset) and _is_count(size)):
        raise _bad(f"column {name!r} has offset={offset!r}, bytes={size!r}")
    assert isinstance(offset, int)  # as _is_count has seen
    assert isinstance(size, int)
    if offset != at + -at % _ALIGN or offset + size > len(body):
        raise _bad(
            f"column {name!r} lies at {offset} to {offset + size}; the one before ends at {at}, "
            f"the data at {len(body)}"
        )
    return name, body[offset : offset + size]


def _values(name: str, kind: Any, rows: int, part: memoryview) -> Any:
    if kind == "text":
        return _texts(name, rows, part)
    dtype = TYPES.get(kind) if isinstance(kind, str) else None
    if dtype is None:
        raise _bad(f"column {name!r} has the type {kind!r}; there are {', '.join(TYPES)}, text")
    if len(part) != rows * dtype.itemsize:
        raise _bad(f"column {name!r} has {len(part)} bytes for {rows} rows of {kind}")
    return np.frombuffer(part, dtype)


def _texts(name: str, rows: int, part: memoryview) -> list[str]:
    head = (rows + 1) * _OFFSET.itemsize
    if len(part) < head:
        raise _bad(f"column {name!r} has {len(part)} bytes; the offsets of {rows} texts are {head}")
    ends = np.frombuffer(part[:head], _OFFSET).astype(np.int64)
    if ends[0] or ends[-1] != len(part) - head or (np.diff(ends) < 0).any():
        raise _bad(f"column {name!r} has offsets of text that don't ascend from 0 to its end")
    coded = bytes(part[head:])
    try:
        bounds = ends.tolist()
        return [coded[a:b].decode() for a, b in pairwise(bounds)]
    except UnicodeDecodeError as error:
        raise _bad(f"column {name!r} holds text that isn't UTF-8 ({error})") from error
