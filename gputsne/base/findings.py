"""Findings: what an inspection returns, rows to read and a flat dict of numbers to judge by."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any, overload

import numpy as np

from gputsne.base.errors import DependencyMissing
from gputsne.base.extras import pip_install
from gputsne.base.files import replacing
from gputsne.base.types import Array

__all__ = ["Findings"]

WIDEST = 60  # characters of one cell when printed; files have all of them


@dataclass(frozen=True, eq=False)
class Findings(Sequence[dict[str, Any]]):
    """Rows of one inspection, and the numbers among them that rules judge.

    Attributes
    ----------
    rows : tuple of dict
        In the order that matters; ``findings[0]["similarity"]`` is one cell.
    evidence : dict of str to float or str
        Flat; several of them make the evidence that ``gputsne.check`` takes.
    title : str
        One line above the table.
    """

    rows: tuple[dict[str, Any], ...]
    evidence: dict[str, float | str] = field(default_factory=dict)
    title: str = ""

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, which: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, which: slice) -> Findings: ...
    def __getitem__(self, which: int | slice) -> dict[str, Any] | Findings:
        if isinstance(which, slice):
            return Findings(self.rows[which], self.evidence, self.title)
        return self.rows[which]

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the cells, in order of appearance."""
        return tuple(dict.fromkeys(name for row in self.rows for name in row))

    def column(self, name: str) -> Array:
        """Return one column.

        Parameters
        ----------
        name : str
            Of the cells.

        Returns
        -------
        array, shape (rows,)
            None, or NaN among numbers, where a row has no such cell.

        Raises
        ------
        KeyError
            If no row has such a cell.
        """
        if name not in self.columns:
            raise KeyError(f"no column is called {name!r}; there are {', '.join(self.columns)}")
        return np.array([row.get(name) for row in self.rows])

    def to_dict(self) -> dict[str, Any]:
        """Return title, rows and evidence as one dict of plain values.

        Returns
        -------
        dict of str to object
            ``title``, ``rows`` and ``evidence``.
        """
        rows = [{name: _plain(value) for name, value in row.items()} for row in self.rows]
        return {"title": self.title, "rows": rows, "evidence": dict(self.evidence)}

    def to_csv(self, path: str | Path) -> None:
        """Write the rows as a csv file; the fields of a record become columns of their own.

        Parameters
        ----------
        path : str or Path
            The file to make or replace, whole or not at all.
        """
        columns, rows = self._flat()
        with replacing(Path(path)) as part, part.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(columns)
            writer.writerows([row.get(name) for name in columns] for row in rows)

    def to_parquet(self, path: str | Path) -> None:
        """Write the rows as a parquet file; the fields of a record become columns of their own.

        Parameters
        ----------
        path : str or Path
            The file to make or replace, whole or not at all.

        Raises
        ------
        DependencyMissing
            Without pyarrow, which the extra ``io`` brings.
        """
        try:
            import pyarrow as pa
            from pyarrow import parquet
        except ImportError as error:
            said = f"writing parquet needs pyarrow: {pip_install('io')}; or call to_csv"
            raise DependencyMissing(said) from error
        columns, rows = self._flat()
        cells = {name: _of_one_type([row.get(name) for row in rows]) for name in columns}
        with replacing(Path(path)) as part:
            parquet.write_table(pa.table(cells), part)

    def _flat(self) -> tuple[list[str], list[dict[str, Any]]]:
        """Return columns and rows without nested records; of other nested cells their text."""
        rows = []
        for row in self.rows:
            flat: dict[str, Any] = {}
            for name, value in row.items():
                inner = value.items() if isinstance(value, Mapping) else [(None, value)]
                for key, cell in inner:
                    told = _plain(cell)
                    told = str(told) if isinstance(told, list | dict) else told
                    flat[name if key is None else f"{name}.{key}"] = told
            rows.append(flat)
        return list(dict.fromkeys(name for row in rows for name in row)), rows

    def __str__(self) -> str:
        lines = [self.title] if self.title else []
        if self.rows:
            cells = [self.columns, *([_said(r.get(c)) for c in self.columns] for r in self.rows)]
            widths = [max(len(row[j]) for row in cells) for j in range(len(self.columns))]
            pads = [
                "<" if any(isinstance(row.get(c), str | dict | list) for row in self.rows) else ">"
                for c in self.columns
            ]
            lines += [_line(row, widths, pads) for row in cells]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        heads = "".join(f"<th>{escape(name)}</th>" for name in self.columns)
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(_said(r.get(c)))}</td>" for c in self.columns) + "</tr>"
            for r in self.rows
        )
        caption = f"<caption>{escape(self.title)}</caption>"
        return f"<table>{caption}<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"


def _line(cells: Iterable[str], widths: list[int], pads: list[str]) -> str:
    told = (f"{cell:{pad}{w}}" for cell, w, pad in zip(cells, widths, pads, strict=True))
    return "  ".join(told).rstrip()


def _plain(value: Any) -> Any:
    """Return numpy's numbers as Python's, arrays and tuples as lists."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return value


def _said(value: Any) -> str:
    """Return a cell as text of one line."""
    value = _plain(value)
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.3f}" if 1e-3 <= abs(value) < 1e5 or value == 0 else f"{value:.3g}"
    text = " ".join(str(value).split())
    return text if len(text) <= WIDEST else text[: WIDEST - 3] + "..."


def _of_one_type(values: list[Any]) -> list[Any]:
    """Return a column's values as they are if they are of one type, else as text."""
    kinds = {float if isinstance(v, float | int) and not isinstance(v, bool) else type(v)
             for v in values if v is not None}  # fmt: skip
    return values if len(kinds) < 2 else [None if v is None else str(v) for v in values]
