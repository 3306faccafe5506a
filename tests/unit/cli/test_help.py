"""The help tells the truth, quickly, and the script and ``python -m gputsne`` answer."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys

import click
import numpy as np
import pytest
from click.testing import CliRunner

import gputsne
from gputsne.backends import DEVICES
from gputsne.base.parameter_table import BY_NAME, TABLE
from gputsne.base.types import AFFINITY_DTYPES
from gputsne.cli import Commands, main, options
from gputsne.cli.commands.embed import embed
from gputsne.cli.errors import ErrorGroup
from gputsne.cli.parameters import FLAGS, IN_SHELL, PYTHON_ONLY


def named(group: click.Group, prefix: str = "") -> dict[str, click.Command]:
    """Return every command by what is typed: "embed", "runs", "runs ls"."""
    found: dict[str, click.Command] = {}
    for name, command in group.commands.items():
        found[f"{prefix}{name}"] = command
        if isinstance(command, click.Group):
            found |= named(command, f"{prefix}{name} ")
    return found


COMMANDS = named(main)


def parameters() -> dict[str, inspect.Parameter]:
    return dict(inspect.signature(gputsne.TSNE).parameters)


def option_of(name: str) -> click.Option:
    (option,) = (p for p in embed.params if p.name == name)
    assert isinstance(option, click.Option)
    return option


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_every_parameter_is_an_option_or_is_python_only_for_a_reason(row):
    if row.name in PYTHON_ONLY:
        assert PYTHON_ONLY[row.name]
        assert row.name not in FLAGS
        return
    option = option_of(row.name)
    assert option.opts == [FLAGS[row.name]]
    assert option.help.startswith(row.help)


def test_what_the_options_say_otherwise_is_of_parameters_there_are():
    assert BY_NAME.keys() >= PYTHON_ONLY.keys() | IN_SHELL.keys()
    assert not PYTHON_ONLY.keys() & IN_SHELL.keys()


# Written out: scripts and configuration files hold these names.
OPTIONS = """
    --perplexity --components --max-iter --seed --scale --pca --impute --metric --n-neighbors
    --min-recall --affinity --sigma --init --learning-rate --early-exaggeration
    --early-exaggeration-iter --exaggeration --dof --stop --method --device --affinity-dtype
    --n-jobs --memory-limit --schedule
"""


def test_the_options_have_the_names_that_scripts_use():
    assert set(FLAGS.values()) == set(OPTIONS.split())


@pytest.mark.parametrize("name", sorted(FLAGS))
def test_the_default_in_the_help_is_that_of_tsne(name):
    option = option_of(name)
    default = parameters()[name].default
    unsaid = embed.make_context("embed", ["x.npy", "-o", "map.npy"]).params[name]
    said = re.search(r"\[(\S+?)[\]:]", option.help or "")
    if name == "random_state":
        assert (said[1], unsaid) == ("0", 0)  # a batch job is repeatable unless told not to
    elif isinstance(default, bool) or default is None:
        assert unsaid is None
    elif isinstance(default, str):
        assert said[1] == default
    else:
        assert float(said[1]) == default


def test_choices_are_those_there_are():
    assert options.DEVICES == DEVICES
    assert options.AFFINITY_DTYPES == AFFINITY_DTYPES
    choices = {name: option_of(name).type.choices for name in ("affinity", "stop", "method")}
    assert choices == {
        "affinity": ("perplexity", "uniform", "fixed_sigma"),
        "stop": ("auto",),
        "method": ("auto", "exact", "mesh"),
    }


@pytest.mark.parametrize(
    ("flag", "outside", "inside"),
    [
        ("--components", "0 4", "1 3"),
        ("--max-iter", "-1 1.5", "0"),
        ("--min-recall", "0 1.01 nan", "1 1e-9"),
        ("--dof", "0 -1 inf", "0.5"),
        ("--learning-rate", "0 fast nan", "auto 200"),
        ("--n-neighbors", "0", "1"),
        ("--seed", "-1 4294967296", "0 4294967295"),
        ("--pca", "0", "1"),
        ("--affinity", "precomputed", "uniform"),
        ("--device", "tpu", "numpy"),
        ("--memory-limit", "0 -1 lots", "1 8G"),
    ],
)
def test_ranges_are_those_of_the_table(flag, outside, inside):
    for value in outside.split():
        with pytest.raises(click.BadParameter) as raised:
            embed.make_context("embed", ["x.npy", "-o", "map.npy", f"{flag}={value}"])
        assert raised.value.param.opts == [flag]
    for value in inside.split():
        embed.make_context("embed", ["x.npy", "-o", "map.npy", f"{flag}={value}"])


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_every_command_ends_with_examples(command):
    result = CliRunner().invoke(main, [*command.split(), "--help"], terminal_width=100)
    assert result.exit_code == 0
    tail = result.output.partition("Example")[2]
    assert f"gputsne {command}" in tail
    assert "Options:" in result.output or "Output:" in result.output


@pytest.mark.parametrize("command", COMMANDS)
def test_examples_use_options_that_exist(command):
    lines = COMMANDS[command].examples.replace("\\\n", " ").splitlines()
    for line in (text.strip() for text in lines if text.strip().startswith(f"gputsne {command}")):
        typed = line.removeprefix("gputsne ")
        of = max((name for name in COMMANDS if f"{typed} ".startswith(f"{name} ")), key=len)
        known = {flag for p in COMMANDS[of].params for flag in (*p.opts, *p.secondary_opts)}
        assert {word for word in line.split() if word.startswith("-")} <= known, line


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *command], capture_output=True, text=True, check=True)


def test_python_m_gputsne_says_its_version():
    assert run("-m", "gputsne", "--version").stdout == f"gputsne {gputsne.__version__}\n"


def test_help_and_what_is_refused_load_nothing_heavy(tmp_path):
    heavy = [
        "faiss",
        "sklearn",
        "scipy",
        "matplotlib",
        "plotly",
        "pandas",
        "pyarrow",
        "h5py",
        "gputsne.estimator",
    ]
    np.save(tmp_path / "x.npy", np.zeros((9, 2)))
    embed = ["embed", f"{tmp_path}/x.npy", "-o", f"{tmp_path}/m.npy", "--dof=-3"]
    parts = ["merge", f"{tmp_path}/parts", "-o", f"{tmp_path}/m.npy"]
    code = f"""
