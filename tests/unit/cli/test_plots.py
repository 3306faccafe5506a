"""Options of plots reach gputsne.plot, those without effect are usage, failures are told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import gputsne.plotting
from gputsne.cli import main
from gputsne.cli.plots import palette_of

SHORT = ("--max-iter", "5", "--early-exaggeration-iter", "2", "--perplexity", "3")
CSV = "name,a,b,kind,year\n" + "".join(f"p{i},{i},{i * i % 7},k{i % 2},{i}\n" for i in range(20))


@pytest.fixture
def drawn(tmp_path, monkeypatch):
    """Record what plot is asked for instead of drawing."""
    seen = []

    def plot(model, labels, *, path, **settings):
        path.write_text("drawn")
        seen.append((path.name, settings))

    monkeypatch.setattr(gputsne.plotting, "plot", plot)
    monkeypatch.chdir(tmp_path)
    Path("x.csv").write_text(CSV)
    return seen


def run(*args: str):
    return CliRunner().invoke(main, ["embed", "x.csv", "-o", "map.csv", *SHORT, *args])


def test_options_reach_the_plot(drawn):
    options = (
        "--palette distinct --point-size 3 --opacity 0.5 --max-points 9 --dpi 90 --no-annotate"
    )
    files = ("--plot", "m.png", "--plot", "m.html", "--title", "Two kinds")
    result = run(
        "--labels",
        "kind",
        "--id",
        "name",
        "--hover",
        "year",
        *files,
        *options.split(),
        "--no-annotate",
    )
    assert result.exit_code == 0, result.output
    both = {
        "title": "Two kinds", "palette": "distinct", "point_size": 3.0, "opacity": 0.5,
        "max_points": 9,
    }  # fmt: skip
    (png, static), (html, page) = drawn
    assert (png, static) == ("m.png", both | {"dpi": 90.0, "annotate": False, "hover": None})
    hover = page.pop("hover")
    assert page.pop("ids").tolist() == [f"p{i}" for i in range(20)]
    assert (html, page) == ("m.html", both)
    assert list(hover) == ["year"]
    assert hover["year"].tolist() == list(range(20))


def test_values_have_limits(drawn):
    result = run("--labels", "b", "--plot", "m.png", "--vmin", "-1", "--vmax", "1e3")
    assert result.exit_code == 3  # b has seven whole numbers: categories
    Path("x.csv").write_text("a,b\n" + "".join(f"{i},{i / 7}\n" for i in range(20)))
    np.save("values.npy", np.arange(20) / 7)
    limits = ("--vmin", "-1", "--vmax", "1e3")
    result = run("--labels", "values.npy", "--plot", "m.png", *limits)
    assert result.exit_code == 0, result.output
    assert (drawn[0][1]["vmin"], drawn[0][1]["vmax"]) == (-1.0, 1000.0)


def test_the_title_is_the_name_of_the_input(drawn):
    assert run("--plot", "m.png").exit_code == 0
    assert drawn[0][1]["title"] == "x"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("--palette distinct", "--palette: has no effect without --plot"),
        ("--hover year", "--hover: has no effect without --plot"),
        ("--plot m.png --hover year", "--hover: has an effect on html alone"),
        ("--plot m.html --dpi 90", "--dpi: has no effect on html"),
        ("--plot m.html --annotate", "--annotate: has no effect on html"),
        ("--plot m.png --opacity 2", "--opacity: at most 1"),
        ("--plot m.png --palette a=red,blue", "neither a name nor colours nor label=colour pairs"),
        ("--plot m.png --palette viridis", "--palette: has no effect without --labels"),
        ("--plot m.png --vmax 3", "--vmax: has no effect without --labels"),
        ("--plot m.png --point-size inf", "inf isn't a finite number"),
    ],
)
def test_what_has_no_effect_is_usage(drawn, arguments, said):
    result = run(*arguments.split())
    assert result.exit_code == 2, result.output
    assert said in " ".join(result.stderr.split())


def test_a_palette_that_does_not_fit_is_known_before_the_fit(drawn):
    result = run("--labels", "kind", "--plot", "m.png", "--palette", "no-such-scale")
    assert result.exit_code == 3, result.output
    assert "gputsne: --plot: --palette no-such-scale is no" in result.stderr
    assert not Path("map.csv").exists()


@pytest.mark.parametrize(
    ("text", "palette"),
    [
        ("viridis", "viridis"),
        ("red,#00f", ["red", "#00f"]),
        ("a=red, b=#00f", {"a": "red", "b": "#00f"}),
        ("x=y=red", {"x=y": "red"}),
    ],
)
def test_palettes(text, palette):
    assert palette_of(text) == palette


def test_a_plot_that_fails_is_told_and_the_rest_is_there(drawn, monkeypatch):
    def fail(*args: object, path: Path, **more: object) -> None:
        if path.name == "bad.png":
            raise MemoryError("Unable to allocate 5.02 GiB")
        path.write_text("drawn")

    monkeypatch.setattr(gputsne.plotting, "plot", fail)
    result = run("--plot", "bad.png", "--plot", "good.png", "--model", "m.npz")
    assert result.exit_code == 1
    assert result.stderr.endswith(
        "gputsne: bad.png was not drawn: Unable to allocate 5.02 GiB; "
        "written: map.csv, m.npz, good.png\n"
    )
    assert gputsne.load("m.npz").n_iter_ == 5
