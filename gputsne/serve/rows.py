"""Rows out of a request's body: npy, npz, csv or JSON, with every size checked before it is parsed.

Nothing is unpickled. A body may come from anybody: what it declares is held against the limits
first, and what it has is counted, so that parsing never takes more than the limits allow.
"""

from __future__ import annotations

import io
import json
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from gputsne.base.errors import BadInput, DependencyMissing, OverMemory, Refused
from gputsne.base.types import Array
from gputsne.data import read

__all__ = ["KINDS", "Limits", "Rows", "kind_of", "read_rows"]

# Content types, and the suffix of the files that gputsne.data reads them as.
KINDS: Final = {
    "application/json": "json", "text/csv": "csv", "application/x-npy": "npy",
    "application/x-npz": "npz", "application/zip": "npz", "application/octet-stream": "",
}  # fmt: skip
MEMBERS: Final = 16  # of an npz
NPY: Final = b"\x93NUMPY"
ZIP: Final = b"PK\x03\x04"
FIELDS: Final = ("columns", "rows")  # of an object of JSON
# What a caller can do about a file that can't be read.
REMEDIES: Final = {
    "csv": "send UTF-8 text, with a finite number in every cell and decimal points",
    "npz": "send one array of two axes",
    "npy": "send an array of numbers of two axes",
}


@dataclass(frozen=True)
class Limits:
    """How large a table may be.

    Attributes
    ----------
    bytes : int
        Of the body.
    rows, columns : int
        Of the table.
    """

    bytes: int = 8_000_000
    rows: int = 5000
    columns: int = 4096

    def check(self, rows: int, columns: int) -> None:
        """Raise Refused for a table that is too large."""
        for n, most, what in ((rows, self.rows, "rows"), (columns, self.columns, "columns")):
            if n > most:
                raise Refused(413, f"{n:,} {what} are more than the {most:,} allowed here")


@dataclass(frozen=True, eq=False)
class Rows:
    """A table that was sent.

    Attributes
    ----------
    X : array, shape (n, d)
        Its numbers.
    names : tuple of str or None
        Of its columns.
    left_out : tuple of str
        Columns of the body that are no numbers.
    """

    X: Array
    names: tuple[str, ...] | None = None
    left_out: tuple[str, ...] = ()


def kind_of(content_type: str, data: bytes) -> str:
    """Return "npy", "npz", "csv" or "json": by the content type, else by how the body begins.

    Parameters
    ----------
    content_type : str
        Header of the request; "" where there is none.
    data : bytes
        The body.

    Returns
    -------
    str

    Raises
    ------
    Refused
        415: the type is none that is read here.
    """
    name = content_type.partition(";")[0].strip().lower()
    if name and name not in KINDS:
        raise Refused(415, f"the body must be of one of the types {', '.join(KINDS)}")
    if kind := KINDS.get(name, ""):
        return kind
    if data.startswith(NPY):
        return "npy"
    if data.startswith(ZIP):
        return "npz"
    return "json" if data[:64].lstrip()[:1] in (b"[", b"{") else "csv"


def read_rows(data: Any, kind: str, limits: Limits, wanted: Sequence[str] = ()) -> Rows:
    """Return the table in a body, or one that is an array already.

    Parameters
    ----------
    data : bytes or array-like, shape (n, d)
        The body.
    kind : str
        What `kind_of` told; of no account for an array.
    limits : Limits
        How large it may be.
    wanted : sequence of str
        Names of columns that must hold numbers, where the body has columns of these names.

    Returns
    -------
    Rows

    Raises
    ------
    Refused
        413 where it is too large, 400 where it is no table of finite numbers, or where two of its
        columns have one name.
    """
    if isinstance(data, bytes | bytearray | memoryview):
        body = bytes(data)
        if len(body) > limits.bytes:
            raise Refused(413, f"{len(body):,} bytes are more than the {limits.bytes:,} allowed")
        if kind == "json":
            found = _from_json(body, limits)
        else:
            found = _from_file(body, kind, limits, wanted)
    else:
        found = Rows(_numbers(data))
    if found.X.ndim != 2 or 0 in found.X.shape:
        raise Refused(400, f"a table of rows and columns is needed, not one of {found.X.shape}")
    limits.check(*found.X.shape)
    if found.names is not None and len(set(found.names)) < len(found.names):
        twin = next(name for name in found.names if found.names.count(name) > 1)
        raise Refused(400, f"two columns have the name {twin[:40]!r}; give each its own")
    finite = np.isfinite(found.X)
    if not finite.all():
        i, j = (int(k) for k in np.argwhere(~finite)[0])
        name = repr(found.names[j][:40]) if found.names is not None else str(j + 1)
        raise Refused(
            400, f"row {i + 1} of the data, column {name}: not a finite number; all must be"
        )
    return found


