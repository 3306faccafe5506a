"""Are options that make no sense refused before the input is read, and under their own names?"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from gputsne.cli import main
from gputsne.cli.checks import OTHERS
from gputsne.cli.parameters import FLAGS


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", np.random.default_rng(0).normal(size=(40, 3)))


def run(*args: str):
    return CliRunner().invoke(main, ["embed", *args, "-o", "map.csv"])


@pytest.fixture
def unread(monkeypatch):
    def read(*args: object, **more: object) -> None:
        raise AssertionError("the input was read")

    monkeypatch.setattr(sys.modules["gputsne.cli.commands.embed"], "read", read)


@pytest.mark.parametrize(
    ("arguments", "flag", "said"),
    [
        ("--perplexity 0.5", "--perplexity", "at least 1"),
        ("--perplexity 5 --perplexity 0.5", "--perplexity", "at least 1"),
        ("--perplexity nan", "--perplexity", "finite"),
        ("--sigma 2", "--sigma", "affinity='perplexity' does not use"),
        ("--affinity fixed_sigma", "--affinity", "needs sigma"),
        ("--metric cosin", "--metric", "'cosin' is none of"),
        ("--metric precomputed", "--metric", "no features"),
        ("--init foo", "--init", "give an .npy file"),
        ("--impute lots", "--impute", "neither mean nor median"),
        ("--impute inf", "--impute", "neither mean nor median"),
        ("--n-jobs 0", "--n-jobs", "n_jobs=0"),
        ("--exaggeration inf", "--exaggeration", "finite"),
        # Defaults that are given and have no effect: to the estimator they weren't given.
        ("--affinity uniform --perplexity 30", "--perplexity", "30.0 has no effect with affinity"),
        ("--affinity uniform --perplexity 50", "--perplexity", "no effect"),
        (
            "--early-exaggeration-iter 0 --early-exaggeration 12",
            "--early-exaggeration",
            "12.0 has no effect with no early phase",
        ),
        ("--device cpu --affinity-dtype float32", "--affinity-dtype", "float32 has no effect"),
        ("--metric precomputed --init random --min-recall 0.98", "--min-recall", "no effect"),
    ],
)
def test_what_makes_no_sense_is_usage(unread, arguments, flag, said):
    result = run("x.npy", *arguments.split())
    assert result.exit_code == 2, result.output
    told = " ".join(result.stderr.split())
    assert f"Invalid value for {flag}: " in told
    assert said in told
    assert not Path("map.csv").exists()


@pytest.mark.parametrize(
    "metric", ["cosine", "manhattan", "seuclidean", "mahalanobis", "haversine"]
)
def test_metrics_there_are_pass(unread, metric):
    with pytest.raises(AssertionError, match="the input was read"):
        CliRunner().invoke(
            main, ["embed", "x.npy", "-o", "map.csv", "--metric", metric], catch_exceptions=False
        )


def test_given_defaults_that_have_an_effect_pass(unread):
    given = "--perplexity 30 --early-exaggeration 12 --min-recall 0.98 --affinity-dtype float32"
    result = run("x.npy", *given.split())
    assert isinstance(result.exception, AssertionError), result.output


def test_what_depends_on_the_data_is_bad_input():
    result = run("x.npy", "--pca", "9")
    assert (result.exit_code, "pca=9" in result.stderr) == (3, True)
    result = run("x.npy", "--n-neighbors", "40")
    assert (result.exit_code, "n_neighbors=40" in result.stderr) == (3, True)


def test_every_option_that_is_probed_exists():
    assert OTHERS.keys() <= FLAGS.keys()


def test_transform_does_not_speak_of_plots():
    assert "plots" not in CliRunner().invoke(main, ["transform", "--help"]).output
    assert "colours plots" in CliRunner().invoke(main, ["embed", "--help"]).output
