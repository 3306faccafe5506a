"""Importing gputsne is light, finds the compiled module, and all versions agree."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import gputsne
from gputsne._build import build

ROOT = Path(__file__).resolve().parents[2]
HEAVY = (
    "faiss",
    "sklearn",
    "scipy.sparse",
    "matplotlib",
    "plotly",
    "pyarrow",
    "pandas",
    "h5py",
    "click",
    "narwhals",
)


@pytest.mark.parametrize("statement", ["import gputsne", "import gputsne; gputsne.TSNE"])
def test_import_is_light(statement: str, tmp_path: Path):
    # The estimator's base class is scikit-learn's, which brings pandas and pyarrow where they are.
    heavy = HEAVY if statement == "import gputsne" else ("faiss", "matplotlib", "plotly", "h5py")
    code = f"{statement}\nimport sys\nprint([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_public_names_resolve_and_unknown_ones_are_attribute_errors():
    assert all(hasattr(gputsne, name) for name in gputsne.__all__)
    assert set(gputsne.__all__) <= set(dir(gputsne))
    assert callable(gputsne.plan)  # functions, not the rooms of the same name
    assert callable(gputsne.plot)
    with pytest.raises(AttributeError, match="no attribute 'tsne'"):
        gputsne.tsne  # noqa: B018


def test_the_compiled_module_is_there_when_a_compiler_was():
    facts = build()
    if os.environ.get("GPUTSNE_NATIVE") != "off" and shutil.which("g++"):
        assert facts["native"], facts["reason"]
    if facts["native"]:
        native = importlib.import_module("gputsne._native")
        assert native.__version__ == gputsne.__version__, "a stale build"
    else:
        assert facts["reason"]
        assert "\n" not in facts["reason"]


def test_one_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.fullmatch(r"\d+\.\d+\.\d+", gputsne.__version__)
    assert importlib.metadata.version("gputsne") == gputsne.__version__
    assert citation["version"] == gputsne.__version__
    assert "## Unreleased" in changelog or f"## {gputsne.__version__}" in changelog


def test_the_citation_names_its_sources():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {
        "cff-version",
        "message",
        "title",
        "authors",
    } <= citation.keys()  # what CFF 1.2 requires
    for reference in citation["references"]:
        assert {"type", "title", "authors", "year"} <= reference.keys()
