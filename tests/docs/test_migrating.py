"""What docs/migrating.md says to drop is refused here; what it says to write is a parameter."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import numpy as np
import pytest

from gputsne import TSNE
from gputsne.model.foreign import PARAMETERS

TEXT = (Path(__file__).resolve().parents[2] / "docs/migrating.md").read_text(encoding="utf-8")
TABLES = re.findall(r"^\| theirs \| here \|\n\|---\|---\|\n((?:\|.*\n)+)", TEXT, re.MULTILINE)
ROWS = [row.strip("|").split("|") for table in TABLES for row in table.splitlines()]
NAMED = re.compile(r"`(\w+)(?:=([^`]+))?`")
X = np.random.default_rng(0).normal(size=(120, 4))


def pairs(column):
    """Return every (name, value or None) that a column of the tables writes as code."""
    found = {pair for row in ROWS for pair in NAMED.findall(row[column])}
    return [(name, ast.literal_eval(value) if value else None) for name, value in sorted(found)]


@pytest.mark.parametrize(("name", "value"), pairs(0))
def test_what_is_to_be_dropped_is_refused_by_name(name, value):
    assert len(TABLES) == 5
    with pytest.raises((TypeError, ValueError), match=name):
        TSNE(**{"max_iter": 1, name: value}).fit(X)


def test_what_is_to_be_dropped_is_explained_by_the_error_too():
    own = set(TSNE().get_params())
    assert {name for name, _ in pairs(0)} - own <= set(PARAMETERS)


@pytest.mark.parametrize(("name", "value"), pairs(1))
def test_what_is_to_be_written_is_a_parameter(name, value):
    assert name in TSNE().get_params()
    beside = {"affinity": "uniform"} if name == "n_neighbors" else {}  # as the row says
    if value is not None:
        TSNE(**{"early_exaggeration_iter": 5, "max_iter": 10, **beside, name: value}).fit(X)
