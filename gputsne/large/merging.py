"""Merging: the parts of a folder as one map, streamed: never more than a group of rows is held."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from gputsne.base.errors import BadInput
from gputsne.base.files import path_of, replacing
from gputsne.data import require
from gputsne.data.arrow import to_arrow
from gputsne.data.table import format_of, listed
from gputsne.data.writing import AXES, cells
from gputsne.large.parts import FORMATS, Manifest, found_in
from gputsne.provenance.outcome import shown

__all__ = ["merge"]

# pyarrow's own group of rows, so that a merged parquet is the file that is written at once
GROUP: Final = 1 << 20
ROWS: Final = 1 << 16  # of a batch that is read


def merge(folder: str | Path, path: str | Path) -> list[Manifest]:
    """Join the parts that the shards of a transform left, in their order.

    Parameters
    ----------
    folder : str or Path
        Where the shards wrote.
    path : str or Path
        The map: ``.parquet``, ``.csv`` or ``.npy``, written whole or not at all. The bytes are
        those of an unsharded transform. Parts in csv become csv alone.

    Returns
    -------
    list of Manifest
        Of the parts, in order.

    Raises
    ------
    BadInput
        A part is missing, unfinished, damaged, or of another model or input than the rest; or the
        parts can't become a file of this kind.
    OSError
        The map can't be written.
    """
    folder, path = path_of(folder, "folder"), path_of(path)
    suffix = format_of(path, FORMATS)
    parts = found_in(folder)
    for own in parts:
        own.check(folder)
    if parts[0].suffix == ".csv" != suffix:
        raise BadInput(
            f"parts in csv become a csv, not {shown(path.name)}: run the shards with "
            "--output-format parquet"
        )
    if {suffix, parts[0].suffix} not in ({".npy"}, {".csv"}):
        require("pyarrow", f"merging into {shown(path.name)}")
    with replacing(path) as draft:
        if suffix == ".npy":
            _npy(folder, parts, draft)
        elif parts[0].suffix == ".csv":
            _csv_of_csv(folder, parts, draft)
        else:
            schema = _schema(folder, parts)
            tables = _groups(folder, parts, schema)
            (_parquet if suffix == ".parquet" else _csv)(tables, schema, draft)
    return parts


def _npy(folder: Path, parts: Sequence[Manifest], draft: Path) -> None:
    """Write the head of one array, then the numbers of all."""
    shape = (parts[0].n, parts[0].components)
    with draft.open("wb") as file:
        head = {"descr": "<f4", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, head)
        for own in parts:
            if own.suffix == ".npy":
                with (folder / own.part).open("rb") as part:
                    np.lib.format.read_magic(part)
                    np.lib.format.read_array_header_1_0(part)
                    shutil.copyfileobj(part, file, ROWS)
                continue
            for batch in _batches(folder, own, list(AXES[: own.components])):
                columns = [np.asarray(column) for column in batch.columns]
                file.write(np.ascontiguousarray(np.column_stack(columns), "<f4"))


def _csv_of_csv(folder: Path, parts: Sequence[Manifest], draft: Path) -> None:
    """Write the first line once, then the lines of all."""
    with draft.open("wb") as file:
        for i, own in enumerate(parts):
            with (folder / own.part).open("rb") as part:
                head = _head_of_csv(part)
                if i == 0:
                    first = head
                    file.write(head)
                elif head != first:
                    raise BadInput(
                        f"{shown(folder / own.part)} has other columns than {parts[0].part}"
                    )
                shutil.copyfileobj(part, file, ROWS)


def _head_of_csv(part: Any) -> bytes:
    """Return the first record of an open csv, and stand behind it: a name may hold line breaks."""
    head: bytes = part.readline()
    while head.count(b'"') % 2:
        head += part.readline()
    return head


def _batches(folder: Path, own: Manifest, columns: list[str] | None = None) -> Iterator[Any]:
    """Yield a part's rows as batches of arrow, from parquet or npy."""
    import pyarrow as pa
    from pyarrow import parquet

    path = folder / own.part
    if own.suffix == ".npy":
        Y = np.load(path, mmap_mode="r") if own.rows[1] > own.rows[0] else np.empty((0, 0), "f4")
        for first in range(0, len(Y), ROWS):
            some = np.array(Y[first : first + ROWS])
            yield pa.record_batch(
                [to_arrow(some[:, j]) for j in range(some.shape[1])], list(AXES[: some.shape[1]])
            )
        return
    with path.open("rb") as raw, parquet.ParquetFile(raw, pre_buffer=False) as file:
        yield from file.iter_batches(ROWS, columns=columns)


