"""The notebooks of docs/ run in a real kernel, and are kept without what they print."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

os.environ.setdefault("JUPYTER_PLATFORM_DIRS", "1")  # before jupyter_core: else it warns

DOCS = Path(__file__).resolve().parents[2] / "docs"
NOTEBOOKS = sorted((DOCS / "notebooks").glob("*.ipynb"))
WIDGET = "application/vnd.jupyter.widget-view+json"
LINK = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)")
LARGEST = 50_000  # bytes of a notebook without outputs


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def path(request) -> Path:
    return request.param


def read(path: Path):
    import nbformat

    return nbformat.read(path, as_version=4)


def test_there_are_three():
    assert len(NOTEBOOKS) == 3
    page = (DOCS / "notebook.md").read_text(encoding="utf-8")
    assert all(f"notebooks/{path.name}" in page for path in NOTEBOOKS)


def test_a_notebook_is_text_and_code_and_nothing_that_was_printed(path):
    notebook = read(path)
    assert path.stat().st_size < LARGEST
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    told = [cell for cell in notebook.cells if cell.cell_type == "markdown"]
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)
    assert len(told) >= 0.6 * len(code)  # a story with code in it
    assert notebook.cells[0].source.startswith("# ")
    for cell in told:
        for target in LINK.findall(cell.source):
            assert (path.parent / target).exists(), target


def test_a_notebook_runs_and_shows_what_it_says(path, tmp_path, monkeypatch):
    from nbclient import NotebookClient

    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    notebook = read(path)
    where = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources=where).execute()
    outputs = [out for cell in notebook.cells if cell.cell_type == "code" for out in cell.outputs]
    streams = [out for out in outputs if out.output_type == "stream"]
    assert [out.text for out in streams if out.name == "stderr"] == []
    kinds = [kind for out in outputs if "data" in out for kind in out.data]
    assert WIDGET in kinds
    assert "text/html" in kinds
    assert "image/png" in kinds or path.stem == "a-map-every-night"
