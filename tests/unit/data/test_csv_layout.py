"""What a delimited file's beginning decides: header, separator, comments, compression, encoding."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from gputsne.data import BadInput, Selection, read

pytestmark = pytest.mark.usefixtures("both_csv_readers")


def text(path: Path, content: str) -> Path:
    path.write_text(content, encoding="utf-8", newline="")
    return path


def lines(*rows: list[object], mark: str = ",") -> str:
    return "".join(mark.join(map(str, row)) + "\n" for row in rows)


RNG = np.random.default_rng(0)
FRACTIONS = RNG.random((20, 5)).round(3).tolist()
COUNTS = RNG.integers(0, 50, (20, 5)).tolist()
AXIS = [100.5 + 2.5 * j for j in range(10)]  # masses, within the range of the numbers below
WIDE = RNG.integers(0, 200, (20, 10)).tolist()
KINDS = [["setosa", "virginica"][i % 2] for i in range(20)]
WITH_KIND = [[*row, kind] for row, kind in zip(FRACTIONS, KINDS, strict=True)]


@pytest.mark.parametrize(
    ("rows", "names", "guess"),
    [
        (WITH_KIND, None, None),  # as UCI's files: the first line's text is that of the column
        ([["a", *COUNTS[0]], *([f"r{i}", *row] for i, row in enumerate(COUNTS))], None, "data"),
        ([list("abcde"), *FRACTIONS], list("abcde"), None),
        ([[*"abcde", "kind"], *WITH_KIND], list("abcde"), None),
        ([[400, 402, 404, 406, 408], *FRACTIONS], list(range(400, 410, 2)), "names"),  # spectra
        ([[400.5, 401.25, 402, 403.5, 404], *FRACTIONS], None, "names"),
        ([[1, 2, 3, 4, 5], *FRACTIONS], [1, 2, 3, 4, 5], "names"),
        ([[0, 1, 2, 3, 4], *FRACTIONS], [0, 1, 2, 3, 4], "names"),
        ([[2018, 2019, 2020, 2021, 2022], *COUNTS], list(range(2018, 2023)), "names"),  # years
        ([[7157, 672, 675, 4609, 1956], *COUNTS], [7157, 672, 675, 4609, 1956], "names"),  # genes
        ([["id", 400, 402, 404], *([f"r{i}", *r[:3]] for i, r in enumerate(FRACTIONS))],
         [400, 402, 404], "names"),
        ([AXIS, *WIDE], AXIS, "names"),
        ([[j * j + 3 for j in range(10)], *WIDE], [j * j + 3 for j in range(10)], "names"),
        ([["id", *AXIS], *([f"r{i}", *row] for i, row in enumerate(WIDE))], AXIS, "names"),
        ([AXIS, *(sorted({*row, *range(200, 210)})[:10] for row in WIDE)], None, None),  # all rise
        ([AXIS, [v + 1 for v in AXIS], *WIDE], None, None),  # and so does another row
        ([AXIS[:7], *(row[:7] for row in WIDE)], None, None),  # too few to tell
        (FRACTIONS, None, None),
        (COUNTS, None, None),
        ([[i, i + 1, i + 2] for i in range(20)], None, "names"),  # 0, 1, 2 as pandas names columns
        ([[i + 1, i + 2, i + 3] for i in range(20)], None, None),  # a series that rises
        ([[2.0 * i + 1.5, 3.5 * i, 9.5 * i] for i in range(1, 20)], None, None),
        ([[3, 1, 2, 5, 4], *FRACTIONS], None, None),  # whole, but in no order
        ([[100, 100, 100, 100, 100], *FRACTIONS], None, None),  # names are distinct
        ([["1.000", "2.000", "3.000"], *([f"{v:.3f}" for v in row[:3]] for row in FRACTIONS)],
         None, None),  # written as all the rest
        ([["1e9", "2e9", "3e9"], *(row[:3] for row in FRACTIONS)], None, None),  # an outlier
    ],
)  # fmt: skip
def test_which_first_line_is_a_header(tmp_path, rows, names, guess):
    table = read(text(tmp_path / "x.csv", lines(*rows)))
    if guess == "names":
        assert table.X.shape[0] == len(rows) - 1
        assert names is None or table.names == tuple(map(str, names))
    elif names is None:
        assert table.X.shape[0] == len(rows)
        assert table.names is None
    else:
        assert table.X.shape[0] == len(rows) - 1
        assert table.names == tuple(names)
    told = [said for said in table.remarks if "first line" in said]
    if guess is None:
        assert not told
    else:
        other = {"names": "--no-header", "data": "--header"}[guess]
        assert len(told) == 1
        assert f"was taken for {guess}; {other} if it is not" in told[0]
    certain = guess is None and names is not None
    for header in (True,) if certain else (True, False):
        said = read(tmp_path / "x.csv", header=header)
        assert said.X.shape[0] == len(rows) - header
        assert (said.names is None) != header
        assert not [told for told in said.remarks if "first line" in told]


def test_a_header_over_vectors(tmp_path):
    path = text(tmp_path / "x.csv", 'v\n"[1, 2.5]"\n"[3, 4]"\n')
    assert read(path).X.tolist() == [[1, 2.5], [3, 4]]
    path = text(tmp_path / "y.csv", '"[1, 2.5]"\n"[3, 4]"\n')
    assert read(path).X.tolist() == [[1, 2.5], [3, 4]]


def test_vectors_beside_numbers_are_the_features(tmp_path):
    body = 'id,text,embedding,score\n1,a,"[1, 2.5]",0.5\n2,b,,0.5\n3,c,"[3, 4]",0.5\n'
    table = read(text(tmp_path / "x.csv", body), Selection(labels="text"))
    np.testing.assert_array_equal(table.X, [[1, 2.5], [np.nan, np.nan], [3, 4]])
    assert table.left_out == ("id", "score")
    assert table.remarks == (
        "1 row without a vector, read as missing values (NaN)",
        "id, score were left out: the vectors of embedding are the features",
    )
    assert read(tmp_path / "x.csv", columns=["id", "score"]).X.tolist() == [
        [1, 0.5], [2, 0.5], [3, 0.5],
    ]  # fmt: skip
    with pytest.raises(BadInput, match="column 'embedding' holds vectors; choose it with --vector"):
        read(tmp_path / "x.csv", columns=["embedding"])
    twice = text(tmp_path / "y.csv", 'a,b\n"[1, 2]","[3, 4]"\n')
    with pytest.raises(BadInput, match="columns of vectors: a, b; choose with --vector"):
        read(twice)


def test_what_pandas_makes_of_a_row_index_is_no_feature(tmp_path):
    frame = pd.DataFrame(RNG.random((9, 3)).round(3), columns=list("abc"))
    frame.to_csv(tmp_path / "once.csv")
    pd.read_csv(tmp_path / "once.csv").to_csv(tmp_path / "twice.csv", index=False)
    pd.read_csv(tmp_path / "twice.csv").to_csv(tmp_path / "thrice.csv")
    for name, left in [
        ("once", ("column 0",)),
        ("twice", ("Unnamed: 0",)),
        ("thrice", ("column 0", "Unnamed: 0")),
    ]:
        table = read(tmp_path / f"{name}.csv")
        assert (table.names, table.left_out) == (("a", "b", "c"), left)
        np.testing.assert_array_equal(table.X, frame)
    assert read(tmp_path / "twice.csv", ids="Unnamed: 0").ids.tolist() == list(range(9))


@pytest.mark.parametrize("mark", [",", ";", "\t", "|", " ", "   "])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_separators_and_line_ends(tmp_path, mark, end):
    rows = [["a", "b", "kind"], [1.5, -2, "x"], [0, "1e3", "y"], [7, 8, "x"]]
    path = text(tmp_path / "x.csv", lines(*rows, mark=mark).replace("\n", end))
    table = read(path, labels="kind")
    assert table.X.tolist() == [[1.5, -2], [0, 1000], [7, 8]]
    assert list(table.labels) == ["x", "y", "x"]
    with pytest.raises(BadInput, match="row 5: 1 cell where 3 are expected"):
        read(text(tmp_path / "y.csv", lines(*rows, ["5"], mark=mark).replace("\n", end)))


def test_separators_inside_quotes_do_not_count(tmp_path):
    path = text(tmp_path / "x.csv", '"length, cm";"width, cm";"pl, cm"\n1;2;3\n4;5;6\n')
    assert read(path).names == ("length, cm", "width, cm", "pl, cm")
    assert read(path, columns=["width, cm"]).X.tolist() == [[2], [5]]
    path = text(tmp_path / "y.csv", 'a,b\n"x;y;z;w",1\n"x;y;z;w",2\n')
    assert read(path).X.tolist() == [[1], [2]]


def test_what_write_table_of_r_writes(tmp_path):
    path = text(tmp_path / "x.csv", '"a" "b"\n"r 1" 1.5 NA\n"r 2" 2.5 4\n')
    table = read(path, ids="0")
    np.testing.assert_array_equal(table.X, [[1.5, np.nan], [2.5, 4]])
    assert table.names == ("a", "b")
    assert list(table.ids) == ["r 1", "r 2"]
    assert read(path).left_out == ("column 0",)
    path = text(tmp_path / "x.tsv", "a\tb\nr1\t1.5\t3\nr2\t2.5\t4\n")
    assert read(path).X.tolist() == [[1.5, 3], [2.5, 4]]


def test_lines_of_excel_and_comments_before_the_table(tmp_path):
    path = text(tmp_path / "x.csv", "sep=;\na;b\n1;2\n3;4\n")
    assert read(path).names == ("a", "b")
    path = text(tmp_path / "y.csv", "# made by a machine, on a day\n#\n\na,b\n1,2\n3,4\n")
    assert (read(path).names, read(path).X.tolist()) == (("a", "b"), [[1, 2], [3, 4]])
    with pytest.raises(BadInput, match="row 7, column 'b': 'oops'"):
        read(text(tmp_path / "z.csv", path.read_text() + "5,oops\n"))
    path = text(tmp_path / "w.csv", "a,b\n1,2\n# a remark\n3,4\n")
    assert read(path).X.tolist() == [[1, 2], [3, 4]]
    path = text(tmp_path / "v.csv", "a,b\n1,2\n   \n3,4\n")
    assert read(path).X.tolist() == [[1, 2], [3, 4]]


def test_names_in_a_comment(tmp_path):
    np.savetxt(tmp_path / "x.csv", np.eye(3) / 2, header="a b c")
    assert (read(tmp_path / "x.csv").names, read(tmp_path / "x.csv").X.shape) == (
        tuple("abc"),
        (3, 3),
    )
    assert read(tmp_path / "x.csv", header=False).names is None
    path = text(tmp_path / "y.tsv", "#chrom\tstart\tend\nc1\t5\t6\nc2\t8\t9\n")
    assert (read(path).names, read(path).left_out) == (("start", "end"), ("chrom",))


BODY = "größe,b\n1,2\n3,4.5\n"


def packed(path: Path, content: bytes) -> Path:
    suffix = path.suffix
    if suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("folder/x.csv", content)
            archive.writestr("__MACOSX/x.csv", b"resource fork")
        return path
    if suffix == ".zst":
        with pa.CompressedOutputStream(str(path), "zstd") as stream:
            stream.write(content)
        return path
    packer = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}[suffix]
    path.write_bytes(packer(content))
    return path


@pytest.mark.parametrize("suffix", ["csv.gz", "csv.bz2", "csv.xz", "csv.zst", "csv.zip", "zip"])
def test_compressed_files(tmp_path, suffix):
    table = read(packed(tmp_path / f"x.{suffix}", BODY.encode()))
    assert (table.names, table.X.tolist()) == (("größe", "b"), [[1, 2], [3, 4.5]])


def test_a_zip_of_two_files_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("a.csv", BODY)
        archive.writestr("b.csv", BODY)
    with pytest.raises(BadInput, match=r"x\.zip holds 2 files; one is needed: a\.csv, b\.csv"):
        read(tmp_path / "x.zip")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_tells_the_encoding(tmp_path, encoding):
    (tmp_path / "x.csv").write_bytes(BODY.encode(encoding))
    assert read(tmp_path / "x.csv").names == ("größe", "b")


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16-le"])
def test_other_encodings_are_named(tmp_path, encoding):
    (tmp_path / "x.csv").write_bytes(BODY.encode(encoding))
    table = read(tmp_path / "x.csv", encoding=encoding)
    assert (table.names, table.X.tolist()) == (("größe", "b"), [[1, 2], [3, 4.5]])
    if encoding != "utf-16-le":
        with pytest.raises(BadInput, match=r"isn't UTF-8 text: .* --encoding cp1252"):
            read(tmp_path / "x.csv")
    with pytest.raises(BadInput, match="--encoding 'klingon' is no encoding that Python knows"):
        read(tmp_path / "x.csv", encoding="klingon")


def test_an_encoding_fault_far_down_is_found(tmp_path):
    rows = "".join(f"{i},x\n" for i in range(5000)).encode()
    (tmp_path / "x.csv").write_bytes(b"a,b\n" + rows + "1,größe\n".encode("latin-1"))
    with pytest.raises(BadInput, match="isn't UTF-8"):
        read(tmp_path / "x.csv")


def test_rows_that_end_with_a_separator_are_not_shifted(tmp_path):
    path = text(tmp_path / "x.csv", "a,b\n1,2,\n3,4,\n5,6,\n")
    table = read(path)
    assert (table.names, table.X.tolist()) == (("a", "b"), [[1, 2], [3, 4], [5, 6]])
    with pytest.raises(BadInput, match="row 2: 3 cells where 2 are expected"):
        read(text(tmp_path / "y.csv", "a,b\n1,2,\n3,4\n5,6\n"))


def test_rows_that_begin_with_a_hash_sign(tmp_path):
    path = text(tmp_path / "x.csv", "#ff0000,1,2\n#00ff00,3,4\n#0000ff,5,6\n")
    assert read(path, ids="0").X.tolist() == [[1, 2], [3, 4], [5, 6]]
    path = text(tmp_path / "y.csv", "colour,a,b\n#ff0000,1,2\n#00ff00,3,4\n")
    assert read(path).X.tolist() == [[1, 2], [3, 4]]


def test_many_comments_before_the_table(tmp_path):
    path = text(tmp_path / "x.csv", "# a remark\n" * 300 + "a;b\n1;2\n3;4\n")
    assert (read(path).names, read(path).X.tolist()) == (("a", "b"), [[1, 2], [3, 4]])
    with pytest.raises(BadInput, match=r"x\.csv is empty"):
        read(text(path, "\n\n"))
