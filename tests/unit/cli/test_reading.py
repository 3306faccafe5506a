"""Options of what is read: they reach the reader, and what it decides is told on standard error."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from gputsne.cli import main
from gputsne.cli.commands.transform import transform

SHORT = ("--max-iter", "5", "--early-exaggeration-iter", "2", "--perplexity", "3")
X = np.random.default_rng(0).normal(size=(30, 3)).round(3)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def embed(source: str, *args: str):
    return CliRunner().invoke(main, ["embed", source, "-o", "map.csv", *SHORT, *args])


def table(path: str, header: str | None, mark: str = ",", decimal: str = ".") -> None:
    rows = [mark.join(str(v).replace(".", decimal) for v in row) for row in X]
    Path(path).write_text("\n".join(rows if header is None else [header, *rows]), encoding="utf-8")


def rows() -> int:
    return len(Path("map.csv").read_text().splitlines()) - 1


def test_a_guessed_header_is_told_with_the_way_out(tmp_path):
    table("x.csv", "1901,1902,1903")
    result = embed("x.csv")
    assert (result.exit_code, rows()) == (0, 30)
    assert result.stderr == (
        "gputsne: x.csv: the first line (1901, 1902, 1903) was taken for names; --no-header if it "
        "is not\n"
    )
    result = embed("x.csv", "--no-header")
    assert (result.exit_code, rows(), result.stderr) == (0, 31, "")


def test_names_with_commas_can_be_chosen():
    table("x.csv", '"length, cm";"width, cm";depth', mark=";")
    result = embed("x.csv", "--columns", '"length, cm",depth')
    assert (result.exit_code, result.stderr) == (0, "")
    assert embed("x.csv", "--columns", '"width, cm"', "--columns", "depth").exit_code == 0
    assert "no column 'length'" in embed("x.csv", "--columns", "length, cm").stderr


def test_decimal_mark_and_encoding():
    table("x.csv", "größe;b;c", mark=";", decimal=",")
    Path("x.csv").write_bytes(Path("x.csv").read_text(encoding="utf-8").encode("cp1252"))
    result = embed("x.csv")
    assert result.exit_code == 3
    assert "--encoding cp1252" in result.stderr
    assert "--decimal ," in embed("x.csv", "--encoding", "cp1252").stderr
    assert embed("x.csv", "--encoding", "cp1252", "--decimal", ",").exit_code == 0


def test_images_are_flattened():
    np.save("x.npy", X.reshape(15, 2, 3))
    assert "--flatten" in embed("x.npy").stderr
    assert (embed("x.npy", "--flatten").exit_code, rows()) == (0, 15)


def test_transform_has_the_same_options():
    flags = {flag for p in transform.params for flag in (*p.opts, *p.secondary_opts)}
    assert flags >= {"--header", "--no-header", "--decimal", "--encoding", "--flatten"}


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY\x01\x00", b"text"])
def test_a_damaged_first_map_is_named(content):
    np.save("x.npy", X)
    Path("init.npy").write_bytes(content)
    result = embed("x.npy", "--init", "init.npy")
    assert result.exit_code == 2
    assert "init.npy" in result.stderr
    assert "Aborted" not in result.stderr
    np.save("init.npy", X[:, :2])
    assert embed("x.npy", "--init", "init.npy").exit_code == 0


def test_the_memory_limit_holds_before_anything_is_read():
    np.savez_compressed("x.npz", X=np.zeros((1000, 1000)))
    result = embed("x.npz", "--memory-limit", "1M")
    assert result.exit_code == 4
    assert result.stderr == (
        "gputsne: x.npz: array 'X' takes 0.01 GB, more than the memory limit, 0.00 GB\n"
    )


def test_a_column_of_fractions_gets_a_colour_scale():
    body = ["a,b,t", *(f"{x[0]},{x[1]},{x[2]}" for x in X)]
    Path("x.csv").write_text("\n".join(body))
    from gputsne.data import read
    from gputsne.plotting.labels import read_labels

    assert read_labels(read("x.csv", labels="t").labels, len(X)).kind == "values"
