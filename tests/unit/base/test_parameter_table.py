"""The table of parameters, the signature and the docstring of TSNE say the same."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
import subprocess
import sys

import pytest

from gputsne import TSNE
from gputsne.affinities import AFFINITIES
from gputsne.backends import DEVICES
from gputsne.base.parameter_table import BY_NAME, CONDITIONS, TABLE, Whole, Word, check
from gputsne.base.types import AFFINITY_DTYPES
from gputsne.initial import STARTS
from gputsne.model.parameters import Parameters

SIGNATURE = inspect.signature(TSNE).parameters
SECTION = re.search(r"Parameters\n    -+\n(.*?)\n\n    Attributes", TSNE.__doc__, re.DOTALL)[1]
WRITTEN = dict(re.findall(r"^    (\w[\w, ]*) : (.+)$", SECTION, re.MULTILINE))
DOCUMENTED = {name: kind for names, kind in WRITTEN.items() for name in names.split(", ")}


def test_names_and_order_are_those_of_the_signature():
    assert [row.name for row in TABLE] == list(SIGNATURE)
    assert [f.name for f in dataclasses.fields(Parameters)] == list(SIGNATURE)
    assert list(TSNE().get_params()) == sorted(SIGNATURE)
    assert len(BY_NAME) == len(TABLE)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_a_row_is_what_the_signature_and_the_docstring_say(row):
    assert SIGNATURE[row.name].default == row.default
    assert type(SIGNATURE[row.name].default) is type(row.default)
    kind, _, default = DOCUMENTED[row.name].partition(", default ")
    # initial_momentum and final_momentum share a line, as do others of one type
    assert kind == row.type
    assert (ast.literal_eval(default) if default else None) == row.default
    row.kind.check(row.name, row.default)
    assert row.help
    assert row.help[0].isupper()
    assert not row.help.endswith(".")
    assert set(row.idle) <= set(CONDITIONS)


def test_every_condition_is_used():
    assert {name for row in TABLE for name in row.idle} == set(CONDITIONS)


def test_words_are_those_of_the_stages():
    assert BY_NAME["init"].kind.words == tuple(STARTS)
    assert BY_NAME["affinity"].kind.words == tuple(AFFINITIES)
    assert BY_NAME["affinity_dtype"].kind.words == AFFINITY_DTYPES
    assert set(re.findall(r'"(\w+)"', BY_NAME["device"].type)) == set(DEVICES)
    for row in TABLE:  # what may be written is what is checked
        if isinstance(row.kind, Word):
            listed = set(ast.literal_eval("{" + re.search(r"\{(.*?)\}", row.type)[1] + "}"))
            assert listed == set(row.kind.words)


def test_the_table_alone_loads_no_numpy():
    code = "import sys, gputsne.base.parameter_table; print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@pytest.mark.parametrize(
    ("name", "value", "error", "said"),
    [
        ("learning_rate", "fast", ValueError, "learning_rate='fast' must be 'auto' or a number"),
        ("learning_rate", None, TypeError, "learning_rate=None must be .auto. or a number"),
        ("memory_limit", float("inf"), ValueError, "memory_limit=inf must be finite"),
        ("initial_momentum", 1.0, ValueError, "initial_momentum=1.0 must be below 1"),
        ("min_recall", 1.5, ValueError, "min_recall=1.5 must be at most 1"),
        ("n_components", 4, ValueError, "n_components=4 must be at least 1 and at most 3"),
        ("n_neighbors", 3.5, TypeError, "n_neighbors=3.5 must be an integer or None"),
        ("stop", "never", ValueError, "stop='never' is none of None, 'auto'"),
        ("init", "PCA", ValueError, "init='PCA' is none of .*; or pass an array"),
    ],
)
def test_messages_name_value_and_remedy(name, value, error, said):
    with pytest.raises(error, match=said):
        check(name, value)


def test_whole_numbers_have_their_limits():
    Whole(1, 3).check("c", 3)
    with pytest.raises(ValueError, match="c=0 must be at least 1"):
        Whole(1).check("c", 0)
