"""pyarrow and the strict reader give the same table, or the same error, for any text."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gputsne.data import BadInput, read
from gputsne.data.formats.csv import arrow

# What numbers, gaps and text look like, and what parsers disagree on.
CELLS = st.sampled_from(
    [
        "0",
        "1",
        "-2",
        "+3",
        "4.",
        ".5",
        "1.5",
        "1e5",
        "1E-3",
        "1e400",
        "1e-400",
        "-0.0",
        "0x10",
        "1_2",
        "inf",
        "-inf",
        "Infinity",
        "nan",
        "NaN",
        "NA",
        "na",
        "N/a",
        "null",
        "None",
        "?",
        "true",
        "False",
        "x",
        "x_y",
        "1,5",
        "1.234,5",
        "00",
        "١٢",
        "1.7976931348623157e308",
        "0.1",
        "nan(1)",
        "#",
        "#a",
        "123456789012345678901234567890",
        "2.2250738585072011e-308",
        "[1;2]",
    ]
) | st.sampled_from(
    ["", " ", " 1", "1 ", "\t2", "\u00a03", '"1"', '"a,b"', '"a\nb"', '"a""b"', 'a"b']
)
ENDS = st.sampled_from(["\n", "\r\n", "\r", "\n\n", "\n  \n"])


@st.composite
def texts(draw: st.DrawFn) -> str:
    width = draw(st.integers(1, 3))
    numbers = draw(st.booleans())
    mark = draw(st.sampled_from(",;\t|"))
    end = draw(ENDS)
    cell = st.floats(width=32, allow_nan=False).map(repr) if numbers else CELLS
    rows = draw(st.lists(st.lists(cell, min_size=width, max_size=width), min_size=1, max_size=8))
    if draw(st.booleans()):
        rows.insert(0, [f"n{i}" for i in range(width)])
    if draw(st.integers(0, 9)) == 0:
        rows.append(rows[-1][1:])
    if draw(st.booleans()):
        at = draw(st.integers(0, len(rows) - 1))
        rows[at] = draw(st.lists(CELLS, min_size=width, max_size=width))
    return end.join(mark.join(row) for row in rows) + draw(st.sampled_from(["", "\n"]))


def outcome(path: Path, decimal: str, labels: str | None) -> object:
    try:
        data = read(path, decimal=decimal, labels=labels)
    except BadInput as error:
        return str(error)
    told = None if data.labels is None else list(map(repr, data.labels))
    return data.X.tobytes(), data.X.shape, data.names, told, data.left_out, data.remarks


@settings(max_examples=300, deadline=None)
@given(content=texts(), decimal=st.sampled_from(".,"), labels=st.sampled_from([None, "0"]))
def test_both_readers_agree(content, decimal, labels):
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        path = Path(folder) / "x.csv"
        path.write_text(content, encoding="utf-8", newline="")
        with np.errstate(all="ignore"):
            quick = outcome(path, decimal, labels)
            patch.setattr(arrow, "is_installed", lambda: False)
            assert outcome(path, decimal, labels) == quick