def _schema(folder: Path, parts: Sequence[Manifest]) -> Any:
    """Return the columns of all parts with types that hold those of each."""
    import pyarrow as pa
    from pyarrow import parquet

    if parts[0].suffix == ".npy":
        return pa.schema([(name, pa.float32()) for name in AXES[: parts[0].components]])
    schemas = []
    for own in parts:
        with (folder / own.part).open("rb") as raw:
            schemas.append((own, parquet.read_schema(raw)))
    first, head = schemas[0]
    for own, schema in schemas:
        if schema.names != head.names:
            raise BadInput(f"{shown(folder / own.part)} has other columns than {first.part}")
    some = [(own, schema) for own, schema in schemas if own.rows[1] > own.rows[0]] or schemas[:1]
    fields = []
    for j, name in enumerate(head.names):
        kinds = list(dict.fromkeys(schema.types[j] for _, schema in some))
        fields.append((name, kinds[0] if len(kinds) == 1 else _common(kinds, name, folder)))
    return pa.schema(fields)


def _common(kinds: list[Any], name: str, folder: Path) -> Any:
    """Return the type of a column whose parts differ, as one reading of all rows would have it.

    A column of whole numbers with gaps in some parts is one with gaps; one without any value in
    some part is what it is in the others.
    """
    import pyarrow as pa
    from pyarrow import types

    told = [kind for kind in kinds if not types.is_null(kind)]
    if all(map(types.is_integer, told)):
        return pa.int64()
    if any(map(types.is_string, told)) and all(
        types.is_string(kind) or types.is_integer(kind) for kind in told
    ):
        return pa.string()  # ids: whole numbers in some parts, names in others
    if len(told) == 1:
        return told[0]
    raise BadInput(
        f"{shown(folder)}: column {name!r} is {listed([str(kind) for kind in told])} in its "
        "parts: give the inputs one type, and run the shards again"
    )


def _groups(folder: Path, parts: Sequence[Manifest], schema: Any) -> Iterator[Any]:
    """Yield all rows as tables of ``GROUP`` rows, the last one shorter."""
    import pyarrow as pa

    held: list[Any] = []
    rows = 0
    for own in parts:
        for batch in _batches(folder, own):
            at = 0
            while at < batch.num_rows:
                some = batch.slice(at, GROUP - rows)
                held.append(pa.Table.from_batches([some]).cast(schema))
                at, rows = at + some.num_rows, rows + some.num_rows
                if rows == GROUP:
                    yield pa.concat_tables(held).combine_chunks()
                    held, rows = [], 0
    if held:
        yield pa.concat_tables(held).combine_chunks()


def _parquet(tables: Iterator[Any], schema: Any, draft: Path) -> None:
    from pyarrow import parquet

    with draft.open("wb") as file, parquet.ParquetWriter(file, schema) as writer:
        for table in tables:
            writer.write_table(table, row_group_size=GROUP)


def _csv(tables: Iterator[Any], schema: Any, draft: Path) -> None:
    with draft.open("w", encoding="utf-8", newline="") as text:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(schema.names)
        for table in tables:
            writer.writerows(zip(*map(_cells, table.columns), strict=True))


def _cells(column: Any) -> Sequence[Any]:
    """Return a column of arrow as cells of a csv, as ``gputsne.data.write`` writes them."""
    from pyarrow import types

    if types.is_floating(column.type):
        return cells(np.asarray(column.to_numpy()))
    found: Sequence[Any] = column.to_pylist()
    return found
