"""Tables in bodies: the same numbers from every format, and refusals before anything is parsed."""

from __future__ import annotations

import io
import json
import pickle
import re
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest

from gputsne.serve import Refused
from gputsne.serve.rows import KINDS, Limits, kind_of, read_rows

LIMITS = Limits(bytes=1_000_000, rows=100, columns=20)
X = np.random.default_rng(1).normal(size=(10, 3)).astype(np.float32)


def npy(values, **how) -> bytes:
    file = io.BytesIO()
    np.save(file, values, **how)
    return file.getvalue()


def npz(**arrays) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def csv(values, header: str = "") -> bytes:
    lines = [",".join(f"{v:.9g}" for v in row) for row in np.asarray(values).tolist()]
    return "\n".join(([header] if header else []) + lines).encode()


BODIES = {
    "npy": npy(X), "npz": npz(X=X), "csv": csv(X, "a,b,c"),
    "json": json.dumps({"columns": ["a", "b", "c"], "rows": X.tolist()}).encode(),
}  # fmt: skip


@pytest.mark.parametrize("kind", BODIES)
def test_every_format_has_the_same_numbers(kind):
    assert kind_of("", BODIES[kind]) == kind
    found = read_rows(BODIES[kind], kind, LIMITS)
    assert np.array_equal(found.X.astype(np.float32), X)
    assert found.names == (("a", "b", "c") if kind in ("csv", "json") else None)


@pytest.mark.parametrize("kind", KINDS)
def test_the_content_type_counts_before_the_beginning(kind):
    told = kind_of(f"{kind.upper()}; charset=utf-8", b"[[1]]")
    assert told == (KINDS[kind] or "json")


@pytest.mark.parametrize(
    "kind", ["text/html", "multipart/form-data", "application/x-pickle", "x", ";"]
)
def test_other_content_types_are_refused(kind):
    if kind == ";":  # no type at all
        assert kind_of(kind, b"1,2") == "csv"
        return
    with pytest.raises(Refused) as told:
        kind_of(kind, b"")
    assert told.value.status == 415


def refused(body, kind: str, limits: Limits = LIMITS) -> Refused:
    with pytest.raises(Refused) as told:
        read_rows(body, kind, limits)
    return told.value


def object_npy() -> bytes:
    return npy(np.array([[print]], dtype=object), allow_pickle=True)


BAD = {
    "pickle": (pickle.dumps([[1, 2]]), "csv"),
    "objects": (object_npy(), "npy"),
    "objects in npz": (npz(X=np.array([[1, None]], dtype=object)), "npz"),
    "no npy": (b"\x93NUMPY", "npy"),
    "npy cut off": (npy(X)[:-1], "npy"),
    "npy of text": (npy(np.array([["a", "b"]])), "npy"),
    "npy of complex": (npy(np.ones((2, 2), complex)), "npy"),
    "npy of one axis": (npy(np.ones(3)), "npy"),
    "npy of three axes": (npy(np.ones((2, 2, 2))), "npy"),
    "npy of no rows": (npy(np.ones((0, 3))), "npy"),
    "no zip": (b"PK\x03\x04 rubbish", "npz"),
    "zip of text": (b"PK\x05\x06" + bytes(18), "npz"),
    "not finite": (npy(np.array([[1.0, np.nan]])), "npy"),
    "infinite": (npy(np.array([[1.0, np.inf]])), "npy"),
    "empty csv": (b"", "csv"),
    "csv of text": (b"a,b\nx,y\n", "csv"),
    "csv of bytes": (bytes(range(256)), "csv"),
    "csv with gaps": (b"a,b\n1,\n2,3\n", "csv"),
    "no json": (b"{", "json"),
    "nested json": (b'{"a":' * 90_000, "json"),
    "json of text": (b'[["1", "2"]]', "json"),
    "json of lists": (b"[[[1]]]", "json"),
    "json of null": (b"[[null, 1]]", "json"),
    "json of NaN": (b"[[NaN, 1]]", "json"),
    "json of Infinity": (b"[[1e999, 1]]", "json"),
    "json of huge numbers": (b"[[" + b"9" * 5000 + b"]]", "json"),
    "json of large numbers": (b"[[" + b"9" * 400 + b", 1.5]]", "json"),
    "ragged json": (b"[[1, 2], [3]]", "json"),
    "json of one number": (b"1", "json"),
    "json of rows by name": (b'{"rows": {"a": [1]}}', "json"),
    "names of another number": (b'{"columns": ["a"], "rows": [[1, 2]]}', "json"),
    "names that are none": (b'{"columns": [1, 2], "rows": [[1, 2]]}', "json"),
    "json of true": (b"[[true, 1]]", "json"),
    "names that come twice": (b'{"columns": ["a", "a"], "rows": [[1, 2]]}', "json"),
    "names that come twice in csv": (b"a,a\n1,2\n3,4\n", "csv"),
    "a key that comes twice": (b'{"rows": [[1, 2]], "rows": [[3, 4]]}', "json"),
    "another key": (b'{"rows": [[1, 2]], "colums": ["a", "b"]}', "json"),
    "no rows": (b"[]", "json"),
    "rows without columns": (b"[[], []]", "json"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_table_of_numbers_is_refused(name):
    body, kind = BAD[name]
    error = refused(body, kind)
    assert error.status == 400
    assert "/tmp" not in str(error)


class Evil:
    """What would run a program if it were unpickled."""

    def __reduce__(self):
        return (pytest.fail, ("unpickled",))


@pytest.mark.parametrize("kind", ["npy", "npz", "csv", "json"])
def test_nothing_is_unpickled(kind):
    evil = np.array([[Evil()]], dtype=object)
    body = {"npy": npy(evil, allow_pickle=True), "npz": npz(X=evil)}.get(kind, pickle.dumps(Evil()))
    assert refused(body, kind).status == 400


def header(shape: str, version: bytes = b"\x01\x00") -> bytes:
    text = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}}}".ljust(117) + "\n"
    size = struct.pack("<H" if version[0] == 1 else "<I", len(text))
    return b"\x93NUMPY" + version + size + text.encode()


