"""Does the help tell the truth, quickly, and do the script and ``python -m gputsne`` answer?"""

from __future__ import annotations

import inspect
import re
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

import gputsne
from gputsne.backends import DEVICES
from gputsne.base.types import AFFINITY_DTYPES
from gputsne.cli import main, options
from gputsne.cli.commands.embed import embed
from gputsne.cli.parameters import NAMES

COMMANDS = sorted(main.commands)


def parameters() -> dict[str, inspect.Parameter]:
    return dict(inspect.signature(gputsne.TSNE).parameters)


def test_every_option_is_a_parameter_of_tsne():
    assert set(parameters()) >= NAMES


def test_parameters_without_an_option_are_those_no_shell_can_say():
    beyond = {
        "metric_params",  # a dictionary
        "neighbors",  # arrays
        "callbacks",  # functions
        "callbacks_every",
        "initial_momentum",
        "final_momentum",
        "max_step",
        "verbose",  # --verbose and --quiet
    }
    assert set(parameters()) - NAMES <= beyond


@pytest.mark.parametrize("name", sorted(NAMES))
def test_the_default_in_the_help_is_that_of_tsne(name):
    option = next(p for p in embed.params if p.name == name)
    assert isinstance(option, click.Option)
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


def test_devices_are_those_there_are():
    assert options.DEVICES == DEVICES
    assert options.AFFINITY_DTYPES == AFFINITY_DTYPES


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_every_command_ends_with_examples(command):
    result = CliRunner().invoke(main, [command, "--help"], terminal_width=100)
    assert result.exit_code == 0
    tail = result.output.partition("Example")[2]
    assert f"gputsne {command}" in tail
    assert "Options:" in result.output or "Output:" in result.output


@pytest.mark.parametrize("command", COMMANDS)
def test_examples_use_options_that_exist(command):
    known = {flag for p in main.commands[command].params for flag in (*p.opts, *p.secondary_opts)}
    lines = main.commands[command].examples.replace("\\\n", " ").splitlines()
    for line in (text for text in lines if text.strip().startswith(f"gputsne {command}")):
        assert {word for word in line.split() if word.startswith("-")} <= known, line


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *command], capture_output=True, text=True, check=True)


def test_python_m_gputsne_says_its_version():
    assert run("-m", "gputsne", "--version").stdout == f"gputsne {gputsne.__version__}\n"


def test_help_loads_nothing_heavy():
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
    code = (
        "import sys, gputsne.cli as cli\n"
        "try:\n    cli.main(['embed', '--help'])\n"
        f"except SystemExit:\n    print([m for m in {heavy} if m in sys.modules], file=sys.stderr)"
    )
    assert run("-c", code).stderr.strip() == "[]"