import sys, gputsne.cli as cli
def told(words, names):
    try:
        cli.main(words)
    except SystemExit as ended:
        print(ended.code, [m for m in names if m in sys.modules])
told(["--version"], {[*heavy, "numpy"]})
for words in (["--help"], ["embed", "--help"], {embed}, {parts}):
    told(words, {heavy})
"""
    ended = [line for line in run("-c", code).stdout.splitlines() if line.endswith("[]")]
    assert ended == ["0 []", "0 []", "0 []", "2 []", "3 []"]


def test_fitting_and_placing_load_no_scikit_learn(tmp_path, monkeypatch):
    """Nor scipy.stats and pandas, which it brings along: importing them takes seconds."""
    monkeypatch.chdir(tmp_path)
    X = np.random.default_rng(0).normal(size=(120, 4))
    np.save("x.npy", X)
    np.savetxt("x.csv", X, delimiter=",")
    short = ["--max-iter", "260", "--perplexity", "5", "-q"]
    lines = [
        ["embed", "x.npy", "-o", "m.csv", "--model", "m.npz", "--run-record", "r.json", *short],
        ["embed", "x.csv", "-o", "m.npy", "--pca", "3", "--score", "--seed", "3", *short],
        ["embed", "x.npy", "-o", "m.npy", "--sample", "60", "--refine", "10", *short],
        ["embed", "x.npy", "-o", "m.npy", "--checkpoint", "c", "--init", "spectral", *short],
        ["transform", "m.npz", "x.npy", "-o", "placed.csv", "-q"],
        ["transform", "m.npz", "x.csv", "-o", "placed.npy", "-q"],
    ]
    heavy = ["sklearn", "scipy.stats", "pandas", "scipy.interpolate", "joblib", "matplotlib"]
    code = f"""
import sys, gputsne.cli as cli
for words in {lines}:
    try:
        cli.main(words)
    except SystemExit as ended:
        print(words[0], ended.code, [m for m in {heavy} if m in sys.modules])
"""
    told = run("-c", code).stdout.splitlines()
    assert told == [f"{words[0]} 0 []" for words in lines]


def test_a_broken_library_is_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "gputsne.cli.commands.tiles", None)
    result = CliRunner().invoke(ErrorGroup("gputsne", commands=Commands()), ["tiles"])
    assert result.exit_code == 1
    assert result.stderr.startswith("gputsne: gputsne can't be imported: ")
    assert result.stderr.endswith("; pip install --force-reinstall gputsne\n")
