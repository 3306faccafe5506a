"""The container of points: what is packed comes back, and no damaged bytes pass for points."""

from __future__ import annotations

import json
import struct
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gputsne.viewer.container import TYPES, pack, unpack

SAMPLE = {
    "x": np.array([1.5, -2.0, np.nan], dtype="f4"),
    "y": np.array([0.1, np.inf, -0.0], dtype="f8"),
    "kind": np.array([0, 255, 7], dtype="u1"),
    "code": np.array([65535, 0, 1], dtype="u2"),
    "id": np.array([0, 1, 2**32 - 1], dtype="u4"),
    "name": ["", "<b>é</b>", "日本"],
}


def parse(data: bytes):
    """Read a container by struct alone, as docs describe it: header, data."""
    assert data[:4] == b"GTS1"
    (length,) = struct.unpack("<I", data[4:8])
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def assemble(header, body: bytes) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return b"GTS1" + struct.pack("<I", len(text)) + text + body


def same(a, b) -> bool:
    if isinstance(b, list):
        return a == b
    return a.dtype == b.dtype and a.tobytes() == b.tobytes()


def test_what_is_packed_comes_back():
    header, columns = unpack(pack(SAMPLE, title="Ä <map>", square=[0.0, 1.0, 2.5]))
    assert header["rows"] == 3
    assert (header["title"], header["square"]) == ("Ä <map>", [0.0, 1.0, 2.5])
    assert list(columns) == list(SAMPLE)
    assert all(same(columns[name], SAMPLE[name]) for name in SAMPLE)


def test_the_layout_is_the_one_that_is_described():
    header, body = parse(pack(SAMPLE))
    formats = {"f32": "f", "f64": "d", "u8": "B", "u16": "H", "u32": "I"}
    end = 0
    for told in header["columns"]:
        assert told["offset"] % 8 == 0
        assert 0 <= told["offset"] - end < 8
        part = body[told["offset"] : told["offset"] + told["bytes"]]
        end = told["offset"] + told["bytes"]
        if told["type"] == "text":
            ends = struct.unpack("<4I", part[:16])
            assert [part[16:][a:b].decode() for a, b in pairwise(ends)] == (SAMPLE["name"])
        else:
            values = struct.unpack(f"<3{formats[told['type']]}", part)
            assert np.array_equal(values, SAMPLE[told["name"]], equal_nan=True)
    assert end == len(body)


@pytest.mark.parametrize("title", ["", "a", "ab", "abc", "abcd", "abcde", "abcdef", "abcdefg"])
def test_data_begin_at_a_multiple_of_eight(title: str):
    (length,) = struct.unpack("<I", pack({"x": np.zeros(1, "f8")}, title=title)[4:8])
    assert (8 + length) % 8 == 0


def test_nothing_is_a_container_too():
    assert unpack(pack({}))[1] == {}
    header, columns = unpack(pack({"x": np.empty(0, "f4"), "name": []}))
    assert header["rows"] == 0
    assert columns["x"].shape == (0,)
    assert columns["name"] == []


def test_bytes_depend_on_values_alone():
    strided = np.arange(6, dtype="u2")[::2]
    swapped = np.array([0, 2, 4], dtype=">u2")
    assert pack({"a": strided}) == pack({"a": strided.copy()}) == pack({"a": swapped})
    texts = ["a", "b"]
    assert pack({"t": texts}) == pack({"t": np.array(texts)})
    assert pack({"t": texts}) == pack({"t": np.array(texts, dtype=object)})


def test_what_comes_back_cannot_be_written_to():
    _, columns = unpack(bytearray(pack(SAMPLE)))
    with pytest.raises(ValueError, match="read-only"):
        columns["x"][0] = 1


def test_half_a_surrogate_pair_is_replaced():
    assert unpack(pack({"t": ["a\ud800b"]}))[1]["t"] == ["a?b"]


@pytest.mark.parametrize(
    ("columns", "header", "error", "said"),
    [
        ({"x": np.zeros(2, "f4"), "y": np.zeros(3, "f4")}, {}, ValueError, "3 rows, 'x' has 2"),
        ({"x": np.zeros((2, 2), "f4")}, {}, ValueError, "shape"),
        ({"x": np.zeros(2, "i8")}, {}, TypeError, "int64; convert"),
        ({"x": np.zeros(2, "?")}, {}, TypeError, "bool; convert"),
        ({"x": "text"}, {}, TypeError, "one text"),
        ({"x": [1, 2]}, {}, TypeError, "row 0: 1 is no text"),
        ({"": ["a"]}, {}, ValueError, "is called ''"),
        ({3: ["a"]}, {}, ValueError, "is called 3"),
        ({}, {"rows": 3}, ValueError, "pack finds itself"),
        ({}, {"low": float("nan")}, ValueError, "finite JSON"),
        ({}, {"low": {1, 2}}, TypeError, "JSON can hold"),
    ],
)
def test_what_cannot_be_packed_is_named(columns, header, error, said: str):
    with pytest.raises(error, match=said):
        pack(columns, **header)


