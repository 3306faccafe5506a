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
        "gputsne: x.npz: array 'X' takes 8.0 MB, more than the memory limit or what is "
        "free, 1.0 MB\n"
    )


def test_a_column_of_fractions_gets_a_colour_scale():
    body = ["a,b,t", *(f"{x[0]},{x[1]},{x[2]}" for x in X)]
    Path("x.csv").write_text("\n".join(body))
    from gputsne.data import read
    from gputsne.plotting.labels import read_labels

    assert read_labels(read("x.csv", labels="t").labels, len(X)).kind == "values"


TWINS = "a,a,b,kind\n" + "".join(f"{i},{i * i % 7},{i % 5},k\n" for i in range(10))


def test_several_inputs_may_have_columns_of_one_name():
    head, *lines = TWINS.splitlines(keepends=True)
    Path("one.csv").write_text(TWINS)
    Path("top.csv").write_text("".join([head, *lines[:4]]))
    Path("rest.csv").write_text("".join([head, *lines[4:]]))
    for kept in ("kind", "b", "0"):
        assert embed("one.csv", "--keep", kept).exit_code == 0
        want = Path("map.csv").read_text()
        result = embed("top.csv", "rest.csv", "--keep", kept)
        assert result.exit_code == 0, result.output
        assert Path("map.csv").read_text() == want


def test_columns_of_one_name_are_told_by_their_positions():
    Path("one.csv").write_text(TWINS)
    Path("other.csv").write_text(TWINS.replace("a,a,b", "a,b,b"))
    result = embed("one.csv", "--keep", "a")
    assert result.exit_code == 3
    assert "column 'a' is there 2 times, at 0, 1 counted from 0; give the posi" in result.stderr
    result = embed("one.csv", "other.csv")
    assert result.exit_code == 3
    assert "need the same columns in the same order" in result.stderr


@pytest.mark.parametrize("option", ["--columns", "--keep", "--hover"])
@pytest.mark.parametrize("names", ["", ",", " "])
def test_options_that_name_nothing_are_usage(option, names):
    table("x.csv", "a,b,c")
    result = embed("x.csv", option, names, "--plot", "m.html")
    assert (result.exit_code, "names nothing" in result.stderr) == (2, True)


@pytest.mark.parametrize(("wanted", "name"), [("a", "a"), ("0", "a"), ("a*", "a")])
def test_a_numeric_column_that_is_kept_is_no_feature_and_that_is_said(wanted, name):
    table("x.csv", "a,b,c")
    assert embed("x.csv", "--columns", "b,c", "--keep", "a").exit_code == 0
    want = Path("map.csv").read_text()
    result = embed("x.csv", "--keep", wanted)
    assert result.exit_code == 0, result.output
    assert f"x.csv: {name} is kept or shown, so no feature; to have both, name" in result.stderr
    assert Path("map.csv").read_text() == want


def test_a_column_without_a_name_is_kept_by_its_position():
    table("x.csv", None)
    assert embed("x.csv", "--no-header", "--columns", "1,2", "--keep", "0").exit_code == 0
    want = Path("map.csv").read_text()
    result = embed("x.csv", "--no-header", "--keep", "0")
    assert (result.exit_code, Path("map.csv").read_text()) == (0, want)


def test_the_only_images_cannot_be_kept_as_well():
    np.savez("x.npz", X=np.ones((30, 2, 2)), kind=np.arange(30))
    result = embed("x.npz", "--flatten", "--keep", "X")
    assert result.exit_code == 3
    assert "no two-dimensional numeric array besides 'X'" in result.stderr
    assert "--flatten" not in result.stderr


def test_transform_names_the_file_that_does_not_fit_the_model():
    table("x.csv", "a,b,c")
    assert embed("x.csv", "--model", "m.npz").exit_code == 0
    np.save("wide.npy", np.ones((4, 7)))
    Path("cut.npz").write_bytes(Path("m.npz").read_bytes()[:2000])
    Path("empty.npz").write_bytes(b"")
    np.savez("other.npz", a=X)
    for arguments, code, said in (
        ("m.npz wide.npy", 3, "wide.npy has 7 features, the model was fitted to 3 features (a, b"),
        ("m.npz x.csv --columns a,b", 3, "x.csv has 2 features"),
        ("m.npz x.csv --n-jobs 0", 2, "n_jobs=0 is no number of threads"),
        ("cut.npz x.csv", 3, "gputsne: cut.npz is damaged or cut short"),
        ("empty.npz x.csv", 3, "gputsne: empty.npz is no model of gputsne"),
        ("other.npz x.csv", 3, "gputsne: other.npz is no model of gputsne"),
        ("/dev/null x.csv", 3, "a model is read from a file"),
    ):
        given = ["transform", *arguments.split(), "-o", "new.csv"]
        result = CliRunner().invoke(main, given)
        assert (result.exit_code, said in result.stderr) == (code, True), result.output
        assert code == 2 or result.stderr.count("\n") == 1
        assert not Path("new.csv").exists()


def test_a_plan_without_rows_takes_any_number_and_ignores_nothing():
    runner = CliRunner()
    for huge in (("--perplexity", "1e308"), ("--n-neighbors", "9" * 20)):
        result = runner.invoke(main, ["plan", "--device", "h100", *huge])
        assert result.exit_code == 0, result.output
    for idle in (("--memory-limit", "1G"), ("--pca", "3")):
        result = runner.invoke(main, ["plan", "--device", "h100", *idle])
        assert (result.exit_code, "no effect without N and D" in result.stderr) == (2, True)
