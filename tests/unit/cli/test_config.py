"""Options in a TOML file are defaults; the command line overrides them; slips are named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from gputsne.cli import main


@pytest.fixture(autouse=True)
def asked(tmp_path, monkeypatch):
    """Record the requests that jobs get instead of doing them."""
    requests = []

    class Recorder:
        def __init__(self, request, note):
            requests.append(request)
            raise KeyboardInterrupt  # enough seen

    monkeypatch.setattr("gputsne.cli.commands.embed.Job", Recorder)
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", np.ones((6, 3)))
    return requests


def run(toml: str, *args: str):
    Path("run.toml").write_text(toml)
    return CliRunner().invoke(main, ["embed", "x.npy", "--config", "run.toml", *args])


def test_options_come_from_the_file(asked):
    result = run(
        'output = "map.csv"\nplot = ["a.png", "b.html"]\nperplexity = [5, 50]\nseed = 7\n'
        'max_iter = 300\nscale = true\nkeep = "a,b"\nheader = false\nmemory-limit = "8G"\n'
        "components = 3\nno-annotate = true\n"
    )
    assert result.exit_code == 130, result.output
    (request,) = asked
    assert request.output == Path("map.csv")
    assert [view.path.name for view in request.views] == ["a.png", "b.html"]
    assert request.keep == ("a", "b")
    assert request.selection.header is False
    assert request.parameters == {
        "verbose": 0, "perplexity": [5.0, 50.0], "random_state": 7, "max_iter": 300,
        "scale": True, "memory_limit": 8 << 30, "n_components": 3,
    }  # fmt: skip


def test_the_command_line_wins(asked):
    run('output = "map.csv"\nmax-iter = 300\nperplexity = 5', "--max-iter", "20", "-o", "o.csv")
    (request,) = asked
    assert request.output == Path("o.csv")
    assert request.parameters["max_iter"] == 20
    assert request.parameters["perplexity"] == 5.0


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("perplexty = 5", "no option is called 'perplexty'; did you mean 'perplexity'?"),
        ("random_state = 5", "no option is called 'random_state'; write --seed"),
        ('scale = "yes"', "scale must be true or false"),
        ("max-iter = true", "max-iter = True is no value for it"),
        ("max-iter = [1, 2]", "max-iter = [1, 2] is no value for it"),
        ("[tsne]\nmax-iter = 3", "no option is called 'tsne'; write options without a [table]"),
        ('max-iter = "lots"', "Invalid value for '--max-iter': 'lots' is not a valid whole number"),
        ("dof = inf", "inf isn't a finite number"),
        ("seed = ", "run.toml: Invalid value"),
        ("max-iter = 10\nmax_iter = 20", "max_iter and max-iter are one option"),
        ("header = true\nno-header = true", "no-header and header are one option"),
        ("a = " + "[" * 100_000 + "]" * 100_000, "lists nested too deep to be read"),
        ('columns = ""', "names nothing"),
        ('config = "run.toml"', "no option is called 'config'"),
    ],
)
def test_slips_are_usage(asked, toml, said):
    result = run(toml, "-o", "map.csv")
    assert result.exit_code == 2, result.output
    assert said in " ".join(result.stderr.split())
    assert not asked


def test_a_file_that_is_missing():
    result = CliRunner().invoke(main, ["embed", "x.npy", "-o", "m.csv", "--config", "no.toml"])
    assert (result.exit_code, "no.toml" in result.stderr) == (2, True)


def test_a_missing_file_is_named_once():
    result = CliRunner().invoke(main, ["embed", "x.csv", "-o", "m.csv", "--config", "nope.toml"])
    assert result.exit_code == 2
    assert result.stderr.rstrip().endswith("nope.toml: No such file or directory")
