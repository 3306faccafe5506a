"""Options that make no sense are refused before the input is read, under their own names."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from gputsne.cli import main


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

    monkeypatch.setattr("gputsne.runs.job.read_points", read)


@pytest.mark.parametrize(
    ("arguments", "flag", "said"),
    [
        ("--perplexity 0.5", "--perplexity", "at least 1"),
        ("--perplexity 5 --perplexity 0.5", "--perplexity", "at least 1"),
        ("--perplexity nan", "--perplexity", "finite"),
        ("--sigma 2", "--sigma", "--affinity perplexity does not use"),
        ("--affinity fixed_sigma", "--affinity", "needs sigma"),
        ("--metric cosin", "--metric", "--metric cosin is none of"),
        ("--metric precomputed", "--metric", "no features"),
        ("--init foo", "--init", "give an .npy file"),
        ("--impute lots", "--impute", "neither mean nor median"),
        ("--impute inf", "--impute", "neither mean nor median"),
        ("--n-jobs 0", "--n-jobs", "--n-jobs 0 is no number"),
        ("--exaggeration inf", "--exaggeration", "finite"),
        # Defaults that are given and have no effect: to the estimator they weren't given.
        ("--affinity uniform --perplexity 30", "--perplexity", "30.0 has no effect with --aff"),
        ("--affinity uniform --perplexity 50", "--perplexity", "no effect"),
        (
            "--early-exaggeration-iter 0 --early-exaggeration 12",
            "--early-exaggeration",
            "12.0 has no effect with no early phase",
        ),
        ("--device cpu --affinity-dtype float32", "--affinity-dtype", "float32 has no effect"),
        ("--metric precomputed --init random --min-recall 0.98", "--min-recall", "no effect"),
        (
            "--max-iter 150 --exaggeration 1",
            "--exaggeration",
            "1.0 has no effect with --max-iter 150",
        ),
    ],
)
def test_what_makes_no_sense_is_usage(unread, arguments, flag, said):
    result = run("x.npy", *arguments.split())
    assert result.exit_code == 2, result.output
    told = " ".join(result.stderr.split())
    assert re.search(f"Invalid value for '?{flag}'?: ", told)
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
    assert (result.exit_code, "--pca 9" in result.stderr) == (3, True)
    result = run("x.npy", "--n-neighbors", "40")
    assert (result.exit_code, "--n-neighbors 40" in result.stderr) == (3, True)


@pytest.mark.parametrize(
    "content",
    [b"", b"\x93NUMPY", b"\x93NUMPY\x01\x00\x10\x00{'descr': (((((((", b"PK\x03\x04damaged"],
)
def test_a_damaged_first_map_is_usage(unread, content):
    Path("start.npy").write_bytes(content)
    result = run("x.npy", "--init", "start.npy")
    assert result.exit_code == 2, result.output
    assert "Invalid value for --init: start.npy: " in " ".join(result.stderr.split())


def test_a_first_map_that_declares_more_than_it_holds_takes_no_memory(unread):
    header = str({"descr": "<f8", "fortran_order": False, "shape": (10**12, 2)}).ljust(117) + "\n"
    Path("start.npy").write_bytes(b"\x93NUMPY\x01\x00" + b"\x76\x00" + header.encode())
    result = run("x.npy", "--init", "start.npy")
    assert (result.exit_code, "--init" in result.stderr) == (2, True), result.output


NUMBERS = ("--deadline", "--perplexity", "--sigma", "--early-exaggeration", "--dof", "--min-recall")


@pytest.mark.parametrize("flag", NUMBERS)
@pytest.mark.parametrize("value", ["inf", "-inf", "nan"])
def test_infinity_and_nan_are_no_numbers(unread, flag, value):
    result = run("x.npy", f"{flag}={value}")
    assert result.exit_code == 2, result.output
    assert f"Invalid value for '{flag}'" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("1000", "50", "--perplexity", "inf"),
        ("1000", "50", "--perplexity", "nan"),
        ("1e400", "50"),
        ("1e999999999", "50"),
        ("1000", "50", "--memory-limit", "9" * 400 + "G"),
    ],
)
def test_plan_takes_no_infinity(arguments):
    result = CliRunner().invoke(main, ["plan", *arguments])
    assert result.exit_code == 2, result.output
    assert isinstance(result.exception, SystemExit)


def test_transform_does_not_speak_of_plots():
    assert "plots" not in CliRunner().invoke(main, ["transform", "--help"]).output
    assert "colours plots" in CliRunner().invoke(main, ["embed", "--help"]).output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("--random-state 3", "No such option '--random-state'; write --seed."),
        ("--n_components 3", "No such option '--n_components'; write --components."),
        ("--n-iter 500", "No such option '--n-iter'; write --max-iter."),
        ("--angle 0.5", "No such option '--angle'; leave it out"),
        ("--max-step 5", "No such option '--max-step'; max_step is for Python alone."),
        ("--perplexty 5", "Did you mean"),  # by click, of its own
    ],
)
def test_a_name_that_is_an_option_elsewhere_is_told_what_it_is_here(unread, arguments, said):
    result = run("x.npy", *arguments.split())
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.split())


@pytest.mark.parametrize("flag", ["--deadline", "--max-iter", "--dof", "--components", "--dpi"])
def test_what_is_no_number_is_said_in_plain_words(unread, flag):
    result = run("x.npy", flag, "1m")
    assert result.exit_code == 2
    assert " number" in result.stderr
    assert "range" not in result.stderr