def zipped(*members: tuple[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in members:
            archive.writestr(name, body)
    return file.getvalue()


def lying(body: bytes) -> bytes:
    """Return an archive whose directory declares a tenth of what its member unpacks to."""
    data = bytearray(zipped(("X.npy", body)))
    directory = data.rindex(b"PK\x01\x02")
    data[directory + 24 : directory + 28] = struct.pack("<I", len(body) // 10)
    return bytes(data)


HEADER = b"\x93NUMPY\x02\x00\xff\xff\xff\xff"  # of 4 GB
TOO_LARGE = {
    "rows of npy": (npy(np.ones((101, 2))), "npy"),
    "columns of npy": (npy(np.ones((2, 21))), "npy"),
    "rows of csv": (csv(np.ones((103, 2))), "csv"),
    "columns of csv": (csv(np.ones((2, 21))), "csv"),
    "lines of csv": (b"\r" * 103, "csv"),
    "rows of json": (json.dumps(np.ones((101, 2)).tolist()).encode(), "json"),
    "lists of json": (b"[" * 500_000, "json"),
    "columns of json": (json.dumps([[1] * 21]).encode(), "json"),
    "a bomb": (zipped(("X.npy", npy(np.zeros((1, 10**7))))), "npz"),
    "a header that is a bomb": (zipped(("X.npy", HEADER + b" " * 10**8)), "npz"),
    "many members": (zipped(*((f"{i}.npy", npy(X)) for i in range(17))), "npz"),
    "bytes": (bytes(1_000_001), "csv"),
}  # fmt: skip


@pytest.mark.parametrize("name", TOO_LARGE)
def test_what_is_too_large_is_refused_before_it_is_parsed(name):
    body, kind = TOO_LARGE[name]
    read_rows(BODIES[kind], kind, LIMITS)  # what is loaded with the first one doesn't count
    tracemalloc.start()
    try:
        error = refused(body, kind)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert error.status == 413
    assert (
        peak < 3 * len(body) + 8_000_000
    )  # the readers' own buffers; the bombs are ten times that


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (header("(1000000000000, 3)"), "npy"),
        (header("(-1, 3)"), "npy"),
        (header("(3, 3)") + bytes(3), "npy"),
        (header("(3, 3)", b"\x09\x00"), "npy"),
        (HEADER, "npy"),
        (zipped(("X.npy", header("(1000000000000, 3)"))), "npz"),
        (lying(npy(np.ones((99, 2)))), "npz"),
    ],
    ids=range(7),
)
def test_what_declares_more_than_it_has_is_refused(body, kind):
    assert refused(body, kind).status in (400, 413)


def test_sparse_rows_are_made_dense_within_the_limits():
    from scipy import sparse

    file = io.BytesIO()
    sparse.save_npz(file, sparse.csr_array(np.eye(5, 3)))
    assert np.array_equal(read_rows(file.getvalue(), "npz", LIMITS).X, np.eye(5, 3))
    file = io.BytesIO()
    sparse.save_npz(file, sparse.csr_array((100, 10**9)))
    assert refused(file.getvalue(), "npz").status == 413


def test_arrays_are_taken_as_they_are():
    assert read_rows([[1, 2], [3, 4]], "", LIMITS).X.dtype == np.float64
    assert read_rows(X, "", LIMITS).X is X
    assert refused([["a"]], "").status == 400
    assert refused(np.ones((101, 1)), "").status == 413


@pytest.mark.parametrize("name", [*BAD, "several arrays", "cp1252", "decimal commas"])
def test_a_refusal_has_no_advice_for_the_command_line_and_no_address(name):
    more = {
        "several arrays": (npz(a=X, b=X), "npz"),
        "cp1252": ("a,b\n1,\xe9\n".encode("cp1252"), "csv"),
        "decimal commas": (b'a,b\n"1,5",2\n"2,5",3\n', "csv"),
    }
    said = str(refused(*{**BAD, **more}[name]))
    assert not re.search(r"--|0x[0-9a-f]{6}|/tmp|object at", said), said
    if name in more:
        assert "; send" in said


def test_a_header_that_is_code_is_not_repeated():
    evil = header("f(1)")
    assert "header is damaged" in str(refused(evil, "npy"))


@pytest.mark.parametrize("rows", [1, 2, 40])
def test_a_cell_that_is_no_number_is_named_by_row_and_column(rows):
    names = [f"f{i}" for i in range(10)]
    good = ",".join("1.5" for _ in names)
    bad = ",".join(["1.5"] * 9 + ["n.a.?"])
    body = "\n".join([",".join(names), *[good] * (rows - 1), bad]).encode()
    with pytest.raises(Refused) as told:
        read_rows(body, "csv", LIMITS, names)
    said = str(told.value)
    assert f"row {rows + 1}, column 'f9'" in said  # with the header's line
    assert "finite number" in said
    for text, kind in (
        (body.replace(b"n.a.?", b""), "csv"),
        (body.replace(b"n.a.?", b"inf"), "csv"),
    ):
        if rows > 1:
            with pytest.raises(Refused, match=f"row {rows} of the data, column 'f9': not a finite"):
                read_rows(text, kind, LIMITS, names)