def _numbers(values: Any) -> Array:
    try:
        found = np.asarray(values)
        if found.dtype.kind not in "fiub":
            raise Refused(400, "rows must be lists of numbers, all of one length")
        return found if found.dtype in (np.float32, np.float64) else found.astype(np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise Refused(400, "rows must be lists of numbers, all of one length") from error


def _from_json(body: bytes, limits: Limits) -> Rows:
    """Read ``[[...], ...]`` or ``{"columns": [...], "rows": [[...], ...]}``."""
    if (lists := body.count(b"[")) > limits.rows + 2:  # the list of rows, and that of columns
        raise Refused(413, f"{lists:,} lists are more than the {limits.rows:,} rows allowed here")
    try:
        told = json.loads(body, parse_constant=_no_constant, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise Refused(400, "the body is no JSON") from error
    names: Any = None
    if isinstance(told, dict):
        if unknown := sorted(set(told) - set(FIELDS)):
            raise Refused(
                400, f"{unknown[0][:40]!r} is unknown here: an object has {' and '.join(FIELDS)}"
            )
        names, told = told.get("columns"), told.get("rows")
    if not isinstance(told, list) or not all(isinstance(row, list) for row in told):
        raise Refused(
            400, 'write rows as [[1, 2], ...] or {"columns": [...], "rows": [[1, 2], ...]}'
        )
    if max(map(len, told), default=0) > limits.columns:
        limits.check(0, max(map(len, told)))
    if any(type(value) not in (int, float) for row in told for value in row):  # True is an int
        raise Refused(400, "rows must be lists of numbers, all of one length")
    X = _numbers(told)
    if names is not None:
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise Refused(400, '"columns" must be a list of names')
        if X.ndim != 2 or len(names) != X.shape[1]:
            raise Refused(400, f"{len(names)} names of columns for rows of another length")
        names = tuple(names)
    return Rows(X, names)


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of JSON; Refused where a name of it comes twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise Refused(400, "a name comes twice in an object of the JSON; send it once")
    return found


def _from_file(body: bytes, kind: str, limits: Limits, wanted: Sequence[str]) -> Rows:
    """Read npy, npz or csv as gputsne.data reads files, when it is small enough for that."""
    if kind == "npz":
        _check_members(body, limits)
    elif kind == "csv":
        lines = max(body.count(b"\n"), body.count(b"\r"))
        if lines > limits.rows + 2:  # names, and an end of line too many
            raise Refused(
                413, f"{lines:,} lines are more than the {limits.rows:,} rows allowed here"
            )
        first = body.partition(b"\n")[0]
        limits.check(0, 1 + max(first.count(mark) for mark in (b",", b";", b"\t", b"|")))
    with tempfile.TemporaryDirectory(prefix="gputsne-") as folder:
        path = Path(folder, f"body.{kind}")
        path.write_bytes(body)
        try:
            most = 8 * limits.rows * limits.columns
            found = read(path, memory_limit=most)
            text = [name for name in found.left_out if name in wanted]
            if text and kind == "csv":  # left out as text: this says which cell is no number
                read(path, columns=text, memory_limit=most)
            limits.check(*found.X.shape)  # before what is sparse is made dense, or mapped is copied
            X = found.X.toarray() if hasattr(found.X, "toarray") else np.array(found.X)
        except OverMemory as error:
            raise Refused(413, "the body declares more than is allowed here") from error
        except DependencyMissing as error:
            raise Refused(501, str(error)) from error
        except BadInput as error:
            raise Refused(400, _for_callers(str(error), path, kind)) from error
    return Rows(_numbers(X), found.names, tuple(map(str, found.left_out)))


def _for_callers(said: str, path: Path, kind: str) -> str:
    """Return a message of a reader of files without the advice on options of the command line."""
    clauses = said.replace(str(path), "the body").split("; ")
    kept = [clause for clause in clauses if "--" not in clause]
    if len(kept) == len(clauses):
        return "; ".join(kept)
    return "; ".join([*(kept or ["the body is no table that can be read"]), REMEDIES[kind]])


def _check_members(body: bytes, limits: Limits) -> None:
    """Raise Refused for an archive of many members, or that declares more than a table may have."""
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
        raise Refused(400, "the body is no npz") from error
    if len(members) > MEMBERS:
        raise Refused(413, f"{len(members):,} arrays are more than the {MEMBERS} allowed here")
    size, most = sum(member.file_size for member in members), 8 * limits.rows * limits.columns
    if size > most:
        raise Refused(413, f"{size:,} bytes unpacked are more than the {most:,} allowed here")