def column(**other):
    return {"name": "x", "type": "f32", "offset": 0, "bytes": 8} | other


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "begins with"),
        (b"GTS1", "begins with"),
        (b"GTS2" + bytes(12), "begins with"),
        (b"GTS1" + struct.pack("<I", 2**32 - 1), "announced"),
        (b"GTS1" + struct.pack("<I", 3) + b"{} ", "padded"),
        (assemble(b"{", b""), "no JSON"),
        (assemble(b"\xff\xfe", b""), "no JSON"),
        (assemble(b"[" * 100_000, b""), "no JSON"),
        (assemble(b'{"rows": NaN, "columns": []}', b""), "no JSON"),
        (assemble(b'{"rows": 1' + b"0" * 5000 + b"}", b""), "no JSON"),
        (assemble([], b""), "no object"),
        (assemble({"columns": []}, b""), "rows=None"),
        (assemble({"rows": True, "columns": []}, b""), "rows=True"),
        (assemble({"rows": -1, "columns": []}, b""), "rows=-1"),
        (assemble({"rows": 2.0, "columns": []}, b""), "rows=2.0"),
        (assemble({"rows": 2**60, "columns": []}, b""), "rows of no column"),
        (assemble({"rows": 2, "columns": {}}, b""), "no list of columns"),
        (assemble({"rows": 2, "columns": [3]}, b""), "no list of columns"),
        (assemble({"rows": 2, "columns": [column(name="")]}, bytes(8)), "is called ''"),
        (assemble({"rows": 2, "columns": [column(name=3)]}, bytes(8)), "is called 3"),
        (assemble({"rows": 2, "columns": [column(offset=-8)]}, bytes(8)), "offset=-8"),
        (assemble({"rows": 2, "columns": [column(offset=8)]}, bytes(16)), "lies at 8"),
        (assemble({"rows": 2, "columns": [column(bytes=2**70)]}, bytes(8)), "lies at 0"),
        (assemble({"rows": 2, "columns": [column(bytes="8")]}, bytes(8)), "bytes='8'"),
        (assemble({"rows": 2, "columns": [column(bytes=True)]}, bytes(8)), "bytes=True"),
        (assemble({"rows": 2, "columns": [column(type="f16")]}, bytes(8)), "type 'f16'"),
        (assemble({"rows": 2, "columns": [column(type=["f32"])]}, bytes(8)), "type \\['f32'\\]"),
        (
            assemble({"rows": 2, "columns": [{"name": "x", "offset": 0, "bytes": 8}]}, bytes(8)),
            "type None",
        ),
        (assemble({"rows": 3, "columns": [column()]}, bytes(8)), "8 bytes for 3 rows"),
        (assemble({"rows": 2, "columns": [column()]}, bytes(16)), "end at byte 8 of 16"),
        (assemble({"rows": 2, "columns": [column(), column()]}, bytes(16)), "lies at 0"),
        (assemble({"rows": 2, "columns": [column(), column(offset=8)]}, bytes(16)), "two columns"),
        (assemble({"rows": 2, "columns": [column(type="text")]}, bytes(8)), "offsets of 2 texts"),
        (
            assemble({"rows": 2**60, "columns": [column(type="text")]}, bytes(8)),
            "offsets of",
        ),
        (
            assemble({"rows": 1, "columns": [column(type="text")]}, struct.pack("<2I", 0, 1)),
            "don't ascend",
        ),
        (
            assemble(
                {"rows": 2, "columns": [column(type="text", bytes=14)]},
                struct.pack("<3I", 0, 3, 2) + b"ab",
            ),
            "don't ascend",
        ),
        (
            assemble(
                {"rows": 1, "columns": [column(type="text", bytes=9)]},
                struct.pack("<2I", 0, 1) + b"\xff",
            ),
            "isn't UTF-8",
        ),
    ],
)
def test_damage_is_named(data: bytes, said: str):
    with pytest.raises(ValueError, match=said):
        unpack(data)


def test_what_is_no_run_of_bytes_is_refused():
    with pytest.raises(TypeError, match="str; give the bytes"):
        unpack("GTS1")  # type: ignore[arg-type]


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_but_value_error(data: bytes):
    for start in (b"", b"GTS1", b"GTS1\x08\0\0\0", b"GTS1\x10\0\0\0"):
        with pytest.raises(ValueError, match="no container"):
            unpack(start + data)


@settings(max_examples=300)
@given(st.data())
def test_a_changed_byte_is_found_or_changes_values_alone(data):
    """Whatever one byte becomes, every column that comes back has the header's rows."""
    whole = bytearray(pack(SAMPLE, title="map"))
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] = data.draw(st.integers(0, 255))
    try:
        header, columns = unpack(bytes(whole))
    except ValueError:
        return
    assert [c["name"] for c in header["columns"]] == list(columns)
    assert all(len(values) == header["rows"] for values in columns.values())


@settings(max_examples=100)
@given(st.integers(0, 2000))
def test_a_file_that_is_cut_off_is_refused(length: int):
    whole = pack(SAMPLE)
    if length < len(whole):
        with pytest.raises(ValueError, match="no container"):
            unpack(whole[:length])


NUMBERS = st.sampled_from(sorted(TYPES))


@settings(max_examples=100)
@given(st.data(), st.integers(0, 20))
def test_any_columns_come_back(data, n: int):
    names = data.draw(st.lists(st.text(min_size=1, max_size=5), unique=True, max_size=4))
    columns = {}
    for name in names:
        if data.draw(st.booleans()):
            plain = st.text(st.characters(codec="utf-8"), max_size=6)
            columns[name] = data.draw(st.lists(plain, min_size=n, max_size=n))
        else:
            dtype = TYPES[data.draw(NUMBERS)]
            size = n * dtype.itemsize
            raw = data.draw(st.binary(min_size=size, max_size=size))
            columns[name] = np.frombuffer(raw, dtype)
    _, found = unpack(pack(columns))
    assert list(found) == names
    assert all(same(found[name], columns[name]) for name in names)
